"""The control arm for the time that training takes, and the stop-watch of both arms.

    python benchmarks/tutorial_epochs.py PICTURES --epochs 3 --save TIMES.json

Trains the tutorial's network as the tutorial does, in plain Keras, float32, without callbacks but
`Times`. PICTURES has a folder for each class, or `train` and `validation` with such folders.

`Times` is the callback that `benchmarks/train.py` puts into imgclf's configs, too. It has no hook
for batches, which would keep Keras from running the progress bar's in another thread; instead it
times Keras's list of callbacks from outside: when each hook was called and how long all callbacks
took for it.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

HOOKS = (
    "on_train_begin",
    "on_train_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_begin",
    "on_test_end",
    "on_test_batch_begin",
    "on_test_batch_end",
)


class Times(keras.callbacks.Callback):
    """Writes when what happened in `fit`, on the clock of `time.perf_counter`.

    Args:
        save: The JSON file. `made`, `train_begin`, `first_step` (its end) and `train_end` are
            moments; `epochs` has for each its `begin` and, of its last step, `steps_until`
            (moments), the seconds in `steps` and in `validation`, those in each of the `hooks`,
            and Keras's `logs`.
        stop: Ends the whole process, as if by a signal, after the first "step" or after the
            "fit"; by default "never".
        bare: Has `fit` run with this callback alone, whatever else it is given.
    """

    def __init__(self, save: str, stop: str = "never", bare: bool = False) -> None:
        super().__init__()
        self._file = Path(save)
        self._stop = stop
        self._fitting = False
        self._left = 0.0
        self._epochs: list[dict[str, Any]] = []
        self._moments: dict[str, Any] = {"made": time.perf_counter(), "epochs": self._epochs}
        for hook in HOOKS:
            original = getattr(keras.callbacks.CallbackList, hook)
            setattr(keras.callbacks.CallbackList, hook, self._timed(hook, original))
        if bare:
            fit = keras.Model.fit
            keras.Model.fit = lambda model, *arguments, **named: fit(
                model, *arguments, **{**named, "callbacks": [self]}
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epochs[-1]["logs"] = {name: float(value) for name, value in (logs or {}).items()}

    def _timed(self, hook: str, original: Callable[..., None]) -> Callable[..., None]:
        def timed(*arguments: Any, **named: Any) -> None:
            called = time.perf_counter()
            self._note(hook, called)
            original(*arguments, **named)
            self._left = time.perf_counter()
            if self._fitting and self._epochs:
                hooks = self._epochs[-1]["hooks"]
                hooks[hook] = hooks.get(hook, 0.0) + self._left - called

        return timed

    def _note(self, hook: str, now: float) -> None:
        if hook == "on_train_begin":
            self._moments["train_begin"] = now
            self._fitting = True
        if not self._fitting:
            return  # an evaluation after the training
        since = now - self._left
        if hook == "on_epoch_begin":
            self._epochs.append({"begin": now, "steps": 0.0, "validation": 0.0, "hooks": {}})
        elif hook == "on_train_batch_end":
            self._moments.setdefault("first_step", now)
            self._epochs[-1]["steps"] += since
            self._epochs[-1]["steps_until"] = now
            if self._stop == "step":
                self._finish()
        elif hook in ("on_test_batch_begin", "on_test_batch_end", "on_test_end"):
            self._epochs[-1]["validation"] += since
        elif hook == "on_train_end":
            self._moments["train_end"] = now
            self._fitting = False
            self._finish()

    def _finish(self) -> None:
        self._file.write_text(json.dumps(self._moments))
        if self._stop != "never":
            os._exit(0)


def main() -> None:
    import tensorflow as tf
    from tutorial_train import tutorial_model  # not found where imgclf loads this file for `Times`

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", default="times.json", help="where the times go")
    parser.add_argument("--stop", choices=["never", "fit"], default="never", help="see Times")
    given = parser.parse_args()

    keras.utils.set_random_seed(given.seed)
    read = {"image_size": (180, 180), "batch_size": 32}
    directory = keras.utils.image_dataset_from_directory
    if (given.pictures / "train").is_dir():
        training = directory(given.pictures / "train", seed=123, **read)
        validation = directory(given.pictures / "validation", seed=123, **read)
    else:
        split = {"validation_split": 0.2, "seed": 123}
        training = directory(given.pictures, subset="training", **split, **read)
        validation = directory(given.pictures, subset="validation", **split, **read)
    model = tutorial_model(len(training.class_names))
    model.fit(
        training.cache().shuffle(1000).prefetch(tf.data.AUTOTUNE),
        validation_data=validation.cache().prefetch(tf.data.AUTOTUNE),
        epochs=given.epochs,
        callbacks=[Times(given.save, given.stop)],
    )
    model.save("tutorial.keras")


if __name__ == "__main__":
    main()
