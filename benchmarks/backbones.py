"""Every network of keras.applications as a backbone, with random weights, each in a process.

For each: one flat graph, what it makes of pictures against `preprocess_input` and the network as
Keras builds it for its own weights, LiteRT with plain operations, the trust check, Keras opening
the file, and whether a model that `train` makes on it takes a correction (whatever that costs, for
a network with random weights knows nothing). An hour on two cores for all; names as arguments for
some of them:

    python -m benchmarks.backbones
    python -m benchmarks.backbones VGG16 Xception

Batch normalizations are fitted to pictures first. Without that values grow from block to block of
the deepest networks: of EfficientNetV2M they told nothing but how sums are rounded (inputs changed
by 1e-6 changed its outputs by 0.39), and EfficientNetV2L ended in no numbers. Pictures of noise
alone won't do, for a network can hardly tell them from each other: what is left of their
differences is rounding, and a normalization makes it large (InceptionV3: 0.3).
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from imgclf.config.keras_signatures import applications

SIDE = 96


@dataclasses.dataclass(frozen=True)
class Found:
    """What came of one network.

    Attributes:
        name: Of the network.
        output: The shape of its last feature map.
        parameters: In millions.
        flat: No model is inside of it.
        difference: The largest from what Keras makes of the same pictures, against the largest
            value.
        litert_difference: Likewise, of LiteRT from ours; None if LiteRT can't express it.
        note: Why not.
        refusal: What the trust check says against the saved file.
        reopened_difference: Of the file as Keras opens it from ours.
        seconds: For all of it.
    """

    name: str
    output: list[int]
    parameters: float
    flat: bool
    difference: float
    litert_difference: float | None
    note: str | None
    refusal: str | None
    reopened_difference: float | None
    seconds: float


def check(name: str, folder: Path) -> Found:
    """Builds one network and looks at it from all sides.

    Args:
        name: Of the network.
        folder: For files.
    """
    from imgclf.backbones.build import build_backbone
    from imgclf.backend import keras
    from imgclf.config.backbone import Backbone
    from imgclf.config.loaded import ConfigFile
    from imgclf.errors import ImgclfError
    from imgclf.model.litert_graph import LiteRTGraph
    from imgclf.model_file.archive import ModelArchive
    from imgclf.model_file.converters import litert_graph
    from imgclf.model_file.screening import screen

    start = time.monotonic()
    keras.utils.set_random_seed(1)
    original = _as_keras_builds_it(name)
    prepare = module_of(name).preprocess_input
    pixels = _pictures(3, seed=2)
    taken = prepare(pixels.astype(np.float32))
    _scatter(original, prepare(_pictures(32, seed=5).astype(np.float32)))
    weights = _weights_of(name, folder)
    original.save_weights(weights)
    expected = original(taken).numpy()
    parameters = original.count_params() / 1e6
    del original

    declared = Backbone(name=name, weights=str(weights))
    network = build_backbone(declared, (SIDE, SIDE), ConfigFile(Path("benchmark"), {}))
    ours = network(pixels.astype(np.float32)).numpy()
    note, litert_difference = None, None
    try:
        graph = litert_graph(network)
        maps = [one for (one,) in LiteRTGraph(graph, [4]).run(pixels)]
        litert_difference = _difference(np.concatenate(maps), ours)
    except (ImgclfError, ValueError) as error:
        note = str(error)
    path = folder / f"{name}.keras"
    network.save(path)
    flat = not any(isinstance(layer, keras.Model) for layer in network.layers)
    del network
    refusal, reopened_difference = None, None
    try:
        with ModelArchive(path) as archive:
            screen(archive)
        reopened = keras.models.load_model(path)
        reopened_difference = _difference(reopened(pixels.astype(np.float32)).numpy(), ours)
    except ImgclfError as error:
        refusal = error.message
    path.unlink()
    return Found(
        name,
        list(ours.shape[1:]),
        parameters,
        flat,
        _difference(ours, expected),
        litert_difference,
        note,
        refusal,
        reopened_difference,
        time.monotonic() - start,
    )


def correct(name: str, folder: Path) -> str:
    """Trains the output on a few drawn pictures, then corrects the first that is wrong.

    Args:
        name: Of the network.
        folder: Becomes the working directory.

    Returns:
        What `retrain` said.
    """
    from imgclf.commands.predict import find_inputs, load, predict
    from imgclf.commands.retrain import Options, retrain
    from imgclf.commands.train import train
    from imgclf.corrections.inputs import Labelled
    from imgclf.data.drawn_sample import draw_sample
    from imgclf.errors import ImgclfError

    os.chdir(folder)
    draw_sample(Path("dataset"), 10, seed=4)
    Path("some.yaml").write_text(
        f"data: {{directory: dataset, image_size: {SIDE}}}\n"
        f"model: {{backbone: {{{name}: {{weights: {_weights_of(name, folder)}}}}}}}\n"
        "training: {epochs: 1}\n"
    )
    try:
        done = train(Path("some.yaml"))
        answers = predict(load(done.model, []), list(find_inputs(["dataset"], [])))
        wrong = next(Path(one.path) for one in answers if one.label != Path(one.path).parent.name)
        said = retrain(done.model, [Labelled(wrong, wrong.parent.name)], Options(max_drop=1.0))
    except ImgclfError as error:
        return error.message
    right = all(one.after.label == one.label for one in said.pictures)
    return said.outcome if right else f"{said.outcome}, and still wrong"


def _as_keras_builds_it(name: str) -> Any:
    """With `weights="imagenet"`, which for some is another graph, but with random weights."""
    from imgclf.backend import keras

    with (
        patch("keras.src.utils.file_utils.get_file", lambda *arguments, **options: "none.h5"),
        patch("keras.src.models.model.Model.load_weights", lambda *arguments, **options: None),
    ):
        return getattr(keras.applications, name)(
            include_top=False, weights="imagenet", input_shape=(SIDE, SIDE, 3)
        )


def _weights_of(name: str, folder: Path) -> Path:
    return folder / f"{name}.weights.h5"


def _pictures(count: int, seed: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Patches of colour under noise, shape (count, SIDE, SIDE, 3)."""
    random = np.random.default_rng(seed)
    patches = random.integers(0, 256, (count, 4, 4, 3)).repeat(SIDE // 4, 1).repeat(SIDE // 4, 2)
    noise = random.normal(0, 32, patches.shape)
    return np.clip(patches + noise, 0, 255).astype(np.uint8)


def _scatter(model: Any, pictures: Any) -> None:
    """Weights that no layer begins with, so that one that is forgotten shows.

    Args:
        model: The network.
        pictures: As it takes them, which its batch normalizations are fitted to.
    """
    from imgclf.backend import keras
    from imgclf.config.keras_private import with_inner_layers

    random = np.random.default_rng(3)
    for layer in with_inner_layers(model):
        kind = type(layer).__name__
        if layer.weights and ("Normalization" in kind or kind == "LayerScale"):
            given = layer.get_weights()
            layer.set_weights([one + random.uniform(-0.1, 0.1, one.shape) for one in given])
            if kind == "Normalization":
                layer.finalize_state()  # which Keras does when it loads weights
    fitted = [
        layer
        for layer in with_inner_layers(model)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    for layer in fitted:
        layer.momentum = 0.0
    if fitted:
        model(pictures, training=True)


def module_of(name: str) -> Any:
    """The module of `keras.applications` that a network is from."""
    from imgclf.backend import keras

    if name.startswith("MobileNetV3"):  # whose networks are only beside their module
        return keras.applications.mobilenet_v3
    modules = vars(keras.applications).values()
    return next(one for one in modules if hasattr(one, "preprocess_input") and hasattr(one, name))


def _difference(found: Any, expected: Any) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def _in_a_process(name: str) -> tuple[Found, str] | str:
    """So that each begins with all of the memory."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.backbones", "--one", name, folder]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
    found, correction = json.loads(done.stdout.splitlines()[-1])
    return Found(**found), correction


def _shown(found: Found, correction: str) -> str:
    litert = "none" if found.litert_difference is None else f"{found.litert_difference:.0e}"
    reopened = "-" if found.reopened_difference is None else f"{found.reopened_difference:.0e}"
    remarks = "; ".join(filter(None, (found.note, found.refusal, "" if found.flat else "nested")))
    return (
        f"{found.name:18} {found.parameters:6.1f} {found.output!s:15} {found.difference:7.0e} "
        f"{litert:>7} {reopened:>8} {correction:12} {found.seconds:6.0f} s  {remarks}"
    )


def main(names: list[str]) -> None:
    if names[:1] == ["--one"]:
        name, folder = names[1], Path(names[2])
        found = check(name, folder)
        print(json.dumps([dataclasses.asdict(found), correct(name, folder)]))
        return
    print(f"{'':18} {'M':>6} {'map':15} {'Keras':>7} {'LiteRT':>7} {'reopened':>8} correction")
    for name in names or applications():
        found = _in_a_process(name)
        print(f"{name:18} {found}" if isinstance(found, str) else _shown(*found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
