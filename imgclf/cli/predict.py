"""`imgclf predict`."""

import os
import signal
import stat
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO, cast

import typer

from imgclf.cli import completion, session
from imgclf.cli.options import (
    ROW_FORMATS,
    CallbackOption,
    MinPrecisionOption,
    ModelOption,
    ReviewOption,
    row_format_known,
)
from imgclf.errors import UsageError
from imgclf.system import console

if TYPE_CHECKING:
    from io import BufferedReader

    from imgclf.model_file.manifest import Manifest
    from imgclf.report.prediction_rows import RowFormat


def command(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Pictures, folders, or - for stdin: a picture, or a list, one path a line.",
            show_default=False,
        ),
    ],
    model: ModelOption = None,
    row_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="table, tsv, csv or jsonl. [default: as --output ends; else table on a "
            "terminal, tsv in a pipe]",
            show_default=False,
            callback=row_format_known,
            autocompletion=completion.one_of(ROW_FORMATS),
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the rows to this file.", show_default=False),
    ] = None,
    top: Annotated[
        int | None, typer.Option("--top", min=1, help="Only the K likeliest classes.", metavar="K")
    ] = None,
    min_confidence: Annotated[
        str | None,
        typer.Option(
            "--min-confidence",
            metavar="SHARE|CLASS=SHARE,...",
            help="Label the less confident `unsure`: for all classes (0.8), or for some by "
            "themselves (cat=0.9,dog=0.8).",
            show_default=False,
        ),
    ] = None,
    min_precision: MinPrecisionOption = None,
    sort_into: Annotated[
        Path | None,
        typer.Option("--sort-into", metavar="DIR", help="File the pictures into DIR/LABEL/."),
    ] = None,
    copy: Annotated[
        bool, typer.Option("--copy", help="With --sort-into: copy them. [the default]")
    ] = False,
    move: Annotated[bool, typer.Option("--move", help="With --sort-into: move them.")] = False,
    link: Annotated[
        bool, typer.Option("--link", help="With --sort-into: make symbolic links.")
    ] = False,
    suggested: Annotated[
        int | None,
        typer.Option(
            "--suggest",
            min=1,
            metavar="N",
            help="Only the N that are most worth a label: uncertain, unlike each other and unlike "
            "what the model knows.",
        ),
    ] = None,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Wait for pictures that come into the folders, and write a row of each to "
            "--output, until it is told to end.",
        ),
    ] = False,
    review: ReviewOption = None,
    callbacks: CallbackOption = None,
) -> None:
    """Say what pictures show."""
    # First and here, for where modules import it that are imported by others, the calls of its own
    # may just cross the end of a chunk of frames, which CPython then asks for and gives back each
    # time: 16 ms.
    import numpy  # noqa: F401

    from imgclf.commands.min_confidence import read_min_confidence, read_min_precision
    from imgclf.commands.output_places import refuse_place, refuse_to_replace_rows
    from imgclf.commands.predict import (
        find_inputs,
        load,
        picture_on,
        reader,
    )
    from imgclf.data.left_out import LeftOut
    from imgclf.report.prediction_rows import RowFormat, row_writer
    from imgclf.system.files import open_output

    if sys.platform != "win32":
        # Ends quietly when the reader of a pipe has had enough: `imgclf predict ... | head`.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    chosen = RowFormat(row_format or _row_format_for(output))
    if watch:
        if sort_into or suggested or review or callbacks or min_precision or copy or move or link:
            raise UsageError(
                "--watch does not go with --sort-into, --suggest, --review, --callback, "
                "--min-precision"
            )
        _watch(paths, session.chosen_model(model), output, (chosen, top), min_confidence)
        return
    how = [way for way, wanted in (("copy", copy), ("move", move), ("link", link)) if wanted]
    if len(how) > 1 or (how and sort_into is None):
        raise UsageError("--copy, --move and --link go with --sort-into, one of them at a time")
    if review is not None and (move or review == output):
        raise UsageError(f"--review does not go with {'--move' if move else f'--output {output}'}")
    if min_precision is not None and min_confidence is not None:
        raise UsageError("--min-precision chooses what --min-confidence says: one of them")
    precision = None if min_precision is None else read_min_precision(min_precision)
    file = session.chosen_model(model)
    classifier = load(file, callbacks or [])
    names = classifier.manifest.class_names
    _refuse_one_label_options(
        classifier.manifest,
        {
            "--min-confidence": min_confidence,
            "--sort-into": sort_into,
            "--suggest": suggested,
            "--review": review,
        },
    )
    least = {} if min_confidence is None else read_min_confidence(min_confidence, names)
    if precision is not None:
        from imgclf.commands.min_precision import choose_thresholds
        from imgclf.report.min_precision import thresholds_line

        chosen_limits = choose_thresholds(file, classifier.manifest, precision)
        least = chosen_limits.limits
        console.note(f"--min-precision {precision}: {thresholds_line(chosen_limits)}")
    for option, place in (("--output", output), ("--review", review), ("--sort-into", sort_into)):
        if place is not None:
            refuse_place(option, place, classifier.manifest)
    if output is not None:
        refuse_to_replace_rows(output)
    count, unreadable, unlike, left_out = 0, 0, 0, LeftOut()
    # Before the first byte of standard input, for which somebody may have to be waited.
    with open_output(output) as stream:
        piped = picture_on(cast("BufferedReader", sys.stdin.buffer)) if "-" in paths else None
        if piped is not None and (sort_into is not None or review is not None or suggested):
            raise UsageError(
                "--sort-into, --suggest and --review are for files; on standard input is a picture"
            )
        lines = sys.stdin if piped is None else ["-"]
        inputs, total = _counted(find_inputs(paths, lines, left_out), paths)
        read = reader(piped)
        if review is not None:
            from imgclf.report import review_predictions as page
            from imgclf.report.pages import refuse_target

            refuse_target("--review", review, "review")
            thumbnails = page.Thumbnails()
            read = thumbnails.read
            explanations = page.Explanations.by(classifier, file)
            if explanations is not None and suggested is None:
                classifier = explanations.watched
        if suggested is None:
            rows = classifier.stream(inputs, least, read)
        else:
            from imgclf.commands.suggest import suggest

            found = suggest(classifier, file, inputs, suggested, left_out, total=total)
            rows, total = iter([row.or_unsure(least) for row in found]), len(found)
        if precision is not None:  # held-out pictures promise nothing of those unlike them
            rows = (row.unless_unlike() for row in rows)
        if review is not None:
            again = session.as_typed_here(session.retrain_command("corrections.csv", file))
            why = page.why_of(explanations, None if suggested is None else found)
            name = classifier.manifest.name
            rows = page.review(rows, thumbnails, review, names, name, again, why)
        if sort_into is not None:
            from imgclf.commands.predict import sort
            from imgclf.data.filing import Filing

            rows = sort(rows, sort_into, Filing(how[0] if how else "copy"))
        with _progress(total) as advance:
            begun = list(islice(rows, 1))
            if not _goes_to_a_file(stream):
                advance.clear()  # the rows are to be seen, in a pipe's case maybe, where the bar is
            several = classifier.manifest.multi_label
            write = row_writer(stream, chosen, names, top, multi_label=several)
            for row in chain(begun, rows):
                write(row)
                count += 1
                unreadable += row.error is not None
                unlike += bool(row.unlike)
                advance(1)
    left_out.say()
    if unlike:
        pictures = f"{count} {'picture is' if count == 1 else 'pictures are'}"
        of_all = "" if count == 1 else f"{unlike} of "
        console.note(
            f"{of_all}{pictures} unlike those that {classifier.manifest.name} was trained on: "
            "its answer means little there"
        )
    if not count:
        console.warning(f"no pictures in {', '.join(paths)}")
    if unreadable or left_out.unreadable or not count:
        raise typer.Exit(4)


def _watch(
    paths: list[str],
    model: Path,
    output: Path | None,
    form: "tuple[RowFormat, int | None]",
    min_confidence: str | None,
) -> None:
    """Answers for what comes; to be told to end is how it ends, and no failure."""
    from imgclf.commands.min_confidence import read_min_confidence
    from imgclf.commands.output_places import refuse_place
    from imgclf.commands.watch import require_folders, watch
    from imgclf.model_file.archive import read_manifest
    from imgclf.report.row_log import RowLog
    from imgclf.system.lock import lock
    from imgclf.system.signals import StopRequest

    if output is None or form[0] == "table":
        raise UsageError(
            "--watch needs a file of rows, which says what was answered before",
            "add --output rows.jsonl (or .csv, .tsv)",
        )
    manifest = read_manifest(model)
    _refuse_one_label_options(manifest, {"--watch": output})
    names = manifest.class_names
    least = {} if min_confidence is None else read_min_confidence(min_confidence, names)
    refuse_place("--output", output, manifest)
    folders = require_folders(paths)
    stop = StopRequest(says_so=False)
    with stop.listening(), lock(output):
        log = RowLog(output, *form)
        console.note(f"watching {', '.join(paths)}; {output} has rows of {len(log)} pictures")
        done = watch(folders, model, log, least, stop)
    unreadable = f", {done.unreadable} of them unreadable" if done.unreadable else ""
    console.note(f"ended; rows of {done.answered} pictures were written{unreadable}")


def _refuse_one_label_options(manifest: "Manifest", given: dict[str, object]) -> None:
    """Options that a model of several labels has no use for."""
    from imgclf.model_file.one_label import require_one_label

    for option, value in given.items():
        if value is not None:
            way_on = "its rows have all labels and probabilities: imgclf predict --format jsonl"
            require_one_label(manifest, option, way_on)


def _counted(inputs: Iterator[str], paths: list[str]) -> tuple[Iterator[str], int | None]:
    """The inputs, and how many there are if somebody will see that on a bar."""
    if "-" in paths or not console.current().terminal:
        return inputs, None
    found = list(inputs)
    return iter(found), len(found)


def _progress(total: int | None) -> AbstractContextManager[console.Advance]:
    if total == 1:  # done before a bar could be seen
        return nullcontext(console.Advance(lambda _: None))
    return console.track("predicting", total)


def _goes_to_a_file(stream: TextIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except OSError:  # no file of the system's at all
        return False


def _row_format_for(output: Path | None) -> str:
    if output is None:
        return "table" if sys.stdout.isatty() else "tsv"
    ending = output.suffix.removeprefix(".").lower()
    if ending in ROW_FORMATS:
        return ending
    if ending not in ("", "txt"):
        raise UsageError(
            f"--output {output}: rows go to files that end in .tsv, .csv, .jsonl or .txt",
            "name another, or say --format",
        )
    return "tsv"
