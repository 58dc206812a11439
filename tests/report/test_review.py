"""The review page: what is in it, and what a browser makes of it."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from typer.testing import CliRunner

from imgclf.cli import app
from imgclf.commands.train import Trained
from imgclf.corrections.inputs import read_inputs
from imgclf.errors import UsageError, WriteError
from imgclf.report import review as review_page
from imgclf.report.pages import thumbnail
from imgclf.report.review import Labelled, Labelling, ReviewItem, write_review
from tests.support.browser import CHROMIUM, DRIVER
from tests.support.pictures import encoded, motif

ODD_NAMES = [
    "a\"b'c.jpg",
    "<b>.jpg",
    "<img src=x onerror=hacked=1>.jpg",
    "&lt;&amp;.jpg",
    "😀.jpg",
    "two\nlines.jpg",
    "carriage\rreturn.jpg",
    "line\u2028end.jpg",
    "a,b.jpg",
    " before.jpg",
    "{{7*7}}.jpg",
    "%41#?.jpg",
    "</script><script>hacked=1</script>",  # its slash makes it a file in two folders
    os.fsdecode(b"bytes\xff\xfe.jpg"),
]


SMALL = encoded(motif(16, 16), "JPEG")


def items(*confidences: float) -> list[ReviewItem]:
    return [
        ReviewItem(f"{row}.jpg", "cat", confidence, thumbnail=SMALL)
        for row, confidence in enumerate(confidences)
    ]


def data_of(page: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="review">(.*?)<', page.read_text())
    assert found is not None
    return json.loads(found[1])


# ---- What is in it


def test_predict_puts_the_least_certain_first_and_what_it_cannot_read_last(
    trained: Trained,
) -> None:
    Path("new/cut.jpg").write_bytes(b"\xff\xd8\xff")
    done = CliRunner().invoke(app, ["predict", "new", "--review", "out/review.html", "-o", "r.csv"])
    assert done.exit_code == 4
    with Path("r.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    answers = {str(Path(row["path"]).absolute()): row for row in rows}
    found = data_of(Path("out/review.html"))
    assert found["confidences"] == [*sorted(found["confidences"][:-1]), None]
    assert found["paths"][-1] == str(Path("new/cut.jpg").absolute())
    assert list(found["errors"]) == ["20"]
    assert sorted(found["paths"]) == sorted(answers)
    for path, label in zip(found["paths"], found["labels"], strict=True):
        assert answers[path]["label"] == ("" if label is None else ["cat", "dog"][label])


def test_the_rows_are_the_same_with_a_page_and_without(trained: Trained) -> None:
    without = CliRunner().invoke(app, ["predict", "new"])
    with_page = CliRunner().invoke(app, ["predict", "new", "--review", "review.html"])
    assert without.stdout == with_page.stdout
    assert "20 pictures" in Path("review.html").read_text()


def test_predict_without_a_page_imports_nothing_for_pages(trained: Trained) -> None:
    code = (
        "import atexit, sys; from imgclf.cli import main; "
        "atexit.register(lambda: print('jinja2' in sys.modules, file=sys.stderr)); main()"
    )
    for more, imported in ([], "False"), (["--review", "review.html"], "True"):
        arguments = ["predict", "new/cat/cat-001.jpg", *more]
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60
        )
        assert done.stderr.split()[-1] == imported


def test_a_page_that_cannot_be_written_is_found_out_before_the_first_prediction(
    trained: Trained,
) -> None:
    Path("file").touch()
    done = CliRunner().invoke(app, ["predict", "new", "--review", "file/review.html"])
    assert isinstance(done.exception, WriteError)
    assert len(done.stdout.splitlines()) <= 1


@pytest.mark.parametrize("name", ["dog.jpg", "notes.html", "-"])
def test_a_page_replaces_nothing_but_a_page(trained: Trained, name: str) -> None:
    Path(name).write_bytes(b"mine")
    done = CliRunner().invoke(app, ["predict", "new", "--review", name])
    assert isinstance(done.exception, UsageError)
    assert Path(name).read_bytes() == b"mine"


def test_a_smaller_review_leaves_no_pages_of_a_larger_one(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgclf.report.review.PER_PAGE", 2)
    write_review(Path("review.html"), items(0.5, 0.6, 0.7), ["cat", "dog"], "Pictures")
    assert Path("review-2.html").exists()
    write_review(Path("review.html"), items(0.5, 0.6), ["cat", "dog"], "Pictures")
    assert not Path("review-2.html").exists()
    Path("review-2.html").write_text("mine")
    with pytest.raises(UsageError, match=r"review-2.html is there already"):
        write_review(Path("review.html"), items(0.5, 0.6, 0.7), ["cat", "dog"], "Pictures")
    write_review(Path("review.html"), items(0.5), ["cat", "dog"], "Pictures")
    assert Path("review-2.html").read_text() == "mine"


def test_what_a_broken_model_says_can_be_looked_at(in_folder: Path) -> None:
    write_review(Path("review.html"), items(math.nan, 0.5), ["cat", "dog"], "Pictures")
    assert data_of(Path("review.html"))["confidences"] == [None, 0.5]


def test_moved_pictures_and_the_output_itself_go_with_no_page(trained: Trained) -> None:
    for more in (["--sort-into", "sorted", "--move"], ["-o", "review.html"]):
        done = CliRunner().invoke(app, ["predict", "new", "--review", "review.html", *more])
        assert isinstance(done.exception, UsageError)
    assert not Path("review.html").exists()


def test_odd_file_names_stay_inside_their_strings(in_folder: Path) -> None:
    write_review(
        Path("review.html"),
        [ReviewItem(name, "cat", 0.5) for name in ODD_NAMES],
        ["cat", "dog"],
        "</title><script>hacked=1</script>",
        "<b>bold</b>",
    )
    text = Path("review.html").read_text()
    assert len(re.findall("<script", text)) == 3  # the data, the page's own and the thumbnails
    assert "hacked=1</script>" not in text
    assert "<b>bold" not in text
    found = [os.fsencode(path) for path in data_of(Path("review.html"))["paths"]]
    assert found == [os.fsencode(Path.cwd() / name) for name in ODD_NAMES]


def test_the_page_may_fetch_nothing_and_run_one_script_only(in_folder: Path) -> None:
    write_review(Path("review.html"), items(0.5), ["cat", "dog"], "Pictures")
    text = Path("review.html").read_text()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in unescape(policy[1]).split(";"))
    assert (rules["default-src"], rules["img-src"]) == ("'none'", "data:")
    assert re.fullmatch(r"'sha256-[\w+/]{43}='", rules["script-src"])
    assert not re.search(r"""(src|href)=["']?(?!data:)\w+:""", text)


def test_a_picture_that_is_named_twice_is_shown_once(in_folder: Path) -> None:
    twice = [*items(0.6, 0.7), *items(0.8)]
    write_review(Path("review.html"), twice, ["cat", "dog"], "Pictures")
    assert data_of(Path("review.html"))["confidences"] == [0.6, 0.7]


def test_the_same_answers_have_the_same_id_and_others_another(in_folder: Path) -> None:
    ids = []
    for confidences in (0.5, 0.6), (0.5, 0.6), (0.5, 0.7):
        write_review(Path("review.html"), items(*confidences), ["cat", "dog"], "Pictures")
        ids.append(data_of(Path("review.html"))["id"])
    assert ids[0] == ids[1] != ids[2]


def test_large_sets_go_to_several_pages_that_link_to_each_other(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_page, "PER_PAGE", 2)
    written = write_review(
        Path("#1 a.html"), items(0.1, 0.2, 0.3, 0.4, 0.5), ["cat", "dog"], "Pictures"
    )
    assert [path.name for path in written] == ["#1 a.html", "#1 a-2.html", "#1 a-3.html"]
    assert [data_of(path)["confidences"] for path in written] == [[0.1, 0.2], [0.3, 0.4], [0.5]]
    for path in written:
        links = re.findall(r'<a href="([^"]+)"( aria-current="page")?>', path.read_text())
        assert [link for link, _ in links] == [quote(page.name) for page in written]
        assert [link for link, here in links if here] == [quote(path.name)]


def test_a_thumbnail_is_upright_whole_and_small(in_folder: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6  # lies on its side
    Path("lying.jpg").write_bytes(encoded(motif(640, 320), "JPEG", exif=exif))
    jpeg = thumbnail("lying.jpg", 100)
    assert jpeg is not None
    shown = Image.open(io.BytesIO(jpeg))
    assert (shown.format, shown.size) == ("JPEG", (50, 100))
    assert thumbnail("gone.jpg") is None


# ---- What a browser makes of it


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    profile, downloads = (tmp_path_factory.mktemp(name) for name in ("profile", "downloads"))
    options = Options()
    options.binary_location = CHROMIUM or ""
    for flag in (
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *(f"--user-data-dir={profile}", "--window-size=1000,800"),
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, Service(DRIVER))
    driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)}
    )
    driver.downloads = downloads
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    """The browser; at the end, no page has complained and none has asked for anything."""
    browser.get_log("performance")
    yield browser
    assert browser.get_log("browser") == []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        asked = message["params"] if message["method"] == "Network.requestWillBeSent" else {}
        if asked.get("documentURL", "").startswith("file:"):  # not the browser's own first tab
            address = asked["request"]["url"]
            assert address == asked["documentURL"] or address.startswith(("data:", "blob:"))


def visit(browser: webdriver.Chrome, page: Path) -> None:
    browser.get(page.absolute().as_uri())


def cards(browser: webdriver.Chrome) -> list[WebElement]:
    """Those that the filters let through."""
    return browser.find_elements(By.CSS_SELECTOR, ".card")


def labels(browser: webdriver.Chrome) -> list[str]:
    shown = "[...document.querySelectorAll('.card .label')]"
    return browser.execute_script(f"return {shown}.map((label) => label.textContent)")


def text(browser: webdriver.Chrome, name: str) -> str:
    """Of an element that may be fading in, which to `.text` is as good as not there."""
    return browser.find_element(By.ID, name).get_property("textContent").strip()


def press(browser: webdriver.Chrome, *keys: str) -> None:
    for key in keys:
        ActionChains(browser, duration=0).send_keys(key).perform()


def control(browser: webdriver.Chrome, key: str) -> None:
    ActionChains(browser).key_down(Keys.CONTROL).send_keys(key).key_up(Keys.CONTROL).perform()


def downloaded(browser: webdriver.Chrome, name: str = "corrections.csv") -> Path:
    """The table that was just saved, moved into the working directory."""
    file = browser.downloads / name
    for _ in range(100):
        if file.exists() and file.stat().st_size:  # it is there, empty, before it is written
            return Path(shutil.move(file, name))
        time.sleep(0.05)
    raise AssertionError("nothing was saved")


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 360, 390])
@pytest.mark.parametrize(
    ("names", "cards_in_a_line"),
    [(("a", "b"), (2, 3)), (("ants", "bees"), (2, 2)), (("MMMM", "iiiiiiiii"), (1, 2))],
)
def test_on_a_telephone_names_are_read_whole_beside_the_percentage(
    in_folder: Path,
    opened: webdriver.Chrome,
    width: int,
    names: tuple[str, str],
    cards_in_a_line: tuple[int, int],
) -> None:
    shown = [
        ReviewItem(f"{row}.jpg", names[row % 2], 1.0 - row % 2 / 3, thumbnail=SMALL)
        for row in range(6)
    ]
    write_review(Path("review.html"), shown, names, "Six")
    screen = {"width": width, "height": 700, "deviceScaleFactor": 2, "mobile": True}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    try:
        visit(opened, Path("review.html"))
        cut = opened.execute_script(
            "return [...document.querySelectorAll('.label, .percent')]"
            ".filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent)"
        )
        tops = [card.location["y"] for card in cards(opened)]
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert labels(opened)[:2] == [*names]
    assert cut == []
    assert tops.count(tops[0]) in cards_in_a_line


@pytest.mark.browser
def test_relabelled_by_click_and_by_key_kept_undone_saved_and_retrained(
    trained: Trained, opened: webdriver.Chrome
) -> None:
    CliRunner().invoke(app, ["predict", "new", "--review", "review.html"])
    visit(opened, Path("review.html"))
    said = labels(opened)
    assert len(said) == 20
    flipped = [{"cat": "dog", "dog": "cat"}[label] for label in said]
    assert text(opened, "count") == "No corrections"

    cards(opened)[0].click()
    press(opened, Keys.ARROW_RIGHT, "1" if flipped[1] == "cat" else "2")
    press(opened, Keys.ARROW_RIGHT, flipped[2][0])
    press(opened, Keys.ARROW_RIGHT, Keys.SPACE)
    assert labels(opened) == flipped[:4] + said[4:]
    assert text(opened, "count") == "4 corrections"

    opened.refresh()
    assert labels(opened) == flipped[:4] + said[4:]
    assert text(opened, "count") == "4 corrections"

    opened.find_element(By.ID, "undo").click()
    assert labels(opened) == flipped[:3] + said[3:]
    assert text(opened, "said").startswith("undone: ")
    opened.find_element(By.ID, "save").click()

    found = data_of(Path("review.html"))
    file = downloaded(opened)
    with file.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    expected = list(zip(found["paths"][:3], flipped[:3], strict=True))
    assert [(row["path"], row["label"]) for row in rows] == expected
    done = CliRunner().invoke(app, ["retrain", str(file), "--json"])
    pictures = json.loads(done.stdout)["pictures"]
    assert [(one["before"]["path"], one["label"]) for one in pictures] == expected
    assert {one["outcome"] for one in pictures} <= {"corrected", "left out"}
    assert done.exit_code in (0, 3)


@pytest.mark.browser
def test_the_keyboard_alone_suffices(in_folder: Path, opened: webdriver.Chrome) -> None:
    write_review(Path("review.html"), items(*[0.5] * 12), ["cat", "dog"], "Pictures")
    visit(opened, Path("review.html"))
    for _ in range(10):
        press(opened, Keys.TAB)
        if opened.switch_to.active_element.aria_role == "option":
            break
    press(opened, Keys.END, "d", Keys.HOME, Keys.SPACE, Keys.ARROW_DOWN, "2", Keys.ARROW_UP)
    columns = labels(opened).index("dog", 1)
    assert [row for row, label in enumerate(labels(opened)) if label == "dog"] == [0, columns, 11]
    press(opened, Keys.BACKSPACE)
    control(opened, "z")
    assert [row for row, label in enumerate(labels(opened)) if label == "dog"] == [11]
    press(opened, "?")
    assert opened.find_element(By.TAG_NAME, "dialog").is_displayed()
    press(opened, Keys.ESCAPE)
    control(opened, "s")
    assert downloaded(opened).read_text() == f'path,label\n"{in_folder}/11.jpg","dog"\n'


def unlabelled(count: int, file: str = "labels-2.csv") -> None:
    """Writes a page of so many pictures without labels, every second to judge by."""
    parts = {f"{row}.jpg": ("training", "validation")[row % 2] for row in range(count)}
    earlier = [Labelled(os.fsdecode(b"/a\xff,b.jpg"), "dog", "training")]
    shown = [ReviewItem(f"{row}.jpg", None, None, thumbnail=SMALL) for row in range(count)]
    labelling = Labelling(file, parts, earlier)
    again = "imgclf label . --labels labels-2.csv --review review.html"
    write_review(Path("review.html"), shown, ["cat", "dog"], "To label", "", again, labelling)


@pytest.mark.browser
def test_first_labels_are_given_by_keys_alone_and_each_goes_on_to_the_next(
    in_folder: Path, opened: webdriver.Chrome
) -> None:
    unlabelled(5)
    visit(opened, Path("review.html"))
    assert labels(opened) == ["no label"] * 5
    assert text(opened, "count") == "No labels"
    press(opened, "2", "1", "d")
    assert labels(opened) == ["dog", "cat", "dog", "no label", "no label"]
    press(opened, Keys.BACKSPACE)
    assert labels(opened) == ["dog", "cat", "no label", "no label", "no label"]
    press(opened, Keys.END, "1")  # the last, after which the first without a label comes
    press(opened, "c")
    assert labels(opened) == ["dog", "cat", "cat", "no label", "cat"]
    opened.refresh()
    assert labels(opened) == ["dog", "cat", "cat", "no label", "cat"]
    assert text(opened, "count") == "4 labels"
    chips = {
        one.text.split("\n")[0].rstrip(" 0123456789"): one
        for one in opened.find_elements(By.CSS_SELECTOR, "#labels button")
    }
    assert list(chips) == ["All", "No label", "Labelled"]
    chips["No label"].click()
    assert [card.accessible_name for card in cards(opened)] == ["no label, 3.jpg"]

    control(opened, "s")
    saved = downloaded(opened, "labels-2.csv").read_bytes()
    here = os.fsencode(in_folder)
    assert saved.splitlines() == [
        b"path,label,part",
        b'"/a\xff,b.jpg","dog","training"',
        b'"%s/0.jpg","dog","training"' % here,
        b'"%s/1.jpg","cat","validation"' % here,
        b'"%s/2.jpg","cat","training"' % here,
        b'"%s/4.jpg","cat","training"' % here,
    ]


@pytest.mark.browser
def test_when_all_have_a_label_it_is_said(in_folder: Path, opened: webdriver.Chrome) -> None:
    unlabelled(2)
    visit(opened, Path("review.html"))
    press(opened, "1", "2")
    assert text(opened, "said") == "nothing here is without a label: save labels-2.csv"
    press(opened, "?")
    dialog = opened.find_element(By.TAG_NAME, "dialog")
    assert "imgclf label . --labels labels-2.csv --review review.html" in dialog.text
    assert "save labels-2.csv" in dialog.text
    press(opened, Keys.ESCAPE)


@pytest.mark.browser
def test_on_a_telephone_labels_are_given_by_buttons_below(
    in_folder: Path, opened: webdriver.Chrome
) -> None:
    unlabelled(6)
    screen = {"width": 390, "height": 800, "deviceScaleFactor": 2, "mobile": True}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    try:
        visit(opened, Path("review.html"))
        buttons = opened.find_elements(By.CSS_SELECTOR, "#choices button")
        for button in (buttons[0], buttons[1], buttons[1]):
            assert button.size["height"] >= 40
            button.click()
        assert labels(opened) == ["cat", "dog", "dog", *["no label"] * 3]
        cards(opened)[0].click()
        assert labels(opened)[0] == "dog"
        wide = "return document.documentElement.scrollWidth"
        assert opened.execute_script(wide) == 390
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.browser
def test_mistakes_are_shown_beside_what_the_data_set_says(
    in_folder: Path, opened: webdriver.Chrome
) -> None:
    shown = [ReviewItem(f"{row}.jpg", "cat", 0.9, truth="dog", thumbnail=SMALL) for row in range(2)]
    write_review(Path("review.html"), shown, ["cat", "dog"], "2 mistakes")
    visit(opened, Path("review.html"))
    assert cards(opened)[0].accessible_name == "cat, 90 %, data set: dog, 0.jpg"
    assert cards(opened)[0].find_element(By.CLASS_NAME, "note").text == "data set: dog"
    cards(opened)[0].click()
    control(opened, "s")
    assert downloaded(opened).read_text() == f'path,label\n"{in_folder}/0.jpg","dog"\n'


@pytest.mark.browser
def test_of_many_classes_one_is_chosen_by_key_or_from_a_menu(
    in_folder: Path, opened: webdriver.Chrome
) -> None:
    names = ["cat", "cow", "dog"]
    write_review(Path("review.html"), items(0.5, 0.6, 0.7), names, "Pictures")
    visit(opened, Path("review.html"))
    choices = opened.find_elements(By.CSS_SELECTOR, "#choices button")
    assert [choice.text.split() for choice in choices] == [
        ["cat", "1", "C"],
        ["cow", "2", "O"],
        ["dog", "3", "D"],
    ]
    cards(opened)[0].click()
    opened.find_elements(By.CSS_SELECTOR, "#menu button")[1].click()
    press(opened, Keys.ARROW_RIGHT, Keys.ENTER, Keys.ARROW_UP, Keys.ENTER)
    press(opened, Keys.ARROW_RIGHT, Keys.SPACE, Keys.ESCAPE, "o")
    assert labels(opened) == ["cow", "dog", "cow"]
    choices[0].click()
    assert labels(opened) == ["cow", "dog", "cat"]


@pytest.mark.browser
def test_pictures_are_filtered_by_label_confidence_and_correction(
    in_folder: Path, opened: webdriver.Chrome
) -> None:
    shown = items(0.51, 0.6, 0.7, 0.8)
    shown += [ReviewItem("a dog.jpg", "dog", 0.9), ReviewItem("gone.jpg", None, None, error="gone")]
    write_review(Path("review.html"), shown, ["cat", "dog"], "Pictures")
    visit(opened, Path("review.html"))
    by_words = {
        button.text.split("\n")[0].rsplit(" ", 1)[0]: button
        for button in opened.find_elements(By.CSS_SELECTOR, "#labels button")
    }
    assert [button.text.split()[-1] for button in by_words.values()] == ["6", "4", "1", "1", "0"]
    by_words["cat"].click()
    assert (len(cards(opened)), text(opened, "shown")) == (4, "4 of 6 pictures")
    opened.find_element(By.ID, "most").send_keys(Keys.HOME)
    assert [card.accessible_name for card in cards(opened)] == ["cat, 51 %, 0.jpg"]
    cards(opened)[0].click()
    assert len(cards(opened)) == 1  # it doesn't vanish under the hand
    by_words["dog"].click()
    assert (cards(opened), text(opened, "nothing")[:10]) == ([], "No picture")
    opened.find_element(By.ID, "all").click()
    assert len(cards(opened)) == 6
    by_words["Corrected"].click()
    assert [card.accessible_name for card in cards(opened)] == [
        "dog, corrected, was cat, 51 %, 0.jpg"
    ]


@pytest.mark.browser
def test_odd_file_names_are_shown_as_text_and_come_back_from_the_saved_file(
    in_folder: Path, opened: webdriver.Chrome
) -> None:
    for name in ODD_NAMES:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(encoded(motif(), "JPEG"))
    shown = [ReviewItem(name, "cat", 0.5) for name in ODD_NAMES]
    write_review(Path("review.html"), shown, ["cat", "dog"], "</script><script>hacked=1</script>")
    visit(opened, Path("review.html"))
    assert opened.execute_script("return typeof hacked") == "undefined"
    assert text(opened, "cards").count("cat") == len(ODD_NAMES)
    for name, card in zip(ODD_NAMES[:5], cards(opened), strict=False):
        assert card.find_element(By.CLASS_NAME, "name").text == name
    cards(opened)[0].click()
    for _ in ODD_NAMES[1:]:
        press(opened, Keys.ARROW_RIGHT, Keys.SPACE)
    assert opened.find_elements(By.CSS_SELECTOR, ".unreadable") == []
    control(opened, "s")
    said = read_inputs([str(downloaded(opened))], None, [])
    assert [(one.path, one.label) for one in said] == [
        (in_folder / name, "dog") for name in ODD_NAMES
    ]
    assert all(one.path.is_file() for one in said)


@pytest.mark.browser
def test_thumbnails_are_taken_out_as_one_scrolls(in_folder: Path, opened: webdriver.Chrome) -> None:
    write_review(Path("review.html"), items(*[0.5] * 1_000), ["cat", "dog"], "Pictures")
    visit(opened, Path("review.html"))
    drawn = "return document.querySelectorAll('.card img[src]').length"
    last = "return document.querySelector('#card-999 img[src]')?.naturalWidth"
    assert 0 < opened.execute_script(drawn) < 200
    opened.find_element(By.ID, "card-0").click()
    press(opened, Keys.END)
    for _ in range(100):
        if opened.execute_script(last) == 16:
            break
        time.sleep(0.05)
    assert opened.execute_script(last) == 16
    assert opened.execute_script(drawn) < 400


@pytest.mark.browser
def test_without_storage_the_page_works_and_says_that_nothing_is_kept(
    in_folder: Path, opened: webdriver.Chrome
) -> None:
    write_review(Path("review.html"), items(0.5, 0.6), ["cat", "dog"], "Pictures")
    refuse = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('no') }})"
    script = opened.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": refuse})
    try:
        visit(opened, Path("review.html"))
        assert "keeps nothing" in text(opened, "said")
        cards(opened)[1].click()
        assert labels(opened) == ["cat", "dog"]
        control(opened, "s")
        assert downloaded(opened).read_text().endswith('1.jpg","dog"\n')
    finally:
        opened.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)


@pytest.mark.browser
def test_labels_of_a_data_set_are_shown_with_what_the_model_says(
    in_folder: Path, opened: webdriver.Chrome
) -> None:
    suspects = [ReviewItem("a.jpg", "dog", 0.98, given="cat", thumbnail=SMALL)]
    write_review(Path("review.html"), suspects, ["cat", "dog"], "Suspects")
    visit(opened, Path("review.html"))
    [card] = cards(opened)
    assert card.text.split("\n") == ["cat", "model: dog 98 %", "a.jpg"]
    card.click()
    assert card.accessible_name == "dog, corrected, was cat, model: dog 98 %, a.jpg"
    assert text(opened, "count") == "1 correction"
