"""Names of Keras that it doesn't promise to keep, and what is relied on them for.

All of them stand here. What is read or called from outside of Keras's objects is a function;
what subclasses override or use of the class above them stands in two tables, for Python wants
such a name where it is used. `tests/config/test_keras_private.py` holds each name against the
installed Keras, and the package against these tables; so an upgrade fails there, by name.

Two more modules know where Keras's files lie (`keras.src`): `keras_signatures`, which reads them,
and `model_file.screening`, since that is what files of models say. What callbacks of Keras remember
from one hook to the next is listed with the callbacks, and held by a test as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from typing import Any

METRIC_DIRECTION = "_direction"
"""The attribute of a metric that says "up" or "down", whichever is better."""

OVERRIDDEN: Mapping[str, Mapping[str, str]] = {
    "LearningRateScheduler": {
        "_update_optimizer_lr": (
            "called at the beginning of an epoch, with an optimizer and the epoch, for each "
            "optimizer; sets the rate and returns it"
        ),
    },
    "ModelCheckpoint": {
        "_save_model": "called with epoch, batch and logs after each `save_freq` batches",
    },
    "TensorBoard": {
        "_train_writer": "what all of the training is written with, opened when first asked for",
        "_val_writer": "likewise, of the validation",
    },
}
"""By class of `keras.callbacks`: what ours override, and what Keras does with it."""

RELIED_ON: Mapping[str, Mapping[str, str]] = {
    "ModelCheckpoint": {
        "_get_file_path": "`filepath` with epoch, batch and logs filled in",
        "_set_monitor_op": "settles from `mode` and the metric which values are better",
        "_should_save_model": "whether a value is better than the best, which it then becomes",
    },
    "TensorBoard": {
        "_close_writers": "closes the writers that are open",
        "_global_test_batch": "how many batches of validation there were; the step of a summary",
        "_global_train_batch": "likewise, of training",
        "_pop_writer": "takes back the innermost of `_prev_summary_state`",
        "_prev_summary_state": "the writers that batches are written with, entered but not left",
        "_train_dir": "the folder of the training's event files, set by `set_model`",
        "_val_dir": "likewise, of the validation",
        "_writers": 'the open writers, by "train" and "val", emptied by `set_model`',
    },
}
"""By class of `keras.callbacks`: what ours use of it, and what it is."""


def metric_direction(metric: Any) -> str | None:
    """Whether a metric object is better when it goes "up" or "down"; None if Keras can't tell."""
    return getattr(metric, METRIC_DIRECTION, None)


def given_learning_rate(optimizer: Any) -> Any:
    """What an optimizer has for a learning rate: a variable, a schedule, or a function.

    Its public `learning_rate` is the present number, wherever that comes from.
    """
    return getattr(optimizer, "_learning_rate", None)


def averaged_weights(optimizer: Any) -> list[tuple[Any, Any]]:
    """Each variable that an optimizer trains, with its average; none unless it has `use_ema`.

    Args:
        optimizer: One, or what has one or several inside.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    found: list[tuple[Any, Any]] = []
    for one in getattr(optimizer, "optimizers", [optimizer]):
        averages = getattr(one, "_model_variables_moving_average", [])
        found += zip(one._trainable_variables, averages, strict=False)
    return found


def with_inner_layers(layer: Any) -> list[Any]:
    """A layer and all layers inside of it, each after what it is in."""
    return list(layer._flatten_layers())


def run_through(
    model: Any,
    values: Any,
    call: Callable[..., Any] = lambda operation, *args, **kwargs: operation(*args, **kwargs),
) -> Any:
    """What a model makes of values, layer by layer.

    Of symbolic values: its layers become part of their graph. Calling the model would make one
    layer of it there; its public `call` would put a conversion before it.

    Args:
        model: Functional.
        values: In place of its input, or a list in place of its inputs.
        call: Is given each layer or operation in turn, with its arguments.
    """
    return model._run_through_graph([values], call_fn=call)


def call_that_made(tensor: Any) -> tuple[Any, list[Any]]:
    """The layer or operation that put a symbolic tensor out, and the tensors it was given then.

    What is called more than once names only its first call by its public `input` and `output`.
    """
    history = tensor._keras_history
    node = history.operation._inbound_nodes[history.node_index]
    return history.operation, list(node.input_tensors)


def build_metrics(model: Any, elements: Any) -> None:
    """Makes a compiled model's metrics, which Keras would do at the first step; takes 0.3 s.

    Args:
        model: Compiled.
        elements: Shapes and dtypes of a batch, as `tf.data.Dataset.element_spec` has them.
    """
    model._symbolic_build(data_batch=elements)


@contextmanager
def no_variable_left_to_initialize() -> Iterator[None]:
    """Has Keras forget what is built in a `StatelessScope(initialize_variables=False)` meanwhile.

    It notes such variables down, and gives all of them values when the next such scope ends.
    """
    from keras.src.backend.common import global_state

    noted = list(global_state.get_global_attribute("uninitialized_variables", []))
    try:
        yield
    finally:
        global_state.set_global_attribute("uninitialized_variables", noted)


@contextmanager
def numbered_as_before() -> Iterator[None]:
    """Has Keras forget which names it gave meanwhile: the next layer of a kind has the same."""
    from keras.src.backend.common import global_state

    given = copy(global_state.get_global_attribute("object_name_uids"))
    try:
        yield
    finally:
        global_state.set_global_attribute("object_name_uids", given)
