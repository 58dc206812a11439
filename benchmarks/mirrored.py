r"""Whether features of mirrored pictures make a head on a pretrained network better.

    python -m benchmarks.mirrored CATDOG/train --counts 20 100 500 1000
    python -m benchmarks.mirrored CLOTHING/train --counts 50 100 300 600 --resize pad

For each draw COUNT pictures to train on and a quarter as many to stop by are drawn from PICTURES;
judged is what is left. The head is that of imgclf: zero at the beginning, on standardized features,
Adam at 1e-3 in batches of 32, at most 30 epochs, the best by the validation loss, patience 10. It
is trained in NumPy here, so that hundreds of trainings take a minute. Each line is a count: the
accuracy in per cent without, and how much more with mirrored pictures, with its standard error.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgclf.backbones.features import compute_features
from imgclf.backbones.graphs import features_network
from imgclf.config.load import load_config
from imgclf.config.network import declared_network
from imgclf.data.dataset import read_config_dataset

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]

_CONFIG = """\
data: {{directory: "{directory}", resize: {resize}, validation_split: 0.001}}
model: {{backbone: EfficientNetLite0}}
"""


def features_of(pictures: Path, resize: str) -> tuple[Floats, Floats, Labels]:
    """Features of pictures and of their mirror images, (pictures, features) each, and labels."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "mirrored.yaml")
        config.write_text(_CONFIG.format(directory=pictures.resolve(), resize=resize))
        loaded = load_config(config)
        data = read_config_dataset(loaded.config.data)
        network = declared_network(loaded, len(data.folder.class_names))
        assert network.backbone is not None
        runs = features_network(network.backbone, network.image_size, network.file)
        kept = compute_features(
            runs, data.training, data.settings, ("clean", "mirrored"), Path(folder)
        )
        clean, mirrored = (np.asarray(kept.values[rows], np.float32) for rows in kept.rows)
        return clean, mirrored, data.training.labels


def softmax(logits: Floats) -> Floats:
    """Probabilities, shape (pictures, classes)."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: Floats = powers / powers.sum(axis=1, keepdims=True)
    return result


def train_head(
    features: Floats, labels: Labels, held_out: Floats, held_out_labels: Labels, seed: int
) -> list[Floats]:
    """Weights and biases of the best epoch."""
    order = np.random.default_rng(seed)
    classes = int(labels.max()) + 1
    parts = [np.zeros((features.shape[1], classes), np.float32), np.zeros(classes, np.float32)]
    means, squares = (
        [np.zeros_like(part) for part in parts],
        [np.zeros_like(part) for part in parts],
    )
    targets = np.eye(classes, dtype=np.float32)[labels]
    best, best_loss, waited, step = parts, np.inf, 0, 0
    for _ in range(30):
        shuffled = order.permutation(len(features))
        for start in range(0, len(features), 32):
            batch, step = shuffled[start : start + 32], step + 1
            wrong = softmax(features[batch] @ parts[0] + parts[1]) - targets[batch]
            gradients = features[batch].T @ wrong / len(batch), wrong.mean(axis=0)
            rate = 1e-3 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            for part, gradient, mean, square in zip(parts, gradients, means, squares, strict=True):
                mean += 0.1 * (gradient - mean)
                square += 0.001 * (gradient**2 - square)
                part -= rate * mean / (np.sqrt(square) + 1e-7)
        said = softmax(held_out @ parts[0] + parts[1])[np.arange(len(held_out)), held_out_labels]
        loss, waited = -np.log(said + 1e-9).mean(), waited + 1
        if loss < best_loss:
            best, best_loss, waited = [part.copy() for part in parts], loss, 0
        if waited >= 10:
            break
    return best


def accuracy(
    views: list[Floats], labels: Labels, parts: tuple[Labels, Labels, Labels], seed: int
) -> float:
    """Of a head trained on views of the first part, on the third, in per cent."""
    training, held_out, rest = parts
    seen = np.concatenate([view[training] for view in views])
    mean, variance = seen.mean(axis=0), seen.var(axis=0)
    root = np.sqrt(variance + variance.mean())
    standardized = (views[0] - mean) / root
    weights, biases = train_head(
        (seen - mean) / root,
        np.tile(labels[training], len(views)),
        standardized[held_out],
        labels[held_out],
        seed,
    )
    chosen = (standardized[rest] @ weights + biases).argmax(axis=1)
    return float((chosen == labels[rest]).mean() * 100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path, help="pictures in class folders")
    parser.add_argument("--counts", type=int, nargs="+", default=[20, 100, 500, 1000])
    parser.add_argument("--resize", default="stretch")
    parser.add_argument("--draws", type=int, default=12)
    given = parser.parse_args()
    clean, mirrored, labels = features_of(given.pictures, given.resize)
    for count in given.counts:
        without, more = [], []
        for draw in range(given.draws):
            shuffled = np.random.default_rng(draw).permutation(len(labels))
            cuts = [count, count + count // 4]
            training, held_out, rest = np.split(shuffled, cuts)
            parts = training, held_out, rest
            without.append(accuracy([clean], labels, parts, draw))
            more.append(accuracy([clean, mirrored], labels, parts, draw) - without[-1])
        error = np.std(more, ddof=1) / np.sqrt(given.draws)
        print(f"{count:5}  {np.mean(without):6.2f}  {np.mean(more):+.2f} +- {error:.2f}")


if __name__ == "__main__":
    main()
