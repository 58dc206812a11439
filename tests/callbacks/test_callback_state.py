"""What callbacks of Keras remember between two hooks, which an interruption must not lose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imgclf.backend import keras
from imgclf.callbacks import callback_state
from tests.support.tiny_training import Script, small_model, sources

# Set before they are read, in each process: `min_delta` gets its sign along with `monitor_op`.
SET_ANEW = {"_model", "params", "monitor_op", "min_delta", "_current_epoch"}


def remembering(path: Path) -> dict[str, Callable[[], Any]]:
    """Keras's callbacks that remember something from one hook to the next, but for Orbax's."""
    callbacks = keras.callbacks
    return {
        "EarlyStopping": lambda: callbacks.EarlyStopping(
            patience=2, restore_best_weights=True, min_delta=0.01
        ),
        "History": callbacks.History,
        "ModelCheckpoint": lambda: callbacks.ModelCheckpoint(
            path / "a.keras", save_freq=3, save_best_only=True, monitor="loss", mode="min"
        ),
        "ReduceLROnPlateau": lambda: callbacks.ReduceLROnPlateau(patience=2, cooldown=1),
        "SwapEMAWeights": callbacks.SwapEMAWeights,
    }


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`shuffle=True` was passed")
@pytest.mark.parametrize("name", remembering(Path()))
def test_all_that_a_callback_of_keras_remembers_is_put_back(name: str, tmp_path: Path) -> None:
    callback = remembering(tmp_path)[name]()
    seen: dict[str, set[str]] = {}

    class Looks(keras.callbacks.Callback):
        """At every hook of training and of validation."""

        def look(self, batch: int, logs: Any = None) -> None:
            for attribute, value in vars(callback).items():
                seen.setdefault(attribute, set()).add(repr(value))

        on_train_batch_end = on_test_batch_end = on_epoch_end = look

    training, validation = sources(4)
    small_model(keras.optimizers.SGD(0.01, use_ema=True)).fit(
        training.dataset(),
        validation_data=validation.dataset(),
        epochs=5,
        verbose=0,
        callbacks=[Script(val_loss=[1.0, 0.5, 0.9, 0.8, 0.7]), callback, Looks()],
    )
    changed = {attribute for attribute, values in seen.items() if len(values) > 1} - SET_ANEW
    assert changed == set(callback_state.get_state(callback))
