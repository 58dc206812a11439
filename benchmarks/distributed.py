"""What a second process brings, and what it costs to talk to it.

    python -m benchmarks.distributed CONFIG [--epochs 4] [--set data.directory=...]

Trains the config three times on the loopback interface, each process with one core of its own
and one device: in one process, in one process with half the batch, and in two processes. A step
of the two does the same arithmetic as one with half the batch, so what it takes longer is
communication (and waiting for the slower of the two). The first two epochs are left out, in which
JAX compiles. Works in a temporary folder; needs two cores.

Prints a JSON line for each, and one that compares them.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from imgclf.config.load import load_config

# Times each epoch's steps in process 0, without the validation.
CLOCK = """\
import csv, math, time
import jax
from imgclf.backend import keras

class Clock(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.ended, self.steps = time.perf_counter(), batch + 1

    def on_epoch_end(self, epoch, logs=None):
        if jax.process_index() == 0:
            count = self.model.count_params() - sum(
                math.prod(one.shape) for one in self.model.non_trainable_weights
            )
            with open("clock.csv", "a") as file:
                csv.writer(file).writerow([epoch, self.steps, self.ended - self.began, count])
"""


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def measure(
    config: Path, overrides: list[str], epochs: int, processes: int, batch_size: int
) -> dict[str, Any]:
    """Trains in so many processes; seconds a step, and pictures a second."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "clock.py").write_text(CLOCK)
        text = config.read_text()
        key = "callbacks:"
        if key in text:
            text = text.replace(key, f"{key}\n  - clock.py:Clock", 1)
        else:
            text += f"\n{key}\n  - clock.py:Clock\n"
        (folder / "config.yaml").write_text(text)
        settings = [
            *overrides,
            "training.distribution=data_parallel",
            f"training.epochs={epochs}",
            f"data.batch_size={batch_size}",
        ]
        options = [part for one in settings for part in ("--set", one)]
        command = [sys.executable, "-m", "imgclf", "train", "config.yaml", *options]
        address = f"127.0.0.1:{free_port()}"
        cores = sorted(os.sched_getaffinity(0))
        running = []
        for index in range(processes):
            environment = os.environ | {
                "KERAS_DISTRIBUTION_JOB_ADDRESSES": address,
                "KERAS_DISTRIBUTION_NUM_PROCESSES": str(processes),
                "KERAS_DISTRIBUTION_PROCESS_ID": str(index),
            }
            pinned = ["taskset", "-c", str(cores[index % len(cores)]), *command]
            running.append(
                subprocess.Popen(pinned, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
            )
        if max(abs(process.wait()) for process in running):
            sys.exit("a training failed")
        with (folder / "clock.csv").open() as file:
            rows = [[float(value) for value in row] for row in csv.reader(file)][2:]
    steps, seconds = sum(row[1] for row in rows), sum(row[2] for row in rows)
    return {
        "processes": processes,
        "batch_size": batch_size,
        "seconds_per_step": seconds / steps,
        "pictures_per_second": batch_size * steps / seconds,
        "trainable_parameters": int(rows[0][3]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    arguments = parser.parse_args()

    data = load_config(arguments.config, arguments.overrides).config.data
    overrides = [*arguments.overrides, f"data.directory={Path(data.directory).resolve()}"]
    common = (arguments.config, overrides, arguments.epochs)
    one = measure(*common, 1, data.batch_size)
    half = measure(*common, 1, data.batch_size // 2)
    two = measure(*common, 2, data.batch_size)
    for line in (one, half, two):
        print(json.dumps(line))
    between = two["seconds_per_step"] - half["seconds_per_step"]
    print(
        json.dumps(
            {
                "speedup": one["seconds_per_step"] / two["seconds_per_step"],
                # In a ring each process sends 2(N - 1)/N of the gradients: with two, all of them.
                "gradient_bytes_per_step": 4 * two["trainable_parameters"],
                "communication_seconds_per_step": between,
                "communication_share_of_step": between / two["seconds_per_step"],
            }
        )
    )


if __name__ == "__main__":
    main()
