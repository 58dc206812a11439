"""`imgclf history`."""

from typing import TYPE_CHECKING, Annotated

import typer

from imgclf.cli import session
from imgclf.cli.options import ModelOption

if TYPE_CHECKING:
    from imgclf.commands.versions import Version


def command(
    model: ModelOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the versions of a model, what was corrected and what they scored."""
    from imgclf.commands.versions import history
    from imgclf.report.tables import Column, table

    found = history(session.chosen_model(model))
    if as_json:
        print(session.as_json_text(found))
        return
    columns = (
        Column("version"),
        Column("parent"),
        Column("corrections"),
        Column("new", width=4),
        Column("before"),
        Column("after", width=6),
        Column("created", "left"),
    )
    print(table(columns, map(_row, found)))


def _row(one: "Version") -> list[str]:
    before, after = (
        "-" if score is None else f"{score:.4f}" for score in (one.score_before, one.score)
    )
    return [
        str(one.version),
        str(one.parent or "-"),
        str(one.corrections),
        str(len(one.new)),
        before,
        after,
        one.created + ("  (in use)" if one.in_use else ""),
    ]
