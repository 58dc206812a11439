"""The pictures that a training reads, and what it says of them."""

from __future__ import annotations

import shlex

from imgclf.config.loaded import LoadedConfig
from imgclf.config.schema import DataConfig
from imgclf.data.dataset import DataSet, of_folder, read_config_dataset
from imgclf.data.findings import NO_WARNING, find_problems
from imgclf.data.left_out import warn_of_left_out
from imgclf.runs.earlier import Earlier
from imgclf.system import console


def read_pictures(config: DataConfig, earlier: Earlier | None) -> DataSet:
    """As the earlier training by this config read them, if there was one."""
    same = None if earlier is None or earlier.is_another else earlier.record
    found = read_config_dataset(config, None if same is None else of_folder(same.data_fingerprint))
    folder = found.folder
    console.note(folder.in_words)
    for note in folder.notes:
        console.note(note)
    if found.groups is not None:
        console.note(found.groups.in_words)
    if found.otherwise is not None and earlier is not None:
        console.warning(
            f"these are the pictures that {earlier.run.path} began with; a new run would see "
            f"{found.otherwise}"
        )
        console.note("to begin anew with those: add --fresh")
    warn_of_left_out(folder.skipped)
    return found


def warn_of_the_worst(loaded: LoadedConfig, data: DataSet) -> None:
    """Says in a line what `imgclf check` would say in full; files left out are named already."""
    findings = find_problems(data, made_up_for=loaded.config.makes_up_for_imbalance)
    found = [one for one in findings if one.kind != "left out"]
    if not found:
        return
    worst = min(found, key=lambda one: one.weight)
    rest = len(found) - 1
    more = f"; {rest} more finding{'s' if rest > 1 else ''}" if rest else ""
    command = f"imgclf check {shlex.quote(str(loaded.file.path))}"
    say = console.warning if worst.weight < NO_WARNING else console.note
    say(f"{worst.kind}: {worst.message}{more}: {command}")
