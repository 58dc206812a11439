"""How pictures are found and divided, by number: a run and a model keep to what they began with."""

from __future__ import annotations

from typing import Final

FIRST_RULES: Final = 1
"""Of versions whose runs and models don't say: links to folders were passed over, what programs
leave was taken along, names alone made pictures, and near copies were divided like any others."""

RULES: Final = 2
"""Links are followed, content counts, what programs leave doesn't, near copies stay together."""
