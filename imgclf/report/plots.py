"""The charts of a report as PNG files."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imgclf.model.calibration import Bin
from imgclf.model.scoring import Evaluation
from imgclf.report.curves import LEARNING_RATE, Curves
from imgclf.system.files import atomic_path
from imgclf.training.range_test import RangeTest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from imgclf.backbones.comparison import Candidate

# Numbers in more cells than this can't be read.
_NUMBERED_CLASSES = 25
_LONGEST_NAME = 24
# Of an area in a comparison's plot: a model file of 25 MB has a hundred points, a circle.
_BYTES_A_POINT = 250_000


def draw_curves(curves: Sequence[Curves], path: Path) -> None:
    """Draws what was measured of training and validation side by side, the loss last.

    Args:
        curves: Of a training's log; the learning rate is left out.
        path: The PNG file to write.
    """
    measured = [one for one in curves if one.title != LEARNING_RATE]
    measured.sort(key=lambda one: (one.title == "loss", one.title))
    with _figure(6 * max(len(measured), 1), 4.2, path) as figure:
        from matplotlib.ticker import MaxNLocator

        for position, one in enumerate(measured):
            axes = figure.add_subplot(1, len(measured), position + 1)
            for label, values in one.lines.items():
                axes.plot(range(1, len(values) + 1), values, marker=".", label=label)
            if (best := one.published_epoch) is not None:
                axes.axvline(best, color="0.6", linestyle=":", label=f"best: epoch {best}")
            if (after := one.fine_tuned_after) is not None:
                axes.axvline(after + 0.5, color="0.6", linewidth=1, label="fine-tuning begins")
            axes.set(title=one.title, xlabel="epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(alpha=0.25)
            axes.legend()


def draw_confusion(evaluation: Evaluation, path: Path) -> None:
    """Draws the confusion matrix; the colour is the share of what each class is taken for.

    Args:
        evaluation: What to draw.
        path: The PNG file to write.
    """
    # A dollar sign would begin a formula.
    names = [_short(name).replace("$", r"\$") for name in evaluation.classes]
    counts = np.array(evaluation.confusion_matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(3.2 + 0.42 * len(names), 16)
    with _figure(side + 0.6, side, path) as figure:
        axes = figure.add_subplot()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(names)), names)
        axes.set(
            xlabel="said", ylabel="is", title=f"{evaluation.part}: {evaluation.accuracy:.1%} right"
        )
        if len(names) <= _NUMBERED_CLASSES:
            for (row, column), count in np.ndenumerate(counts):
                if count:
                    colour = "white" if shares[row, column] > 0.5 else "black"
                    axes.text(column, row, str(count), ha="center", va="center", color=colour)


def draw_calibration(bins: Sequence[Bin], error: float, path: Path) -> None:
    """Draws accuracy against confidence.

    Args:
        bins: Of confidence, those without pictures among them.
        error: The expected calibration error, between 0 and 1.
        path: The PNG file to write.
    """
    filled = [one for one in bins if one.pictures]
    with _figure(5, 5, path) as figure:
        axes = figure.add_subplot()
        axes.bar(
            [one.low for one in filled],
            [one.accuracy for one in filled],
            width=[one.high - one.low for one in filled],
            align="edge",
            edgecolor="white",
        )
        axes.plot([0, 1], [0, 1], color="0.6", linestyle=":", label="perfectly calibrated")
        axes.set(
            xlim=(0, 1),
            ylim=(0, 1),
            xlabel="confidence",
            ylabel="accuracy",
            title=f"expected calibration error: {error:.3f}",
        )
        axes.legend(loc="upper left")


def draw_comparison(candidates: Sequence[Candidate], path: Path) -> None:
    """Draws accuracy with its interval over the time for a picture, the size as an area.

    Args:
        candidates: Those without a time are left out.
        path: The PNG file to write.
    """
    timed = [one for one in candidates if one.seconds is not None and one.model_bytes is not None]
    with _figure(7, 4.6, path) as figure:
        axes = figure.add_subplot()
        for one in timed:
            assert one.seconds is not None and one.model_bytes is not None
            milliseconds, accuracy, interval = 1000 * one.seconds, one.accuracy, one.interval
            reach = [[100 * (accuracy - interval.low)], [100 * (interval.high - accuracy)]]
            axes.errorbar(
                milliseconds, 100 * accuracy, yerr=reach, color="0.6", capsize=3, zorder=1
            )
            axes.scatter(milliseconds, 100 * accuracy, s=one.model_bytes / _BYTES_A_POINT, zorder=2)
            axes.annotate(
                Path(one.backbone).name.replace("$", r"\$"),
                (milliseconds, 100 * accuracy),
                xytext=(8, 6),
                textcoords="offset points",
            )
        axes.set(
            xlabel="milliseconds a picture on one core (the area is the size of the model file)",
            ylabel="accuracy on held-out pictures, %",
        )
        axes.margins(x=0.35)
        axes.grid(alpha=0.25)


def draw_range_tests(tests: Mapping[str, RangeTest], path: Path) -> None:
    """Draws the loss against the learning rate, which grows from step to step.

    Args:
        tests: By the key whose rate each is for.
        path: The PNG file to write.
    """
    with _figure(6 * len(tests), 4.2, path) as figure:
        for position, (key, test) in enumerate(tests.items()):
            axes = figure.add_subplot(1, len(tests), position + 1)
            axes.plot(test.rates, test.losses)
            axes.axvline(
                test.proposed, color="0.6", linestyle=":", label=f"proposed: {test.proposed:g}"
            )
            axes.set(title=key, xlabel="learning rate", ylabel="loss, smoothed", xscale="log")
            axes.grid(alpha=0.25)
            axes.legend()


@contextmanager
def _figure(width: float, height: float, path: Path) -> Iterator[Figure]:
    """An empty figure of this size in inches, which is written to `path` at the end."""
    # Half a second to import, which only those who draw should pay.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    yield figure
    with atomic_path(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # an emoji, say
        figure.savefig(temporary, format="png")


def _short(name: str) -> str:
    line = " ".join(name.split())
    return line if len(line) <= _LONGEST_NAME else f"{line[: _LONGEST_NAME - 1]}…"
