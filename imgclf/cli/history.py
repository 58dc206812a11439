"""`imgclf history`."""

from typing import Annotated

import typer

from imgclf.cli import session
from imgclf.cli.options import ModelOption


def command(
    model: ModelOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the versions of a model, what was corrected and what they scored."""
    from imgclf.commands.versions import history
    from imgclf.report.history import history_table

    found = history(session.chosen_model(model))
    print(session.as_json_text(found) if as_json else history_table(found))
