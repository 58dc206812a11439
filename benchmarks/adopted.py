"""Every classifier of keras.applications, adopted as people save it, and corrected.

Each with its own top for two classes, random weights, nested behind its `preprocess_input`, in a
process. For each: whether it can be adopted, in two parts or in one, what LiteRT and plain Keras
make of the file against the original, and what a correction came to. A minute for most on two
cores; names as arguments for some of them:

    python -m benchmarks.adopted
    python -m benchmarks.adopted MobileNet VGG16
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.backbones import module_of
from imgclf.config.keras_signatures import applications

SIDE = 96
CLASSES = ["cat", "dog"]


def adopted_and_corrected(name: str, folder: Path) -> str:
    """A line on one network.

    Args:
        name: Of the network.
        folder: Becomes the working directory.
    """
    from imgclf.backend import keras
    from imgclf.commands.adopt import adopt
    from imgclf.errors import ImgclfError
    from imgclf.model_file.classifier import open_classifier

    os.chdir(folder)
    original = _classifier(name)
    original.save("mine.keras")
    pixels = np.random.default_rng(2).integers(0, 256, (3, SIDE, SIDE, 3)).astype(np.uint8)
    pictures = pixels.astype(np.float32)
    expected = original.predict(pictures, verbose=0)
    start = time.monotonic()
    try:
        done = adopt(Path("mine.keras"), CLASSES)
    except ImgclfError as error:
        return error.message
    seconds = time.monotonic() - start
    engine = open_classifier(done.model).engine
    reopened = keras.models.load_model(done.model).predict(pictures, verbose=0)
    return (
        f"{type(engine).__name__:12} {np.abs(engine.run(pixels) - expected).max():7.0e} "
        f"{np.abs(reopened - expected).max():7.0e} {seconds:5.1f} s  {_correction(done.model)}"
    )


def _classifier(name: str) -> Any:
    from imgclf.backend import keras

    keras.utils.set_random_seed(1)
    pictures = keras.Input((SIDE, SIDE, 3))
    network = getattr(keras.applications, name)(
        weights=None, classes=len(CLASSES), input_shape=(SIDE, SIDE, 3)
    )
    model = keras.Model(pictures, network(module_of(name).preprocess_input(pictures)))
    _normalize(model)
    return model


def _normalize(model: Any) -> None:
    """Gives batch normalization the statistics of a few pictures.

    With those that it begins with, nothing of a picture is left at the end of a deep network.
    """
    from imgclf.backend import keras
    from imgclf.config.keras_private import with_inner_layers

    noise = np.random.default_rng(5).integers(0, 256, (8, 12, 12, 3)).astype(np.float32)
    kinds = keras.layers.BatchNormalization
    layers = [layer for layer in with_inner_layers(model) if isinstance(layer, kinds)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    model(noise.repeat(SIDE // 12, axis=1).repeat(SIDE // 12, axis=2), training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def _correction(model: Path) -> str:
    from imgclf.commands.predict import find_inputs, load, predict
    from imgclf.commands.retrain import Options, retrain
    from imgclf.corrections.inputs import Labelled
    from imgclf.data.drawn_sample import draw_sample
    from imgclf.errors import ImgclfError

    draw_sample(Path("dataset"), 10, seed=4)
    answers = predict(load(model, []), list(find_inputs(["dataset"], [])))
    wrong = next(Path(one.path) for one in answers if one.label != Path(one.path).parent.name)
    options = Options(data=Path("dataset"), max_drop=1.0)
    try:
        said = retrain(model, [Labelled(wrong, wrong.parent.name)], options)
    except ImgclfError as error:
        return error.message
    right = all(one.after.label == one.label for one in said.pictures)
    return said.outcome if right else f"{said.outcome}, and still wrong"


def main(names: list[str]) -> None:
    if names[:1] == ["--one"]:
        print(adopted_and_corrected(names[1], Path(names[2])))
        return
    print(f"{'':18} {'engine':12} {'LiteRT':>7} {'Keras':>7} {'adopt':>7}  correction")
    for name in names or applications():
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "benchmarks.adopted", "--one", name, folder]
            done = subprocess.run(command, capture_output=True, text=True)
        lines = (done.stderr if done.returncode else done.stdout).strip().splitlines()
        print(f"{name:18} {(lines or [f'status {done.returncode}'])[-1]}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
