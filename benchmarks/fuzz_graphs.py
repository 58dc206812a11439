"""Runs changed LiteRT graphs, and shows each that ends a process, takes 1 GB, or is a fault.

    python -m benchmarks.fuzz_graphs [--count N] [--seed S] GRAPH.tflite...

Each of them is one of the graphs given, changed as tests/litert/test_fuzz.py changes it: those
that pass the check are run for real. A fault is shown by its number, with which

    python -m tests.support.fuzz_graphs GRAPH.tflite SEED NUMBER NUMBER+1

runs it again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.support.fuzz_graphs import fuzz


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("graphs", nargs="+", type=Path)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", default="1")
    given = parser.parse_args()
    faults = 0
    for graph in given.graphs:
        found = fuzz(graph, given.seed, given.count)
        faults += len(found.faults)
        print(f"{graph}: {dict(found.outcomes)}, most memory {found.most_mb} MB", flush=True)
        for fault in found.faults:
            print(f"  {fault}", flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
