"""Commands on data sets that come divided, nested or with a table."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from imgclf.cli import app
from imgclf.commands.check import check
from imgclf.commands.evaluate import evaluate
from imgclf.commands.train import train
from imgclf.corrections.inputs import read_inputs, require_classes
from imgclf.corrections.misfiled import find_misfiled
from imgclf.data.picture_files import file_digest
from imgclf.errors import Interrupted, UsageError
from imgclf.model_file.archive import MANIFEST, read_manifest
from imgclf.runs.folder import latest_run
from tests.support.heard import Heard
from tests.support.model_files import rewritten
from tests.support.trainings import STOPPER

CONFIG = """\
data: {directory: set, image_size: 8, batch_size: 8}
model: {layers: [Rescaling: 1/255, Flatten]}
training: {epochs: 2}
"""
LEAVES = ("Fruit/Apple/Gala", "Fruit/Pear", "Greens/Leek")


def imgclf(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def draw(folder: Path, count: int, seed: int) -> None:
    """Pictures none of which is like another."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for number in range(count):
        pixels = random.integers(0, 255, (8, 8, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")


@pytest.fixture(scope="module")
def nested_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """set/{train,test} with nested classes, and models/pets.keras that was trained on them."""
    folder = tmp_path_factory.mktemp("nested")
    for number, name in enumerate(LEAVES):
        draw(folder / "set/Train Images" / name, 10, number)
        draw(folder / "set/Test Images" / name, 3, 50 + number)
    (folder / "set/README").mkdir()
    (folder / "set/README/read.me").touch()
    (folder / "pets.yaml").write_text(CONFIG)
    before = Path.cwd()
    os.chdir(folder)
    try:
        train(Path("pets.yaml"), ["data.classes=leaves", "training.epochs=1"])
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def nested(nested_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    shutil.copytree(nested_once, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    yield Path("models/pets.keras")


def test_labels_of_nested_classes_are_paths_and_jsonl_has_their_levels(nested: Path) -> None:
    assert read_manifest(nested).class_names == LEAVES
    done = imgclf("predict", "set/Test Images", "--format", "jsonl")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == 9
    assert all(row["levels"] == row["label"].split("/") for row in rows)
    [row] = imgclf(
        "predict", "set/Test Images/Fruit/Pear/0.png", "--format", "jsonl", "--min-confidence", "1"
    ).stdout.splitlines()
    assert (json.loads(row)["label"], json.loads(row)["levels"]) == ("unsure", None)


def test_pictures_are_sorted_into_folders_of_folders(nested: Path) -> None:
    done = imgclf("predict", "set/Test Images", "--sort-into", "sorted", "--copy")
    assert done.exit_code == 0, done.output
    there = {path.parent.relative_to("sorted").as_posix() for path in Path("sorted").rglob("*.png")}
    assert there and there <= set(LEAVES)


def test_the_test_part_is_judged_and_the_training_part_is_called_so(
    nested: Path, heard: Heard
) -> None:
    found = evaluate(nested, Path("set"), [])
    assert (found.part, found.trained_on, found.pictures) == ("test", 0, 9)
    assert "left out set/README: no pictures" in heard.text
    found = evaluate(nested, Path("set/Train Images"), [])
    assert (found.part, found.trained_on, found.pictures) == ("mixed", 24, 30)


def test_folders_say_what_pictures_of_nested_classes_are(nested: Path) -> None:
    said = read_inputs(["set"], None, [], LEAVES)
    assert len(said) == 39
    for one in said:
        assert one.path.parent.as_posix().endswith(f" Images/{one.label}")
    assert require_classes(said, LEAVES) is None
    with pytest.raises(UsageError, match=r"--label Pear; did you mean Fruit/Pear\?"):
        require_classes(read_inputs(["a.jpg"], "Pear", []), LEAVES)
    new = read_inputs(["a.jpg"], "Fruit/Plum", [])
    assert require_classes(new, LEAVES, new_class=True) == "Fruit/Plum"
    with pytest.raises(UsageError, match="is no class name"):
        require_classes(new, ("cat", "dog"), new_class=True)


def test_a_picture_under_the_wrong_nested_class_is_moved(nested: Path) -> None:
    wrong = Path("set/Train Images/Fruit/Pear/3.png")
    manifest = read_manifest(nested)
    assert manifest.data is not None
    here = msgspec.structs.replace(manifest.data, directory=str(Path("set").absolute()))
    manifest = msgspec.structs.replace(manifest, data=here)
    said, sizes = {file_digest(wrong): "Fruit/Apple/Gala"}, {wrong.stat().st_size}
    [found] = find_misfiled(manifest, said, sizes, fix=True)
    assert (found.label, found.is_really) == ("Fruit/Pear", "Fruit/Apple/Gala")
    assert not wrong.exists()
    assert Path(str(found.moved_to)).parent == Path("set/Train Images/Fruit/Apple/Gala").absolute()


@pytest.fixture
def tabled(in_folder: Path) -> Path:
    draw(Path("set/images"), 40, 1)
    rows = [f"images/{number}.png,{'cat' if number % 2 else 'dog'}" for number in range(40)]
    table = Path("set/labels.csv")
    table.write_text("filename,class\n" + "\n".join(rows) + "\nimages/x.png,cat\n")
    Path("pets.yaml").write_text(CONFIG.replace("directory: set", "table: set/labels.csv"))
    return table


def test_check_counts_the_pictures_of_a_table(tabled: Path) -> None:
    found = check(Path("pets.yaml"))
    assert found.counts == {"cat": (16, 4, 0), "dog": (16, 4, 0)}
    assert [one.message for one in found.findings if one.kind == "left out"] == [
        "set/images/x.png: no such file (set/labels.csv, line 42)"
    ]


def test_check_says_what_it_took_for_what(in_folder: Path) -> None:
    for number, name in enumerate(("seg_train/seg_train/a", "seg_train/seg_train/b/deep")):
        draw(Path("set", name), 25, number)
    draw(Path("set/seg_test/seg_test"), 1, 9)
    Path("pets.yaml").write_text(CONFIG)
    done = imgclf("check", "pets.yaml")
    assert "left out: set/seg_test/seg_test: test pictures without class folders" in done.stdout
    [parts, nested] = check(Path("pets.yaml")).notes
    assert parts == ("set has parts: seg_train/seg_train (training), seg_test/seg_test (test)")
    assert nested.startswith("set/seg_train/seg_train/b holds folders (deep): each class folder")


def test_a_model_that_was_trained_by_a_table_is_judged_by_it(
    trained_once: tuple[Path, object], tabled: Path, heard: Heard
) -> None:
    """As far as this goes it makes no difference that it was another table then."""
    model = Path("pets.keras")
    shutil.copy(trained_once[0] / "models/pets.keras", model)

    def edit(content: bytes) -> bytes:
        manifest = json.loads(content)
        manifest["data"] |= {"directory": str(Path("set").resolve())}
        manifest["data"] |= {"table": str(tabled.resolve())}
        return json.dumps(manifest).encode()

    changed = rewritten(model, MANIFEST, edit)
    assert evaluate(changed, None, []).pictures == 8
    picture = Path("set/images/3.png")
    said = {file_digest(picture): "dog"}
    manifest = read_manifest(changed)
    [wrong] = find_misfiled(manifest, said, {picture.stat().st_size}, fix=True)
    assert (wrong.label, wrong.moved_to, wrong.table) == ("cat", None, str(tabled.resolve()))
    assert picture.exists()


def test_an_interrupted_run_goes_on_with_the_pictures_that_it_began_with(
    in_folder: Path, heard: Heard
) -> None:
    """`data.parts: none` takes train/ and valid/ for classes, as all sets once were."""
    for number, name in enumerate(("train/a", "train/b", "valid/a", "valid/b")):
        draw(Path("set", name), 10, number)
    Path("stopper.py").write_text(STOPPER)
    Path("stop").write_text("epoch 1")
    Path("pets.yaml").write_text(CONFIG + "callbacks: ['stopper.py:Stop']\n")
    with pytest.raises(Interrupted):
        train(Path("pets.yaml"), ["data.parts=none"])
    began = latest_run("pets")
    assert began is not None
    done = train(Path("pets.yaml"))
    assert (done.outcome, done.run.path) == ("resumed", began.path)
    assert read_manifest(done.model).class_names == ("train", "valid")
    assert (
        f"these are the pictures that {began.path} began with; a new run would see 2 classes "
        "(a, b): 20 pictures to train on, 20 to validate on"
    ) in heard.text
    # What it was published with is judged as it was then.
    assert evaluate(done.model, None, []).pictures == 8
    assert "has changed since" not in heard.text
    shutil.rmtree("set/train/b")
    shutil.rmtree("set/valid/b")
    Path("stop").write_text("epoch 1")
    with pytest.raises(Interrupted):
        train(Path("pets.yaml"), ["data.parts=none", "training.seed=3"])
    train(Path("pets.yaml"), ["training.seed=3"])
    assert "a new run would see none: set/train has one class folder only (a)" in heard.text
