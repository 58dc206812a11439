"""`imgclf compare`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgclf.cli import completion, session
from imgclf.cli.options import ROW_FORMATS, row_format_known
from imgclf.system import console

if TYPE_CHECKING:
    from imgclf.commands.compare import Comparison


def command(
    place: Annotated[
        Path,
        typer.Argument(
            help="A folder of pictures, as init takes it; or a config, whose pictures and division "
            "are taken.",
            metavar="DIR",
            show_default=False,
        ),
    ],
    backbones: Annotated[
        str | None,
        typer.Option(
            "--backbones",
            metavar="A,B",
            help="Which pretrained networks, by names or paths as a config has them. [default: "
            "EfficientNetLite0 to 2, as far as they are installed]",
            show_default=False,
        ),
    ] = None,
    row_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="table, tsv, csv or jsonl. [default: table on a terminal, tsv in a pipe]",
            show_default=False,
            callback=row_format_known,
            autocompletion=completion.one_of(ROW_FORMATS),
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PNG",
            help="Draw accuracy over time into this file.",
            dir_okay=False,
            show_default=False,
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="As init or, of a config, as train takes it; may be given several times.",
        ),
    ] = None,
) -> None:
    """Compare pretrained networks on your pictures, by linear heads on their features.

    Nothing is trained on pictures, so it takes about as long as looking at all of them once with
    each network.
    """
    from imgclf.commands.compare import compare
    from imgclf.report.comparison import comparison_text
    from imgclf.report.prediction_rows import RowFormat

    names = [name.strip() for name in (backbones or "").split(",") if name.strip()]
    found = compare(place, names, overrides or [], plot=output)
    chosen = row_format or ("table" if sys.stdout.isatty() else "tsv")
    print(comparison_text(found.candidates, RowFormat(chosen)))
    for name, how in found.missing.items():
        console.note(f"left out, for its weights are not here: {name} ({how})")
    for line in _in_words(found):
        console.note(line)
    if output is not None:
        console.note(f"plot: {output}")
    for what, following in zip(("next", "then"), found.following, strict=False):
        console.note(session.as_typed_here(f"{what}: {following}"))


def _in_words(found: "Comparison") -> list[str]:
    best, chosen = found.candidates[0], found.chosen
    count = len(best.right)
    lines = [f"heads learned from {found.training} pictures and are judged by {count} others"]
    tied = [one.backbone for one in found.candidates if one.tied]
    if len(tied) > 1:
        lines.append(
            f"a tie: {count} pictures don't tell {' and '.join(tied)} apart; "
            f"{chosen.backbone} is the fastest of them"
        )
    elif len(found.candidates) > 1:
        lines.append(f"{best.backbone} is better than all others, beyond chance")
    lines.append(f"in a config: model.backbone: {chosen.backbone}")
    return lines
