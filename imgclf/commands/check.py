"""Looking at a config and its pictures before training, for what would spoil it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imgclf.commands.output_places import refuse_place
from imgclf.config.class_weight import check_class_weight
from imgclf.config.load import load_config
from imgclf.config.network import declared_network
from imgclf.config.references import own_code
from imgclf.config.tune_checks import tune_problems
from imgclf.data.configured_folder import require_folder
from imgclf.data.dataset import read_config_dataset
from imgclf.data.findings import Finding, count_pictures, find_problems
from imgclf.runs.written_before import refuse_to_replace
from imgclf.training.memory_needed import NetworkTakes, network_takes, refuse_beyond_memory


@dataclass(frozen=True)
class Checked:
    """A config and its pictures, looked at.

    Attributes:
        counts: By class: pictures to train on, to validate on and to test on.
        network: What the network takes.
        code: People's own code that training would run, as the config names it.
        notes: What was taken for what in the data set, in sentences.
    """

    name: str
    counts: dict[str, tuple[int, int, int]]
    findings: tuple[Finding, ...]
    network: NetworkTakes
    code: tuple[str, ...]
    notes: tuple[str, ...] = ()


def check(
    config_path: Path,
    overrides: Sequence[str] = (),
    *,
    run_code: bool = False,
    page: Path | None = None,
) -> Checked:
    """Checks a config and its data set, without TensorFlow.

    Args:
        config_path: The YAML file.
        overrides: `key=value` each, before the file's values.
        run_code: Import the user's own code and make the callbacks, which takes Keras.
        page: Where to write what was found as a page, too; None for nowhere.

    Raises:
        ConfigError: With all the problems there are.
        DataError: The pictures can't be used at all.
        UsageError: The page would replace something else, or lie among pictures or models.
        WriteError: The page can't be written.
    """
    loaded = load_config(config_path, overrides)
    problems = tune_problems(loaded)
    if problems:
        raise loaded.file.error(*problems)
    if page is not None:
        from imgclf.report.pages import refuse_target

        refuse_place("--html", page, pictures=loaded.config.data.directory)
        refuse_target("--html", page, "check")
    require_folder(loaded)
    refuse_to_replace(loaded)
    data = read_config_dataset(loaded.config.data)
    network = declared_network(loaded, len(data.folder.class_names))
    check_class_weight(loaded, data.folder.class_names)
    refuse_beyond_memory(network)
    takes = network_takes(network, loaded.config.data.first_batch_size)
    if run_code:
        from imgclf.callbacks.user_code import try_own_code

        try_own_code(loaded.config.callbacks, loaded.file)
    code = tuple(one.reference for one in own_code(loaded.config.callbacks))
    found = find_problems(data, made_up_for=loaded.config.makes_up_for_imbalance)
    findings = (*found, *_too_large(takes))
    notes = (*data.folder.notes, *(() if data.groups is None else (data.groups.in_words,)))
    if page is not None:
        from imgclf.report.check_page import write_check_page

        own = [f"training will run code of your own: {one}" for one in code]
        said = [f"network: {takes.in_words()}", *notes, *own]
        write_check_page(page, loaded.name, data, findings, said)
    return Checked(loaded.name, count_pictures(data), findings, takes, code, notes)


def _too_large(takes: NetworkTakes) -> Iterator[Finding]:
    if takes.memory_there is not None and takes.memory > takes.memory_there:
        yield Finding("memory", f"{takes.in_words()}; a smaller data.batch_size takes less")
