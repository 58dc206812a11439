"""The confusion matrix and the calibration as pictures."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imgclf.model.calibration import Bin
from imgclf.model.scoring import Evaluation
from imgclf.system.files import atomic_path

# Numbers in more cells than this can't be read.
_NUMBERED_CLASSES = 25
_LONGEST_NAME = 24


def draw_confusion(evaluation: Evaluation, path: Path) -> None:
    """Draws the confusion matrix; the colour is the share of what each class is taken for.

    Args:
        evaluation: What to draw.
        path: The PNG file to write.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # see `draw_curves`
    from matplotlib.figure import Figure

    # A dollar sign would begin a formula.
    names = [_short(name).replace("$", r"\$") for name in evaluation.classes]
    counts = np.array(evaluation.confusion_matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(3.2 + 0.42 * len(names), 16)
    figure = Figure(figsize=(side + 0.6, side), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
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
    with atomic_path(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # an emoji, say
        figure.savefig(temporary, format="png")


def draw_calibration(bins: Sequence[Bin], error: float, path: Path) -> None:
    """Draws accuracy against confidence.

    Args:
        bins: See `reliability`.
        error: The expected calibration error.
        path: The PNG file to write.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # see `draw_curves`
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    filled = [one for one in bins if one.pictures]
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
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")


def _short(name: str) -> str:
    line = " ".join(name.split())
    return line if len(line) <= _LONGEST_NAME else f"{line[: _LONGEST_NAME - 1]}…"
