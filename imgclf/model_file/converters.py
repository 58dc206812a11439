"""Writing a network for other runtimes, and running what was written with its own runtime."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import numpy as np

from imgclf.backend import keras
from imgclf.data.decoder import Pixels
from imgclf.errors import UsageError, WriteError, first_line
from imgclf.model.engine import Outputs
from imgclf.system.disk import problem_of, write_problems
from imgclf.system.files import temporary_files
from imgclf.system.stderr import quiet_stderr


def network_for_export(model: keras.Model) -> keras.Model:
    """The network as it predicts, its input named `pictures`.

    Keras 3.15 exports models to SavedModel and ONNX as they train, augmentation at work.
    """
    pictures = keras.Input(model.input_shape[1:], name="pictures")
    return keras.Model(pictures, model(pictures, training=False))


def litert_graph(network: keras.Model) -> bytes:
    """A LiteRT graph for our own use, as the network predicts.

    TensorFlow's converter gets the traced function with its variables made constants. Keras's
    export writes a SavedModel and reads it again for that, which takes four times as long and
    comes to the same operations and numbers.

    Raises:
        UsageError: LiteRT can't express the network.
        WriteError: There is no room for temporary files.
    """
    if keras.backend.backend() != "tensorflow":
        return signed_litert_graph(network)
    with _converting("LiteRT"), write_problems(None):
        import tensorflow as tf

        pictures = tf.TensorSpec((None, *network.input_shape[1:]), tf.float32)
        traced = tf.function(
            lambda pixels: network(pixels, training=False), [pictures], autograph=False
        )
        converter = tf.lite.TFLiteConverter.from_concrete_functions(
            [traced.get_concrete_function()]
        )
        converter.experimental_lower_to_saved_model = False  # which would want temporary files
        # Both, as Keras has it: what needs TensorFlow is for the caller to judge.
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.TFLITE_BUILTINS,
            tf.lite.OpsSet.SELECT_TF_OPS,
        ]
        graph: bytes = converter.convert()
        return graph


def signed_litert_graph(network: keras.Model) -> bytes:
    """A LiteRT graph for others, whose signature names its input and output.

    Raises:
        UsageError: LiteRT can't express the network.
        WriteError: There is no room for temporary files, which the converter needs.
    """
    with _converting("LiteRT"), _temporary_file("graph.tflite") as file:
        network.export(file, format="litert", verbose=False)
        return file.read_bytes()


def quantised_graph(network: keras.Model, pixels: Pixels) -> bytes:
    """A LiteRT graph that computes in int8 where it can; in and out stay float32.

    Args:
        network: From `network_for_export`.
        pixels: Pictures to take the ranges of values from, uint8 (pictures, height, width, 3).

    Raises:
        UsageError: LiteRT can't express the network.
        WriteError: There is no room for temporary files.
    """

    def calibration() -> Iterator[list[Outputs]]:
        for picture in pixels:
            yield [picture[np.newaxis].astype(np.float32)]

    with _converting("LiteRT"), _temporary_file("graph.tflite") as file:
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
        return file.read_bytes()


def onnx_graph(network: keras.Model) -> bytes:
    """An ONNX graph; needs tf2onnx and onnx.

    Raises:
        UsageError: ONNX can't express the network.
        WriteError: There is no room for temporary files.
    """
    with _converting("ONNX"), _temporary_file("graph.onnx") as file:
        # Keras insists on a model that has been called; being made from a graph is not enough.
        network(np.zeros((1, *network.input_shape[1:]), np.float32))
        network.export(file, format="onnx", verbose=False)
        return file.read_bytes()


def described_onnx(graph: bytes, properties: Mapping[str, str], description: str) -> bytes:
    """The graph with words about it, which ONNX Runtime gives back as its `modelmeta`.

    Args:
        graph: From `onnx_graph`.
        properties: By name.
        description: For people.
    """
    with _converting("ONNX"):
        import onnx

        model = onnx.load_model_from_string(graph)
        onnx.helper.set_model_props(model, dict(properties))
        model.doc_string = description
        return bytes(model.SerializeToString())


def run_onnx(graph: bytes, pixels: Pixels) -> Outputs:
    """What ONNX Runtime makes of pictures, uint8 (pictures, height, width, 3).

    Raises:
        UsageError: It can't run the graph.
    """
    with _converting("ONNX"):
        import onnxruntime

        session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        given = session.get_inputs()
        if len(given) != 1:
            raise ValueError(f"what was written takes {len(given)} inputs")
        outputs: Outputs = session.run(None, {given[0].name: pixels.astype(np.float32)})[0]
        return outputs


def write_saved_model(network: keras.Model, folder: Path) -> None:
    """Writes a SavedModel, whose signature `serving_default` takes `pictures`.

    Raises:
        UsageError: TensorFlow can't express the network.
        OSError: There is no room for it; or TensorFlow's own error, with the system's words.
    """
    with _converting("SavedModel"), temporary_files():  # TensorFlow writes code into some
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
def _temporary_file(name: str) -> Iterator[Path]:
    with write_problems(None), temporary_files() as folder:
        yield folder / name


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
    except (OSError, WriteError):
        raise
    except Exception as error:  # converters raise their own kinds, and none of them is ours
        if problem_of(error) is not None:  # a full disk, say, which is not the model's fault
            raise
        raise UsageError(f"{name} can't express this model: {first_line(error)}") from error
