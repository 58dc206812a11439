"""What a network computes in while it is trained.

Apart from the schema, for a list of trainings names it and does without pydantic.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

Precision: TypeAlias = Literal["float32", "bfloat16"]
