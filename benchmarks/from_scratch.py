"""A small residual network beside the tutorial's: what each gets right, and what it costs.

    python -m benchmarks.from_scratch PICTURES --test OTHERS --seeds 0 1 2

PICTURES and OTHERS have a folder for each class. For each seed configs/catdog.yaml and
configs/from-scratch.yaml are trained on PICTURES, in turns, each by the real command in an empty
working directory, and judged on OTHERS, by which nothing was chosen. A line of JSON for each:

accuracy     Of the published model on OTHERS, by `imgclf evaluate`.
validation   Of the epoch that was published, on the fifth of PICTURES that was held out.
seconds      Of `imgclf train` from its start to its end, imports and decoding included.
cpu_seconds  Of all its threads, in the system too: less moved by what else the machine does.

At the end the means, how far the seeds lie apart, and by how many points the second is better.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean
from typing import Any

HERE = Path(__file__).resolve().parent
CONFIGS = ("catdog", "from-scratch")


def imgclf(work: Path, *arguments: object) -> str:
    return subprocess.run(
        [sys.executable, "-m", "imgclf", *map(str, arguments)],
        cwd=work,
        env=os.environ | {"PYTHONPATH": str(HERE.parent)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def cpu_seconds() -> float:
    """Of all commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(config: str, pictures: Path, test: Path, options: list[str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        given = [f"--set={one}" for one in (f"data.directory={pictures}", *options)]
        began, before = time.monotonic(), cpu_seconds()
        imgclf(work, "train", HERE.parent / f"configs/{config}.yaml", *given)
        seconds, used = time.monotonic() - began, cpu_seconds() - before
        run = json.loads(next((work / "runs").glob("*/*/run.json")).read_text())
        return {
            "accuracy": json.loads(imgclf(work, "evaluate", test, "--json"))["accuracy"],
            "validation": run["scores"]["accuracy"],
            "seconds": round(seconds, 1),
            "cpu_seconds": round(used, 1),
            "precision": run["settled"]["precision"],
        }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--test", type=Path, required=True, help="other pictures")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    given = parser.parse_args()
    pictures, test = given.pictures.resolve(), given.test.resolve()
    rows: dict[str, list[dict[str, Any]]] = {config: [] for config in CONFIGS}
    for seed in given.seeds:
        for config in CONFIGS:
            options = [*given.overrides, f"training.seed={seed}"]
            row = measured(config, pictures, test, options)
            rows[config].append(row)
            print(json.dumps({"config": config, "seed": seed, **row}), flush=True)
    for config, found in rows.items():
        scores = [row["accuracy"] for row in found]
        print(
            f"{config:<14} {100 * mean(scores):.1f} % ({100 * min(scores):.1f} to "
            f"{100 * max(scores):.1f}), {mean(row['seconds'] for row in found):.0f} s, "
            f"{mean(row['cpu_seconds'] for row in found):.0f} CPU seconds"
        )
    first, second = (mean(row["accuracy"] for row in rows[config]) for config in CONFIGS)
    print(f"better by {100 * (second - first):.1f} points")


if __name__ == "__main__":
    main()
