"""The closed sets of words that a config and a model file choose from.

Apart from the schema, for a list of trainings and a decoded picture do without pydantic.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

Resize: TypeAlias = Literal["stretch", "crop", "pad"]
"""How a picture of another shape is fitted."""

ClassesAre: TypeAlias = Literal["folders", "leaves"]
"""Which folders are classes: each with all that is below it, or each that holds pictures."""

LabelMode: TypeAlias = Literal["binary", "int", "categorical", "multi_label"]
"""The form of the labels, as in `keras.utils.image_dataset_from_directory`; and 0 or 1 for each
class, where a picture may have several."""

Keep: TypeAlias = Literal["disk", "memory", "none"]
"""Where decoded pictures are kept."""

Precision: TypeAlias = Literal["float32", "bfloat16"]
"""What a network computes in while it is trained."""

Publish: TypeAlias = Literal["best", "last"]
"""The epoch whose model a training publishes."""

Corrections: TypeAlias = Literal["include", "ignore"]
"""Whether a training takes in what people said of pictures that a model had wrong."""


Replace: TypeAlias = Literal["if_not_worse", "always"]
"""When a new model takes the place of the one in use."""

BALANCED: Literal["balanced"] = "balanced"
"""The word for weights by which all classes count the same in all."""
