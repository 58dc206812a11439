"""The report of a training: that it says what is so, breaks at no name, and gets lost never."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgclf.commands.evaluate import evaluate
from imgclf.commands.train import Trained, train
from imgclf.data.decoder import DecoderSettings, decode
from imgclf.errors import WriteError
from imgclf.model.calibration import Bin, reliability
from imgclf.model_file.archive import read_manifest
from imgclf.model_file.classifier import open_classifier
from imgclf.report.charts import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    Chart,
    chart_curves,
    chart_reliability,
)
from imgclf.report.curves import curves_of
from tests.support.browser import window_on
from tests.support.command_line import imgclf
from tests.support.dying_disk import Died, dying_disk
from tests.support.heard import Heard
from tests.support.pages import Element, parse, picture
from tests.support.trainings import CONFIG

CLASSES = ('cat "quoted" \'n <b>bold', "<img src=x onerror=alert(1)> 🐶\nnew & line")
SCRIPT = "<"  # a folder of this name and the file's own name below make </script>
FILES = ("script><script>alert(1)<", "$x^2$ 'it' \"is\"\n{{ 7 * 7 }} 🐱&amp;")


def charts_of(history: Mapping[str, Sequence[Any]], published: int | None) -> list[Chart]:
    return [chart_curves(one) for one in curves_of(history, published)]


def page_of(trained: Trained) -> Element:
    return parse(trained.run.report.read_text("utf-8"))


def words(element: Element) -> str:
    return " ".join(element.text.split())


def section(page: Element, name: str) -> Element:
    return page.one("section", **{"aria-labelledby": name})


def rows(table: Element) -> list[list[str]]:
    return [
        [words(cell) for cell in row.children if isinstance(cell, Element)]
        for row in table.one("tbody").all("tr")
    ]


@pytest.fixture(scope="module")
def awkward_once(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Trained]:
    folder = tmp_path_factory.mktemp("awkward")
    for name, kind in zip(CLASSES, ("cat", "dog"), strict=True):
        target = folder / "dataset" / name
        (target / SCRIPT).mkdir(parents=True)
        for number, path in enumerate(sorted((drawn / "dataset" / kind).iterdir())):
            below = SCRIPT if number % 2 else ""
            shutil.copy(path, target / below / f"{FILES[number % 2 - 1]}{number}.jpg")
    copied = sorted((folder / "dataset" / CLASSES[0]).glob("*.jpg"))[0]
    shutil.copy(copied, copied.with_name("again <i>.jpg"))
    (folder / "dataset" / CLASSES[0] / "notes <u>.txt").touch()
    (folder / "pets.yaml").write_text(CONFIG + "# </pre><script>alert(2)</script>\n")
    before = Path.cwd()
    os.chdir(folder)
    try:
        return folder, train(Path("pets.yaml"), ["training.epochs=1"])
    finally:
        os.chdir(before)


@pytest.fixture
def awkward(awkward_once: tuple[Path, Trained], monkeypatch: pytest.MonkeyPatch) -> Trained:
    """Trained for an epoch on classes and files whose names are traps."""
    folder, done = awkward_once
    monkeypatch.chdir(folder)
    return done


def test_no_name_breaks_out_of_the_page(awkward: Trained) -> None:
    page = page_of(awkward)
    assert page.all("script") == []
    assert page.all("u") == page.all("i") == []
    names = [cell.text for cell in section(page, "classes").all("th", scope="row")]
    assert names == 2 * sorted(CLASSES)  # of the table and of the matrix
    files = {one.attributes["title"] for one in page.all("p", class_="file")}
    assert files
    assert all(Path(name).is_file() for name in files)
    messages = [one.text for one in section(page, "data").all("li")]
    assert f"dataset/{CLASSES[0]}/notes <u>.txt: not a picture (.txt)" in messages
    assert any("again <i>.jpg" in one and " = " in one for one in messages)
    texts = [one.text for one in section(page, "config").all("pre")]
    assert texts[1] == CONFIG + "# </pre><script>alert(2)</script>\n"


def test_nothing_in_the_page_asks_for_anything(awkward: Trained) -> None:
    page = page_of(awkward)
    everything = [one for tag in ("img", "a", "link", "use", "iframe") for one in page.all(tag)]
    assert page.all("img")
    for one in everything:
        address = one.attributes.get("src") or one.attributes.get("href") or ""
        assert address.startswith(("data:", "#")), address
        assert not any(name.startswith("on") for name in one.attributes)
    assert "url(" not in page.one("style").text
    assert "@import" not in page.one("style").text


def test_pictures_of_the_charts_are_beside_it(awkward: Trained) -> None:
    for file in (awkward.run.curves, awkward.run.confusion, awkward.run.calibration):
        assert file.read_bytes().startswith(b"\x89PNG")


def test_scores_and_matrix_are_those_of_evaluate(trained: Trained) -> None:
    found = evaluate(trained.model, None, [])
    page = page_of(trained)
    table, matrix = section(page, "classes").all("table")
    assert rows(table) == [
        [
            name,
            *(
                f"{100 * value:.1f} % {100 * interval.low:.0f}-{100 * interval.high:.0f}"
                for value, interval in (
                    (one.precision, one.precision_interval),
                    (one.recall, one.recall_interval),
                    (one.f1_score, one.f1_score_interval),
                )
            ),
            str(one.support),
        ]
        for name, one in found.classes.items()
    ]
    assert rows(matrix) == [
        [name, *(str(count or "·") for count in row)]
        for name, row in zip(found.classes, found.confusion_matrix, strict=True)
    ]
    assert f"{100 * found.expected_calibration_error:.1f} %" in words(section(page, "calibration"))
    figures = [words(one) for one in page.one("dl", class_="figures").all("dd")]
    assert figures[0] == f"{100 * found.accuracy:.1f} %"
    right = round(found.accuracy * found.pictures)
    low, high = found.accuracy_interval.low, found.accuracy_interval.high
    interval = f"95 % interval {100 * low:.1f} % to {100 * high:.1f} %"
    assert figures[1] == f"{right} of {found.pictures} right; {interval}"
    assert f"{100 * found.balanced_accuracy:.1f} %" in figures
    assert f"{100 * found.macro_f1:.1f} %" in figures


def test_the_most_confident_mistakes_come_first(awkward: Trained) -> None:
    classifier = open_classifier(awkward.model)
    manifest = classifier.manifest
    shown = section(page_of(awkward), "mistakes").one("ol").all("li")
    said = []
    for item in shown:
        path = Path(item.one("p", class_="file").attributes["title"])
        pixels = decode(path, manifest.decoder.settings())
        row = classifier.probabilities(pixels[np.newaxis])[0]
        truth = path.relative_to("dataset").parts[0]
        label = manifest.class_names[row.argmax()]
        assert item.one("b", class_="said").text == label != truth
        assert f"{100 * row.max():.1f}" in item.text
        thumbnail = picture(item.all("img")[0].attributes["src"])
        whole = decode(path, DecoderSettings(thumbnail.height, thumbnail.width, "stretch"))
        assert np.abs(np.asarray(thumbnail).astype(int) - whole).mean() < 8
        said.append(row.max())
    assert said == sorted(said, reverse=True)
    scores = awkward.record.scores
    assert scores is not None
    assert len(shown) == min(24, round(scores.pictures * (1 - scores.accuracy))) > 0


def test_the_samples_are_what_the_augmentation_layers_draw(trained: Trained) -> None:
    """The config flips: each draw is the picture or its mirror image, and both come up."""
    pictures = section(page_of(trained), "augmentation").all("div", class_="draws")
    assert len(pictures) == 4
    mirrored = []
    for one in pictures:
        original, *draws = (
            np.asarray(picture(image.attributes["src"])).astype(int) for image in one.all("img")
        )
        assert original.shape == (32, 32, 3)
        assert len(draws) == 7
        for draw in draws:
            off = [np.abs(draw - way).mean() for way in (original, original[:, ::-1])]
            assert min(off) < 3 < max(off)
            mirrored.append(off[1] < off[0])
    assert len(set(mirrored)) == 2


def test_the_curves_hold_every_epoch_and_mark_the_published_one(trained: Trained) -> None:
    page = page_of(trained)
    log = trained.run.log.read_text().splitlines()
    table = section(page, "curves").one("table")
    assert len(rows(table)) == len(log) - 1 == 4
    [chosen] = table.all("tr", class_="chosen")
    published = trained.record.published_epoch
    assert words(chosen.one("th")) == str(published)
    titles = {one.text for one in section(page, "curves").all("title")}
    columns = log[0].split(",")
    values = dict(zip(columns, log[3].split(","), strict=True))
    assert f"epoch 3, validation: {float(values['val_loss']):.5g}" in titles
    assert f"epoch 3, training: {float(values['accuracy']):.5g}" in titles
    assert f"epoch 3, learning rate: {float(values['learning_rate']):.5g}" in titles
    headings = [words(one) for one in section(page, "curves").all("figcaption")]
    assert headings == ["loss", "accuracy", "learning rate"]
    assert len(section(page, "curves").all("path", class_="best")) == 3


def test_it_says_how_to_do_it_again(trained: Trained) -> None:
    page = page_of(trained)
    manifest = read_manifest(trained.model)
    assert section(page, "reproduce").one("pre").text == "imgclf train pets.yaml --fresh"
    facts = {
        words(row.one("th")): words(row.one("td")) for row in section(page, "reproduce").all("tr")
    }
    assert facts["seed"] == "123 (split: 123)"
    assert facts["computed in"] == "float32 (batches of 16 pictures)"
    assert facts["data fingerprint"] == trained.record.data_fingerprint
    assert facts["weights"] == manifest.weights_sha256
    assert facts["run"] == str(trained.run.path)
    assert facts["TensorBoard"] == "tensorboard --logdir runs/pets"
    for package, version in manifest.made_with.items():
        assert f"{package} {version}" in facts["versions"]
    assert section(page, "config").all("pre")[0].text == trained.run.config_resolved.read_text()


@pytest.mark.slow
def test_a_training_that_is_killed_while_it_reports_gets_its_report_when_resumed(
    drawn: Path, in_folder: Path
) -> None:
    shutil.copytree(drawn, in_folder, dirs_exist_ok=True)
    Path("pets.yaml").write_text(CONFIG)
    for last_step in ("replace {}/confusion.png", "replace {}/report.html"):
        run = next((path.name for path in Path("runs/pets").glob("*")), "")
        step = last_step.format(run) if run else "replace models/pets.keras"
        with dying_disk(step), pytest.raises(Died):
            train(Path("pets.yaml"))
    done = train(Path("pets.yaml"))
    assert done.outcome == "resumed"
    assert len(rows(section(page_of(done), "curves").one("table"))) == 4
    assert read_manifest(done.model).version == 1
    assert train(Path("pets.yaml")).outcome == "unchanged"


@pytest.mark.slow
def test_a_report_that_cannot_be_written_loses_no_model(drawn: Path, in_folder: Path) -> None:
    shutil.copytree(drawn, in_folder, dirs_exist_ok=True)
    Path("in_the_way.py").write_text(
        "from pathlib import Path\n"
        "from imgclf.backend import keras\n\n"
        "class InTheWay(keras.callbacks.Callback):\n"
        "    def on_train_end(self, logs=None):\n"
        "        if Path('wanted').exists():\n"
        "            next(Path('runs/pets').glob('*/')).joinpath('report.html').mkdir()\n"
    )
    Path("wanted").touch()
    Path("pets.yaml").write_text(CONFIG + "callbacks: ['in_the_way.py:InTheWay']\n")
    with pytest.raises(WriteError, match=r"can't write runs/pets/.*/report\.html"):
        train(Path("pets.yaml"), ["training.epochs=1"])
    assert len(read_manifest(Path("models/pets.keras")).class_names) == 2
    Path("wanted").unlink()
    next(Path("runs/pets").glob("*/report.html")).rmdir()
    done = train(Path("pets.yaml"), ["training.epochs=1"])
    assert done.outcome == "resumed"
    assert done.run.report.is_file()
    assert read_manifest(done.model).version == 1


@pytest.mark.slow
def test_whatever_a_report_stumbles_over_the_training_is_finished(
    trained: Trained, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: Any) -> None:
        raise ZeroDivisionError("no such luck")

    monkeypatch.setattr("imgclf.commands.report_training.write_report", stumble)
    done = train(Path("pets.yaml"), ["training.epochs=1"])
    assert done.record.status == "finished"
    assert not done.run.report.exists()
    said = heard.text
    assert "warning: no report: ZeroDivisionError: no such luck\n" in said


@pytest.mark.slow
def test_an_extended_training_and_one_that_publishes_the_last_epoch_are_reported_anew(
    trained: Trained,
) -> None:
    before = trained.run.report.read_bytes()
    done = train(Path("pets.yaml"), ["training.epochs=5", "training.publish=last"])
    assert done.run.path == trained.run.path
    assert trained.run.report.read_bytes() != before
    page = page_of(done)
    assert len(rows(section(page, "curves").one("table"))) == 5
    assert "5 of 5 the last one" in words(page.one("dl", class_="figures"))
    assert "published as version 2 of models/pets.keras" in words(page.one("header"))


@pytest.mark.slow
def test_the_command_says_where_it_is_and_how_to_see_tensorboards_files(trained: Trained) -> None:
    done = imgclf("train", "pets.yaml", "--set", "training.epochs=1")
    assert done.returncode == 0
    run = next(line[5:] for line in done.stdout.splitlines() if line.startswith("run: "))
    assert f"report: {run}/report.html\n" in done.stderr
    assert f"TensorBoard's files: {run}/tensorboard\n" in done.stderr
    assert "to see them: tensorboard --logdir runs/pets\n" in done.stderr
    assert "Warning" not in done.stderr
    elsewhere = ["--set", "callbacks=[{TensorBoard: {log_dir: 'my board'}}]"]
    done = imgclf("train", "pets.yaml", "--set", "training.epochs=1", *elsewhere)
    assert "TensorBoard's files: my board\n" in done.stderr
    assert "to see them: tensorboard --logdir 'my board'\n" in done.stderr


def test_a_chart_draws_what_it_is_given() -> None:
    history = {
        "accuracy": [0.5, 0.7, float("nan"), 0.9],
        "val_accuracy": [0.4, 0.6, 0.8, 0.6],
        "per_class": [[0.1, 0.2]] * 4,
        "learning_rate": [0.1, 0.01, 0.001, 0.0001],
    }
    accuracy, rate = charts_of(history, 3)
    assert [tick.label for tick in accuracy.y_ticks] == ["0.4", "0.6", "0.8", "1"]
    assert [tick.label for tick in accuracy.x_ticks] == ["1", "2", "3", "4"]
    assert accuracy.best is not None
    assert accuracy.best.at == accuracy.x_ticks[2].at
    training, validation = accuracy.lines
    assert training.path.count("M") == 2  # a gap at the epoch that has no number
    assert [point.title for point in training.points][-1] == "epoch 4, training: 0.9"
    assert (validation.points[0].x, validation.points[0].y) == (LEFT, BOTTOM)
    assert [tick.label for tick in rate.y_ticks] == ["0.0001", "0.001", "0.01", "0.1"]
    assert [point.y for point in rate.lines[0].points] == [
        pytest.approx(TOP + third * (BOTTOM - TOP) / 3, abs=0.1) for third in range(4)
    ]


def test_a_chart_of_a_thousand_epochs_stays_small_and_keeps_its_ends() -> None:
    [chart] = charts_of({"loss": [1 / (1 + epoch) for epoch in range(1000)]}, 1000)
    [line] = chart.lines
    assert 200 <= len(line.points) <= 251
    assert (line.points[0].x, line.points[-1].x) == (LEFT, RIGHT)
    assert not line.dots


@pytest.mark.parametrize("values", [[0.0], [1.0, 1.0], [-3.0, -3.0], [1e-9, 1e9], [3e-14]])
def test_a_chart_of_few_or_equal_values_has_an_axis_around_them(values: list[float]) -> None:
    [chart] = charts_of({"loss": values}, None)
    marks = [float(tick.label) for tick in chart.y_ticks]
    assert len(marks) >= 3
    assert marks[0] <= min(values) <= max(values) <= marks[-1]
    assert all(TOP <= point.y <= BOTTOM for point in chart.lines[0].points)


def test_bins_of_confidence_hold_what_falls_into_them() -> None:
    probabilities = np.array([[0.95, 0.05], [0.9, 0.1], [0.3, 0.7], [0.0, 1.0]])
    bins = reliability(probabilities, np.array([0, 1, 1, 1]), bins=5)
    assert [one.pictures for one in bins] == [0, 0, 0, 1, 3]
    assert bins[3] == Bin(0.6, 0.8, 1, 0.7, 1.0)
    assert bins[4] == Bin(0.8, 1.0, 3, pytest.approx(2.85 / 3), pytest.approx(2 / 3))
    low, high = chart_reliability(bins).bars
    assert (low.top, low.share, high.share) == (TOP, pytest.approx(1 / 3), 1.0)


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_in_a_browser_it_is_whole_and_fetches_nothing(awkward: Trained, width: int) -> None:
    with window_on(awkward.run.path) as window:
        window.show("report.html", width)
        assert window.browser.get_log("browser") == []
        wide = window.run("return document.documentElement.scrollWidth")
        assert wide <= width  # nothing has to be scrolled sideways but the tables
        broken = "return [...document.images].filter(one => !one.naturalWidth).length"
        assert window.run(broken) == 0
        assert window.run("return document.images.length") > 32
        assert window.run("return document.scripts.length") == 0
        assert window.asked == ["/report.html"]
