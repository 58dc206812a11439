r"""What makes up for classes of different sizes: how often the rarest are found, and at what price.

    python -m benchmarks.imbalance CLOTHING --draws 5
    python -m benchmarks.imbalance CLOTHING --draws 5 --fine-tune 8

CLOTHING holds train/ and test/, a folder for each class in both. Each draw makes its own cut of
train/: which class has how many pictures is drawn, from as many as the smallest class has to a
twentieth of that, in equal steps of a factor. A fifth of the cut is held out, as by default, and
EfficientNetLite0 is trained on the rest, frozen, or fine-tuned in a second phase.

Judged is on two sets that no training saw: what the cut has left in train/ ("left"), by which
defaults and advice are chosen, and test/, which is reported. Each line is a lever, all of them on
the same cuts: mean recall of the three rarest classes and accuracy in per cent, the mean over the
draws and its standard deviation; by how much each differs from training with no lever, with the
standard error of the difference; accuracy were the classes as frequent as in the cut; and the
expected calibration error.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgclf.backbones.features import compute_features
from imgclf.callbacks.declared import DeclaredCallbacks
from imgclf.config.load import load_config
from imgclf.config.network import declared_network
from imgclf.data.dataset import DataSet, read_config_dataset
from imgclf.model.calibration import expected_calibration_error, fit_temperature
from imgclf.model.probabilities import Probabilities, to_probabilities
from imgclf.training.auto import settle
from imgclf.training.fit import fit
from imgclf.training.networks import published_network
from imgclf.training.settings import training_settings
from imgclf.training.transfer import frozen_features, head_outputs

RATIO, RARE = 20, 3
CONFIG = """\
data: {{table: {table}, directory: "{pictures}", resize: pad}}
model: {{backbone: EfficientNetLite0}}
training: {{epochs: 30, optimizer: adam}}
callbacks:
  - EarlyStopping: {{monitor: val_loss, patience: 10}}
  - ProgbarLogger: none
  - CSVLogger: none
  - TensorBoard: none
  - ModelCheckpoint: none
  - BackupAndRestore: none
"""
FOCAL = "training.loss={CategoricalFocalCrossentropy: {gamma: 2}}"
LEVERS = {
    "none": [],
    "class_weight": ["training.class_weight=balanced"],
    "oversample": ["data.oversample=true"],
    "logit_adjustment 0.5": ["training.logit_adjustment=0.5"],
    "logit_adjustment 1": ["training.logit_adjustment=1"],
    "focal": [FOCAL],
    "focal, class_weight": [FOCAL, "training.class_weight=balanced"],
    "smoothing": ["training.label_smoothing=0.1"],
    "smoothing, class_weight": ["training.label_smoothing=0.1", "training.class_weight=balanced"],
    "ema": ["training.ema=true"],
    "ema, class_weight": ["training.ema=true", "training.class_weight=balanced"],
}


class Scores(NamedTuple):
    """Of one training on one set of pictures, in per cent but for the last."""

    rare_recall: float
    accuracy: float
    accuracy_as_cut: float
    calibration_error: float


def write_cut(pictures: Path, table: Path, seed: int) -> dict[str, int]:
    """Draws a cut and writes its table; what is left and test/ are its test part.

    Returns:
        How many pictures of each class are in the cut.
    """
    random = np.random.default_rng(seed)
    folders = sorted(folder for folder in (pictures / "train").iterdir() if folder.is_dir())
    most = min(len(list(folder.iterdir())) for folder in folders)
    sizes = np.round(most * RATIO ** -np.linspace(0, 1, len(folders))).astype(int)
    counts = dict(
        zip((one.name for one in folders), random.permutation(sizes).tolist(), strict=True)
    )
    with table.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "label", "part"])
        for folder in folders:
            files = sorted(file for file in folder.iterdir() if file.is_file())
            for place, number in enumerate(random.permutation(len(files))):
                part = "training" if place < counts[folder.name] else "test"
                path = files[number].relative_to(pictures)
                writer.writerow([path, folder.name, part])
        for file in sorted((pictures / "test").glob("*/*")):
            writer.writerow([file.relative_to(pictures), file.parent.name, "test"])
    return counts


def answers(overrides: Sequence[str], seed: int) -> tuple[DataSet, Probabilities]:
    """Trains on cut.csv and says what the test pictures are, calibrated, by `published` weights."""
    seeds = [f"data.seed={seed}", f"training.seed={seed}"]
    loaded = load_config(Path("cut.yaml"), [*seeds, *overrides])
    config = loaded.config
    data = read_config_dataset(config.data)
    network = declared_network(loaded, len(data.folder.class_names))
    features = frozen_features(network, data)
    settled = settle(network, config, data, features.network)
    with tempfile.TemporaryDirectory() as run:
        callbacks = DeclaredCallbacks(config.callbacks, loaded.file, Path(run))
        fitted = fit(network, data, training_settings(config, settled), callbacks)
    said = []
    for part in (data.validation, data.test):
        seen = compute_features(features.network, part, data.settings)
        of_part = dataclasses.replace(features, validation=seen)
        outputs = head_outputs(network, of_part, fitted.weights)
        if outputs is None:  # the backbone is another one now
            model = published_network(network, fitted.weights)
            batches = [model.predict_on_batch(batch) for batch in part.batches(32)]
            outputs = np.concatenate(batches)
        said.append(to_probabilities(outputs, "softmax"))
    temperature = fit_temperature(said[0], data.validation.labels)
    return data, to_probabilities(said[1], "softmax", temperature)


def scores(said: Probabilities, labels: NDArray[np.int64], counts: NDArray[np.int64]) -> Scores:
    """Of answers to some pictures, by how many of each class were in the cut."""
    right = said.argmax(axis=1) == labels
    recall = np.array([right[labels == label].mean() for label in range(len(counts))])
    rarest = np.argsort(counts)[:RARE]
    return Scores(
        100 * float(recall[rarest].mean()),
        100 * float(right.mean()),
        100 * float(recall @ counts / counts.sum()),
        expected_calibration_error(said, labels),
    )


def judged(overrides: Sequence[str], counts: dict[str, int], seed: int) -> dict[str, Scores]:
    """Scores on what the cut has left and on the test pictures."""
    data, said = answers(overrides, seed)
    sizes = np.array([counts[name] for name in data.folder.class_names])
    tested = np.array(["test" in picture.path.parts[-3:-1] for picture in data.test.pictures])
    return {
        name: scores(said[which], data.test.labels[which], sizes)
        for name, which in (("left", ~tested), ("test", tested))
    }


def line(name: str, arms: Sequence[Scores], plain: Sequence[Scores]) -> str:
    """A row for people."""
    values, base = np.array(arms), np.array(plain)
    mean, spread = values.mean(axis=0), values.std(axis=0, ddof=1)
    more = values - base
    error = more.std(axis=0, ddof=1) / np.sqrt(len(more))
    cells = [f"{name:24}"]
    for column in (0, 1, 2):
        cells.append(
            f"{mean[column]:5.1f} +- {spread[column]:3.1f} ({more[:, column].mean():+5.1f} +- "
            f"{error[column]:3.1f})"
        )
    return "  ".join([*cells, f"{mean[3]:.3f}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path, help="train/ and test/ in it, with class folders")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--levers", nargs="+", choices=LEVERS, default=list(LEVERS))
    parser.add_argument("--fine-tune", type=int, metavar="EPOCHS", help="of a second phase")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--json", type=Path, help="a file for the scores of each training")
    parser.add_argument("--work", type=Path, help="a folder to keep what is decoded in")
    given = parser.parse_args()
    pictures, kept = given.pictures.resolve(), given.json and given.json.resolve()
    second = [] if given.fine_tune is None else [f"training.fine_tune.epochs={given.fine_tune}"]
    found: dict[str, list[dict[str, Scores]]] = {name: [] for name in given.levers}
    with tempfile.TemporaryDirectory() as temporary:
        os.chdir(given.work or temporary)
        Path("cut.yaml").write_text(CONFIG.format(table="cut.csv", pictures=pictures))
        for draw in range(given.draws):
            counts = write_cut(pictures, Path("cut.csv"), draw)
            for name in given.levers:
                overrides = [*second, *LEVERS[name], *given.set]
                found[name].append(judged(overrides, counts, draw))
                print(draw, name, found[name][-1], flush=True)
                if kept:
                    kept.write_text(json.dumps(found))
    for part in ("left", "test"):
        print(f"\n{part:24}  recall of the {RARE} rarest      accuracy              as in the cut")
        plain = [one[part] for one in found[given.levers[0]]]
        for name, draws in found.items():
            print(line(name, [one[part] for one in draws], plain))


if __name__ == "__main__":
    main()
