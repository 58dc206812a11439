"""`imgclf rollback`."""

from typing import Annotated

import typer

from imgclf.cli import session
from imgclf.cli.options import ModelOption


def command(
    version: Annotated[
        int | None,
        typer.Argument(help="Which. [default: the one before the present]", show_default=False),
    ] = None,
    model: ModelOption = None,
) -> None:
    """Put an earlier version of a model back in use."""
    from imgclf.commands.versions import rollback

    file = session.chosen_model(model)
    done = rollback(file, version)
    for correction in done.no_longer_in_force:
        print(f"no longer in force: {correction.path} ({correction.label})")
    print(
        f"{file} is now version {done.version}, byte for byte "
        f"({len(done.no_longer_in_force)} corrections are no longer in force)"
    )
