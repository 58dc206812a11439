"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

from imgclf.cli import completion, session

ROW_FORMATS = ("table", "tsv", "csv", "jsonl")
"""What rows are written as."""


def row_format_known(received: str | None) -> str | None:
    """Makes sure that `--format` names one of these.

    Raises:
        UsageError: It does not; with the nearest.
    """
    if received is not None:
        session.refuse_unknown("--format", received, ROW_FORMATS)
    return received


ModelOption = Annotated[
    Path | None,
    typer.Option(
        "--model",
        "-m",
        autocompletion=completion.models,
        help="A model file, or its name in models/. [default: $IMGCLF_MODEL, or the only one]",
        show_default=False,
    ),
]
CallbackOption = Annotated[
    list[str] | None,
    typer.Option(
        "--callback",
        metavar="FILE.py:CLASS",
        help="Run on Keras with this callback; may be given several times.",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a value of the config, such as training.epochs=5; may be given several "
        "times.",
    ),
]
MinPrecisionOption = Annotated[
    str | None,
    typer.Option(
        "--min-precision",
        metavar="SHARE",
        help="Answer so that this share of the labels given is right (0.95), and say `unsure` of "
        "the other pictures; how sure it takes is found by those held out from its training.",
        show_default=False,
    ),
]
ReviewOption = Annotated[
    Path | None,
    typer.Option(
        "--review",
        metavar="HTML",
        dir_okay=False,
        help="Write a page to look at the pictures and correct their labels.",
    ),
]
HtmlOption = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="HTML",
        dir_okay=False,
        help="Write it as a page to look at, too.",
        show_default=False,
    ),
]
