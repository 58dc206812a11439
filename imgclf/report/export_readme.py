"""What comes with an exported model: its labels, and how to use it, without statistics."""

from __future__ import annotations

import textwrap

import numpy as np

from imgclf.model.probabilities import to_probabilities
from imgclf.model_file.manifest import Manifest

_RESIZED = {
    "stretch": "Resize the picture to that, whatever its own proportions are.",
    "crop": "Cut the largest middle out of the picture that has these proportions, and resize it.",
    "pad": "Resize the whole picture so that it just fits in, and put it in the middle of black.",
}


def labels_text(manifest: Manifest) -> str:
    """A line for each class, in the order of the outputs."""
    return "".join(f"{name}\n" for name in manifest.class_names)


def readme_text(manifest: Manifest, file: str, labels: str) -> str:
    """How to use an exported model.

    Args:
        manifest: The model's.
        file: The name of what was exported.
        labels: That of the file of labels.
    """
    sections = {
        "": _opening(manifest, file),
        "What goes in": _input(manifest),
        "What comes out": _output(manifest, labels),
        "How sure it is": _temperature(manifest),
    }
    return "\n".join(
        "\n".join([*([title, "-" * len(title)] if title else []), *_wrapped(paragraphs), ""])
        for title, paragraphs in sections.items()
    )


def _wrapped(paragraphs: list[str]) -> list[str]:
    return "\n\n".join(
        one if one.startswith("  ") else textwrap.fill(one, 80, break_on_hyphens=False)
        for one in paragraphs
    ).split("\n")


def _opening(manifest: Manifest, file: str) -> list[str]:
    each = ", one or several or none," if manifest.multi_label else ""
    return [
        f"{file} says which of {len(manifest.class_names)} things{each} a picture shows. It was "
        f"exported by imgclf from the model {manifest.name}, version {manifest.version}."
    ]


def _input(manifest: Manifest) -> list[str]:
    height, width = manifest.decoder.height, manifest.decoder.width
    return [
        "One picture or several, as numbers of the type float32, in the shape (pictures, "
        f"{height}, {width}, 3): {height} rows of {width} pixels, and of each pixel red, green and "
        "blue, in this order, from 0 to 255. Leave the numbers as the picture has them; what the "
        "model wants done to them, dividing by 255 say, it does itself.",
        f"The pictures are {height} pixels high and {width} wide. "
        f"{_RESIZED[manifest.decoder.resize]} Turn it upright first, if the camera says so (EXIF), "
        "and lay what is transparent on white.",
    ]


def _output(manifest: Manifest, labels: str) -> list[str]:
    first, second = manifest.class_names[:2]
    count = len(manifest.class_names)
    match manifest.head:
        case "sigmoid":
            return [
                f"For each picture one number between 0 and 1. Above 0.5 the picture shows {second}"
                f", the second line of {labels}; else {first}, the first. The nearer it is to 0.5, "
                "the less sure the model is.",
            ]
        case "sigmoid_logits":
            return [
                f"For each picture one number, of any size. Above 0 the picture shows {second}, "
                f"the second line of {labels}; else {first}, the first. The nearer it is to 0, the "
                "less sure the model is.",
            ]
        case "softmax":
            return [
                f"For each picture {count} numbers between 0 and 1, which add up to 1: one for "
                f"each line of {labels}, in the same order. The largest is the answer, and says "
                "how sure the model is of it.",
            ]
        case "multi_label":
            # As they are before calibration, since that is what comes out.
            return [
                f"For each picture {count} numbers between 0 and 1, one for each line of {labels}, "
                "in the same order, each the answer of a sigmoid unit by itself: they don't add up "
                "to 1, and a picture may show several of these things, or none. It shows what "
                "reaches its threshold:",
                "\n".join(
                    f"  {least:.6f}  {name}"
                    for name, least in zip(
                        manifest.class_names, outputs_needed(manifest), strict=True
                    )
                ),
            ]
        case _:
            return [
                f"For each picture {count} numbers, of any size: one for each line of {labels}, in "
                "the same order. The largest is the answer.",
            ]


def outputs_needed(manifest: Manifest) -> list[float]:
    """From what on each label is given, of what the network puts out itself.

    A threshold is of a calibrated probability, which is a function that only rises of the output.
    """
    needed = np.array([manifest.label_thresholds])
    outputs = to_probabilities(needed, "multi_label", 1 / manifest.temperature)
    return [float(one) for one in outputs[0]]


def _temperature(manifest: Manifest) -> list[str]:
    """What turns outputs into what `predict` calls confidence; see `to_probabilities`."""
    logits, temperature = manifest.head.endswith("_logits"), manifest.temperature
    if temperature == 1 and not logits:
        if manifest.data is None:  # adopted
            return ["Take the numbers as they are; how far they can be trusted was not measured."]
        return [
            "Take the numbers as they are: of pictures that it is 80 % sure of, about 8 in 10 "
            "should be right."
        ]
    says = "With x for what comes out, this is between 0 and 1 and says how sure it is:"
    if temperature != 1:
        words = "surer of itself" if temperature > 1 else "less sure of itself"
        says = (
            f"The model sounds {words} than it should, as was found with pictures that it was not "
            f"trained on. The temperature {temperature:.4g} mends that, and never changes the "
            f"answer. {says[:-1]}, so that of pictures at 0.8 about 8 in 10 should be right:"
        )
    over = "" if temperature == 1 else f" / {temperature:.4g}"
    share = f"exp(x{over})" if logits else f"x^(1{over})"
    if manifest.multi_label:
        return [says, f"  {share} / ({share} + (1 - x)^(1{over}))", "That is so of each number."]
    if not manifest.head.startswith("sigmoid"):
        return [says, f"  {share} / (sum of {share} of all of them)"]
    first, second = manifest.class_names
    formula = f"1 / (1 + exp(-x{over}))" if logits else f"{share} / ({share} + (1 - x)^(1{over}))"
    return [says, f"  {formula}", f"That is for {second}; for {first} it is 1 less that."]
