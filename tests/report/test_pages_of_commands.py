"""The pages of check, runs and history: what they say, and that no name breaks out of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from imgclf.cli import app
from imgclf.commands.check import check
from imgclf.commands.runs import runs
from imgclf.commands.train import Trained
from imgclf.data.drawn_sample import draw_sample
from imgclf.errors import UsageError
from imgclf.model.intervals import wilson
from imgclf.model.scores import Scores
from imgclf.model_file.manifest import Correction
from imgclf.model_file.versions import Version
from imgclf.report import history_page
from imgclf.report.history_page import write_history_page
from imgclf.report.runs_page import write_runs_page
from imgclf.runs.folder import Publication, RunFolder, RunRecord
from tests.support.browser import Window, window_on
from tests.support.pages import Element, parse, picture
from tests.support.trainings import CONFIG

CLASSES = ('cat "quoted" \'n <b>bold', "<script>hacked=1<")  # with a folder: </script>
BIDI = "\u202egpj.exe"
LOG = "epoch,accuracy,loss,val_accuracy,val_loss\n"


def page(name: str) -> Element:
    return parse(Path(name).read_text("utf-8"))


def words(element: Element) -> str:
    return " ".join(element.text.split())


def rows(table: Element) -> list[list[str]]:
    return [
        [words(cell) for cell in row.children if isinstance(cell, Element)]
        for row in table.one("tbody").all("tr")
    ]


def write_run(name: str, stamp: str, accuracy: float, values: list[float]) -> Path:
    folder = RunFolder(Path("runs", name, stamp))
    folder.write(
        RunRecord(
            status="finished",
            data_fingerprint="",
            epochs_run=len(values),
            seconds=61.4,
            published_epoch=len(values),
            scores=Scores(accuracy, {}, 100),
            model=f"models/{name}.keras",
            publication=Publication(3, ""),
        )
    )
    lines = [f"{epoch},{one},0.5,{one},0.5\n" for epoch, one in enumerate(values)]
    folder.log.write_text(LOG + "".join(lines))
    return folder.path


def correction(path: Path, label: str) -> Correction:
    return Correction(str(path), sha256(path.read_bytes()).hexdigest(), label, CLASSES[1], 2)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the three pages, of names that are traps."""
    folder = tmp_path_factory.mktemp("pages")
    draw_sample(folder / "drawn", 20, seed=1)
    for name, kind in zip(CLASSES, ("cat", "dog"), strict=True):
        (folder / "dataset" / name / "script>").mkdir(parents=True)
        for number, path in enumerate(sorted((folder / "drawn" / kind).iterdir())):
            below = "script>" if number % 2 else ""
            shutil.copy(path, folder / "dataset" / name / below / f"{BIDI}{number}.jpg")
    cats, others = (folder / "dataset" / name for name in CLASSES)
    shutil.copy(cats / f"{BIDI}0.jpg", others / "same.jpg")
    with Image.open(cats / f"{BIDI}2.jpg") as whole:
        whole.resize((48, 48)).save(cats / "small.png")
    (cats / "cut <i>.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    before = Path.cwd()
    os.chdir(folder)
    try:
        Path("pets.yaml").write_text(CONFIG)
        check(Path("pets.yaml"), page=Path("check.html"))
        write_run("<b>pets", "2026-01-01T00-00-00", 0.9, [0.5, 0.7, 0.9])
        write_run("<b>pets", "2026-01-02T00-00-00", 0.8, [0.6, 0.8])
        write_runs_page(Path("runs.html"), runs(), "accuracy", None)
        kept, gone = cats / f"{BIDI}4.jpg", folder / f"{BIDI}.jpg"
        shutil.copy(cats / f"{BIDI}6.jpg", gone)
        new = correction(kept, CLASSES[0]), correction(gone, CLASSES[0])
        (folder / "models/<b>pets.history/corrected").mkdir(parents=True)
        shutil.copy(kept, f"models/<b>pets.history/corrected/{new[0].digest}.jpg")
        gone.unlink()
        versions = [
            Version(1, None, "2026-01-01", 0, (), 0.8, None, False, 50, True, wilson(40, 50)),
            Version(2, 1, "2026-01-02", 2, new, 0.82, 0.8, True, 50, True, wilson(41, 50)),
        ]
        write_history_page(Path("history.html"), Path("models/<b>pets.keras"), versions)
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def in_pages(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(written)


def test_pictures_of_a_finding_stand_side_by_side(in_pages: None) -> None:
    kinds = {
        words(one.one("summary")): one for one in page("check.html").all("details", class_="kind")
    }
    assert [*kinds] == ["two labels 1", "left out 1", "alike 1"]
    [finding] = kinds["two labels 1"].all("li")
    shown = finding.all("figure", class_="shown")
    assert {one.one("b").text for one in shown} == set(CLASSES)
    small = [picture(one.one("img").attributes["src"]) for one in shown]
    assert [max(one.size) for one in small] == [128, 128]
    assert small[0].tobytes() == small[1].tobytes()
    alike = kinds["alike 1"].all("figure", class_="shown")
    assert {one.one("bdi").text.rpartition("/")[2] for one in alike} == {
        "small.png",
        f"{BIDI}2.jpg",
    }
    [lost] = kinds["left out 1"].all("figure", class_="shown")
    assert lost.all("img") == []
    assert lost.one("bdi").text.endswith("cut <i>.jpg")


def test_the_page_of_a_data_set_has_its_classes_and_sizes(in_pages: None) -> None:
    [table] = page("check.html").all("table")
    found = check(Path("pets.yaml"))
    assert [row[:4] for row in rows(table)] == [
        [" ".join(name.split()), *map(str, parts)] for name, parts in found.counts.items()
    ]
    assert len(table.all("img")) == 8
    titles = [one.one("title").text for one in page("check.html").all("circle", class_="disc")]
    with Image.open(f"dataset/{CLASSES[0]}/{BIDI}0.jpg") as drawn:
        width, height = drawn.size
    assert titles[0] == f"{width} x {height}: 2 pictures"  # one of them under another label
    assert "48 x 48: 1 picture" in titles


def test_curves_of_trainings_lie_over_each_other_with_their_intervals(in_pages: None) -> None:
    text = page("runs.html")
    interval = wilson(90, 100)
    assert rows(text.one("table"))[0][:2] == [
        "<b>pets/2026-01-01T00-00-00",
        f"0.9000 {interval.low:.3f}–{interval.high:.3f}",  # noqa: RUF001
    ]
    accuracy = text.all("figure")[0]
    lines = [accuracy.one("g", class_=f"run-{place}") for place in range(2)]
    assert [len(line.all("circle")) for line in lines] == [3, 2]
    assert lines[0].all("title")[2].text == "epoch 3, runs/<b>pets/2026-01-01T00-00-00: 0.9"
    assert len(text.all("input", type="checkbox")) == 2


def test_a_history_shows_what_was_corrected_as_long_as_it_is_there(in_pages: None) -> None:
    shown = page("history.html").all("figure", class_="shown")
    assert [words(one.one("figcaption")).split(" was ")[0] for one in shown] == [CLASSES[0]] * 2
    assert max(picture(shown[0].one("img").attributes["src"]).size) == 128
    assert words(shown[1].one("span", class_="lacking")) == "no longer there"
    scores, corrections = page("history.html").all("svg")
    assert [one.text for one in scores.all("title")] == [
        "version 1: 0.8000 on 50 pictures",
        "version 2: 0.8200 on 50 pictures",
    ]
    assert [one.text for one in corrections.all("title")][1] == (
        "version 2: 2 corrections, 2 of them new"
    )


def test_a_history_names_the_command_for_corrections_that_it_does_not_show(
    in_pages: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_page, "_OF_A_VERSION", 0)
    new = (correction(next(Path("dataset", CLASSES[0]).glob("*.png")), CLASSES[0]),)
    found = Version(2, 1, "2026-01-02", 1, new, 0.8, 0.8, True, 50, True, wilson(40, 50))
    write_history_page(tmp_path / "page.html", Path("models/pets.keras"), [found])
    assert "and 1 more: <code>imgclf history --json</code>" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("name", ["check.html", "runs.html", "history.html"])
def test_no_name_breaks_out_of_a_page(in_pages: None, name: str) -> None:
    found = page(name)
    assert found.all("script") == []
    assert [one for one in found.all("b") if "pets" in one.text] == []
    for one in (*found.all("img"), *found.all("a"), *found.all("link")):
        address = one.attributes.get("src") or one.attributes.get("href") or ""
        assert address.startswith(("data:", "#")), address
    assert "url(" not in found.one("style").text


def test_the_commands_say_where_the_page_is_and_print_what_they_ever_did(
    trained: Trained,
) -> None:
    for command in (["check", "pets.yaml"], ["runs"], ["history"]):
        plain, target = CliRunner().invoke(app, command), Path(f"{command[0]}.html")
        done = CliRunner().invoke(app, [*command, "--html", str(target)])
        assert (done.exit_code, done.stdout) == (0, plain.stdout)
        first = target.read_text()
        assert CliRunner().invoke(app, [*command, "--html", str(target)]).exit_code == 0
        assert target.read_text() == first  # the same command wrote it, and may again


def test_a_page_replaces_none_of_another_command_and_nothing_else(trained: Trained) -> None:
    Path("mine.html").write_text("mine")
    shutil.copy(trained.run.report, "report.html")
    for command in (["check", "pets.yaml"], ["runs"], ["history"]):
        for place, why in (
            ("mine.html", "mine.html is there already, and is no page of imgclf's"),
            (
                "report.html",
                f"report.html is there already, and is no page of imgclf's {command[0]}",
            ),
            ("models/page.html", "--html models/page.html: this lies in models/"),
            ("page.txt", "--html page.txt: a page's name ends in .html"),
        ):
            done = CliRunner().invoke(app, [*command, "--html", place])
            assert isinstance(done.exception, UsageError)
            assert done.exception.message.startswith(why)
    done = CliRunner().invoke(app, ["check", "pets.yaml", "--html", "dataset/cat/page.html"])
    assert isinstance(done.exception, UsageError)
    assert "lies among the pictures" in done.exception.message
    assert Path("mine.html").read_text() == "mine"


@pytest.fixture(scope="module")
def window(written: Path) -> Iterator[Window]:
    with window_on(written) as opened:
        yield opened


@pytest.mark.browser
def test_in_a_browser_pages_are_whole_at_each_size_and_fetch_nothing(window: Window) -> None:
    for name in ("check.html", "runs.html", "history.html"):
        for width, scheme in ((1280, "light"), (390, "dark")):
            window.show(name, width, scheme)
            assert window.browser.get_log("browser") == []
            assert window.run("return document.documentElement.scrollWidth") <= width
            assert window.run("return window.hacked") is None
            grounds = {"light": "rgb(246, 247, 249)", "dark": "rgb(17, 20, 25)"}
            ground = "return getComputedStyle(document.body).backgroundColor"
            assert window.run(ground) == grounds[scheme]
            assert window.asked == [f"/{name}"]


@pytest.mark.browser
def test_a_line_is_hidden_by_the_keyboard_alone(window: Window) -> None:
    from selenium.webdriver import Keys

    window.show("runs.html")
    for _ in range(10):
        window.press(Keys.TAB)
        if window.run("return document.activeElement.id") == "run-0":
            break
    shown = "return [0, 1].map(i => getComputedStyle(document.querySelector(`g.run-${i}`)).display)"
    assert window.run(shown) == ["inline", "inline"]
    window.press(Keys.SPACE)
    assert window.run(shown) == ["none", "inline"]
