"""`imgclf retrain`."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgclf.cli import completion, session
from imgclf.cli.options import ModelOption
from imgclf.errors import UsageError
from imgclf.system import console

if TYPE_CHECKING:
    from imgclf.commands.forget import Forgotten
    from imgclf.commands.retrain import Retrained


def command(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PICTURE...",
            help="Pictures that the model has wrong, with --label; or tables (.csv, .tsv) with the "
            "columns path and label; or folders with a folder for each class, or with those in "
            "folders of parts; or - for lines of path and label on stdin, or of paths with "
            "--label. Paths in a table are relative to "
            "the working directory, or to the table's folder if not found there.",
            show_default=False,
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            "--label",
            "-l",
            help="What they all are.",
            show_default=False,
            autocompletion=completion.class_names,
        ),
    ] = None,
    model: ModelOption = None,
    forget: Annotated[
        list[str] | None,
        typer.Option(
            "--forget",
            metavar="PICTURE",
            help="Undo the correction of this picture, by its content; or, if it is gone, of what "
            "lay there, or had this SHA-256. May be given several times, and goes with no other "
            "pictures.",
            show_default=False,
        ),
    ] = None,
    max_drop: Annotated[
        float | None,
        typer.Option(
            "--max-drop",
            min=0,
            max=1,
            metavar="SHARE",
            help="By how much accuracy on held-out pictures, overall and of each class, may be "
            "below the trained model's and that of the one in use. [default: what chance explains]",
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
            help="Class folders, the folders of parts with those, or a table, to replay and to "
            "judge by, for a model without a replay memory.",
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
    import json

    import msgspec

    from imgclf.commands.retrain import Options, retrain
    from imgclf.corrections.guard import DROPS
    from imgclf.corrections.inputs import read_inputs
    from imgclf.data.left_out import LeftOut
    from imgclf.model_file.archive import read_manifest
    from imgclf.report.corrections import judged_table, outcome_line

    file = session.chosen_model(model)
    if forget:
        others = (inputs, label, relabel, fix_dataset, new_class, unguarded)
        if any(others):
            raise UsageError(
                "--forget goes with --model, --max-drop, --data, --dry-run and --json alone",
                "forget first, and correct by another command",
            )
        _forget(file, forget, max_drop, data, dry_run=dry_run, as_json=as_json)
        return
    if not inputs:
        raise UsageError("which pictures?", "imgclf retrain PICTURE --label CLASS")
    options = Options(
        dry_run=dry_run,
        max_drop=max_drop,
        relabel=relabel,
        fix_dataset=fix_dataset,
        data=data,
        new_class=new_class,
        unguarded_epochs=epochs if unguarded else None,
    )
    class_names = read_manifest(file).class_names
    left_out = LeftOut()
    labelled = read_inputs(inputs, label, sys.stdin, class_names, left_out)
    left_out.say()
    done = retrain(file, labelled, options)
    for wrong in done.misfiled:
        what = f"moved to {wrong.moved_to}" if wrong.moved_to else "--fix-dataset moves it"
        if wrong.table is not None:
            what = f"correct its line in {wrong.table}"
        where = "lies under" if wrong.table is None else "has the label"
        console.warning(
            f"{wrong.path} is one of these pictures: it {where} {wrong.label} and is "
            f"{wrong.is_really}; {what}"
        )
    if as_json:
        print(json.dumps(msgspec.to_builtins(done, enc_hook=str), indent=2))
    else:
        for picture in done.pictures:
            session.show(outcome_line(picture))
        if done.judged is not None:
            session.show(judged_table(done.judged))
            if any(picture.reason == DROPS for picture in done.pictures):
                allowed = f"--max-drop {done.judged.drop_asked:.4g}"
                console.note(f"held-out accuracy would drop: {allowed} would let it through")
        session.show(_retrained_line(done))
    _say_what_is_doubtful(done)
    if done.outcome == "refused":
        raise typer.Exit(3)
    if left_out.unreadable or any(picture.outcome == "unreadable" for picture in done.pictures):
        raise typer.Exit(4)


def _forget(
    model: Path,
    pictures: list[str],
    max_drop: float | None,
    data: Path | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    import json

    import msgspec

    from imgclf.commands.forget import forget
    from imgclf.report.corrections import judged_table

    done = forget(model, pictures, max_drop=max_drop, data=data, dry_run=dry_run)
    if as_json:
        print(json.dumps(msgspec.to_builtins(done, enc_hook=str), indent=2))
    else:
        if done.judged is not None:
            session.show(judged_table(done.judged))
        outcome = "forgotten" if done.outcome == "forgotten" else "not forgotten"
        for one in done.corrections:
            session.show(f"{one.path}: {one.label} ({outcome})")
        session.show(_forgotten_line(done))
    if done.outcome == "refused":
        raise typer.Exit(3)


def _forgotten_line(done: "Forgotten") -> str:
    stays = f"{done.model} stays at version {done.version}"
    if done.outcome == "refused":
        return f"{stays}: it would be worse without that"
    if done.outcome == "dry run":
        return f"{stays}: a dry run"
    if not any(one.in_force for one in done.corrections):
        return f"{stays}, which has none of that; the next training leaves it out"
    again = "" if done.same_as is None else f", with the network of version {done.same_as} again"
    return f"{done.model} is now version {done.version}{again} ({len(done.corrections)} forgotten)"


def _say_what_is_doubtful(done: "Retrained") -> None:
    doubtful = [picture for picture in done.pictures if picture.doubtful]
    if not doubtful:
        return
    first = doubtful[0]
    path, model = shlex.quote(first.before.path), shlex.quote(str(done.model))
    console.warning(
        f"{len(doubtful)} of these may be mistakes (doubtful): the features of {first.before.path} "
        f"speak for {first.before.label}, and not for {first.label}"
    )
    console.note(
        session.as_typed_here(f"to take one back: imgclf retrain --forget {path} --model {model}")
    )


def _retrained_line(done: "Retrained") -> str:
    counts = ", ".join(
        f"{sum(picture.outcome == outcome for picture in done.pictures)} {outcome}"
        for outcome in ("corrected", "right already", "left out", "unreadable")
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
