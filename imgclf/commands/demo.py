"""The whole loop on drawn pictures: train, predict, correct one mistake."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import chdir
from importlib.resources import files
from pathlib import Path

from imgclf.commands.predict import find_inputs, load, predict
from imgclf.commands.retrain import retrain
from imgclf.commands.train import train
from imgclf.corrections.inputs import Labelled
from imgclf.data.drawn_sample import draw_sample
from imgclf.errors import UsageError
from imgclf.model.prediction import Prediction
from imgclf.system import console
from imgclf.system.files import atomic_write_text

TRAINING_PICTURES, NEW_PICTURES = 200, 50


def demo(directory: Path, show: Callable[[str], None]) -> None:
    """Draws cats and dogs, and does with them what the user will do with their own pictures.

    Args:
        directory: Where to; made if it is not there.
        show: Takes a line of what the commands would print, and the commands.

    Raises:
        UsageError: There is something else in the folder.
    """
    if directory.exists() and not (directory / "demo.yaml").exists() and any(directory.iterdir()):
        raise UsageError(f"{directory} is not empty", "name another folder: imgclf demo FOLDER")
    directory.mkdir(parents=True, exist_ok=True)
    with chdir(directory):
        _draw()
        show(f"in {directory}: {2 * TRAINING_PICTURES} drawn cats and dogs to train on\n")
        show("$ imgclf train demo.yaml")
        done = train(Path("demo.yaml"))
        if done.record.scores:
            show(f"right on {done.record.scores.accuracy:.1%} of the held-out pictures\n")

        show("$ imgclf predict new")
        classifier = load(done.model, [])
        answers = list(predict(classifier, find_inputs(["new"], [])))
        mistakes = [answer for answer in answers if answer.label != _truth(answer)]
        for answer in answers[:3]:
            show(_line(answer))
        show(f"... right on {len(answers) - len(mistakes)} of {len(answers)}\n")
        if not mistakes:
            show("no mistake left to correct; that was luck\n")
        else:
            _correct(done.model, mistakes[0], len(answers) - len(mistakes), show)
    show(_NEXT.format(directory=directory))


_NEXT = """\
Everything is in {directory}: look at dataset/, models/ and runs/.
With your own pictures, one folder for each class (pets/cat/*.jpg, pets/dog/*.jpg):

  imgclf init pets
  imgclf train pets.yaml
  imgclf predict photo.jpg
  imgclf retrain photo.jpg --label cat"""


def _draw() -> None:
    with console.track("drawing pictures"):
        if not Path("dataset").exists():
            draw_sample(Path("dataset"), TRAINING_PICTURES, seed=1)
        if not Path("new").exists():
            draw_sample(Path("new"), NEW_PICTURES, seed=2)
    recipe = (files("imgclf.commands") / "demo.yaml").read_text("utf-8")
    atomic_write_text(Path("demo.yaml"), recipe)


def _correct(
    model: Path, mistake: Prediction, right_before: int, show: Callable[[str], None]
) -> None:
    label = _truth(mistake)
    show(f"$ imgclf retrain {mistake.path} --label {label}")
    done = retrain(model, [Labelled(Path(mistake.path), label)])
    show(f"was  {_line(mistake)}")
    show(f"is   {_line(done.pictures[0].after)}")
    classifier = load(model, [])
    answers = predict(classifier, find_inputs(["new"], []))
    right = sum(answer.label == _truth(answer) for answer in answers)
    show(f"... right on {right} of the new pictures now, {right_before} before\n")


def _truth(answer: Prediction) -> str:
    """The drawn pictures lie in folders that say what they are."""
    return Path(answer.path).parent.name


def _line(answer: Prediction) -> str:
    return f"{answer.path}: {answer.label} {answer.confidence:.1%}"
