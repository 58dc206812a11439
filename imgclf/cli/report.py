"""`imgclf report`."""

from typing import Annotated

import typer

from imgclf.cli import completion, session
from imgclf.system import console


def command(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            help="The folder of a run; or a name, of which the latest finished training is taken. "
            "[default: the only name]",
            show_default=False,
            autocompletion=completion.runs,
        ),
    ] = None,
) -> None:
    """Make the report of a training again, without its pictures."""
    from imgclf.commands.report import report

    made = report(run)
    session.show(f"report: {made.report}")
    charts = (made.curves, made.confusion, made.calibration)
    console.note(f"its charts: {', '.join(str(one) for one in charts if one.exists())}")
