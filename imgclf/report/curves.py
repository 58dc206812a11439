"""Curves of a training's log as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from imgclf.system.files import atomic_path


def draw_curves(history: Mapping[str, Sequence[float]], path: Path, best_epoch: int | None) -> None:
    """Draws accuracy and loss (and what else was measured) of training and validation.

    Args:
        history: Values by epoch, by Keras's names; `val_` marks those of validation.
        path: The PNG file to write.
        best_epoch: Counted from 1; marked by a line.
    """
    # Its import takes half a second, which only a training should pay.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    names = [name for name in history if not name.startswith("val_") and name != "learning_rate"]
    names.sort(key=lambda name: (name == "loss", name))
    figure = Figure(figsize=(6 * len(names), 4.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    for position, name in enumerate(names):
        axes = figure.add_subplot(1, len(names), position + 1)
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            if values := history.get(key):
                axes.plot(range(1, len(values) + 1), values, marker=".", label=label)
        if best_epoch is not None:
            axes.axvline(best_epoch, color="0.6", linestyle=":", label=f"best: epoch {best_epoch}")
        axes.set(title=name.replace("_", " "), xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
        axes.legend()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")
