"""`imgclf demo`."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    directory: Annotated[Path, typer.Argument(help="Where to; made if it is not there.")] = Path(
        "imgclf-demo"
    ),
) -> None:
    """Try everything on drawn pictures: train, predict, correct one mistake."""
    from imgclf.commands.demo import demo

    demo(directory, show=print)
