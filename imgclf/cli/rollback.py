"""`imgclf rollback`."""

from typing import Annotated

import typer

from imgclf.cli import completion, session
from imgclf.cli.options import ModelOption


def command(
    version: Annotated[
        int | None,
        typer.Argument(
            help="Which. [default: the one before the present]",
            show_default=False,
            autocompletion=completion.versions,
        ),
    ] = None,
    model: ModelOption = None,
) -> None:
    """Put an earlier version of a model back in use."""
    from imgclf.commands.versions import rollback

    file = session.chosen_model(model)
    done = rollback(file, version)
    for correction in done.no_longer_in_force:
        session.show(f"no longer in force: {correction.path} ({correction.label})")
    for correction in done.in_force_again:
        session.show(f"in force again: {correction.path} ({correction.label})")
    counts = (
        (len(done.no_longer_in_force), "no longer in force"),
        (len(done.in_force_again), "in force again"),
    )
    what = ", ".join(f"{_corrections(count)} {said}" for count, said in counts if count)
    now = f"{file} is now version {done.version}, byte for byte, instead of {done.instead_of}"
    session.show(f"{now} ({what or 'with the same corrections'})")


def _corrections(count: int) -> str:
    return "1 correction is" if count == 1 else f"{count} corrections are"
