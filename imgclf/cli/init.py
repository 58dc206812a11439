"""`imgclf init`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from imgclf.cli import session
from imgclf.system import console


def command(
    directory: Annotated[
        Path,
        typer.Argument(
            help="A folder with a folder for each class, nested ones too; with the folders of "
            "parts (train, valid, test); or with pictures and a table that says what they are.",
            metavar="DIR",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The config to write, - for standard output. [default: DIR's name.yaml]",
            show_default=False,
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="data.classes, data.parts or data.table, where it can't be told by looking.",
        ),
    ] = None,
    from_scratch: Annotated[
        bool,
        typer.Option(
            "--from-scratch",
            help="Propose a small network that begins with random weights, not a pretrained one.",
        ),
    ] = False,
) -> None:
    """Look at a folder of pictures and write a config for it, with comments."""
    from imgclf.commands.init import STDOUT, init
    from imgclf.config.json_schema import FILE_NAME
    from imgclf.report.survey import survey_lines

    done = init(directory, output, from_scratch=from_scratch, overrides=overrides or [])
    lines = survey_lines(done.seen, done.chosen.image_size, done.chosen.resize)
    if done.config == STDOUT:
        for line in lines:
            console.note(line)
        print(done.text, end="")
        return
    for line in lines:
        session.show(line)
    session.show(f"config: {done.config}")
    console.note(f"for editors, its schema: {done.config.parent / FILE_NAME}")
    console.note(session.as_typed_here(f"next: imgclf check {shlex.quote(str(done.config))}"))
    console.note(session.as_typed_here(f"then: imgclf train {shlex.quote(str(done.config))}"))
