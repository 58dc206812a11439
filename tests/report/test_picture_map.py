"""The map of a data set in the report: where pictures lie on it, and that keys suffice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from imgclf.commands.train import Trained
from imgclf.config.load import load_config
from imgclf.corrections.familiar_pictures import FeaturesOfSome
from imgclf.data.dataset import read_config_dataset
from imgclf.report.explanations import Alike, Looked, Why
from imgclf.report.kept_facts import keep_facts, read_facts
from imgclf.report.picture_map import lay_out, map_pictures
from imgclf.report.run_page import write_report
from imgclf.runs.folder import RunFolder
from tests.support.browser import Window, window_on
from tests.support.pages import parse, picture
from tests.support.pictures import encoded, motif


def two_heaps() -> np.ndarray:
    random = np.random.default_rng(0)
    ends = np.repeat(np.eye(12)[:2], 20, axis=0)
    return (ends + 0.05 * random.standard_normal((40, 12))).astype(np.float16)


@pytest.mark.parametrize(("quick", "method"), [(True, "PCA"), (False, "t-SNE")])
def test_pictures_with_like_features_lie_together(quick: bool, method: str) -> None:
    pytest.importorskip("sklearn")
    found, again = lay_out(two_heaps(), quick=quick), lay_out(two_heaps(), quick=quick)
    assert found is not None and again is not None
    positions, how = found
    assert how == method
    assert (positions.min(axis=0).tolist(), positions.max(axis=0).tolist()) == ([0, 0], [1, 1])
    one, other = positions[:20], positions[20:]
    between = np.linalg.norm(one.mean(axis=0) - other.mean(axis=0))
    within = max(np.linalg.norm(heap - heap.mean(axis=0), axis=1).mean() for heap in (one, other))
    assert between > 1.2 * within
    np.testing.assert_array_equal(again[0], positions)


@pytest.mark.parametrize(
    "features",
    [
        np.zeros((20, 8)),
        np.ones((20, 8)),
        np.full((20, 8), np.inf),
        np.arange(20.0)[:, np.newaxis],
    ],
    ids=["zeros", "ones", "infinite", "one feature"],
)
def test_what_features_do_not_tell_apart_is_not_laid_out(features: np.ndarray) -> None:
    """t-SNE ends the process by a segmentation fault where all are the same."""
    assert lay_out(features) is None


def test_without_scikit_learn_it_is_pca(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    found = lay_out(two_heaps())
    assert found is not None
    assert found[1] == "PCA"


def mapped(trained_once: tuple[Path, Trained], folder: Path) -> RunFolder:
    """The report of a training with a map, of features that tell the classes apart."""
    work, done = trained_once
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(work)
        data = read_config_dataset(load_config(Path("pets.yaml"), []).config.data)
        facts = read_facts(done.run)
        random = np.random.default_rng(0)
        seen = [
            (
                np.arange(len(part)),
                np.eye(8)[part.labels] + 0.2 * random.standard_normal((len(part), 8)),
            )
            for part in (data.training, data.validation)
        ]
        some = FeaturesOfSome(data, 0, None, seen)
        found = map_pictures(
            data, some, facts.answers.probabilities(len(facts.manifest.class_names)), quick=True
        )
        assert found is not None
        names = ("</script><script>hacked=1</script>", *found.names[1:])
        found = msgspec.structs.replace(found, names=names)
        small = encoded(motif(40, 40), "JPEG")
        looked = Looked("cat", (2, 2), bytes([0, 0, 0, 255]), data.settings)
        why = Why(looked, (Alike("<b>cat", 0.9, small),))
        mistakes = tuple(msgspec.structs.replace(one, why=why) for one in facts.mistakes)
        assert mistakes
        facts = msgspec.structs.replace(facts, map=found, mistakes=mistakes)
    run = RunFolder(folder)
    keep_facts(facts, run)
    assert read_facts(run) == facts
    write_report(read_facts(run), run)
    return run


@pytest.fixture(scope="module")
def window(
    trained_once: tuple[Path, Trained], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Window]:
    folder = tmp_path_factory.mktemp("mapped")
    mapped(trained_once, folder)
    with window_on(folder) as opened:
        yield opened


def test_the_page_has_a_point_for_each_picture_and_all_of_them_in_one_file(
    trained_once: tuple[Path, Trained], in_folder: Path
) -> None:
    page = parse(mapped(trained_once, in_folder).report.read_text())
    circles = page.one("svg", id="points").all("circle")
    assert len(circles) == 60 + 1  # and the one around the picture that is shown
    data = json.loads(page.one("script", id="map-data").text)
    hues = [one.attributes["class"].split()[0] for one in circles[:-1]]
    assert hues == [f"hue-{label}" for label in data["labels"]]
    assert data["said"].count(None) == 48
    wrong = [
        said not in (None, label) for said, label in zip(data["said"], data["labels"], strict=True)
    ]
    assert ["wrong" in one.attributes["class"] for one in circles[:-1]] == wrong
    assert picture(page.one("img", id="sprite").attributes["src"]).size == (40 * 48, 2 * 48)
    assert "(PCA)" in page.text


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_a_picture_of_the_map_is_shown_by_keys_and_by_pointing(window: Window, width: int) -> None:
    from selenium.webdriver import ActionChains, Keys

    window.show("report.html", width)
    assert window.run("return document.documentElement.scrollWidth") <= width
    window.run("document.querySelector('.classes-shown button:last-child').focus()")
    window.press(Keys.TAB)
    assert window.run("return document.activeElement.id") == "points"
    words = "return document.getElementById('tip-words').textContent"
    first = window.run(words)
    assert first.startswith("cat training")
    assert first.endswith("</script><script>hacked=1</script>")
    place = "return document.getElementById('here').cx.baseVal.value"
    before = window.run(place)
    window.press(Keys.ARROW_RIGHT if before < 450 else Keys.ARROW_LEFT)
    assert (window.run(place) - before) * (450 - before) > 0
    assert window.run(words) != first
    window.press(Keys.ESCAPE)
    assert window.run("return document.getElementById('tip').hidden")
    seventh = window.browser.find_elements("css selector", "#points circle")[7]
    ActionChains(window.browser).move_to_element(seventh).perform()
    assert not window.run("return document.getElementById('tip').hidden")
    assert window.run("return window.hacked") is None
    assert window.browser.get_log("browser") == []
    assert window.asked == ["/report.html"]


@pytest.mark.browser
def test_a_class_is_shown_alone_and_where_the_model_looked_laid_over_its_mistakes(
    window: Window,
) -> None:
    window.show("report.html")
    button = window.browser.find_element("css selector", ".classes-shown button")
    dim = "return document.querySelectorAll('#points .dim').length"
    button.send_keys(" ")
    assert window.run(dim) == 30
    button.send_keys(" ")
    assert window.run(dim) == 0
    toggle = window.browser.find_element("id", "looked")
    toggle.send_keys(" ")
    assert toggle.get_attribute("aria-pressed") == "true"
    pictures = window.run("return document.querySelectorAll('img[data-looked]').length")
    assert window.run("return document.querySelectorAll('.pictures canvas').length") == pictures > 0
    toggle.send_keys(" ")
    assert window.run("return document.querySelectorAll('.pictures canvas').length") == 0
