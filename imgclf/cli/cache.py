"""`imgclf cache`."""

from typing import Annotated

import typer

from imgclf.cli import session
from imgclf.errors import UsageError
from imgclf.system import console


def command(
    clear: Annotated[bool, typer.Option("--clear", help="Remove all that is not in use.")] = False,
    keep: Annotated[
        str | None,
        typer.Option(
            "--keep",
            metavar="SIZE",
            help="Remove what was not used for longest, until no more than this is left: 2GB, say.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what is kept to save work, here and in the user's cache; clear or trim it."""
    from imgclf.cli.option_texts import parse_size
    from imgclf.commands.cache import listed, trim
    from imgclf.report.cache import cache_table, counted

    if clear and keep is not None:
        raise UsageError("--clear keeps nothing, so it does not go with --keep")
    if clear or keep is not None:
        done = trim(0 if keep is None else parse_size("--keep", keep))
        console.note(f"removed {counted(done.removed)}")
        if done.in_use:
            console.warning(f"left {counted(done.in_use)}, which a running imgclf uses")
    entries = listed()
    if as_json:
        print(session.as_json_text(entries))
    elif entries:
        print(cache_table(entries))
    console.note(counted(entries) if entries else "the cache is empty")
    if entries and not clear and keep is None:
        console.note("all of it can be made again: imgclf cache --clear")
