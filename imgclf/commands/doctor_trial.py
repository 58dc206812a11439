"""What `imgclf doctor` has done in a process of its own: imports that may end it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import import_module

from imgclf.commands.doctor import DEVICES
from imgclf.errors import first_line
from imgclf.system.own_process import Answers


def main(arguments: Sequence[str]) -> None:
    """Imports a module, or starts Keras and says what it computes on.

    Args:
        arguments: Seconds that it may take; the module's name, or `DEVICES`.
    """
    seconds, what = arguments
    answers = Answers(float(seconds))
    answers.ready()
    try:
        result = _devices() if what == DEVICES else import_module(what).__name__
    except Exception as error:  # whatever a broken installation may raise
        answers.refuse(f"{type(error).__name__}: {first_line(error)}")
        return
    answers.done(result)


def _devices() -> str:
    import tensorflow as tf

    from imgclf.backend import keras
    from imgclf.training.precision import bfloat16_hardware

    ones = keras.ops.ones((8, 8))  # a processor may lack instructions only where it computes
    if float(keras.ops.sum(keras.ops.matmul(ones, ones))) != 512:
        raise ArithmeticError("8 x 8 ones multiplied with themselves do not add up to 512")
    found = []
    for gpu in tf.config.list_physical_devices("GPU"):
        details = tf.config.experimental.get_device_details(gpu)
        found.append(str(details.get("device_name", gpu.name)))
    return json.dumps({"gpus": found, "bfloat16": bfloat16_hardware()})
