"""Reads damaged configs, and shows each that is neither a config nor an error with its problems.

    python -m benchmarks.fuzz_configs [--count N] [--seed S]

Each of them is a config of configs/, changed as tests/config/test_fuzz.py changes it. Whatever
another exception comes of, or takes over two seconds, is kept in a file, with its traceback.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

from tests.support.fuzz_configs import damaged, outcome

SECONDS = 2.0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    for number in range(given.count):
        rng = random.Random(f"{given.seed} {number}")
        text, overrides = damaged(rng)
        started = time.process_time()
        try:
            found = outcome(text, overrides, rng.choice((2, 3)))
            why = ""
        except Exception:
            found, why = "neither", traceback.format_exc()
        seconds = time.process_time() - started
        slowest = max(slowest, seconds)
        if found == "neither" or seconds > SECONDS:
            kept = Path(f"damaged-{given.seed}-{number}.yaml")
            kept.write_text(text, "utf-8", "surrogatepass")
            print(f"{kept}, overrides {overrides}: {found}, {seconds:.1f} s\n{why}", flush=True)
        outcomes[found] += 1
        if (number + 1) % 10_000 == 0:
            print(f"{number + 1}: {dict(outcomes)}, slowest {slowest:.2f} s", flush=True)
    print(f"{given.count} damaged configs: {dict(outcomes)}, slowest {slowest:.2f} s")
    return 1 if outcomes["neither"] or slowest > SECONDS else 0


if __name__ == "__main__":
    sys.exit(main())
