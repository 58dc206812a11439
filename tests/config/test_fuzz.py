"""Damaged configs: a config or an error with its problems, and never anything else.

This is a sample; `python -m benchmarks.fuzz_configs` does it with as many as one likes.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

import pytest

from imgclf.config.load import parse_config
from imgclf.errors import ConfigError
from tests.support.fuzz_configs import damaged, outcome


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_config_is_an_error_with_problems_or_a_config(seed: int, in_folder: Path) -> None:
    rng = random.Random(seed)
    outcomes: Counter[str] = Counter()
    for _ in range(60):
        started = time.process_time()
        outcomes[outcome(*damaged(rng), rng.choice((2, 3)))] += 1
        assert time.process_time() - started < 2
    assert min(outcomes["config"], outcomes["error"]) > 3, outcomes


def test_noise_is_an_error() -> None:
    rng = random.Random(1)
    for _ in range(100):
        text = "".join(chr(rng.randrange(1, 0x300)) for _ in range(rng.randrange(1, 300)))
        with pytest.raises(ConfigError):
            parse_config(text, Path("noise.yaml"))


def test_what_is_allowed_is_told_in_short_even_if_a_key_is_long() -> None:
    text = f"data: {{directory: dataset}}\nmodel: {{layers: {'x' * 5000}}}\n"
    with pytest.raises(ConfigError) as caught:
        parse_config(text, Path("long.yaml"), ["model.layers.Dense.units=1"])
    assert len(caught.value.problems) == 2
    assert all(len(str(found)) < 3000 for found in caught.value.problems)
