"""A first config with a pretrained network, and what there is to say of training it further."""

from __future__ import annotations

from imgclf.backbones.speed import fine_tuning_seconds
from imgclf.commands.draft import (
    Draft,
    data_section,
    imbalance_lines,
    opening,
    suitable_resize,
    with_comment,
)
from imgclf.config.backbone import LITE, Backbone, default_image_size
from imgclf.config.fine_tune import FineTune
from imgclf.data.survey import Survey

BACKBONE = Backbone(name=LITE[0])
"""What is proposed: small, and its weights come with pip."""

FINE_TUNE = FineTune()
"""How it would be trained itself."""

BROUGHT = "Ten kinds of clothing came from 86 to 90 % by it; cats and dogs are at 98.9 % without."
"""What that gave on test photos (configs/fine-tuned.yaml, configs/pretrained.yaml)."""

_START = 30.0  # seconds: until Keras is there and has compiled its first step


def draft_pretrained(seen: Survey) -> Draft:
    """Chooses what the pretrained network leaves to choose."""
    side = default_image_size(BACKBONE.name)
    assert side is not None
    return Draft((side, side), suitable_resize(seen, (side, side)), 32)


def write_pretrained(seen: Survey, chosen: Draft, command: str) -> str:
    """The config as text; says how long fine-tuning would take on this machine.

    Args:
        seen: Goes into the comments.
        chosen: Goes into the values.
        command: What trains by it.
    """
    (height, width), (typical_height, typical_width) = chosen.image_size, seen.typical_shape
    fine_tune = ", ".join(f"{key}: {value}" for key, value in FINE_TUNE.written().items())
    lines = [
        *opening(seen, command),
        "",
        *data_section(
            seen,
            chosen,
            with_comment(
                f"  # image_size: [{height}, {width}]",
                "height, width; the backbone's own, if nothing is said; "
                f"the pictures are about {typical_height} x {typical_width}",
            ),
        ),
        "",
        "# With fine_tune pictures are varied: mirrored, in parts, in other light. To leave that:",
        "# augmentation: none",
        "",
        "model:",
        with_comment(f"  backbone: {BACKBONE.name}", "knows photos already, and stays as it is"),
        with_comment("  layers:", "between what it sees in a picture and the output"),
        "    - Dropout: 0.2",
        "    # The output layer and the loss follow from the classes.",
        "",
        "training:",
        with_comment("  epochs: 30", "at most; each takes a fraction of a second"),
        "  optimizer: adam",
        "  metrics: [accuracy]",
        *imbalance_lines(seen),
        f"  # Trains {BACKBONE.name} itself afterwards: {_time(seen)} more on this machine's CPU.",
        f"  # {BROUGHT}",
        f"  # fine_tune: {{{fine_tune}}}",
        "",
        "callbacks:",
        "  - EarlyStopping: {monitor: val_loss, patience: 10}",
    ]
    return "\n".join(lines) + "\n"


def _time(seen: Survey) -> str:
    training, validation = len(seen.folder.training), len(seen.folder.validation)
    return _in_words(_START + fine_tuning_seconds(BACKBONE, FINE_TUNE.epochs, training, validation))


def _in_words(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 2:
        return "about a minute"
    if minutes < 100:
        return f"about {minutes} minutes"
    return f"about {round(minutes / 60)} hours"
