"""Opens changed models and what lies beside them, and shows each that does harm or is a fault.

    python -m benchmarks.fuzz_models [--count N] [--first N] [KIND...]

KIND is config, weights or manifest: a Keras model or one of imgclf's with a changed Keras config,
changed weights in HDF5, or a changed manifest, the hashes set right; or a file beside a model or in
a run, as tests/support/fuzz_beside.py lists them. Without a KIND it is all of them.

Each case runs in a forked process with limits on memory and time, and none may end by a signal,
hold more than 1 GB, take over 40 seconds, or be a fault of imgclf. A fault is shown by its kind and
number: `--first NUMBER --count 1 KIND` runs it again.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from tests.support import fuzz_beside, fuzz_keras
from tests.support.forked import run_forked

_ROOT = Path(__file__).parents[1]
_SHOWN_EVERY = 1000


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "kinds", nargs="*", default=[*fuzz_keras.KINDS, *fuzz_beside.KINDS], metavar="KIND"
    )
    parser.add_argument("--count", type=int, default=3400)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="of an earlier time, or to keep")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        if not (folder / "fuzzed").exists():
            command = [sys.executable, "-m", "tests.support.fuzzed_folder", str(folder)]
            subprocess.run(command, check=True, cwd=_ROOT, stderr=subprocess.DEVNULL)
        os.chdir(folder)
        return sum(_fuzz(kind, given.first, given.count) for kind in given.kinds) and 1


def _fuzz(kind: str, first: int, count: int) -> int:
    """How many faults there were."""
    if kind in fuzz_keras.KINDS:
        for module in ("imgclf.commands.adopt", "imgclf.model_file.plain_keras"):
            import_module(module)  # TensorFlow, before it is forked
        case = fuzz_keras.case_of(kind, Path.cwd())
    else:
        case = fuzz_beside.case_of(kind, Path.cwd())
        if any(command[0] == "train" for command in fuzz_beside.KINDS[kind][2]):
            import_module("tensorflow")
    faults, last, began = 0, first + count, time.monotonic()
    for at in range(first, last, _SHOWN_EVERY):
        end = min(at + _SHOWN_EVERY, last)
        found = run_forked(case, at, end)
        print(
            f"{kind} {at} to {end}: {dict(found.outcomes)}, most memory {found.most_mb} MB, "
            f"slowest {found.slowest:.1f} s, {time.monotonic() - began:.0f} s so far",
            flush=True,
        )
        for fault in found.faults:
            print(f"  {kind} {fault}", flush=True)
        faults += len(found.faults)
    return faults


if __name__ == "__main__":
    sys.exit(main())
