"""Whether a training keeps within its time, and what more of it brings.

    nice -n 10 python -m benchmarks.time_budget CLOTHING
    python -m benchmarks.time_budget CLOTHING --budgets 60 180 --seeds 1 2 3
    python -m benchmarks.time_budget CLOTHING --set data.image_size=96    # on a busy machine

CLOTHING has train/ and test/ with a folder for each class in them. Each run is a whole
`imgclf train` process in an empty temporary working directory, so pictures are decoded and
features computed within the time; the backbone's graph is prepared before anything is measured,
where the user's cache lacks it. Each prints a JSON line: the seconds of the process from its start
to its end, by how much they are over the budget, what was settled on, how often the published model
is right on the test part, and the load of the machine at the beginning and at the end. Seeds are of
the training and of the division. The exit status is 1 if a run was over by more than 5 %.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from imgclf.backbones.identity import weights_identity
from imgclf.config.backbone import Backbone
from imgclf.model_file.features_graph import stored_graph
from imgclf.system.clock import duration_text

HERE = Path(__file__).resolve().parent.parent
TOLERATED = 0.05
_CONFIG = """\
data: {directory: DIRECTORY, resize: pad}
model: {backbone: EfficientNetLite0, layers: [{Dropout: 0.2}]}
"""


def trained(
    pictures: Path, seconds: float | None, seed: int, changes: Sequence[str]
) -> dict[str, Any]:
    """One `imgclf train`; without a budget an epoch of the head, which prepares the backbone."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "timed.yaml")
        config.write_text(_CONFIG.replace("DIRECTORY", json.dumps(str(pictures))))
        keys = {"data.seed": seed, "training.seed": seed}
        if seconds is None:
            keys |= {"training.epochs": 1}
        else:
            keys |= {"training.time_budget": seconds}
        given = [*changes, *(f"{key}={value}" for key, value in keys.items())]
        options = [option for change in given for option in ("--set", change)]
        command = [sys.executable, "-m", "imgclf", "train", str(config), "--json", *options]
        load, began = os.getloadavg()[0], time.monotonic()
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(HERE)},
            capture_output=True,
            text=True,
            check=False,
        )
        took = time.monotonic() - began
        row = {"seconds": round(took, 1), "load": [round(load, 1), round(os.getloadavg()[0], 1)]}
        if done.returncode != 0:
            return {**row, "error": " ".join(done.stderr.split("imgclf: ")[-1].split())}
        (record,) = Path(folder, "runs/timed").glob("*/run.json")
        run = json.loads(record.read_text())
        return {
            **row,
            "accuracy": run["test_scores"]["accuracy"],
            "epochs": run["epochs_run"],
            "published": run["published_epoch"],
            "settled": run["settled"]["time"],
        }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--budgets", type=float, nargs="+", default=[60, 180, 600], metavar="S")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    given = parser.parse_args()
    pictures = given.pictures.resolve()
    identity = weights_identity(Backbone(name="EfficientNetLite0"), (224, 224))
    if given.set or identity is None or stored_graph(identity) is None:
        print(json.dumps({"prepared": trained(pictures, None, 1, given.set)}), flush=True)
    late = False
    right: dict[float, list[float]] = {}
    for seed in given.seeds:
        for budget in given.budgets:
            row = trained(pictures, budget, seed, given.set)
            over = row["seconds"] / budget - 1
            print(json.dumps({"budget": budget, "seed": seed, "over": round(over, 3), **row}))
            sys.stdout.flush()
            late = late or over > TOLERATED
            if "accuracy" in row:
                right.setdefault(budget, []).append(row["accuracy"])
    for budget, found in right.items():
        low, high = min(found), max(found)
        print(
            f"{duration_text(budget)}: {mean(found):.4f} right ({low:.4f} to {high:.4f}, "
            f"{len(found)} seeds)"
        )
    sys.exit(1 if late else 0)


if __name__ == "__main__":
    main()
