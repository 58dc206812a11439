"""Exporting a model: write it for another runtime, and check it with that runtime."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from imgclf.commands.export_check import (
    ExportSource,
    WrittenGraph,
    largest_difference,
    open_source,
    require_equal,
    run_litert,
    spread,
)
from imgclf.commands.export_target import LABELS, README, Format, companions, export_target
from imgclf.corrections.replay_memory import Samples
from imgclf.errors import DataError
from imgclf.litert.flatbuffer import GraphError
from imgclf.model.engine import KerasEngine
from imgclf.model_file.classifier import Classifier, open_classifier
from imgclf.model_file.first_opening import open_apart
from imgclf.model_file.manifest import Manifest
from imgclf.report.export_readme import labels_text, outputs_needed, readme_text
from imgclf.system import console
from imgclf.system.files import atomic_folder, atomic_write_bytes, atomic_write_text

if TYPE_CHECKING:
    from imgclf.backend import keras


_CALIBRATION = 200  # pictures from which the quantiser learns what values there are


@dataclass(frozen=True)
class Quantised:
    """What quantisation cost and gained.

    Attributes:
        pictures: How many held-out pictures the accuracies are of.
        before: Accuracy of the model itself.
        after: Accuracy of what was written.
        corrected: How many pictures the model was corrected by.
        hold: How many of them what was written has right.
        size_before: Bytes of what answers in float32 in the model file; None if nothing does.
    """

    pictures: int
    before: float
    after: float
    corrected: int
    hold: int
    size_before: int | None


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: The file or folder.
        size: In bytes.
        manifest: Of the model.
        difference: The largest between its outputs and the model's own.
        compared: On what pictures.
        quantised: None if it wasn't.
    """

    path: Path
    size: int
    manifest: Manifest
    difference: float
    compared: str
    quantised: Quantised | None = None

    @property
    def companions(self) -> tuple[Path, Path]:
        """The files of its labels and of how to use it: in the folder, or beside the file."""
        return companions(self.path)

    def usage(self) -> str:
        """What it takes and what it puts out."""
        manifest, size = self.manifest, self.manifest.decoder
        what = "logit" if manifest.head.endswith("_logits") else "probability"
        if manifest.head.startswith("sigmoid"):
            gives = f"the {what} of {manifest.class_names[1]}"
        else:
            gives = f"the {what} of each of {', '.join(manifest.class_names)}"
        if manifest.multi_label:
            gives += " by a sigmoid unit of its own, whose threshold the README says"
        calibrated = (
            ""
            if manifest.temperature == 1
            else f", not yet divided by the temperature {manifest.temperature:.3f}"
        )
        return (
            f"it takes float32 RGB pictures, shape (pictures, {size.height}, {size.width}, 3), "
            f"values 0 to 255, and puts out {gives}{calibrated}"
        )


def export(
    model: Path,
    form: Format,
    *,
    output: Path | None = None,
    quantize: Literal["int8"] | None = None,
) -> Exported:
    """Writes a model for another runtime, and compares it with the model's own outputs.

    The written file takes float32 RGB pictures with values from 0 to 255, and puts out what the
    network puts out. A file of that name is replaced at once, and so is a folder in which there
    is a SavedModel and nothing else. If the outputs differ, nothing is written. With it come its
    labels, and how to use it in words.

    Args:
        model: The model file.
        form: What to write.
        output: Where to; None for the model's name in the working directory.
        quantize: Compute in int8 (LiteRT only), which needs the pictures kept for corrections.

    Raises:
        UsageError: It can't be written, or what was written gives other outputs.
        DataError: There are no pictures to quantise with.
        ModelFileError: The model can't be read.
        WriteError: There is no room for it, or for what converters write on their way.
    """
    target = export_target(model, form, output, quantize)
    done, content = _export(open_source(model), form, target, quantize)
    if content is not None:
        labels, readme = done.companions
        # First, for by this it is known what export wrote, should the rest be cut short.
        atomic_write_text(readme, readme_text(done.manifest, done.path.name, labels.name))
        atomic_write_text(labels, labels_text(done.manifest))
        try:
            atomic_write_bytes(target, content)
        except BaseException:
            if not target.exists():
                readme.unlink()
                labels.unlink()
            raise
    return done


def _export(
    source: ExportSource, form: Format, target: Path, quantize: str | None
) -> tuple[Exported, bytes | None]:
    """What to write; a folder is written already, for only as one it can be looked at."""
    if quantize:
        return _export_quantised(source, target)
    if form == "litert" and source.whole_graph is not None:
        with suppress(GraphError):  # which is not run; Keras makes one anew
            return _export_whole_graph(source, target, source.whole_graph)
    from imgclf.model_file import converters  # Keras, which takes seconds

    manifest = source.manifest
    with console.track(f"exporting {source.path}"):
        own, network = _open_in_keras(source)
        expected = own.run(source.pixels)
        if form == "saved_model":
            size = sum(4 * math.prod(one.shape) for one in network.variables)
            with atomic_folder(target, size, replace=True) as temporary:
                converters.write_saved_model(network, temporary)
                found = converters.run_saved_model(temporary, source.pixels)
                difference = require_equal(found, expected, target)
                (temporary / LABELS).write_text(labels_text(manifest), "utf-8")
                words = readme_text(manifest, target.name, LABELS)
                (temporary / README).write_text(words, "utf-8")
            size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
            return Exported(target, size, manifest, difference, source.compared), None
        if form == "onnx":
            graph = _described(converters.onnx_graph(network), manifest, target)
            found = converters.run_onnx(graph, source.pixels)
        else:
            graph = converters.signed_litert_graph(network)
            found = run_litert(graph, source.pixels)
        difference = require_equal(found, expected, target)
    return Exported(target, len(graph), manifest, difference, source.compared), graph


def _described(graph: bytes, manifest: Manifest, target: Path) -> bytes:
    from imgclf.model_file import converters

    decoder = manifest.decoder
    properties = {
        "labels": json.dumps(manifest.class_names, ensure_ascii=False),
        "input": f"float32 RGB, 0 to 255, (pictures, {decoder.height}, {decoder.width}, 3), "
        f"{decoder.resize}",
        "output": manifest.head,
        "temperature": str(manifest.temperature),
        **({"thresholds": json.dumps(outputs_needed(manifest))} if manifest.multi_label else {}),
        "model": f"{manifest.name}, version {manifest.version}",
    }
    words = readme_text(manifest, target.name, "the labels in this file")
    return converters.described_onnx(graph, properties, words)


def _export_whole_graph(source: ExportSource, target: Path, graph: bytes) -> tuple[Exported, bytes]:
    """The LiteRT graph is in the model file, so TensorFlow is not needed."""
    open_apart(source.path, "graph")
    found = run_litert(graph, source.pixels, made_here=False)
    own = open_classifier(source.path).engine
    difference = require_equal(found, own.run(source.pixels), target)
    return Exported(target, len(graph), source.manifest, difference, source.compared), graph


def _export_quantised(source: ExportSource, target: Path) -> tuple[Exported, bytes]:
    if source.memory is None:
        raise DataError(
            f"{source.path} has no replay memory beside it: quantising takes pictures to see "
            "what values there are, and others to see what it costs",
            "it lies in the .history folder of a model that was trained here",
        )
    from imgclf.model_file import converters

    judge = source.memory.judge
    # Without the corrected pictures the corrections' neurons, which are silent on all others,
    # would be taken for zero.
    calibration = np.concatenate(
        [
            spread(source.memory.replay.pixels, _CALIBRATION),
            spread(source.corrected.pixels, _CALIBRATION),
        ]
    )
    with console.track(f"exporting {source.path}"):
        own, network = _open_in_keras(source)
        graph = converters.quantised_graph(network, calibration)
        found = run_litert(graph, source.pixels)
        difference = largest_difference(found, own.run(source.pixels), target)
        written = Classifier(source.manifest, WrittenGraph(graph))
        quantised = Quantised(
            pictures=len(judge),
            before=_right(Classifier(source.manifest, own), judge) / len(judge),
            after=_right(written, judge) / len(judge),
            corrected=len(source.corrected),
            hold=_right(written, source.corrected),
            size_before=source.float_size,
        )
    done = Exported(target, len(graph), source.manifest, difference, source.compared, quantised)
    return done, graph


def _open_in_keras(source: ExportSource) -> tuple[KerasEngine, keras.Model]:
    from imgclf.model_file.converters import network_for_export
    from imgclf.model_file.keras_io import load_keras_model

    model = load_keras_model(source.path)
    return KerasEngine(model), network_for_export(model)


def _right(classifier: Classifier, samples: Samples) -> int:
    """How many of the pictures it has right."""
    said = classifier.probabilities_of(samples.batches()).argmax(axis=1)
    return int((said == samples.labels).sum())
