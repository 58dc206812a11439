"""Time and memory of whole prediction processes, against plain Keras and the bare minimum.

    python benchmarks/predict.py MODEL.keras PICTURE FOLDER [--large FOLDER] [--repeat 5]

MODEL is one of imgclf's; FOLDER has pictures (2,000 in the figures of the documentation) and
--large some of twelve megapixels. Every arm is a process of its own, the arms take turns, and
the best of each is compared: these machines are noisy, ratios of one run mean more than
seconds. Peak memory is the process's largest resident set.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent


def run(command: list[str], stdin: str | None = None) -> tuple[float, float]:
    """Wall-clock seconds and peak MB of one process."""
    with tempfile.TemporaryFile("w+") as given:
        given.write(stdin or "")
        given.seek(0)
        start = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"{command} ended with status {os.waitstatus_to_exitcode(status)}")
    return seconds, usage.ru_maxrss / 1024


def compare(title: str, arms: dict[str, list[str]], repeat: int) -> None:
    best = {name: (float("inf"), float("inf")) for name in arms}
    for _ in range(repeat):
        for name, command in arms.items():
            seconds, peak = run(command)
            best[name] = (min(best[name][0], seconds), min(best[name][1], peak))
    ours = best["imgclf"]
    print(title)
    for name, (seconds, peak) in best.items():
        print(
            f"  {name:<22} {seconds:7.2f} s ({seconds / ours[0]:5.2f} x)  "
            f"{peak:7.0f} MB ({peak / ours[1]:5.2f} x)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("picture")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--large", type=Path)
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    python = sys.executable
    imgclf = [str(Path(python).parent / "imgclf"), "predict", "--model", given.model]
    tutorial = [python, str(HERE / "tutorial_predict.py"), given.model]

    compare(
        "one picture, whole process",
        {
            "imgclf": [*imgclf, given.picture],
            "bare minimum": [python, str(HERE / "bare_predict.py"), given.model, given.picture],
            "tutorial": [*tutorial, given.picture],
        },
        given.repeat,
    )
    folders = [("", given.folder)] + ([("12 megapixels, ", given.large)] if given.large else [])
    for name, folder in folders:
        count = sum(1 for path in folder.rglob("*") if path.is_file())
        compare(
            f"{name}{count} pictures, whole process",
            {
                "imgclf": [*imgclf, str(folder)],
                "model.predict": [*tutorial, str(folder)],
            },
            max(given.repeat // 2, 1),
        )

    paths = sorted(str(path) for path in given.folder.rglob("*") if path.is_file())[:2000]
    small, large = (run([*imgclf, "-"], stdin="\n".join(paths * times))[1] for times in (1, 10))
    print(
        f"peak memory for {len(paths)} inputs {small:.0f} MB, for {10 * len(paths)} {large:.0f} MB"
    )
    print(json.dumps({"memory_growth": round(large / small, 3)}))


if __name__ == "__main__":
    main()
