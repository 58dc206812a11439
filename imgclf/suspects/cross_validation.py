"""What models say of pictures that they were trained without, by cross-validation."""

from __future__ import annotations

import hashlib
import itertools
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from imgclf.callbacks.captured_prints import prints_as_notes
from imgclf.config.loaded import LoadedConfig
from imgclf.config.network import Network, declared_network
from imgclf.config.schema import Config, bearing_on_weights
from imgclf.config.spec import Spec
from imgclf.data.cache import CACHE_DIRECTORY
from imgclf.data.dataset import Part
from imgclf.data.resampling import leading_resampling
from imgclf.data.source import Examples, Source, encode_labels
from imgclf.errors import UsageError
from imgclf.model.probabilities import Probabilities, to_probabilities
from imgclf.suspects.folds import divide
from imgclf.system import console
from imgclf.system.console import Advance
from imgclf.system.files import atomic_path

# Raise it when the same config, pictures and folds give other probabilities.
_VERSION = 2


def out_of_fold_probabilities(
    loaded: LoadedConfig,
    part: Part,
    num_classes: int,
    *,
    folds: int,
    repeats: int = 1,
    cache_directory: Path = CACHE_DIRECTORY,
) -> Probabilities:
    """Trains on all folds but one and judges that one, in turn.

    Each training is that of the config: its layers, augmentation, optimizer, loss, epochs and
    seed. Of its callbacks only a learning rate schedule by name takes part: the others write
    files, or look at validation pictures, which there are none of. A fold is judged after each
    of the last third of the epochs; the mean ranks better than the last.

    What is known of a fold is kept in the cache, so that an interrupted call can be repeated, and
    more repeats cost only themselves.

    Args:
        loaded: The config.
        part: All pictures, with their labels.
        num_classes: Of the labels.
        folds: How many; each class must have pictures in two at least.
        repeats: All of it so many times, with other folds and other seeds; the mean counts.
        cache_directory: Safe to delete.

    Returns:
        Of each picture of `part`, shape (pictures, classes).

    Raises:
        ConfigError: The network can't be built.
        UsageError: A training comes to nothing, or a class has too few pictures.
        WriteError: The cache can't be written.
    """
    declared = declared_network(loaded, num_classes)
    key = _key(loaded.config, part, folds)
    epochs = loaded.config.training.epochs
    result = np.zeros((len(part), num_classes))
    network: _Network | None = None
    with console.track(
        "training without the pictures to judge", repeats * folds * epochs
    ) as advance:
        for repeat, fold in itertools.product(range(repeats), range(folds)):
            seed = (loaded.config.seed + repeat) % 2**32
            in_fold = divide(part.pictures, folds, seed) == fold
            training, judged = (part.at(np.flatnonzero(chosen)) for chosen in (~in_fold, in_fold))
            _require_enough(training, judged, num_classes, folds)
            file = cache_directory / f"out-of-fold-{key}-{repeat}-{fold}.npy"
            known = _load(file, (len(judged), num_classes))
            if known is None:
                started = time.monotonic()
                with prints_as_notes():
                    network = network or _Network(loaded.config, declared)
                    known = network.train_and_judge(training, judged, seed, advance)
                with atomic_path(file) as temporary, temporary.open("wb") as stream:
                    np.save(stream, known)
                console.note(
                    f"fold {fold + 1} of {folds}: trained on {len(training)} pictures in "
                    f"{time.monotonic() - started:.0f} s; agrees with the labels of "
                    f"{(known.argmax(axis=1) == judged.labels).mean():.1%} of the other "
                    f"{len(judged)}"
                )
            else:
                advance(epochs)
            result[in_fold] += known / repeats
    return result


class _Network:
    """The config's network, trained from the beginning again and again.

    TensorFlow keeps what a model has made for `fit` to the end of the process: a new model for each
    fold would cost three times its weights in memory, each time.
    """

    def __init__(self, config: Config, declared: Network) -> None:
        # Keras's import takes seconds, which what lies in the cache should not cost.
        from imgclf.model.build import augmentation_layers, build_model, output_activation

        self._config, self._declared = config, declared
        self._resampling = leading_resampling(augmentation_layers(declared))
        self._model = build_model(declared, self._resampling)
        self._activation = output_activation(self._model)
        optimizer = self._model.optimizer
        optimizer.build(self._model.trainable_variables)
        self._optimizer_at_first = [np.array(variable) for variable in optimizer.variables]

    def train_and_judge(
        self, training: Part, judged: Part, seed: int, advance: Advance
    ) -> Probabilities:
        """The mean of what it says of `judged` after each of the last third of the epochs."""
        from imgclf.backend import keras
        from imgclf.callbacks.stack import bare_stack
        from imgclf.training.phases import Phase, run_phases

        config, model = self._config, self._model
        epochs = config.training.epochs
        self._begin_anew(seed)
        num_classes = max(model.output_shape[-1], 2)
        labels = encode_labels(training.labels, self._declared.head.label_mode, num_classes)
        examples = Examples(training.pixels, training.rows, labels)
        source = Source(examples, config.data.first_batch_size, seed, self._resampling)
        said: list[Probabilities] = []

        def judge(epoch: int, logs: object) -> None:
            advance(1)
            if epoch >= epochs - max(1, epochs // 3):
                batches = (batch.astype(np.float32) for batch in judged.batches())
                outputs = np.concatenate([model.predict_on_batch(batch) for batch in batches])
                said.append(to_probabilities(outputs, self._activation))

        callbacks = [*_schedules(config), keras.callbacks.LambdaCallback(on_epoch_end=judge)]
        run_phases(model, [Phase(epochs, source)], bare_stack(source, callbacks))
        mean: Probabilities = np.mean(said, axis=0)
        if not np.isfinite(mean).all():
            raise UsageError(
                "a training without some of the pictures came to no numbers",
                "try a lower learning rate: --set training.optimizer.learning_rate=1e-4",
            )
        return mean

    def _begin_anew(self, seed: int) -> None:
        """Weights, random states and optimizer as in a new model that is made by this seed."""
        from imgclf.backend import keras
        from imgclf.model.build import build_model

        keras.utils.set_random_seed(seed)
        fresh = build_model(self._declared, self._resampling)
        for mine, new in zip(_variables(self._model), _variables(fresh), strict=True):
            mine.assign(new)
        optimizer = self._model.optimizer
        for variable, value in zip(optimizer.variables, self._optimizer_at_first, strict=True):
            variable.assign(value)


def _variables(model: Any) -> list[Any]:
    """Of the layers, those of random seeds among them, which weights are not."""
    return [variable for layer in model.layers for variable in layer.variables]


def _schedules(config: Config) -> list[Any]:
    # Keras's import again.
    from imgclf.callbacks.factory import make_scheduler

    return [make_scheduler(spec.arguments) for spec in _declared_schedules(config)]


def _declared_schedules(config: Config) -> list[Spec]:
    """Not people's own functions: the model file, which names them, may be a stranger's."""
    schedulers = config.callbacks_named("LearningRateScheduler")
    return [spec for spec in schedulers if ":" not in str(spec.arguments.get("schedule"))]


def _require_enough(training: Part, judged: Part, num_classes: int, folds: int) -> None:
    if len(np.unique(training.labels)) < num_classes or not len(judged):
        raise UsageError(
            f"too few pictures for {folds} folds: each must leave pictures of every class to "
            "train on, and get some itself"
        )


def _key(config: Config, part: Part, folds: int) -> str:
    """Of all that the probabilities depend on."""
    made_of = bearing_on_weights(config)
    schedules = [spec.written() for spec in _declared_schedules(config)]
    pictures = [(picture.digest, picture.label) for picture in part.pictures]
    text = json.dumps([_VERSION, made_of, schedules, folds, pictures], default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _load(file: Path, shape: tuple[int, int]) -> Probabilities | None:
    try:
        found = np.load(file, allow_pickle=False)
    except (OSError, ValueError):
        return None
    return found if found.shape == shape and found.dtype == np.float64 else None
