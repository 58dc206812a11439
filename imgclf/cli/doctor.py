"""`imgclf doctor`."""

import dataclasses
from typing import Annotated

import typer

from imgclf.system import console


def command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what this machine has of what imgclf needs, what is wrong, and what would help.

    A line that begins with ! is something needed that is broken, and the exit status is 2 then; one
    that begins with - is something that would bring more.
    """
    import json

    from imgclf.commands.doctor import examine
    from imgclf.report.doctor import findings_table

    with console.track("looking at this machine"):
        health = examine()
    if as_json:
        print(json.dumps(dataclasses.asdict(health), indent=2))
    else:
        print(findings_table(health.findings))
    broken = sum(one.state == "broken" for one in health.findings)
    if broken:
        console.warning(f"{broken} of what is needed is broken")
        raise typer.Exit(2)
    console.note("nothing that is needed is broken")
