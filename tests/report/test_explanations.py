"""Why a model says what it says of a picture, on the pages that show its answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from imgclf.backend import keras
from imgclf.cli import app
from imgclf.commands.train import Trained
from imgclf.corrections.most_alike import known_pictures
from imgclf.data.decoder import DecoderSettings, decode
from imgclf.model_file.classifier import open_classifier
from imgclf.report.explanations import Alike, Explanations, Looked, Why
from imgclf.report.review import ReviewItem, write_review
from tests.support.browser import Window, window_on
from tests.support.pictures import encoded, motif
from tests.support.pretrained import on_backbone, written

HOSTILE = "</script><script>hacked=1</script>"


def data_of(page: str) -> dict[str, Any]:
    text = Path(page).read_text()
    start = text.index('<script type="application/json" id="review">')
    return json.loads(text[text.index(">", start) + 1 : text.index("</script>", start)])


def invoke(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.stdout


def test_training_pictures_are_the_nearest_by_cosine_and_never_the_picture_itself(
    trained: Trained,
) -> None:
    classifier = open_classifier(trained.model)
    known = known_pictures(trained.model, classifier)
    assert known is not None
    path = Path("new/cat/cat-001.jpg")
    pixels = decode(path, classifier.manifest.decoder.settings())[np.newaxis]
    _, features = classifier.probabilities_and_features(pixels)
    unit = features[0] / np.linalg.norm(features[0])
    [alike] = known.most_alike(features)
    similarities = known.units @ unit
    assert [one.place for one in alike] == np.argsort(-similarities)[:3].tolist()
    assert alike[0].similarity == pytest.approx(float(similarities.max()), abs=1e-6)
    _, itself = classifier.probabilities_and_features(known.samples.pixels_at(slice(4, 5)))
    [alike] = known.most_alike(itself)
    assert 4 not in [one.place for one in alike]
    assert len(alike) == 3


def test_predict_answers_the_same_with_a_page_that_explains(trained: Trained) -> None:
    plain = invoke("predict", "new", "--format", "csv")
    assert invoke("predict", "new", "--format", "csv", "--review", "review.html") == plain
    data = data_of("review.html")
    why = data["why"]
    assert sorted(map(int, why["rows"])) == list(range(20))
    # Its features are all of the map and no average of it, so no place can be told.
    assert all(looked is None and len(alike) == 3 for looked, alike in why["rows"].values())
    row = next(number for number, path in enumerate(data["paths"]) if path.endswith("cat-001.jpg"))
    explanations = Explanations.by(open_classifier(trained.model), trained.model)
    assert explanations is not None
    [one] = explanations.of_files(["new/cat/cat-001.jpg"]).values()
    places = [place for place, _ in why["rows"][str(row)][1]]
    shown = [(why["known"][place][0], base64.b64decode(why["known"][place][1])) for place in places]
    assert shown == [(alike.label, alike.jpeg) for alike in one.alike]


def test_suggested_pictures_and_mistakes_are_explained_too(trained: Trained) -> None:
    invoke("predict", "new", "--suggest", "3", "--review", "review.html")
    assert len(data_of("review.html")["why"]["rows"]) == len(data_of("review.html")["paths"])
    # Under each other's names, so that most are mistakes.
    Path("wrong").mkdir()
    Path("new/cat").rename("wrong/dog")
    Path("new/dog").rename("wrong/cat")
    invoke("evaluate", "wrong", "--review", "mistakes.html")
    data = data_of("mistakes.html")
    assert len(data["why"]["rows"]) == len(data["paths"]) > 0
    right = 20 - len(data["paths"])
    assert f"{right / 20:.1%} are right (95 % interval " in Path("mistakes.html").read_text()


def test_without_kept_pictures_a_page_shows_none(trained: Trained) -> None:
    (trained.model.with_suffix(".history") / "memory.npz").unlink()
    invoke("predict", "new", "--review", "review.html")
    assert data_of("review.html")["why"] is None


def test_where_it_looked_is_told_of_a_network_that_ends_in_an_average(in_folder: Path) -> None:
    model = on_backbone(keras.layers.Dense(3, activation="softmax"))
    written(model)
    classifier = open_classifier(Path("models/pets.keras"))
    Path("one.png").write_bytes(encoded(motif(32, 24), "PNG"))
    explanations = Explanations.by(classifier, Path("models/pets.keras"))
    assert explanations is not None
    looked = explanations.of_files(["one.png"])["one.png"].looked
    assert looked is not None
    height, width = looked.shape
    places = np.frombuffer(looked.values, np.uint8).reshape(height, width)
    assert (places.min(), places.max()) == (0, 255)
    # By hand, from what Keras makes of the picture.
    features = keras.Model(model.input, model.get_layer("features").input)
    pixels = decode("one.png", classifier.manifest.decoder.settings())[np.newaxis]
    maps = np.asarray(features(pixels.astype(np.float32)))
    said = int(np.asarray(model(pixels.astype(np.float32))).argmax())
    assert looked.label == classifier.class_names[said]
    variance = model.get_layer("standardization").get_weights()[1]
    weights = model.layers[-1].get_weights()[0] / np.sqrt(variance + 1e-3)[:, np.newaxis]
    adds = maps[0] @ (weights[:, said] - weights.mean(axis=1))
    expected = np.rint(255 * (adds - adds.min()) / (adds.max() - adds.min()))
    np.testing.assert_allclose(places, expected, atol=1)


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    folder = tmp_path_factory.mktemp("explained")
    small = encoded(motif(40, 80), "JPEG")
    values = bytes([0, 0, 0, 255])
    looked = Looked(HOSTILE, (2, 2), values, DecoderSettings(64, 64))
    why = Why(looked, (Alike(HOSTILE, 0.91, small), Alike("dog", 0.5, small)))
    items = [ReviewItem(f"{row}.jpg", "cat", 0.5, thumbnail=small, why=why) for row in range(3)]
    items.append(ReviewItem("3.jpg", "cat", 0.5, thumbnail=small))
    write_review(folder / "review.html", items, ["cat", HOSTILE], "Pictures")
    with window_on(folder) as opened:
        yield opened


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_a_key_shows_why_and_arrows_go_on_with_it(window: Window, width: int) -> None:
    from selenium.webdriver import Keys

    window.show("review.html", width)
    assert window.run("return document.getElementById('why').hidden")
    window.press(".")
    shown = "return document.querySelector('#looked:not([hidden]) figcaption')?.textContent"
    for _ in range(50):
        if window.run(shown):
            break
    assert window.run(shown) == f"where it saw {HOSTILE}"
    labels = "return [...document.querySelectorAll('.three span')].map(one => one.textContent)"
    assert window.run(labels) == [f"{HOSTILE} 0.91", "dog 0.50"]
    # Beside what it says of reading back pixels, as this test does.
    assert [one for one in window.browser.get_log("browser") if one["level"] == "SEVERE"] == []
    # The corner at the lower right is the place that adds most: red and little else.
    colours = (
        "const it = document.getElementById('heat'); const on = it.getContext('2d');"
        "const corners = [[2, 2], [it.width - 3, it.height - 3]];"
        "return corners.map(at => [...on.getImageData(...at, 1, 1).data])"
    )
    cold, hot = window.run(colours)
    assert hot[0] - hot[2] > 120 > cold[0] - cold[2]
    assert window.run("return document.documentElement.scrollWidth") <= width
    assert window.run("return window.hacked") is None
    window.press(Keys.TAB)
    window.run("document.querySelector('.card[tabindex=\"0\"]').focus()")
    window.press(Keys.END)
    assert window.run("return document.getElementById('alike').hidden")
    assert window.run("return document.getElementById('looked').hidden")
    window.press(".")
    assert window.run("return document.getElementById('why').hidden")
    assert window.asked == ["/review.html"]
