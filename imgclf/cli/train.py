"""`imgclf train`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgclf.cli import session
from imgclf.cli.options import SetOption
from imgclf.spelling import on_one_line
from imgclf.system import console

if TYPE_CHECKING:
    from imgclf.commands.train import Trained
    from imgclf.config.loaded import LoadedConfig
    from imgclf.model.scores import Scores
    from imgclf.model_file.manifest import Manifest
    from imgclf.runs.folder import Refusal

_NAMED = 10


def command(
    config: Annotated[
        Path,
        typer.Argument(
            help="The YAML config. Code of yours that it names (MODULE:CLASS or FILE.py:CLASS) is "
            "run, and no other; imgclf check lists it.",
            show_default=False,
        ),
    ],
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
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Publish the model even if it is worse than the one in use; after a training "
            "that was refused for that, without training again.",
        ),
    ] = False,
    find_lr: Annotated[
        bool,
        typer.Option(
            "--find-lr",
            help="Train nothing, but look for a learning rate by a range test, and draw it.",
        ),
    ] = False,
    summary: Annotated[
        bool, typer.Option("--summary", help="Show the network's layers first.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train a model; run again after an interruption, it goes on where it was.

    A model that is worse than the one in use on held-out pictures, beyond chance, does not replace
    it; it is kept with its run, and the exit status is 3.
    """
    from imgclf.cli.option_texts import parse_size
    from imgclf.commands.train import train_loaded
    from imgclf.config.load import load_config
    from imgclf.distribution.taking_part import take_part
    from imgclf.report.scores import score_lines
    from imgclf.system.clock import process_began

    always = ["training.replace=always"] if replace else []
    loaded = load_config(config, [*(overrides or []), *always])
    if find_lr:
        _find_learning_rate(loaded, as_json=as_json)
        return
    if take_part(loaded):
        return
    size = parse_size("--replay-memory", replay_memory)
    done = train_loaded(
        loaded, fresh=fresh, replay_memory=size, summary=summary, began=process_began()
    )
    if done.outcome == "unchanged":
        console.note(f"nothing to do: {config} and its pictures are as they were trained on")
    if as_json:
        print(_as_json(done))
    else:
        for scores in (done.record.scores, done.record.test_scores):
            for line in () if scores is None else score_lines(scores):
                session.show(line)
        session.show(f"model: {done.model}")
        session.show(f"run: {done.run.path}")
    if done.record.refusal is not None:
        anyway = session.as_typed_here(f"{done.record.command} --replace")
        line = f"{_refused_line(done.record.refusal)}; to publish it anyway: {anyway}"
        console.warning(line)
        raise typer.Exit(3)
    _say_what_is_still_wrong(done)
    if done.outcome == "unchanged":
        console.note(
            session.as_typed_here(f"to train anew: imgclf train {shlex.quote(str(config))} --fresh")
        )
        return
    took = f" in {done.seconds:.0f} s" if done.seconds else ""
    console.note(
        f"{done.outcome}{took}; "
        f"epoch {done.record.published_epoch} of {done.record.epochs_run} published"
        + (", averaged with what fine-tuning began with" if done.record.averaged else "")
    )
    if done.replaced is not None:
        console.note(_replaced_line(done.replaced))
        back = f"imgclf rollback {done.replaced.version} --model {shlex.quote(str(done.model))}"
        console.note(session.as_typed_here(f"to go back: {back}"))
    console.note(f"curves: {done.run.curves}")
    if done.run.report.is_file():
        console.note(f"report: {done.run.report}")
    if done.tensorboard is not None:
        inside = done.tensorboard.is_relative_to(done.run.path)
        overlaid = done.run.path.parent if inside else done.tensorboard
        console.note(f"TensorBoard's files: {done.tensorboard}")
        console.note(f"to see them: {session.tensorboard_command(overlaid)}")
    console.note(
        session.as_typed_here(
            f"next: imgclf predict PICTURE --model {shlex.quote(str(done.model))}"
        )
    )


def _find_learning_rate(loaded: "LoadedConfig", *, as_json: bool) -> None:
    import json

    from imgclf.commands.find_learning_rate import find_learning_rate

    found = find_learning_rate(loaded)
    if as_json:
        print(json.dumps({"proposed": found.proposed, "plot": str(found.plot)}, indent=2))
        return
    for key, rate in found.proposed.items():
        print(f"{key}: {rate:g}")
    session.show(f"plot: {found.plot}")
    changes = " ".join(f"--set {key}={rate:g}" for key, rate in found.proposed.items())
    config = shlex.quote(str(loaded.file.path))
    console.note(session.as_typed_here(f"to train with it: imgclf train {config} {changes}"))


def _say_what_is_still_wrong(done: "Trained") -> None:
    watched, command = done.watched, done.watched.command(done.model)
    if command is None:
        return
    console.warning(
        f"{len(watched.wrong)} of {watched.pictures} pictures that people corrected are wrong all "
        "the same:"
    )
    for said, label in watched.wrong[:_NAMED]:
        console.note(on_one_line(f"  {said.path}: {said.label} {said.confidence:.1%}, is {label}"))
    if len(watched.wrong) > _NAMED:
        console.note(f"  and {len(watched.wrong) - _NAMED} more")
    console.note(session.as_typed_here(f"to correct them: {command}"))


def _as_json(done: "Trained") -> str:
    import json

    import msgspec

    watched = done.watched
    found = {
        "outcome": done.outcome,
        "model": str(done.model),
        "run": str(done.run.path),
        "refused": msgspec.to_builtins(done.record.refusal),
        "scores": _scores(done.record.scores),
        "test_scores": _scores(done.record.test_scores),
        "corrected": watched.pictures,
        "still_wrong": [
            {
                "path": said.path,
                "label": label,
                "predicted": said.label,
                "confidence": said.confidence,
            }
            for said, label in watched.wrong
        ],
        "to_correct_them": watched.command(done.model),
    }
    return json.dumps(found, indent=2)


def _scores(scores: "Scores | None") -> object:
    import msgspec

    if scores is None:
        return None
    interval = msgspec.to_builtins(scores.accuracy_interval)
    return {**msgspec.to_builtins(scores), "accuracy_interval": interval}


def _refused_line(refusal: "Refusal") -> str:
    classes = "".join(
        f"; of {name} {after:.4f}, where that has {before:.4f}"
        for name, (before, after) in refusal.classes.items()
    )
    return (
        f"not published, for it is worse than version {refusal.version}: {refusal.after:.4f} of "
        f"{refusal.pictures} held-out pictures right, where that has {refusal.before:.4f}{classes}"
    )


def _replaced_line(before: "Manifest") -> str:
    line = f"it replaces version {before.version}"
    if before.scores is not None:
        score = "subset accuracy" if before.scores.of_label_sets else "accuracy"
        line += f" ({before.scores.part} {score}: {before.scores.accuracy:.4f})"
    return line
