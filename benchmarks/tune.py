"""Does tuning find something better than the config as it stands, on pictures that it never saw?

    python -m benchmarks.tune PICTURES [--trials 50] [--seeds 3] [--kill-after 10]

PICTURES has train/ and test/ with class folders. A search by `imgclf tune` on frozen features is
killed (SIGKILL) when so many trials have ended, and gone on with; the time of both parts is told.
Then the config as it stands and the best one, chosen by the validation pictures alone, are trained
with each seed (of weights and shuffling; the division stays), and scored on the test part once.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RANGES = [
    "training.optimizer.learning_rate={low: 1e-4, high: 1e-2, log: true}",
    "model.layers.Dropout.rate={low: 0.0, high: 0.7}",
    "data.batch_size=[16, 32, 64]",
    "model.backbone=[EfficientNetLite0, EfficientNetLite1, EfficientNetLite2]",
]

CONFIG = """\
data: {{directory: "{pictures}", batch_size: 32, resize: pad}}
model:
  backbone: EfficientNetLite0
  layers:
    - Dropout: 0.2
training:
  epochs: 30
  optimizer: adam
callbacks:
  - EarlyStopping: {{monitor: val_loss, patience: 10}}
tune:
  trials: {trials}
  ranges:
{ranges}
"""


def imgclf(work: Path, *arguments: str) -> subprocess.Popen[str]:
    """Starts a command; what it says of its progress goes on to ours."""
    command = [sys.executable, "-m", "imgclf", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    return subprocess.Popen(
        command, cwd=work, env=environment, text=True, stdout=subprocess.PIPE, stderr=sys.stderr
    )


def ended(work: Path) -> int:
    return len(list(work.glob("runs/*.tune/*/trial.json")))


def killed_and_gone_on_with(work: Path, kill_after: int) -> float:
    """Searches; returns the seconds that both parts took."""
    began = time.monotonic()
    if kill_after:
        first = imgclf(work, "tune", "config.yaml")
        while ended(work) < kill_after and first.poll() is None:
            time.sleep(0.2)
        first.send_signal(signal.SIGKILL)
        first.wait()
        print(f"killed after {ended(work)} trials, {time.monotonic() - began:.0f} s", flush=True)
    second = imgclf(work, "tune", "config.yaml")
    print(second.communicate()[0], flush=True)
    if second.returncode:
        sys.exit(second.returncode)
    return time.monotonic() - began


def test_accuracies(work: Path, config: str, seeds: int) -> list[float]:
    """Of the test part, by trainings with so many seeds."""
    found = []
    for seed in range(1, seeds + 1):
        options = ["--fresh", "--json", "--replace", "--set", f"training.seed={seed}"]
        process = imgclf(work, "train", config, *options, "--replay-memory", "0")
        found.append(json.loads(process.communicate()[0])["test_scores"]["accuracy"])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--kill-after", type=int, default=10, help="trials; 0 for never")
    parser.add_argument("--range", action="append", help="KEY=RANGE, in place of the usual ones")
    parser.add_argument("--work", type=Path, help="a folder to work in, and to leave all in")
    given = parser.parse_args()
    ranges = "\n".join(
        f"    {key}: {value}"
        for key, _, value in (one.partition("=") for one in given.range or RANGES)
    )
    work = given.work or Path(tempfile.mkdtemp(prefix="tune-"))
    work.mkdir(parents=True, exist_ok=True)
    text = CONFIG.format(pictures=given.pictures.resolve(), trials=given.trials, ranges=ranges)
    (work / "config.yaml").write_text(text)

    seconds = killed_and_gone_on_with(work, given.kill_after)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = used.ru_utime + used.ru_stime
    print(f"{given.trials} trials in {seconds:.0f} s, {processor:.0f} s of the processor")
    scores = {
        config: test_accuracies(work, config, given.seeds)
        for config in ("config.yaml", "config-tuned.yaml")
        if (work / config).exists()
    }
    for config, found in scores.items():
        spread = statistics.stdev(found) if len(found) > 1 else 0.0
        listed = " ".join(f"{one:.4f}" for one in found)
        print(f"{config}: test accuracy {statistics.mean(found):.4f} ± {spread:.4f} ({listed})")


if __name__ == "__main__":
    main()
