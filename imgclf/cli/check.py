"""`imgclf check`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from imgclf.cli import session
from imgclf.cli.options import HtmlOption, SetOption
from imgclf.system import console


def command(
    config: Annotated[Path, typer.Argument(help="The YAML config.", show_default=False)],
    overrides: SetOption = None,
    run_code: Annotated[
        bool,
        typer.Option(
            "--run-code",
            help="Import the callbacks and functions of your own that it names, and make them.",
        ),
    ] = False,
    html: HtmlOption = None,
) -> None:
    """Look for what would spoil a training, in the config and in its pictures."""
    from imgclf.commands.check import check
    from imgclf.report.data_set import counts_table

    found = check(config, overrides or [], run_code=run_code, page=html)
    session.show(counts_table(found.counts))
    session.show(f"network: {found.network.in_words()}")
    for note in found.notes:
        console.note(note)
    for finding in found.findings:
        session.show(f"{finding.kind}: {finding.message}")
    for code in found.code:
        session.show(f"training will run code of your own: {code}")
    if found.code:
        console.note(
            "code of your own can be imported and made"
            if run_code
            else "code of your own was not run: --run-code imports it and makes the callbacks"
        )
    if not found.findings:
        console.note("nothing found that would spoil a training")
    if html is not None:
        console.note(f"{html}: to look at in a browser")
    console.note(session.as_typed_here(f"next: imgclf train {shlex.quote(str(config))}"))
