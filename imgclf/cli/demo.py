"""`imgclf demo`."""

from pathlib import Path
from typing import Annotated

import typer

from imgclf.cli import session


def command(
    directory: Annotated[Path, typer.Argument(help="Where to; made if it is not there.")] = Path(
        "imgclf-demo"
    ),
) -> None:
    """Try everything on drawn pictures: train, predict, correct one mistake."""
    from imgclf.demo import demo

    demo(directory, session.talk(), show=print)
