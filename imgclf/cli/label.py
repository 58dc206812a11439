"""`imgclf label`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgclf.cli import session
from imgclf.errors import UsageError
from imgclf.system import console

if TYPE_CHECKING:
    from imgclf.labelling.progress import Progress


def command(
    directory: Annotated[
        Path,
        typer.Argument(help="A folder of pictures, in whatever folders.", metavar="PHOTOS"),
    ],
    classes: Annotated[
        str | None,
        typer.Option(
            "--classes",
            metavar="A,B",
            help="What a picture can be, in the order of the keys 1, 2, ...",
            show_default=False,
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            metavar="FILE.csv",
            dir_okay=False,
            help="The table that the page before has saved.",
            show_default=False,
        ),
    ] = None,
    review: Annotated[
        Path | None,
        typer.Option(
            "--review",
            metavar="HTML",
            dir_okay=False,
            help="The page to label the next pictures on. [needed at first]",
            show_default=False,
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            "--count",
            min=2,
            max=1000,
            metavar="N",
            help="Pictures to learn from on the page; twice as many "
            "are drawn at random to judge by, until these are enough. [default: 20]",
            show_default=False,
        ),
    ] = None,
    within: Annotated[
        float | None,
        typer.Option(
            "--within",
            min=0.001,
            max=0.5,
            metavar="SHARE",
            help="Those to judge by are enough when accuracy is known to so much on each side. "
            "[default: 0.03]",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Label a folder of pictures from nothing, those first that teach the most."""
    from imgclf.commands.label import COUNT, WITHIN, label
    from imgclf.commands.output_places import refuse_place
    from imgclf.labelling.labels import next_table
    from imgclf.report.labelling import progress_lines, write_labelling_page
    from imgclf.report.pages import refuse_target

    photos = shlex.quote(str(directory))
    if review is None and labels is None:
        raise UsageError("nothing says where the page shall be", "for example: --review label.html")
    if review is not None:
        refuse_place("--review", review)
        refuse_target("--review", review, "review")
    names = None if classes is None else [name.strip() for name in classes.split(",")]
    progress, page = label(directory, labels, names, count=count or COUNT, within=within or WITHIN)
    if as_json:
        print(session.as_json_text(progress))
    else:
        for line in progress_lines(progress):
            session.show(line)
    if review is not None and (page.to_learn or page.to_judge):
        file = next_table(labels)
        again = (
            f"imgclf label {photos} --labels {file} "
            f"--classes {shlex.quote(','.join(page.earlier.class_names))} "
            f"--review {shlex.quote(str(review))}"
        )
        again = session.as_typed_here(again)
        shown = write_labelling_page(review, page, directory, file, again)
        console.note(f"{review}: {shown} pictures to label in a browser; save {file}, then:")
        console.note(f"  {again}")
    if progress.bounds is not None and not progress.enough and not page.to_judge:
        console.note("all that were set apart to judge by have labels: it stays as uncertain")
    if labels is not None:
        _say_how_to_train(progress, photos, labels)
    if progress.unreadable:
        raise typer.Exit(4)


def _say_how_to_train(progress: "Progress", photos: str, labels: Path) -> None:
    for counts, what in ((progress.learned, "learn from"), (progress.judged, "judge by")):
        missing = [name for name, count in counts.items() if not count]
        if missing:
            console.note(f"a training needs every class: {', '.join(missing)} has none to {what}")
            return
    init = f"imgclf init {photos} --set data.table={shlex.quote(str(labels))}"
    when = "to train now" if progress.enough else "to train with what there is"
    console.note(session.as_typed_here(f"{when}: {init}"))
