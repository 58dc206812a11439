"""Makes docs/images: what people will see, and plots of figures that stand in the documentation.

python -m benchmarks.documentation_images

The pictures in them are the demo's. Nothing is measured: the plots read the tables of docs/. It
takes a minute or two, and chromium with its driver for the pages.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import chdir
from pathlib import Path

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as plt
from PIL import Image
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text
from selenium import webdriver

from imgclf.data.drawn_sample import draw_sample

DOCS = Path(__file__).parent.parent / "docs"
IMAGES = DOCS / "images"
COLUMNS = 116
GOOD, OTHER = "#00796b", "#c0562f"


def main() -> None:
    """Makes all of them again."""
    IMAGES.mkdir(exist_ok=True)
    plot_forgetting()
    plot_gain()
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        draw_sample(Path("pets"), 60, seed=1)
        draw_sample(Path("drawn"), 20, seed=7)
        Path("photos").mkdir()
        for number, picture in enumerate(sorted(Path("drawn").rglob("*.jpg")), 1000):
            picture.rename(Path("photos") / f"IMG_{number}.jpg")
        run("imgclf init pets")
        run("imgclf train pets.yaml")
        run("imgclf predict photos --review review.html")
        wrong = mistake()
        show_terminal(
            [
                "imgclf predict photos/IMG_100[0-3].jpg photos/IMG_103[0-3].jpg --format table",
                f"imgclf retrain {wrong} --label cat",
                "imgclf history",
            ]
        )
        photograph(Path("review.html"), "review.png", (1280, 760))
        [report] = Path("runs").glob("*/*/report.html")
        photograph(report, "report.png", (1280, 1150))


def run(command: str) -> str:
    """What a command prints, as on a terminal of so many columns."""
    script = command.replace("imgclf", f"{shlex.quote(sys.executable)} -m imgclf", 1)
    done = subprocess.run(
        ["bash", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "COLUMNS": str(COLUMNS), "PYTHONPATH": str(DOCS.parent)},
        check=True,
    )
    return done.stdout


def mistake() -> str:
    """A cat that the model takes for a dog, or the one that it is least sure of."""
    rows = [line.split("\t") for line in run("imgclf predict photos").splitlines()]
    cats = [row for row in rows if re.match(r"photos/IMG_10[01]\d", row[0])]
    return min(cats, key=lambda row: float(row[3]))[0]


def show_terminal(commands: list[str]) -> None:
    """Draws what a terminal shows of these commands, by rich."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    for command in commands:
        console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
        console.print(Text(run(command)))
    # Its own template fetches a font from elsewhere.
    template = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.S)
    template = template.replace("Fira Code, monospace", "ui-monospace, Menlo, Consolas, monospace")
    (IMAGES / "terminal.svg").write_text(
        console.export_svg(title="imgclf", code_format=template, unique_id="terminal")
    )


def photograph(page: Path, name: str, size: tuple[int, int]) -> None:
    """What a browser shows of a page, as a PNG of few colours."""
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", f"--window-size={size[0]},{size[1]}"):
        options.add_argument(argument)
    with webdriver.Chrome(
        options, webdriver.ChromeService(shutil.which("chromedriver"))
    ) as browser:
        browser.get(page.resolve().as_uri())
        seen = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")
    seen.quantize(256).save(IMAGES / name, optimize=True)


def table_below(page: str, heading: str) -> list[list[str]]:
    """The rows of the first table after a heading, without its head."""
    text = (DOCS / page).read_text().partition(f"{heading}\n")[2]
    lines = re.search(r"(?:^\|.*\n)+", text, re.M)
    assert lines is not None, (page, heading)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[0].splitlines()]
    return rows[2:]


def plot_forgetting() -> None:
    """Accuracy on other pictures after 50 corrections one after another, and by the tutorial."""
    names, ours, tutorials = [], [], []
    for model, start, _, _, drawdown, _ in table_below("retraining.md", "## Measured"):
        if start:
            first = float(start.rstrip(" %"))
            names.append(model.replace(", ", "\n"))
            ours.append((first, first + float(drawdown)))
        elif model == "the tutorial's way":
            tutorials.append(ours[-1][0] + float(drawdown))
        if len(ours) > len(tutorials) + 1:  # a line without the tutorial's way beside it
            del names[-2], ours[-2]
    figure, axes = plt.subplots(figsize=(8, 3.6))
    for place, ((before, after), tutorial) in enumerate(zip(ours, tutorials, strict=True)):
        axes.plot([place - 0.12] * 2, [before, after], color=GOOD, lw=2)
        axes.plot([place + 0.12] * 2, [before, tutorial], color=OTHER, lw=2)
    places = range(len(names))
    axes.plot(places, [before for before, _ in ours], "k_", ms=22, label="before")
    axes.plot(
        [p - 0.12 for p in places], [after for _, after in ours], "o", color=GOOD, label="retrain"
    )
    axes.plot([p + 0.12 for p in places], tutorials, "o", color=OTHER, label="fit on the picture")
    axes.set_xticks(list(places), names, fontsize=7)
    axes.set_ylabel("right on other pictures, %")
    axes.set_ylim(0, 100)
    axes.legend(frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.16))
    save(figure, "forgetting.svg")


def plot_gain() -> None:
    """What corrections of a stream bring, beside labelling all of it."""
    rows = table_below("retraining.md", "### What a correction teaches others")
    figure, axes = plt.subplots(figsize=(8, 3.2))
    for place, (_, _, before, after, labelled) in enumerate(rows):
        first, last, whole = (float(cell.rstrip(" %")) for cell in (before, after, labelled))
        said = ["all 300 labelled", "before", "after the corrections"] if not place else [""] * 3
        axes.plot(place, whole, "_", color=OTHER, ms=22, mew=2, label=said[0])
        axes.plot([place] * 2, [first, last], color=GOOD, lw=2)
        axes.plot(place, first, "o", color=GOOD, mfc="white", label=said[1])
        axes.plot(place, last, "^", color=GOOD, label=said[2])
    corrected = [f"{seed}\n{count}" for seed, count, *_ in rows]
    axes.set_xticks(range(len(rows)), corrected)
    axes.set_xlabel("stream, and how many of its 300 pictures were corrected")
    axes.set_ylabel("right on the rest, %")
    axes.legend(frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.16))
    save(figure, "gain.svg")


def save(figure: plt.Figure, name: str) -> None:
    """The same bytes each time."""
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    plt.rcParams["svg.hashsalt"] = name
    figure.savefig(IMAGES / name, metadata={"Date": None}, bbox_inches="tight", facecolor="white")
    plt.close(figure)


if __name__ == "__main__":
    main()
