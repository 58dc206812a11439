"""Comparing pretrained networks: a linear head on the features of each, on held-out pictures."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imgclf.backbones.comparison import Candidate, judge, with_ties
from imgclf.backbones.weight_files import how_to_get
from imgclf.commands.draft_pretrained import draft_pretrained, write_pretrained
from imgclf.commands.init import config_name, look_over
from imgclf.config.backbone import LITE, is_model_path, nearest_network, network_names
from imgclf.config.load import load_config, parse_config, with_overrides
from imgclf.config.loaded import LoadedConfig
from imgclf.config.multi_label import require_one_label
from imgclf.data.configured_folder import require_folder
from imgclf.data.dataset import read_config_dataset
from imgclf.data.left_out import warn_of_left_out
from imgclf.errors import UsageError
from imgclf.report.plots import draw_comparison
from imgclf.spelling import Lines
from imgclf.system import console

_CONFIG_ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True)
class Comparison:
    """Pretrained networks, compared on the same pictures.

    Attributes:
        candidates: The most accurate first.
        missing: By name, how to get the weights of those that are not here.
        training: How many pictures the heads learned from.
        chosen: The fastest of those that can't be told from the most accurate.
        following: What to type to train with it.
    """

    candidates: tuple[Candidate, ...]
    missing: dict[str, str]
    training: int
    chosen: Candidate
    following: tuple[str, ...]


def compare(
    place: Path,
    backbones: Sequence[str] = (),
    overrides: Sequence[str] = (),
    *,
    plot: Path | None = None,
) -> Comparison:
    """Compares pretrained networks on a data set, without training any of them.

    Args:
        place: The folder of a data set, as `init` takes it, or a config, whose pictures and
            division are taken.
        backbones: Names or paths as a config has them; none for the family whose weights come with
            pip, as far as it is installed.
        overrides: `KEY=VALUE` each; for a folder those that `init` takes.
        plot: The PNG file to draw; None for none.

    Raises:
        ConfigError: With all the problems there are.
        DataError: The pictures can't be used.
        UsageError: There is no network of a name; or none of them is here; or pictures may have
            several labels.
        WriteError: The cache can't be written.
    """
    if plot is not None:
        _refuse_place(plot)
    names = list(dict.fromkeys(backbones)) or list(LITE)
    for name in names:
        _require_known(name)
    loaded, following = _config(place, overrides)
    way_on = "train with each: imgclf train CONFIG --set model.backbone=NAME"
    require_one_label(loaded.config, "imgclf compare", way_on)
    variants = {name: _on(loaded, name) for name in names}
    missing = {name: how for name, one in variants.items() if (how := _how_to_get(one)) is not None}
    here = [name for name in names if name not in missing]
    if not here:
        listed = Lines.of(*(f"{name}: {how}" for name, how in missing.items()))
        raise UsageError("the weights of none of these networks are here", listed)

    candidates: list[Candidate] = []
    training = 0
    for name in here:
        data = read_config_dataset(variants[name].config.data)
        if not candidates:
            console.note(data.folder.in_words)
            warn_of_left_out(data.folder.skipped)
            training = len(data.training)
        candidates.append(judge(variants[name], data))
    candidates = with_ties(candidates)
    if plot is not None:
        draw_comparison(candidates, plot)
    tied = [one for one in candidates if one.tied]
    chosen = min(tied, key=lambda one: math.inf if one.seconds is None else one.seconds)
    option = f" --set model.backbone={shlex.quote(chosen.backbone)}"
    commands = (*following[:-1], following[-1] + option)
    return Comparison(tuple(candidates), missing, training, chosen, commands)


def _refuse_place(plot: Path) -> None:
    """A picture that is there may be one of the data set."""
    if plot.suffix.lower() != ".png":
        raise UsageError(f"--output {plot}: the plot is a PNG file", "name one that ends in .png")
    if not plot.parent.is_dir():
        raise UsageError(f"--output {plot}: there is no folder {plot.parent}")
    if plot.exists():
        raise UsageError(f"{plot} is there already, and is left as it is", "name another file")


def _require_known(name: str) -> None:
    if is_model_path(name) or name in network_names():
        return
    near = nearest_network(name)
    raise UsageError(
        f"--backbones {name}: there is no pretrained network of this name"
        + (f"; did you mean {near}?" if near else ""),
        f"allowed: {', '.join(LITE)}, any network of keras.applications, or a .keras file",
    )


def _config(place: Path, overrides: Sequence[str]) -> tuple[LoadedConfig, tuple[str, ...]]:
    """The config whose data set and division are taken, and what trains by it."""
    if place.suffix in _CONFIG_ENDINGS and not place.is_dir():
        loaded = load_config(place, overrides)
        require_folder(loaded)
        options = "".join(f" --set {shlex.quote(override)}" for override in overrides)
        return loaded, (f"imgclf train {shlex.quote(str(place))}{options}",)
    seen = look_over(place, overrides)
    file = Path(f"{config_name(place)}.yaml")
    text = write_pretrained(seen, draft_pretrained(seen), "")
    train = f"imgclf train {shlex.quote(str(file))}"
    if file.exists():
        return parse_config(text, file), (train,)
    options = "".join(f" --set {shlex.quote(override)}" for override in overrides)
    return parse_config(text, file), (f"imgclf init {shlex.quote(str(place))}{options}", train)


def _on(loaded: LoadedConfig, name: str) -> LoadedConfig:
    """The same on another pretrained network, of which pictures of its own size are taken."""
    return with_overrides(loaded, [f"model.backbone={name}", "model.layers=[]"])


def _how_to_get(loaded: LoadedConfig) -> str | None:
    backbone = loaded.config.model.backbone
    assert backbone is not None
    return how_to_get(backbone, loaded.config.data.image_size)
