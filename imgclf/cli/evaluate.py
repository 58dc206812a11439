"""`imgclf evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from imgclf.cli import session
from imgclf.cli.options import CallbackOption, ModelOption


def command(
    directory: Annotated[
        Path | None,
        typer.Argument(
            help="Class folders. [default: the validation part of what it was trained on]",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    callbacks: CallbackOption = None,
) -> None:
    """Score a model on labelled pictures."""
    from imgclf.evaluate import evaluate
    from imgclf.report.scores import evaluation_table

    file = session.chosen_model(model)
    found = evaluate(file, directory, callbacks or [], session.talk())
    print(session.as_json_text(found) if as_json else evaluation_table(found))
    if found.unreadable:
        raise typer.Exit(4)
