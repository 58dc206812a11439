"""Whether the ranges of `tune` are such that every training in them can be judged beside others."""

from __future__ import annotations

from collections.abc import Mapping

from imgclf.config.load import with_overrides
from imgclf.config.loaded import LoadedConfig
from imgclf.config.schema import Config
from imgclf.config.tree import Origin
from imgclf.config.tune import TRIALS, as_override
from imgclf.errors import ConfigError, Problem

# Of the keys of `data` those that leave the pictures and their parts alone.
_OF_DATA = ("image_size", "batch_size", "resize", "bit_depth", "oversample")
_SAME_PICTURES = "all trials are judged by the same pictures"
_SAME_MEASURE = "all trials are judged by the same measure"
_NO_DIFFERENCE = "no trial would be better or worse for it"
_KEPT: Mapping[str, str] = {
    "name": _NO_DIFFERENCE,
    "tune": "the search itself is not searched",
    "training.metrics": _SAME_MEASURE,
    "callbacks.ModelCheckpoint": _SAME_MEASURE,
    "training.seed": "it would be found which seed is lucky",
    "training.corrections": _SAME_PICTURES,
    "training.replace": _NO_DIFFERENCE,
    "training.time_budget": "tune.timeout says how long it may take",
    "training.distribution": _NO_DIFFERENCE,
    "callbacks.BackupAndRestore": _NO_DIFFERENCE,
    "callbacks.CSVLogger": _NO_DIFFERENCE,
    "callbacks.ProgbarLogger": _NO_DIFFERENCE,
    "callbacks.TensorBoard": _NO_DIFFERENCE,
}


def tune_problems(loaded: LoadedConfig) -> list[Problem]:
    """All that is wrong with what a config searches; each end of a range is tried, and each choice.

    Args:
        loaded: Read from a file.
    """
    config = loaded.config
    if config.tune is None:
        return []
    problems = []
    if config.training.distribution != "none":
        message = "imgclf tune trains in one process"
        received, allowed = config.training.distribution, "training.distribution: none"
        problems.append(
            loaded.file.problem(
                "training.distribution", message, received=received, allowed=allowed
            )
        )
    for key, one in config.tune.ranges.items():
        reason = _kept(key)
        if reason is not None:
            message = f"this key is not varied: {reason}"
            problems.append(loaded.file.problem(f"tune.ranges.{key}", message, received=key))
            continue
        of_key = [_problem_of(loaded, key, as_override(key, value)) for value in one.extremes]
        found = [problem for problem in of_key if problem is not None]
        # Where no value is right it is the key that is wrong, which need be said once.
        problems += found if len(found) < len(of_key) else found[:1]
    return problems


def example_ranges(config: Config) -> list[str]:
    """Lines of YAML to begin with, such as suit this config."""
    lines = ["tune:", f"  trials: {TRIALS}", "  ranges:"]
    lines += ["    training.optimizer.learning_rate: {low: 1e-4, high: 1e-2, log: true}"]
    dropouts = [spec for spec in config.model.layers if spec.name == "Dropout"]
    if len(dropouts) == 1:
        lines.append("    model.layers.Dropout.rate: {low: 0.0, high: 0.6}")
    if config.data.batch_size != "auto":
        lines.append("    data.batch_size: [16, 32, 64]")
    return lines


def _kept(key: str) -> str | None:
    """Why a key is not to be varied; None if it may be."""
    section, _, name = key.partition(".")
    if section == "data" and name.partition(".")[0] not in _OF_DATA:
        return _SAME_PICTURES
    places = (kept for kept in _KEPT if key == kept or key.startswith(f"{kept}."))
    return next((_KEPT[kept] for kept in places), None)


def _problem_of(loaded: LoadedConfig, key: str, override: str) -> Problem | None:
    """What is wrong with a value of a range, said at the line of the range."""
    try:
        with_overrides(loaded, [override])
    except ConfigError as error:
        first = error.problems[0]
        place = f"tune.ranges.{key}"
        origin = loaded.file.origins.get(place, Origin())
        return origin.problem(
            place,
            f"{override.partition('=')[2]} can't stand there: {first.message}",
            received=first.received,
            allowed=first.allowed,
            nearest=first.nearest,
            hint=first.hint,
        )
    return None
