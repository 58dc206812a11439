"""From Specs to the Keras objects that they declare."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from imgclf.backend import keras
from imgclf.config.argument_checks import object_kind
from imgclf.config.keras_names import BY_OUTPUT
from imgclf.config.keras_signatures import MODULE, Kind
from imgclf.config.loaded import ConfigFile
from imgclf.config.metric_names import metric_name
from imgclf.config.spec import Spec


def make(kind: Kind, spec: Spec, key: str, file: ConfigFile) -> Any:
    """The object that a Spec declares, those inside of its arguments first.

    A metric is named here, for Keras numbers its automatic names through the whole process, and
    a monitor would wait for `auc` while the second model calls it `auc_1`. Words such as
    `accuracy` stay words: Keras settles them when it sees the output.

    Args:
        kind: The module of Keras to look in.
        spec: A class of that module with its arguments; not a user's own callback.
        key: The dotted key of the Spec, such as `model.layers.3`.
        file: Where the Spec is from, for the line in a message.

    Raises:
        ConfigError: Keras refuses an argument.
    """
    if spec.name in BY_OUTPUT.get(kind, ()):
        return spec.name
    arguments = {
        name: _make_inner(name, value, f"{key}.{name}", file)
        for name, value in spec.arguments.items()
    }
    if kind == "metrics":
        arguments["name"] = metric_name(spec)
    try:
        return attrgetter(f"{MODULE[kind]}.{spec.name}")(keras)(**arguments)
    except Exception as error:  # Keras raises whatever its code stumbles over
        reason = " ".join(str(error).split()) or type(error).__name__
        message = f"Keras can't make this {spec.name}: {reason}"
        raise file.refusal(key, message, received=spec.shown()) from error


def _make_inner(argument: str, value: Any, key: str, file: ConfigFile) -> Any:
    if isinstance(value, Spec):
        return make(object_kind(argument) or "layers", value, key, file)
    if isinstance(value, list) and any(isinstance(item, Spec) for item in value):
        return [_make_inner(argument, v, f"{key}.{i}", file) for i, v in enumerate(value)]
    return value
