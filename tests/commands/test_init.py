"""`imgclf init`: a first config for a folder of pictures."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from imgclf.commands.draft import Draft
from imgclf.commands.init import Initialized, init
from imgclf.commands.train import train
from imgclf.config.load import load_config
from imgclf.errors import DataError, UsageError
from tests.support.command_line import imgclf, imported_by
from tests.support.pictures import motif, with_orientation


def draw(directory: Path, *shapes: tuple[int, int], classes: tuple[str, ...] = ("a", "b")) -> Path:
    """A picture of each shape (height, width) in each class, five times over."""
    for label, name in enumerate(classes):
        (directory / name).mkdir(parents=True)
        for number, (height, width) in enumerate(5 * shapes):
            picture = Image.new("RGB", (width, height), (number, label, 90))
            picture.save(directory / name / f"{number}.png")
    return directory


def chosen(*shapes: tuple[int, int]) -> Draft:
    return init(draw(Path("set"), *shapes), None).chosen


@pytest.mark.slow
def test_what_it_writes_can_be_trained_at_once(drawn: Path, in_folder: Path) -> None:
    shutil.copytree(drawn / "dataset", "dataset")
    done = imgclf("init", "dataset")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "60 pictures of 2 classes: cat 30, dog 30",
        "48 to train on, 12 to validate on, 0 to test on",
        "typically 129 x 131 pixels; the network sees 128 x 128 (pad)",
        "config: dataset.yaml",
    ]
    assert done.stderr == "next: imgclf check dataset.yaml\nthen: imgclf train dataset.yaml\n"
    trained = train(Path("dataset.yaml"), ["training.epochs=1"])
    assert trained.model == Path("models/dataset.keras")
    assert trained.record.status == "finished"


def test_the_comments_say_why(in_folder: Path) -> None:
    init(draw(Path("set"), (300, 200), classes=("hat", "shoe")), None)
    text = Path("set.yaml").read_text()
    assert text.startswith(
        "# 2 classes of pictures: hat 5, shoe 5.\n#\n#     imgclf train set.yaml\n"
    )
    assert "image_size: [220, 148]" in text
    assert "# height, width; the pictures are about 300 x 200\n" in text
    assert "# against learning 8 pictures by heart\n" in text


def test_a_config_that_is_there_is_left_as_it_is(in_folder: Path) -> None:
    folder = draw(Path("set"), (20, 20))
    Path("set.yaml").write_text("mine")
    with pytest.raises(UsageError, match=r"set\.yaml is there already.*"):
        init(folder, None)
    assert Path("set.yaml").read_text() == "mine"
    assert init(folder, Path("other.yaml")).config == Path("other.yaml")


def test_a_folder_that_cannot_be_trained_on_gets_no_config(in_folder: Path) -> None:
    with pytest.raises(DataError, match="one class folder only"):
        init(draw(Path("set"), (20, 20), classes=("a",)), None)
    assert not Path("set.yaml").exists()


@pytest.mark.parametrize(
    ("shapes", "image_size", "resize"),
    [
        ([(600, 600)], (180, 180), "stretch"),
        ([(600, 500)], (180, 180), "stretch"),  # a little off square is square
        ([(400, 800)], (128, 256), "stretch"),
        ([(28, 28)], (28, 28), "stretch"),
        ([(101, 61)], (101, 61), "stretch"),
        ([(101, 61), (103, 63)], (104, 64), "stretch"),
        ([(600, 600), (300, 600), (600, 300)], (180, 180), "pad"),
        ([(4, 4)], (8, 8), "stretch"),
    ],
)
def test_the_size_follows_from_the_pictures(
    in_folder: Path, shapes: list[tuple[int, int]], image_size: tuple[int, int], resize: str
) -> None:
    found = chosen(*shapes)
    assert (found.image_size, found.resize) == (image_size, resize)
    data = load_config(Path("set.yaml")).config.data
    assert (data.image_size, data.resize) == (image_size, resize)


def test_pictures_that_lie_on_their_side_count_upright(in_folder: Path) -> None:
    for name in "ab":
        Path("set", name).mkdir(parents=True)
        for number in range(5):
            file = with_orientation(motif(90 + number, 60), 6, "JPEG")
            Path("set", name, f"{number}.jpg").write_bytes(file + name.encode())
    assert init(Path("set"), None).seen.typical_shape == (60, 92)


def test_small_pictures_get_a_small_network_and_are_not_mirrored(in_folder: Path) -> None:
    found = chosen((28, 28))
    assert (found.filters, found.units, found.batch_size) == ((8, 16), 64, 8)
    config = load_config(Path("set.yaml")).config
    assert [spec.name for spec in config.augmentation] == ["RandomZoom"]
    assert [spec.name for spec in config.model.layers].count("Conv2D") == 2


def test_large_ones_get_a_deeper_one(in_folder: Path) -> None:
    assert chosen((500, 500)).filters == (8, 16, 32, 64)


def test_names_that_are_traps_for_yaml(in_folder: Path) -> None:
    folder = Path('yes: #1 \'n "x"\n')
    done: Initialized = init(draw(folder, (20, 20), classes=("on\ndata: {}", "# no")), None)
    assert done.config == Path("yes-1-n-x.yaml")
    assert load_config(done.config).config.data.directory == str(folder)
    assert "on data: {} 5" in done.config.read_text().splitlines()[0]
    for name in ("123", "no", "2026-11-22", "pets \N{GRINNING FACE}"):
        assert (
            load_config(init(draw(Path(name), (9, 9)), None).config).config.data.directory == name
        )


def test_a_set_that_comes_divided_is_named_after_itself(in_folder: Path) -> None:
    draw(Path("pets/train"), (20, 20))
    assert init(Path("pets/train"), None).config == Path("pets.yaml")
    assert load_config(Path("pets.yaml")).config.data.directory == "pets/train"


def test_it_does_without_tensorflow(in_folder: Path) -> None:
    draw(Path("set"), (20, 20))
    assert not imported_by("init", "set") & {"tensorflow", "keras", "matplotlib"}
    assert Path("set.yaml").exists()
