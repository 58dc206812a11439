"""Writing a network for other runtimes, and running what was written with its own runtime."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import numpy as np

from imgclf.backend import keras
from imgclf.data.decoder import Pixels
from imgclf.errors import UsageError
from imgclf.model.engine import Outputs
from imgclf.quiet import quiet_stderr


def network_for_export(model: keras.Model) -> keras.Model:
    """The network as it predicts, its input named `pictures`.

    Keras 3.15 exports models to SavedModel and ONNX as they train, augmentation at work.
    """
    pictures = keras.Input(model.input_shape[1:], name="pictures")
    return keras.Model(pictures, model(pictures, training=False))


def write_litert(network: keras.Model, file: Path) -> None:
    """Writes a LiteRT graph.

    Raises:
        UsageError: LiteRT can't express the network.
    """
    with _converting("LiteRT"):
        network.export(file, format="litert", verbose=False)


def write_quantised(network: keras.Model, file: Path, pixels: Pixels) -> None:
    """Writes a LiteRT graph that computes in int8 where it can; in and out stay float32.

    Args:
        network: From `network_for_export`.
        file: Where to; ends in `.tflite`.
        pixels: Pictures to take the ranges of values from, uint8 (pictures, height, width, 3).

    Raises:
        UsageError: LiteRT can't express the network.
    """

    def calibration() -> Iterator[list[Outputs]]:
        for picture in pixels:
            yield [picture[np.newaxis].astype(np.float32)]

    with _converting("LiteRT"):
        import tensorflow as tf

        network.export(
            file,
            format="litert",
            verbose=False,
            optimizations=[tf.lite.Optimize.DEFAULT],
            representative_dataset=calibration,
            # Without TensorFlow's own operations, which plain LiteRT can't run.
            target_spec={"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]},
        )


def write_onnx(network: keras.Model, file: Path) -> None:
    """Writes an ONNX graph; needs tf2onnx and onnx.

    Raises:
        UsageError: ONNX can't express the network.
    """
    with _converting("ONNX"):
        # Keras insists on a model that has been called; being made from a graph is not enough.
        network(np.zeros((1, *network.input_shape[1:]), np.float32))
        network.export(file, format="onnx", verbose=False)


def run_onnx(file: Path, pixels: Pixels) -> Outputs:
    """What ONNX Runtime makes of pictures, uint8 (pictures, height, width, 3).

    Raises:
        UsageError: It can't run the file.
    """
    with _converting("ONNX"):
        import onnxruntime

        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        given = session.get_inputs()
        if len(given) != 1:
            raise ValueError(f"what was written takes {len(given)} inputs")
        outputs: Outputs = session.run(None, {given[0].name: pixels.astype(np.float32)})[0]
        return outputs


def write_saved_model(network: keras.Model, folder: Path) -> None:
    """Writes a SavedModel, whose signature `serving_default` takes `pictures`.

    Raises:
        UsageError: TensorFlow can't write the network.
    """
    with _converting("SavedModel"):
        network.export(folder, format="tf_saved_model", verbose=False)


def run_saved_model(folder: Path, pixels: Pixels) -> Outputs:
    """What TensorFlow makes of pictures, uint8 (pictures, height, width, 3).

    Raises:
        UsageError: It can't run the folder's network.
    """
    with _converting("SavedModel"):
        import tensorflow as tf

        loaded = tf.saved_model.load(folder)  # by a name, for it takes its variables along
        outputs: Outputs = loaded.serve(pixels.astype(np.float32)).numpy()
        return outputs


@contextmanager
def _converting(name: str) -> Iterator[None]:
    """Holds back what converters print, and makes one error of whatever they raise."""
    try:
        with (
            quiet_stderr(even_if_it_fails=True),
            redirect_stdout(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    except OSError:  # a full disk, say, which is not the model's fault
        raise
    except Exception as error:  # converters raise their own kinds, and none of them is ours
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise UsageError(f"{name} can't express this model: {reason}") from error
