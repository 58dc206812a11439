"""The front door: options in, one verb, its result printed, an exit status out.

Verbs are imported inside the commands, so that `--help` and usage errors cost nothing. Only
this module prints or exits.

It has no `from __future__ import annotations`: typer would have to evaluate them as text, which
takes 10 ms of each command.
"""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imgclf import __version__
from imgclf.disk import problem_of
from imgclf.errors import ImgclfError, UsageError, nearest_match
from imgclf.signals import ended_by, raise_at_sigterm

if TYPE_CHECKING:
    from imgclf.export import Quantised
    from imgclf.model.manifest import Scores
    from imgclf.retrain import Retrained
    from imgclf.talk import Talk


class _Commands(typer.core.TyperGroup):
    """Gives Ctrl-C and SIGTERM messages and statuses of their own, before typer does."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command; what it printed is out when this returns."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except KeyboardInterrupt as error:
            raise ended_by(error) from None
        return result


app = typer.Typer(
    name="imgclf",
    cls=_Commands,
    help="Train, use and correct image classifiers.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ModelOption = Annotated[
    Path | None,
    typer.Option(
        "--model",
        "-m",
        help="A model file, or its name in models/. [default: $IMGCLF_MODEL, or the only one]",
        show_default=False,
    ),
]
CallbackOption = Annotated[
    list[str] | None,
    typer.Option(
        "--callback",
        metavar="FILE.py:CLASS",
        help="Run on Keras with this callback; may be given several times.",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a value of the config, such as training.epochs=5; may be given several "
        "times.",
    ),
]


class _Session:
    """Options that stand before the command."""

    quiet = False
    debug = False


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"imgclf {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    directory: Annotated[
        Path | None, typer.Option("-C", metavar="DIR", help="Work in this folder.")
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No notes and no progress, only warnings.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show a traceback if imgclf itself fails.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=_show_version, is_eager=True
        ),
    ] = False,
) -> None:
    _Session.quiet, _Session.debug = quiet, debug
    if directory is not None:
        try:
            os.chdir(directory)
        except OSError as error:
            raise UsageError(f"-C {directory}: {error.strerror}") from error


_ROW_FORMATS = ("table", "tsv", "csv", "jsonl")


def _known_format(received: str | None) -> str | None:
    if received is not None:
        _refuse_unknown("--format", received, _ROW_FORMATS)
    return received


@app.command("check")
def _check(
    config: Annotated[Path, typer.Argument(help="The YAML config.", show_default=False)],
    overrides: SetOption = None,
) -> None:
    """Look for what would spoil a training, in the config and in its pictures."""
    from imgclf.check import check

    talk = _talk()
    found = check(config, talk, overrides or [])
    width = max(len("class"), *(len(name) for name in found.counts))
    print(f"{'class':<{width}}  train  validate  test")
    for name, (training, validation, test) in found.counts.items():
        print(f"{name:<{width}}  {training:>5}  {validation:>8}  {test:>4}")
    for finding in found.findings:
        print(f"{finding.kind}: {finding.message}")
    for code in found.code:
        print(f"training will run code of your own: {code}")
    if not found.findings:
        talk.note("nothing found that would spoil a training")
    talk.note(f"next: imgclf train {config}")


@app.command("train")
def _train(
    config: Annotated[Path, typer.Argument(help="The YAML config.", show_default=False)],
    overrides: SetOption = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start anew, whatever an earlier run left.")
    ] = False,
    replay_memory: Annotated[
        str,
        typer.Option(
            "--replay-memory",
            metavar="SIZE",
            help="How much to keep of the pictures beside the model, for corrections; 0 for none.",
        ),
    ] = "64MB",
    summary: Annotated[
        bool, typer.Option("--summary", help="Show the network's layers first.")
    ] = False,
) -> None:
    """Train a model; run again after an interruption, it goes on where it was."""
    from imgclf.corrections.memory import parse_size
    from imgclf.train import train

    talk = _talk()
    done = train(
        config,
        talk,
        overrides or [],
        fresh=fresh,
        replay_memory=parse_size(replay_memory),
        show_summary=talk.note if summary else None,
    )
    if done.outcome == "unchanged":
        talk.note(f"nothing to do: {config} and its pictures are as they were trained on")
    if done.record.scores:
        print(_score_line(done.record.scores))
    if done.record.test_scores:
        print(_score_line(done.record.test_scores))
    print(f"model: {done.model}")
    print(f"run: {done.run.path}")
    if done.outcome == "unchanged":
        talk.note(f"to train anew: imgclf train {config} --fresh")
        return
    talk.note(
        f"{done.outcome} in {done.seconds:.0f} s; "
        f"epoch {done.record.published_epoch} of {done.record.epochs_run} published"
    )
    talk.note(f"curves: {done.run.curves}")
    if done.run.tensorboard.is_dir():
        talk.note(f"TensorBoard: tensorboard --logdir {done.run.path.parent}")
    talk.note(f"next: imgclf predict PICTURE --model {done.model}")


@app.command("predict")
def _predict(
    paths: Annotated[
        list[str],
        typer.Argument(help="Pictures, folders, or - for a list on stdin.", show_default=False),
    ],
    model: ModelOption = None,
    row_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="table, tsv, csv or jsonl. [default: as --output ends; else table on a "
            "terminal, tsv in a pipe]",
            show_default=False,
            callback=_known_format,
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
        float,
        typer.Option("--min-confidence", min=0, max=1, help="Label the less confident `unsure`."),
    ] = 0.0,
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
    callbacks: CallbackOption = None,
) -> None:
    """Say what pictures show."""
    from imgclf.files import open_output
    from imgclf.model.archive import find_model
    from imgclf.predict import find_inputs, open_for_prediction, predict
    from imgclf.report.rows import RowFormat, row_writer

    # Ends quietly when the reader of a pipe has had enough, as `imgclf predict ... | head` does.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    chosen = RowFormat(row_format or _row_format_for(output))
    how = [way for way, wanted in (("copy", copy), ("move", move), ("link", link)) if wanted]
    if len(how) > 1 or (how and sort_into is None):
        raise UsageError("--copy, --move and --link go with --sort-into, one of them at a time")
    talk = _talk()
    file = find_model(model, os.environ.get("IMGCLF_MODEL"))
    classifier = open_for_prediction(file, callbacks or [], talk)
    rows = predict(classifier, find_inputs(paths, sys.stdin), min_confidence)
    if sort_into is not None:
        from imgclf.data.filing import Filing
        from imgclf.sort import sort

        rows = sort(rows, sort_into, Filing(how[0] if how else "copy"))
    unreadable = 0
    with open_output(output) as stream, talk.track("predicting") as advance:
        write = row_writer(stream, chosen, classifier.manifest.class_names, top)
        for row in rows:
            write(row)
            unreadable += row.error is not None
            advance(1)
    if unreadable:
        raise typer.Exit(4)


@app.command("evaluate")
def _evaluate(
    directory: Annotated[
        Path | None,
        typer.Argument(
            help="Class folders. [default: the validation part of what it was trained on]",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    callbacks: CallbackOption = None,
) -> None:
    """Score a model on labelled pictures."""
    from imgclf.evaluate import evaluate
    from imgclf.model.archive import find_model
    from imgclf.report.scores import evaluation_table

    file = find_model(model, os.environ.get("IMGCLF_MODEL"))
    found = evaluate(file, directory, callbacks or [], _talk())
    print(_json(found) if as_json else evaluation_table(found))
    if found.unreadable:
        raise typer.Exit(4)


@app.command("retrain")
def _retrain(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="PICTURE...",
            help="Pictures that the model has wrong, with --label; or tables (.csv, .tsv) with the "
            "columns path and label; or folders with a folder for each class; or - for lines of "
            "path and label on stdin, or of paths with --label. Paths in a table are relative to "
            "the working directory, or to the table's folder if not found there.",
            show_default=False,
        ),
    ],
    label: Annotated[
        str | None, typer.Option("--label", "-l", help="What they all are.", show_default=False)
    ] = None,
    model: ModelOption = None,
    max_drop: Annotated[
        float | None,
        typer.Option(
            "--max-drop",
            min=0,
            max=1,
            metavar="SHARE",
            help="By how much accuracy on held-out pictures, overall and of each class, may be "
            "below the trained model's. [default: one standard error]",
            show_default=False,
        ),
    ] = None,
    relabel: Annotated[
        bool,
        typer.Option("--relabel", help="Take back what a picture was corrected to before."),
    ] = False,
    fix_dataset: Annotated[
        bool,
        typer.Option(
            "--fix-dataset",
            help="If the data set has one of the pictures under another label, move it.",
        ),
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            help="Class folders to replay and to judge by, for a model without a replay memory.",
            show_default=False,
        ),
    ] = None,
    new_class: Annotated[
        bool,
        typer.Option(
            "--new-class",
            help="One label may be a class that the model doesn't have yet; it takes at least 10 "
            "pictures of it.",
        ),
    ] = False,
    unguarded: Annotated[
        bool,
        typer.Option(
            "--unguarded",
            help="Fit on the pictures alone and publish whatever comes of it, as tutorials do. It "
            "forgets a lot.",
        ),
    ] = False,
    epochs: Annotated[
        int, typer.Option("--epochs", min=1, help="With --unguarded: how many times over.")
    ] = 5,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would come of it; change nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Correct a model, if that does not make it worse on other pictures.

    Pictures that can't be read are listed with the reason, the others are learned, and the exit
    status is 4. If none can be learned, the model stays as it is, byte for byte, and it is 3.
    """
    import dataclasses
    import json

    from imgclf.corrections.inputs import read_inputs
    from imgclf.model.archive import find_model
    from imgclf.report.corrections import fate_line, judged_table
    from imgclf.retrain import Options, retrain

    talk = _talk()
    file = find_model(model, os.environ.get("IMGCLF_MODEL"))
    options = Options(
        dry_run=dry_run,
        max_drop=max_drop,
        relabel=relabel,
        fix_dataset=fix_dataset,
        data=data,
        new_class=new_class,
        unguarded_epochs=epochs if unguarded else None,
    )
    done = retrain(file, read_inputs(inputs, label, sys.stdin), talk, options)
    for wrong in done.misfiled:
        what = f"moved to {wrong.moved_to}" if wrong.moved_to else "--fix-dataset moves it"
        talk.warning(
            f"{wrong.path} is one of these pictures: it lies under {wrong.label} and is "
            f"{wrong.is_really}; {what}"
        )
    if as_json:
        print(json.dumps(dataclasses.asdict(done), indent=2, default=str))
    else:
        for picture in done.pictures:
            print(fate_line(picture))
        if done.judged is not None:
            print(judged_table(done.judged))
        print(_retrained_line(done))
    if done.outcome == "refused":
        raise typer.Exit(3)
    if any(picture.fate == "unreadable" for picture in done.pictures):
        raise typer.Exit(4)


@app.command("adopt")
def _adopt(
    source: Annotated[
        Path,
        typer.Argument(metavar="MODEL.keras", help="A model made by Keras.", show_default=False),
    ],
    classes: Annotated[
        str,
        typer.Option(
            "--classes",
            metavar="CAT,DOG",
            help="The classes in the order of the outputs; Keras's image_dataset_from_directory "
            "takes the folders in alphabetical order.",
            show_default=False,
        ),
    ],
    image_size: Annotated[
        str | None,
        typer.Option(
            "--image-size",
            metavar="HEIGHTxWIDTH",
            help="For a model that takes any. [default: as the model says]",
            show_default=False,
        ),
    ] = None,
    resize: Annotated[
        str, typer.Option("--resize", help="stretch, crop or pad pictures to that size.")
    ] = "stretch",
    scale: Annotated[
        str | None,
        typer.Option(
            "--scale",
            metavar="FACTOR",
            help="Multiply values from 0 to 255 first: 1/255 for a model that was trained on 0 "
            "to 1 and doesn't scale by itself.",
            show_default=False,
        ),
    ] = None,
    offset: Annotated[
        str, typer.Option("--offset", metavar="NUMBER", help="Add this after --scale.")
    ] = "0",
    name: Annotated[
        str | None,
        typer.Option("--name", help="[default: the file's name]", show_default=False),
    ] = None,
) -> None:
    """Make a model file of a plain Keras model that was trained elsewhere."""
    from imgclf.adopt import adopt, parse_factor, parse_image_size

    _refuse_unknown("--resize", resize, ("stretch", "crop", "pad"))
    talk = _talk()
    done = adopt(
        source,
        [word.strip() for word in classes.split(",")],
        talk,
        image_size=None if image_size is None else parse_image_size(image_size),
        resize=resize,  # type: ignore[arg-type]
        scale=None if scale is None else parse_factor("--scale", scale),
        offset=parse_factor("--offset", offset),
        name=name,
    )
    decoder = done.manifest.decoder
    print(f"classes: {', '.join(done.manifest.class_names)}")
    print(f"pictures: {decoder.height}x{decoder.width}, {decoder.resize}")
    print(f"model: {done.model}")
    if done.manifest.version > 1:
        talk.note(f"version {done.manifest.version}; earlier ones: imgclf history")
    talk.note(f"next: imgclf predict PICTURE --model {done.model}")


@app.command("export")
def _export(
    form: Annotated[
        str, typer.Option("--format", help="litert, onnx or saved_model.", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Where to. [default: the model's name, in the working directory]",
            show_default=False,
        ),
    ] = None,
    quantize: Annotated[
        str | None,
        typer.Option(
            "--quantize",
            metavar="int8",
            help="Compute in int8, for small devices; litert only.",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = None,
) -> None:
    """Write a model for LiteRT, ONNX or TensorFlow, checked against its own outputs."""
    from imgclf.export import FORMATS, export
    from imgclf.model.archive import find_model

    _refuse_unknown("--format", form, tuple(FORMATS))
    if quantize is not None:
        _refuse_unknown("--quantize", quantize, ("int8",))
    talk = _talk()
    file = find_model(model, os.environ.get("IMGCLF_MODEL"))
    done = export(file, form, talk, output=output, quantize=quantize)  # type: ignore[arg-type]
    print(f"{done.path}: {done.size} bytes")
    print(f"largest difference from the model's outputs: {done.difference:.1e} ({done.compared})")
    if done.quantised is not None:
        print(_quantised_lines(done.quantised))
    talk.note(done.usage())


@app.command("history")
def _history(
    model: ModelOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the versions of a model, what was corrected and what they scored."""
    from imgclf.history import history
    from imgclf.model.archive import find_model

    found = history(find_model(model, os.environ.get("IMGCLF_MODEL")))
    if as_json:
        print(_json(found))
        return
    print("version  parent  corrections   new  before   after  created")
    for one in found:
        before, after = (
            "-" if score is None else f"{score:.4f}" for score in (one.score_before, one.score)
        )
        print(
            f"{one.version:>7}  {one.parent or '-':>6}  {one.corrections:>11}  {len(one.new):>4}"
            f"  {before:>6}  {after:>6}  {one.created}" + ("  (in use)" if one.in_use else "")
        )


@app.command("rollback")
def _rollback(
    version: Annotated[
        int | None,
        typer.Argument(help="Which. [default: the one before the present]", show_default=False),
    ] = None,
    model: ModelOption = None,
) -> None:
    """Put an earlier version of a model back in use."""
    from imgclf.history import rollback
    from imgclf.model.archive import find_model

    file = find_model(model, os.environ.get("IMGCLF_MODEL"))
    done = rollback(file, version)
    for correction in done.no_longer_in_force:
        print(f"no longer in force: {correction.path} ({correction.label})")
    print(
        f"{file} is now version {done.version}, byte for byte "
        f"({len(done.no_longer_in_force)} corrections are no longer in force)"
    )


@app.command("demo")
def _demo(
    directory: Annotated[Path, typer.Argument(help="Where to; made if it is not there.")] = Path(
        "imgclf-demo"
    ),
) -> None:
    """Try everything on drawn pictures: train, predict, correct one mistake."""
    from imgclf.demo import demo

    demo(directory, _talk(), show=print)


def main() -> None:
    """Runs the command line; the only place where errors become messages and statuses."""
    raise_at_sigterm()
    try:
        app()
    except ImgclfError as error:
        print(f"imgclf: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
    except Exception as error:
        if _Session.debug:
            raise
        if isinstance(error, OSError) and (reason := problem_of(error)):
            sys.exit(_report_refusal(error, reason))
        sys.exit(_report_fault(error))


def _report_refusal(error: OSError, reason: str) -> int:
    print(f"imgclf: {error.filename or 'standard output'}: {reason}", file=sys.stderr)
    # Or Python tries again at its end to print what is left, and says so in its own words.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return UsageError.exit_status


def _report_fault(error: Exception) -> int:
    import tempfile  # with traceback, 10 ms, which only a fault should cost
    import traceback

    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="imgclf-", suffix=".log", delete=False, encoding="utf-8", errors="replace"
        ) as log:
            log.write(f"imgclf {__version__}, arguments: {sys.argv[1:]}\n")
            log.writelines(traceback.format_exception(error))
        where = f"what happened is written in {log.name}; with --debug it is shown"
    except OSError as refused:
        where = f"with --debug it is shown what happened; it can't be written: {refused.strerror}"
    print(
        f"imgclf: a fault of imgclf itself: {type(error).__name__}: {error}\n{where}",
        file=sys.stderr,
    )
    return ImgclfError.exit_status


def _talk() -> "Talk":
    from imgclf.talk import Talk

    return Talk(sys.stderr, quiet=_Session.quiet)


def _row_format_for(output: Path | None) -> str:
    if output is None:
        return "table" if sys.stdout.isatty() else "tsv"
    ending = output.suffix.removeprefix(".")
    return ending if ending in _ROW_FORMATS else "tsv"


def _refuse_unknown(option: str, received: str, allowed: Sequence[str]) -> None:
    if received not in allowed:
        near = nearest_match(received, allowed)
        raise UsageError(
            f"{option} {received}: allowed are {', '.join(allowed)}"
            + (f"; did you mean {near}?" if near else "")
        )


def _json(result: object) -> str:
    import msgspec

    return msgspec.json.format(msgspec.json.encode(result)).decode()


def _score_line(scores: "Scores") -> str:
    return f"{scores.part} accuracy: {scores.accuracy:.4f} ({scores.pictures} pictures)"


def _quantised_lines(cost: "Quantised") -> str:
    lines = [
        f"held-out accuracy: {cost.before:.4f} before, {cost.after:.4f} in int8 "
        f"({cost.pictures} pictures)"
    ]
    if cost.corrected:
        lines.append(f"corrections that hold: {cost.hold} of {cost.corrected}")
    if cost.size_before is not None:
        lines.append(f"size before: {cost.size_before} bytes")
    return "\n".join(lines)


def _retrained_line(done: "Retrained") -> str:
    counts = ", ".join(
        f"{sum(picture.fate == fate for picture in done.pictures)} {fate}"
        for fate in ("corrected", "right already", "left out", "unreadable")
    )
    what = {
        "corrected": f"{done.model} is now version {done.version}",
        "right already": f"{done.model} stays at version {done.version}: nothing to learn",
        "refused": f"{done.model} stays at version {done.version}: nothing could be learned "
        "without harm",
        "unguarded": f"{done.model} is now version {done.version}, unguarded",
        "dry run": f"{done.model} stays at version {done.version}: a dry run",
    }[done.outcome]
    return f"{what} ({counts})"
