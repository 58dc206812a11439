"""What the log of a training will hold, and whether the callbacks ask for it.

Keras only warns about a monitor that isn't there; `ModelCheckpoint(save_best_only=True)` then
saves every epoch, and `EarlyStopping` never stops.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping, Sequence

from imgclf.config.callback_catalogue import checkpoint_ending, entry_of
from imgclf.config.loaded import ConfigFile
from imgclf.config.metric_names import (
    column_direction,
    log_columns,
    metric_direction,
    metric_name,
)
from imgclf.config.spec import Spec
from imgclf.errors import Problem, nearest_match

_WIDE = re.compile(r"\{[^}]*\d{4}")  # {epoch:9999999999d} would fill the memory with blanks


def metric_problems(
    metrics: Sequence[Spec], file: ConfigFile, *, phases: bool = False
) -> Iterator[Problem]:
    """Two metrics of one name: Keras would call the second `auc_1`.

    Args:
        metrics: As a config lists them.
        file: Names the lines.
        phases: Whether the log says which phase an epoch belongs to.
    """
    seen = {"loss", "learning_rate", *(["phase"] if phases else [])}
    for index, metric in enumerate(metrics):
        name = metric_name(metric)
        key = f"training.metrics.{index}"
        if name.startswith("val_"):
            message = "val_ is what Keras puts before the names of validation"
            yield file.problem(key, message, received=name, allowed=name.removeprefix("val_"))
        elif name in seen:
            message = f"another column of the log is called {name}; give this one a name"
            yield file.problem(
                key, message, received=metric.name, allowed=f"{metric.name}: {{name: ...}}"
            )
        seen.add(name)


def monitor_problems(
    callbacks: Sequence[Spec], metrics: Sequence[Spec], file: ConfigFile
) -> Iterator[Problem]:
    """Monitors that nothing will be logged under, and those whose direction isn't known."""
    names = log_columns(map(metric_name, metrics))
    directions = {metric_name(metric): metric_direction(metric) for metric in metrics}
    for index, spec in enumerate(callbacks):
        if spec.off:
            continue
        entry = entry_of(spec.name)
        if entry.monitors is not None:
            yield from _check_monitor(f"callbacks.{index}", spec, names, directions, file)
        if entry.output is not None and entry.output.filled_in:
            yield from _check_file_name(f"callbacks.{index}", spec, names, file)


def _check_monitor(
    key: str,
    spec: Spec,
    names: Sequence[str],
    directions: Mapping[str, str | None],
    file: ConfigFile,
) -> Iterator[Problem]:
    entry = entry_of(spec.name)
    monitor = str(spec.arguments.get("monitor", entry.monitors))
    by_batch = isinstance(spec.arguments.get("save_freq"), int)
    compares = entry.compares_if is None or bool(spec.arguments.get(entry.compares_if))
    if monitor not in names:
        yield file.problem(
            f"{key}.monitor",
            f"{spec.name} monitors what will not be logged",
            received=monitor,
            allowed=", ".join(names),
            nearest=_nearest(monitor, names),
        )
    elif by_batch and compares and monitor.startswith("val_"):
        yield file.problem(
            f"{key}.save_freq",
            f"{spec.name} can't look for the best {monitor} between batches, for validation "
            "comes at the end of an epoch",
            received=str(spec.arguments["save_freq"]),
            allowed="save_freq: epoch, or a monitor without val_, or save_best_only: false",
        )
    elif compares and _is_undecided(spec, monitor, directions):
        yield file.problem(
            f"{key}.monitor",
            f"{spec.name} can't know whether {monitor} is better large or small",
            received="mode: auto",
            allowed="mode: min, mode: max",
        )


def _is_undecided(spec: Spec, monitor: str, directions: Mapping[str, str | None]) -> bool:
    auto = spec.arguments.get("mode", "auto") == "auto"
    return auto and column_direction(monitor, directions) is None


def _nearest(monitor: str, names: Sequence[str]) -> str | None:
    """Tutorials older than Keras 2.3 say `val_acc`."""
    in_full = re.sub(r"^(val_)?acc$", r"\1accuracy", monitor)
    return in_full if in_full in names else nearest_match(monitor, names)


def _check_file_name(key: str, spec: Spec, names: list[str], file: ConfigFile) -> Iterator[Problem]:
    """`{epoch:02d}-{val_loss:.2f}.keras`: Keras fills it in at the first save, and may fail."""
    filepath = spec.arguments.get("filepath")
    if filepath is None:
        return
    ending = checkpoint_ending(spec.arguments)
    if not filepath.endswith(ending):
        what = "weights alone" if spec.arguments.get("save_weights_only") else "a whole model"
        yield file.problem(
            f"{key}.filepath",
            f"a file of {what} ends in {ending}",
            received=filepath,
            allowed=f"*{ending}",
        )
    by_batch = isinstance(spec.arguments.get("save_freq"), int)
    known: dict[str, float] = {"epoch": 1}
    if by_batch:
        known["batch"] = 1
    known |= {n: 0.5 for n in names if not (by_batch and n.startswith("val_"))}
    try:
        unknown = _unfillable(filepath, known)
    except ValueError as error:
        yield file.problem(
            f"{key}.filepath",
            f"the braces in this path can't be filled in: {error}",
            received=filepath,
            allowed="such as {epoch:02d} or {val_loss:.2f}",
        )
        return
    if unknown is not None:
        yield file.problem(
            f"{key}.filepath",
            "the braces in this path name what will not be known when it is saved",
            received=f"{{{unknown}}}",
            allowed=", ".join(known),
            nearest=nearest_match(unknown, known),
        )


def _unfillable(filepath: str, known: Mapping[str, float]) -> str | None:
    """The first name in braces that isn't known.

    Raises:
        ValueError: The braces are no format, or one that these numbers don't have.
    """
    fields = [name for _, name, _, _ in string.Formatter().parse(filepath) if name is not None]
    for name in fields:
        if name not in known:
            return name
    if _WIDE.search(filepath):
        raise ValueError("the number would be too wide")
    filepath.format(**known)
    return None
