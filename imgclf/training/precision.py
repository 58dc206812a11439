"""In which precision to train: bfloat16 where it is there and faster, else float32."""

from __future__ import annotations

import gc
import hashlib
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from imgclf.backend import keras
from imgclf.config.choices import Precision
from imgclf.config.network import Network
from imgclf.config.output_head import Head
from imgclf.config.schema import TrainingConfig
from imgclf.data.augmenting import Augmenting
from imgclf.data.source import encode_labels
from imgclf.errors import ImgclfError, WriteError, first_line
from imgclf.system import console, time_limit
from imgclf.system.disk import is_refused
from imgclf.system.files import atomic_write_text
from imgclf.system.kept_files import read_kept
from imgclf.training.networks import build_network
from imgclf.work_folders import CACHE_DIRECTORY

# Pixels that a training looks at in all, below which trying costs more than could be gained: some
# 50 seconds of a small network on one core, where trying takes two or three.
_WORTHWHILE = 2e8
_STEPS = 3
# What bfloat16 must save to be chosen: below that it is noise, and float32 the safer choice.
_GAIN = 0.1
# Of the time that a training has, what a try may take.
_OF_THE_TIME = 0.1


def choose_precision(
    network: Network,
    training: TrainingConfig,
    augmenting: Augmenting | None,
    pictures: int,
    batch_size: int,
) -> Precision:
    """What `training.precision` says; for `auto` the faster one, by the time of a few steps.

    The times are kept in the cache, by network, batch size, versions and hardware.

    Args:
        network: What is trained.
        training: What is asked for, and how many epochs there will be.
        augmenting: What the source does in place of augmentation layers.
        pictures: How many are trained on in an epoch.
        batch_size: Pictures in a step.

    Raises:
        ConfigError: The network can't be built.
    """
    asked = training.precision
    if asked != "auto":
        return asked
    epochs = training.epochs
    if network.backbone is not None:
        # What stands on it takes no time; the network itself is trained in the second phase alone.
        epochs = 0 if training.fine_tune is None else training.fine_tune.epochs
    height, width = network.image_size
    work = height * width * pictures * epochs
    hardware = bfloat16_hardware() if work > _WORTHWHILE else None
    if hardware is None:
        return "float32"
    file = CACHE_DIRECTORY / f"precision-{_key(network, batch_size, hardware)}.json"
    seconds = _read(file)
    if seconds is None:
        try:
            with console.track("trying a few steps in float32 and in bfloat16"):
                seconds = _time_steps(network, augmenting, batch_size, _seconds_for_a_try())
        except ImgclfError:
            raise
        except Exception as error:  # the training may go well where the try didn't
            reason = first_line(error)[:200]
            console.note(f"training in float32: a try in bfloat16 came to nothing ({reason})")
            return "float32"
        if seconds is None:
            console.note("training in float32: to try bfloat16 would take too much of the time")
            return "float32"
        try:
            atomic_write_text(file, json.dumps(seconds))
        except WriteError as error:  # without it, the next training tries again
            if not is_refused(error):
                raise
    chosen: Precision = (
        "bfloat16" if seconds["bfloat16"] < (1 - _GAIN) * seconds["float32"] else "float32"
    )
    console.note(
        f"training in {chosen}: a step takes {1000 * seconds['float32']:.0f} ms in float32, "
        f"{1000 * seconds['bfloat16']:.0f} ms in bfloat16"
    )
    return chosen


def bfloat16_hardware() -> str | None:
    """What computes in bfloat16 here, by name; None if nothing does.

    NVIDIA's GPUs do from compute capability 8.0 on, Intel's and AMD's processors with AVX512-BF16
    or AMX, ARM's with the BF16 extension.
    """
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
        capable = all(one.get("compute_capability", (0, 0)) >= (8, 0) for one in details)
        return str(details[0].get("device_name", "GPU")) if capable else None
    try:
        return bfloat16_processor(Path("/proc/cpuinfo").read_text())
    except OSError:  # not Linux
        return None


def bfloat16_processor(cpuinfo: str) -> str | None:
    """What of a processor computes in bfloat16, and its name; None if nothing does.

    Args:
        cpuinfo: What Linux has in /proc/cpuinfo: each core anew.
    """
    lines = cpuinfo.splitlines()
    flags = next((line.split() for line in lines if line.startswith(("flags", "Features"))), [])
    found = sorted({"avx512_bf16", "amx_bf16", "bf16"} & set(flags))
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return " ".join((*found, next(names, ""))).strip() if found else None


def _seconds_for_a_try() -> float:
    limit = time_limit.current()
    return math.inf if limit is None else _OF_THE_TIME * limit.left


def _time_steps(
    network: Network, augmenting: Augmenting | None, batch_size: int, at_most: float
) -> dict[str, float] | None:
    """Seconds of the fastest of a few training steps, by precision; None if it takes too long."""
    began = time.perf_counter()
    height, width = network.image_size
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (batch_size, height, width, 3), dtype=np.uint8)
    precisions: tuple[Precision, ...] = ("float32", "bfloat16")
    seconds: dict[str, float] = {}
    for precision in precisions:
        try:
            model = build_network(network, augmenting, precision)
            labels = _labels(network.head, batch_size, model.output_shape[-1])
            times = []
            for _ in range(1 + _STEPS):  # the first one compiles
                started = time.perf_counter()
                model.train_on_batch(pictures, labels)
                times.append(time.perf_counter() - started)
                if time.perf_counter() - began > at_most:
                    return None
            seconds[precision] = min(times[1:])
        finally:
            # Or there were two in memory, and the layers of the training had other names.
            model = None
            keras.backend.clear_session()
            gc.collect()
    return seconds


def _labels(head: Head, count: int, units: int) -> Any:
    classes = np.arange(count) % max(units, 2)
    if head.label_mode == "multi_label":
        classes = np.eye(units, dtype=np.int64)[classes]
    return encode_labels(classes, head.label_mode, max(units, 2))


def _key(network: Network, batch_size: int, hardware: str) -> str:
    """Of all that the times depend on."""
    import tensorflow as tf

    versions = [keras.__version__, tf.__version__, hardware]
    made_of = [network.written(), batch_size, versions]
    return hashlib.sha256(json.dumps(made_of, default=str).encode()).hexdigest()[:32]


def _read(file: Path) -> dict[str, float] | None:
    try:
        seconds = json.loads(read_kept(file, 1 << 16))
        return {name: float(seconds[name]) for name in ("float32", "bfloat16")}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
