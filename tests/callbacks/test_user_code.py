"""Callbacks of people's own, and the three that are shipped as examples."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.callbacks.examples import EarlyStoppingAtMinLoss, LossPrinter, TableLearningRate
from imgclf.callbacks.user_code import load_function, make_custom_callback
from imgclf.errors import OwnCodeError, UsageError
from tests.support.tiny_training import Script, Weights, run, said, same, small_model, sources

ALONE = """
- TensorBoard: none
- BackupAndRestore: none
- ModelCheckpoint: none
"""
HOOKS = [
    name
    for name in dir(keras.callbacks.Callback)
    if name.startswith("on_") and not name.startswith("on_batch")
]
LISTENER = "import keras\n\nclass Listener(keras.callbacks.Callback):\n" + "".join(
    f"    def {hook}(self, *arguments, **more): self.hear({hook!r})\n" for hook in HOOKS
)
LISTENER += """
    def __init__(self, name="nobody"):
        super().__init__()
        self.name, self.heard = name, []

    def hear(self, hook):
        assert self.model.count_params() == 193
        self.heard.append(hook)
"""


def test_a_callback_from_a_file_gets_every_hook_and_the_model(tmp_path: Path) -> None:
    file = tmp_path / "listener.py"
    file.write_text(LISTENER)
    stack, model = run(tmp_path, f"- {file}:Listener: {{name: Ann}}" + ALONE, epochs=1)
    (listener,) = [one for one in stack.callbacks if type(one).__name__ == "Listener"]
    assert listener.name == "Ann"
    model.evaluate(sources()[1].dataset(), verbose=0, callbacks=[listener])
    model.predict(np.zeros((2, 8, 8, 3)), verbose=0, callbacks=[listener])
    assert len(HOOKS) == 14
    assert sorted(set(listener.heard)) == HOOKS


def test_a_module_in_the_working_directory_can_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own/quiet_listener.py").write_text(LISTENER)
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    made = make_custom_callback("own.quiet_listener:Listener", {"name": "Bob"})
    assert made.name == "Bob"
    assert sys.path == path


def test_two_callbacks_of_one_file_share_its_module(tmp_path: Path) -> None:
    file = tmp_path / "twins.py"
    file.write_text("import keras\nclass A(keras.callbacks.Callback): ...\nclass B(A): ...\n")
    first, second = (type(make_custom_callback(f"{file}:{name}", {})) for name in "AB")
    assert issubclass(second, first)


BROKEN = """
import keras

class Needy(keras.callbacks.Callback):
    def __init__(self, path, patience=3):
        if patience < 0:
            raise ValueError("patience must not be negative")

class Plain: ...
answer = 42
"""


@pytest.mark.parametrize(
    ("reference", "arguments", "message"),
    [
        ("FILE:Needyy", {}, "there is no 'Needyy' in FILE\ndid you mean FILE:Needy?"),
        ("FILE:Plain", {}, "FILE:Plain is not a Keras callback"),
        ("FILE:answer", {}, "FILE:answer is not a Keras callback"),
        ("FILE:Needy", {}, "missing a required argument: 'path'\nits arguments: (path, patience"),
        ("FILE:Needy", {"pat": 1}, "no argument 'pat'\nallowed: path, patience; did you mean"),
        ("FILE:Needy", {"path": "", "patience": -1}, "ValueError: patience must not be negative"),
        ("DIR/brokn.py:Needy", {}, "there is no file DIR/brokn.py\ndid you mean DIR/broken.py?"),
        ("no.module:Needy", {}, "there is no module 'no.module'"),
        ("math", {}, "'math' doesn't name any code"),
        ("DIR/raises.py:A", {}, "running DIR/raises.py failed: ZeroDivisionError: division by"),
        ("DIR/syntax.py:A", {}, "running DIR/syntax.py failed: SyntaxError"),
        ("DIR/imports.py:A", {}, "ModuleNotFoundError: No module named 'no_such_package'"),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path, reference: str, arguments: dict[str, Any], message: str
) -> None:
    file = tmp_path / "broken.py"
    file.write_text(BROKEN)
    (tmp_path / "raises.py").write_text("a = 1\nb = a / 0\n")
    (tmp_path / "syntax.py").write_text("def :\n")
    (tmp_path / "imports.py").write_text("import no_such_package\n")

    def here(text: str) -> str:
        return text.replace("FILE", str(file)).replace("DIR", str(tmp_path))

    with pytest.raises(UsageError) as refused:
        make_custom_callback(here(reference), arguments)
    assert here(message) in str(refused.value)


@pytest.mark.parametrize("reference", ["raises.py:b", "raises:b", "./raises.py:b"])
def test_an_error_in_a_file_or_module_names_its_line(in_folder: Path, reference: str) -> None:
    Path("raises.py").write_text("a = 1\ndef divide():\n    return a / 0\nb = divide()\n")
    with pytest.raises(UsageError, match=r"division by zero \(raises\.py, line 3\)$"):
        load_function(reference)


def test_a_hook_that_raises_is_named_with_its_callback_file_and_line(in_folder: Path) -> None:
    Path("own").mkdir()
    Path("own/hooks.py").write_text(
        "import keras\n"
        "def check(epoch):\n"
        "    raise ValueError('boom\\nand more')\n"
        "class Boom(keras.callbacks.Callback):\n"
        "    def on_epoch_end(self, epoch, logs=None):\n"
        "        check(epoch)\n"
        "class Deaf(keras.callbacks.Callback):\n"
        "    def on_train_batch_begin(self, batch):\n"
        "        pass\n"
    )
    with pytest.raises(OwnCodeError) as raised:
        run(in_folder, "- own/hooks.py:Boom" + ALONE, epochs=2)
    assert raised.value.message == (
        "own/hooks.py:Boom: on_epoch_end raised ValueError: boom (own/hooks.py, line 3)"
    )
    assert isinstance(raised.value.__context__, ValueError)
    with pytest.raises(OwnCodeError, match=r"argument 'logs' \(own/hooks\.py, line 8\)"):
        run(in_folder, "- own/hooks.py:Deaf" + ALONE, epochs=2)


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        ("LearningRateScheduler: own.py:rate", "own.py:rate raised KeyError: 1 (own.py, line 2)"),
        (
            "LambdaCallback: {on_epoch_begin: own.py:hook}",
            "own.py:hook raised ZeroDivisionError: division by zero (own.py, line 4)",
        ),
        (
            "own.py:Keeps",
            "own.py:Keeps: get_state raised OSError: [Errno 28] No space left on device: 'b' "
            "(own.py, line 8)",
        ),
    ],
)
def test_a_function_or_state_that_raises_is_named_likewise(
    in_folder: Path, callback: str, message: str
) -> None:
    Path("own.py").write_text(
        "def rate(epoch):\n    return {0: 0.1}[epoch]\n"
        "def hook(epoch, logs):\n    1 / 0\n"
        "import errno, keras\n"
        "class Keeps(keras.callbacks.Callback):\n"
        "    def get_state(self):\n"
        "        raise OSError(errno.ENOSPC, 'No space left on device', 'b')\n"
        "    def set_state(self, state): pass\n"
    )
    alone = "\n- TensorBoard: none\n- ModelCheckpoint: none\n"
    with pytest.raises(OwnCodeError) as raised:
        run(in_folder, f"- {callback}" + alone, epochs=2)
    assert raised.value.message == message


def test_hooks_that_nobody_has_written_stay_keras_s_own(tmp_path: Path) -> None:
    (tmp_path / "still.py").write_text(
        "import keras\nclass Still(keras.callbacks.Callback):\n"
        "    def on_epoch_end(self, epoch, logs=None): return 7\n"
    )
    made = make_custom_callback(f"{tmp_path}/still.py:Still", {})
    assert set(vars(made)) - set(vars(keras.callbacks.Callback())) == {"on_epoch_end"}
    assert made.on_epoch_end(0) == 7


# The shipped ones.


@pytest.mark.slow
def test_early_stopping_at_minimum_loss_goes_back_to_it(tmp_path: Path) -> None:
    weights = Weights()
    stopping = "- imgclf.callbacks.examples:EarlyStoppingAtMinLoss: {patience: 1}"
    script = Script(loss=[0.5, 0.3, 0.4, 0.5, 0.1])
    stack, model = run(tmp_path, stopping + ALONE, first=[script, weights], epochs=5)
    (made,) = [one for one in stack.callbacks if isinstance(one, EarlyStoppingAtMinLoss)]
    assert (len(weights.of_epoch), made.stopped_epoch) == (4, 3)
    assert same(model.get_weights(), weights.of_epoch[1])


@pytest.mark.slow
def test_table_learning_rate_follows_its_table(tmp_path: Path) -> None:
    table = "- imgclf.callbacks.examples:TableLearningRate: {table: {1: 0.05, 3: 0.01}}"
    _, model = run(tmp_path, table + ALONE, model=small_model(keras.optimizers.SGD(0.5)))
    assert model.history.history["learning_rate"] == pytest.approx([0.5, 0.05, 0.05, 0.01])
    with pytest.raises(ValueError, match="table maps epochs to rates"):
        TableLearningRate([0.1])  # type: ignore[arg-type]


@pytest.mark.slow
def test_loss_printer_prints_batches_and_epochs_of_all_three(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = io.StringIO()
    printer = LossPrinter(lines)
    _, model = run(tmp_path, ALONE, last=[printer], epochs=1, batches=2)
    model.predict(np.zeros((3, 8, 8, 3)), batch_size=2, verbose=0, callbacks=[printer])
    kinds = [line.split(":")[0] for line in lines.getvalue().splitlines()]
    assert kinds == ["training"] * 2 + ["testing", "epoch 0"] + ["predicting"] * 2
    loss = model.history.history["loss"][0]
    assert f"epoch 0: the average loss is {loss:.4f}" in lines.getvalue()

    run(tmp_path, "- imgclf.callbacks.examples:LossPrinter" + ALONE, epochs=1)
    printed = capsys.readouterr()
    assert "training: up to batch 0, the average loss is" in printed.err
    assert printed.out == ""


@pytest.mark.slow
def test_what_a_callback_prints_becomes_notes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "loud.py"
    file.write_text(
        "import keras, warnings\n"
        "class Loud(keras.callbacks.Callback):\n"
        "    def on_epoch_end(self, epoch, logs=None):\n"
        "        print('hello', epoch)\n"
        "        warnings.warn('careful')\n"
    )
    run(tmp_path, f"- {file}:Loud" + ALONE, epochs=1)
    assert "\nhello 0\nwarning: careful\n" in said()
    assert capsys.readouterr().out == ""
