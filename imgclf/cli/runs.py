"""`imgclf runs`."""

from typing import Annotated

import typer

from imgclf.cli import completion, session
from imgclf.cli.options import HtmlOption
from imgclf.system import console


def command(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Only the trainings of this config. [default: all]",
            show_default=False,
            autocompletion=completion.runs,
        ),
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="SCORE",
            help="Best first by this score on the validation pictures: accuracy, loss or another "
            "metric of the log, balanced_accuracy, macro_f1; training_loss and the like; "
            "test_accuracy and the like.",
        ),
    ] = "accuracy",
    html: HtmlOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the trainings so far side by side, best first."""
    from imgclf.commands.runs import runs
    from imgclf.report.runs import runs_table
    from imgclf.work_folders import RUNS_DIRECTORY

    if html is not None:
        from imgclf.commands.output_places import refuse_place
        from imgclf.report.pages import refuse_target

        refuse_place("--html", html)
        refuse_target("--html", html, "runs")
    found = runs(name, by)
    if html is not None:
        from imgclf.report.runs_page import write_runs_page

        write_runs_page(html, found, by.removeprefix("val_"), name)
    if as_json:
        print(session.as_json_text(found))
    elif found:
        print(runs_table(found, by.removeprefix("val_")))
    else:
        console.note(f"no trainings in {RUNS_DIRECTORY}/ yet; imgclf train CONFIG makes one")
    for run in found:
        if run.error is not None:
            console.warning(f"{run.path}: {run.error}")
        if run.failure is not None:
            console.note(f"{run.path} failed: {run.failure}")
    if html is not None:
        console.note(f"{html}: to look at in a browser")
    if any(run.tensorboard for run in found):
        folder = RUNS_DIRECTORY if name is None else RUNS_DIRECTORY / name
        console.note(f"their curves together: {session.tensorboard_command(folder)}")
    if any(run.error for run in found):
        raise typer.Exit(4)
