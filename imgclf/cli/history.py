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

    found = history(session.chosen_model(model))
    if as_json:
        print(session.as_json_text(found))
        return
    print("version  parent  corrections   new  before   after  created")
    for one in found:
        before, after = (
            "-" if score is None else f"{score:.4f}" for score in (one.score_before, one.score)
        )
        print(
            f"{one.version:>7}  {one.parent or '-':>6}  {one.corrections:>11}  {len(one.new):>4}"
            f"  {before:>6}  {after:>6}  {one.created}" + ("  (in use)" if one.in_use else "")
        )
