"""`imgclf evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgclf.cli import completion, session
from imgclf.cli.options import CallbackOption, MinPrecisionOption, ModelOption, ReviewOption
from imgclf.errors import UsageError
from imgclf.system import console

if TYPE_CHECKING:
    from imgclf.commands.evaluate import Look
    from imgclf.suspects.confident_learning import Suspects


def command(
    directory: Annotated[
        Path | None,
        typer.Argument(
            help="Class folders, the folders of parts with those (its test part is judged), or a "
            "table (.csv, .tsv) with the columns path and label. [default: the validation part of "
            "what it was trained on]",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    against: Annotated[
        Path | None,
        typer.Option(
            "--against",
            metavar="MODEL",
            autocompletion=completion.models,
            help="Compare with this model on the same pictures, those left out that one of them "
            "was trained on or corrected by.",
        ),
    ] = None,
    cross_validation: Annotated[
        int | None,
        typer.Option(
            "--cross-validate",
            metavar="K",
            help="Score a way of training, for few pictures: the first argument is a config, or a "
            "model, and each K-th of its pictures is judged by a training on the others. "
            "Publishes nothing.",
        ),
    ] = None,
    suspects: Annotated[
        bool,
        typer.Option(
            "--suspects",
            help="List pictures of the data set that probably have the wrong label, most "
            "suspicious first: what was learned from the others contradicts it. Pictures in class "
            "folders are judged by the model itself.",
        ),
    ] = False,
    folds: Annotated[
        int | None,
        typer.Option(
            "--folds",
            metavar="K",
            min=0,
            help="With --suspects: judge each K-th of the pictures by what was learned from the "
            "others; with 0, the model itself judges the validation part. [default: 5]",
            show_default=False,
        ),
    ] = None,
    repeats: Annotated[
        int | None,
        typer.Option(
            "--repeats",
            metavar="N",
            min=1,
            help="With --suspects: all of that N times over, for a better order. [default: 1]",
            show_default=False,
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="With --suspects: data.directory=FOLDER or data.table=FILE, if the data set has "
            "moved. With --cross-validate: any key of the config.",
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            "--top",
            metavar="N",
            min=1,
            help="With --suspects: list no more than N. [default: 100]",
            show_default=False,
        ),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="With --suspects: print CSV.")] = False,
    min_precision: MinPrecisionOption = None,
    review: ReviewOption = None,
    callbacks: CallbackOption = None,
) -> None:
    """Score a model on labelled pictures, or look for wrong labels."""
    if cross_validation is not None:
        others = (against, folds, repeats, top, min_precision, review, callbacks)
        if (
            suspects
            or as_csv
            or any(one is not None for one in others)
            or (directory is not None and model is not None)
        ):
            raise UsageError(
                "--cross-validate goes with a config or a model, --set and --json alone"
            )
        place = session.chosen_model(model) if directory is None else directory
        unreadable = _cross_validate(place, cross_validation, overrides or [], as_json=as_json)
        raise typer.Exit(4 if unreadable else 0)
    file = session.chosen_model(model)
    if review is not None:
        from imgclf.commands.output_places import refuse_place
        from imgclf.model_file.archive import read_manifest
        from imgclf.report.pages import refuse_target

        refuse_place("--review", review, read_manifest(file))
        refuse_target("--review", review, "review")
    if not suspects and (folds is not None or repeats or overrides or top or as_csv):
        raise UsageError("--folds, --repeats, --set, --top and --csv need --suspects")
    if min_precision is not None and (suspects or against is not None):
        raise UsageError("--min-precision goes neither with --suspects nor with --against")
    if against is not None:
        if suspects or review or callbacks:
            raise UsageError("--against goes with a folder, --model and --json alone")
        unreadable = _compare(file, against, directory, as_json=as_json)
    elif not suspects:
        from imgclf.commands.evaluate import evaluate
        from imgclf.commands.min_confidence import read_min_precision
        from imgclf.model.scoring import Evaluation
        from imgclf.report.evaluation_table import evaluation_table, label_table

        look = None if review is None else _mistakes_page(review, file)
        precision = None if min_precision is None else read_min_precision(min_precision)
        scores = evaluate(file, directory, callbacks or [], look, precision)
        if as_json:
            print(session.as_json_text(scores))
        elif isinstance(scores, Evaluation):
            print(evaluation_table(scores))
        else:
            print(label_table(scores))
        unreadable = scores.unreadable
    else:
        if callbacks or (as_json and as_csv):
            raise UsageError("--suspects takes no --callback, and one of --json and --csv")
        if directory is not None and (folds or repeats or overrides):
            raise UsageError("--folds, --repeats and --set are for what the model was trained on")
        if folds == 0 and repeats:
            raise UsageError(
                "--folds 0 leaves the judging to the model, which --repeats is not for"
            )
        from imgclf.suspects.find import FOLDS, find_suspects

        found = find_suspects(
            file,
            directory,
            folds=FOLDS if folds is None else folds,
            repeats=repeats or 1,
            top=top or 100,
            overrides=overrides or [],
        )
        _print_suspects(found, as_json, as_csv)
        correct = session.retrain_command("corrections.csv", file)
        if directory is None:
            correct += " --fix-dataset"
        if review is not None:
            from imgclf.report.suspects import write_suspects_page

            write_suspects_page(review, found, file, session.as_typed_here(correct))
        if found.suspects:
            for line in _next_steps(review, correct, in_data_set=directory is None):
                console.note(session.as_typed_here(line))
        unreadable = found.unreadable
    if unreadable:
        raise typer.Exit(4)


def _cross_validate(place: Path, folds: int, overrides: list[str], *, as_json: bool) -> int:
    """Prints it, and gives the number of pictures that can't be read."""
    from imgclf.commands.cross_validate import cross_validate
    from imgclf.report.cross_validation import cross_validation_table

    found = cross_validate(place, folds, overrides)
    print(session.as_json_text(found) if as_json else cross_validation_table(found))
    return found.evaluation.unreadable


def _compare(model: Path, other: Path, directory: Path | None, *, as_json: bool) -> int:
    """Likewise."""
    from imgclf.commands.evaluate_against import evaluate_against
    from imgclf.model_file.lookup import find_model
    from imgclf.report.two_models import comparison_table

    found = evaluate_against(model, find_model(other, None), directory)
    print(session.as_json_text(found) if as_json else comparison_table(found))
    return found.unreadable


def _mistakes_page(target: Path, model: Path) -> "Look":
    """What writes the page."""
    from imgclf.report.review_predictions import review_mistakes

    command = session.as_typed_here(session.retrain_command("corrections.csv", model))
    return lambda part, probabilities, classifier: review_mistakes(
        target, part.pictures, part.labels, probabilities, command, classifier, model
    )


def _print_suspects(found: "Suspects", as_json: bool, as_csv: bool) -> None:
    import json

    import msgspec

    from imgclf.report.suspects import suspects_table, write_suspects
    from imgclf.system.files import open_output

    with open_output(None) as stream:
        if as_json:  # by a writer that takes file names that are no text
            stream.write(json.dumps(msgspec.to_builtins(found), indent=2) + "\n")
        elif as_csv:
            write_suspects(stream, found)
        else:
            stream.write(suspects_table(found) + "\n")


def _next_steps(review: Path | None, correct: str, *, in_data_set: bool) -> list[str]:
    if review is None:
        again = "to look at them and correct their labels: the same with --review suspects.html"
        return [again]
    if not in_data_set:
        return [
            f"look at {review} and save what you correct, for the model to learn:",
            f"  {correct}",
        ]
    return [
        f"look at {review} and save what you correct; this moves it in the data set:",
        f"  {correct}",
        "and then train anew: imgclf train CONFIG",
    ]
