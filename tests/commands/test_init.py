"""`imgclf init`: a first config for a folder of pictures."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from imgclf.commands import draft_pretrained
from imgclf.commands.draft_from_scratch import FromScratch
from imgclf.commands.draft_pretrained import BROUGHT
from imgclf.commands.init import WHY_SMALL, Initialized, init
from imgclf.commands.train import train
from imgclf.config.backbone import Backbone
from imgclf.config.data_parts import DataParts
from imgclf.config.fine_tune import FineTune
from imgclf.config.json_schema import NAMED_BY
from imgclf.config.load import load_config
from imgclf.config.schema import Config
from imgclf.errors import DataError, UsageError
from imgclf.report.survey import survey_lines
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


def from_scratch(*shapes: tuple[int, int]) -> FromScratch:
    found = init(draw(Path("set"), *shapes), None, from_scratch=True).chosen
    assert isinstance(found, FromScratch)
    return found


def config_of(*shapes: tuple[int, int]) -> Config:
    """The one that is proposed if nobody asks for anything."""
    return load_config(init(draw(Path("set"), *shapes), None).config).config


@pytest.mark.slow
def test_what_it_writes_can_be_trained_at_once(drawn: Path, in_folder: Path) -> None:
    shutil.copytree(drawn / "dataset", "dataset")
    done = imgclf("init", "dataset")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "60 pictures of 2 classes: cat 30, dog 30",
        "48 to train on, 12 to validate on, 0 to test on",
        "typically 129 x 131 pixels; the network sees 224 x 224 (pad)",
        "config: dataset.yaml",
    ]
    assert done.stderr == (
        "for editors, its schema: .imgclf-schema.json\n"
        "next: imgclf check dataset.yaml\n"
        "then: imgclf train dataset.yaml\n"
    )
    trained = train(Path("dataset.yaml"), ["training.epochs=3"])
    assert trained.model == Path("models/dataset.keras")
    assert trained.record.status == "finished"
    before = Path("dataset.yaml").read_text()
    again = before.replace("# fine_tune: {epochs: 8", "fine_tune: {epochs: 1")
    assert again != before
    Path("dataset.yaml").write_text(again)
    config = load_config(Path("dataset.yaml")).config
    assert len(config.augmentation) == 5
    assert config.training.fine_tune == FineTune(epochs=1)


@pytest.mark.slow
def test_what_it_writes_from_scratch_can_be_trained_at_once(drawn: Path, in_folder: Path) -> None:
    shutil.copytree(drawn / "dataset", "dataset")
    done = imgclf("init", "dataset", "--from-scratch")
    assert done.returncode == 0
    assert done.stdout.splitlines()[2:] == [
        "typically 129 x 131 pixels; the network sees 128 x 128 (pad)",
        "config: dataset.yaml",
    ]
    trained = train(Path("dataset.yaml"), ["training.epochs=1"])
    assert trained.record.status == "finished"


def test_it_proposes_a_pretrained_network(in_folder: Path) -> None:
    config = config_of((300, 200), (200, 300))
    assert config.model.backbone == Backbone(name="EfficientNetLite0")
    assert (config.data.image_size, config.data.resize) == ((224, 224), "pad")
    assert config.augmentation == ()
    assert config.training.fine_tune is None


def test_the_comments_say_what_fine_tuning_would_take_and_bring(in_folder: Path) -> None:
    init(draw(Path("set"), (300, 200), classes=("hat", "shoe")), None)
    text = Path("set.yaml").read_text()
    assert text.startswith(
        f"{NAMED_BY}\n# 2 classes of pictures: hat 5, shoe 5.\n#\n#     imgclf train set.yaml\n"
    )
    assert "# image_size: [224, 224]" in text
    assert "; the pictures are about 300 x 200\n" in text
    assert re.search(r"# Trains \w+ itself afterwards: about a minute more on this machine", text)
    assert (
        f"  # {BROUGHT}\n  # fine_tune: {{epochs: 8, learning_rate: 0.0003, from: all}}\n" in text
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (3, "about a minute"),
        (89, "about a minute"),
        (91, "about 2 minutes"),
        (5900, "about 98 minutes"),
        (6100, "about 2 hours"),
        (86400, "about 24 hours"),
    ],
)
def test_a_time_is_said_in_round_numbers(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, words: str
) -> None:
    monkeypatch.setattr(draft_pretrained, "fine_tuning_seconds", lambda *_: seconds - 30)
    init(draw(Path("set"), (60, 60)), None)
    assert f"itself afterwards: {words} more" in Path("set.yaml").read_text()


def test_pictures_too_small_for_a_pretrained_network_get_one_of_their_own(in_folder: Path) -> None:
    config = config_of((28, 28))
    assert config.model.backbone is None
    text = Path("set.yaml").read_text()
    assert all(f"  # {line}\n" in text for line in WHY_SMALL)
    asked_for = Path("asked.yaml")
    init(Path("set"), asked_for, from_scratch=True)
    lines = [f"  # {line}" for line in WHY_SMALL]
    rest = [line for line in text.splitlines() if line not in lines]
    assert rest == asked_for.read_text().replace("asked.yaml", "set.yaml").splitlines()


def test_what_the_comment_says_of_small_photos_can_be_done(in_folder: Path) -> None:
    config = init(draw(Path("set"), (28, 28)), None).config
    text = re.sub(r"  layers:\n(    .*\n)+", "  backbone: EfficientNetLite0\n", config.read_text())
    config.write_text(re.sub(r"  image_size: .*\n", "", text))
    loaded = load_config(config).config
    assert (loaded.model.backbone, loaded.data.image_size) == (
        Backbone(name="EfficientNetLite0"),
        (224, 224),
    )


def test_slightly_larger_ones_get_a_pretrained_one(in_folder: Path) -> None:
    assert config_of((49, 49)).model.backbone is not None


def test_what_it_writes_from_scratch(in_folder: Path) -> None:
    folder = draw(Path("set"), (300, 200), classes=("hat", "shoe"))
    init(folder, None, from_scratch=True)
    assert Path("set.yaml").read_text() == f"{NAMED_BY}\n{_FROM_SCRATCH}"


@pytest.mark.parametrize("shape", [(20, 20), (300, 200)], ids=["from scratch", "pretrained"])
def test_what_makes_up_for_few_pictures_of_a_class_is_a_line_to_take_in(
    in_folder: Path, shape: tuple[int, int]
) -> None:
    folder = draw(Path("set"), *4 * [shape])
    init(folder, None)
    assert "logit_adjustment" not in Path("set.yaml").read_text()
    for number in range(5, 20):
        (folder / f"b/{number}.png").unlink()
    Path("set.yaml").unlink()
    init(folder, None)
    text = Path("set.yaml").read_text()
    line = "  # logit_adjustment: 0.5     # a has 20, b has 5: the few are found more\n"
    assert line in text
    Path("set.yaml").write_text(text.replace(line, line.replace("# logit", "logit")))
    assert load_config(Path("set.yaml")).config.training.logit_adjustment == 0.5


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
    found = from_scratch(*shapes)
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
    found = from_scratch((28, 28))
    assert (found.filters, found.units, found.batch_size) == ((8, 16), 64, 8)
    config = load_config(Path("set.yaml")).config
    assert [spec.name for spec in config.augmentation] == ["RandomZoom"]
    assert [spec.name for spec in config.model.layers].count("Conv2D") == 2


def test_large_ones_get_a_deeper_one(in_folder: Path) -> None:
    assert from_scratch((500, 500)).filters == (8, 16, 32, 64)


def test_names_that_are_traps_for_yaml(in_folder: Path) -> None:
    folder = Path('yes: #1 \'n "x"\n')
    done: Initialized = init(draw(folder, (20, 20), classes=("on\ndata: {}", "# no")), None)
    assert done.config == Path("yes-1-n-x.yaml")
    assert load_config(done.config).config.data.directory == str(folder)
    assert "on data: {} 5" in done.config.read_text().splitlines()[1]
    for name in ("123", "no", "2026-11-22", "pets \N{GRINNING FACE}"):
        assert (
            load_config(init(draw(Path(name), (9, 9)), None).config).config.data.directory == name
        )


def test_a_set_that_comes_divided_is_named_after_itself(in_folder: Path) -> None:
    draw(Path("pets/train"), (20, 20))
    assert init(Path("pets/train"), None).config == Path("pets.yaml")
    assert load_config(Path("pets.yaml")).config.data.directory == "pets/train"


@pytest.mark.parametrize("side", [20, 60])
def test_it_does_without_tensorflow(in_folder: Path, side: int) -> None:
    draw(Path("set"), (side, side))
    assert not imported_by("init", "set") & {"tensorflow", "keras", "matplotlib"}
    assert Path("set.yaml").exists()


def test_classes_that_lie_in_folders_of_folders_are_found_and_it_is_said(in_folder: Path) -> None:
    for above, inside in (("Fruit", ("Apple", "Pear/Anjou")), ("Vegetables", ("Carrot",))):
        draw(Path("set", above), (20, 20), classes=inside)
    done = init(Path("set"), None)
    assert list(done.seen.counts) == ["Fruit/Apple", "Fruit/Pear/Anjou", "Vegetables/Carrot"]
    assert load_config(done.config).config.data.classes == "leaves"
    assert "each folder of pictures is a class; for those at the top: data.classes: folders" in [
        *survey_lines(done.seen, (20, 20), "pad")
    ]
    said = init(Path("set"), Path("top.yaml"), overrides=["data.classes=folders"])
    assert list(said.seen.counts) == ["Fruit", "Vegetables"]


@pytest.mark.parametrize("inside", [("2023", "2024"), ("indoor", "outdoor")])
def test_folders_of_years_or_of_both_classes_are_no_classes(
    in_folder: Path, inside: tuple[str, str]
) -> None:
    for number, above in enumerate("ab"):
        draw(Path("set", above), (20, 20), classes=inside[: 2 - number])
    done = init(Path("set"), None)
    assert list(done.seen.counts) == ["a", "b"]
    [note] = done.seen.folder.notes
    assert note.startswith("set/a holds folders (")


def test_parts_are_asked_for_and_taken_as_they_are_said_to_be(in_folder: Path) -> None:
    for part in ("A", "B"):
        draw(Path("set", part), (20, 20), classes=("cat", "dog"))
        (Path("set") / part / "cat/0.png").write_bytes(part.encode())
    with pytest.raises(DataError, match="A, B hold the same folders"):
        init(Path("set"), None)
    with pytest.raises(UsageError, match=r"init takes data\.classes, data\.parts, data\.table"):
        init(Path("set"), None, overrides=["data.seed=3"])
    done = init(Path("set"), None, overrides=["data.parts={training: A, test: B}"])
    assert len(done.seen.folder.test) == 9  # what is no picture is not counted
    assert load_config(done.config).config.data.parts == DataParts(training="A", test="B")


def test_pictures_and_a_table_are_taken_for_what_they_are(in_folder: Path) -> None:
    draw(Path("set"), (20, 20), classes=("images",))
    for number in range(5, 10):  # beside the five of `draw`, none like another
        Image.new("RGB", (20, 20), (number, 9, 9)).save(f"set/images/{number}.png")
    Path("set/labels.csv").write_text(
        "file,class\n" + "".join(f"{n}.png,{'ab'[n % 2]}\n" for n in range(10))
    )
    done = init(Path("set"), None)
    assert done.seen.counts == {"a": 5, "b": 5}
    data = load_config(done.config).config.data
    assert (data.directory, data.table) == ("set/images", "set/labels.csv")
    assert "what they are stands in set/labels.csv" in [*survey_lines(done.seen, (20, 20), "pad")]
    Path("set/labels.csv").write_text("what,ever\n")
    with pytest.raises(DataError, match=r"set/labels\.csv, line 1: the columns path and label"):
        init(Path("set"), Path("other.yaml"))


_FROM_SCRATCH = """\
# 2 classes of pictures: hat 5, shoe 5.
#
#     imgclf train set.yaml

data:
  directory: set
  validation_split: 0.2       # a fifth is held out, unless there is validation/
  seed: 123
  image_size: [220, 148]      # height, width; the pictures are about 300 x 200
  batch_size: 8
  resize: stretch             # their proportions are much the same

augmentation:                 # only while training; report.html shows what it does
  - RandomFlip: horizontal    # not where left and right matter, as in writing
  - RandomRotation: 0.05      # of a full turn, either way
  - RandomZoom: 0.1

model:
  layers:
    - Rescaling: {scale: 1/255}
    - Conv2D: {filters: 8, kernel_size: 3, padding: same, activation: relu}
    - MaxPooling2D
    - Conv2D: {filters: 16, kernel_size: 3, padding: same, activation: relu}
    - MaxPooling2D
    - Conv2D: {filters: 32, kernel_size: 3, padding: same, activation: relu}
    - MaxPooling2D
    - Conv2D: {filters: 64, kernel_size: 3, padding: same, activation: relu}
    - MaxPooling2D
    - Dropout: 0.5            # against learning 8 pictures by heart
    - Flatten
    - Dense: {units: 64, activation: relu}
    # The output layer and the loss follow from the classes.

training:
  epochs: 30                  # at most
  optimizer: adam
  metrics: [accuracy]

callbacks:
  - EarlyStopping: {monitor: val_accuracy, patience: 10}
"""


def test_a_folders_name_is_written_as_it_is(in_folder: Path) -> None:
    folder = "Ağaç 🌳 👩\u200d🌾"
    config = init(draw(Path(folder), (40, 40), classes=("çiçek", "🌲")), None).config
    assert config == Path("Ağaç.yaml")
    text = config.read_text("utf-8")
    assert f'  directory: "{folder}"\n' in text
    assert text.startswith(f"{NAMED_BY}\n# 2 classes of pictures: çiçek 5, 🌲 5.\n")
    assert load_config(config).config.data.directory == folder


def test_a_config_goes_to_standard_output_if_asked(in_folder: Path) -> None:
    draw(Path("set"), (40, 40))
    done = imgclf("init", "set", "-o", "-")
    assert done.returncode == 0
    assert done.stderr.splitlines()[0] == "10 pictures of 2 classes: a 5, b 5"
    assert "imgclf train set.yaml" in done.stdout
    assert not Path("-").exists()
    Path("set.yaml").write_text(done.stdout)
    assert load_config(Path("set.yaml")).config.data.directory == "set"


def test_only_what_can_be_read_is_counted(in_folder: Path) -> None:
    folder = draw(Path("set"), (300, 200), (200, 300))
    (folder / "a/0.png").write_text("hello")
    (folder / "a/1.png").write_bytes((folder / "a/2.png").read_bytes()[:90])
    (folder / "b/0.png").write_bytes(b"")
    Path("set/b/notes.txt").write_text("hello")
    seen = init(folder, None).seen
    assert seen.counts == {"a": 8, "b": 9}
    assert len(seen.shapes) == 17
    counted, _, _, left_out = survey_lines(seen, (224, 224), "pad")
    assert counted == "17 pictures of 2 classes: a 8, b 9"
    assert left_out == (
        "left out 4 files: 1 empty file; 1 not a picture (.txt); 1 truncated; 1 not a picture "
        "(imgclf check names them)"
    )
    assert "a 8, b 9." in Path("set.yaml").read_text()


def test_a_folder_that_is_not_there_is_told_in_the_words_of_init(in_folder: Path) -> None:
    Path("pets").mkdir()
    with pytest.raises(DataError, match=r"^no folder pest; did you mean pets\?") as caught:
        init(Path("pest"), None)
    assert caught.value.hint == "imgclf init FOLDER, with a folder for each class in it"
