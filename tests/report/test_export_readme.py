"""How an exported model is used, in words: what they say is what the model means."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from imgclf.model.probabilities import Activation, to_probabilities
from imgclf.model_file.manifest import Decoder, Manifest
from imgclf.report.export_readme import labels_text, readme_text

OUTPUTS: dict[Activation, list[float]] = {
    "sigmoid": [0.9],
    "sigmoid_logits": [2.2],
    "softmax": [0.7, 0.2, 0.1],
    "softmax_logits": [3.0, 1.0, -2.0],
}


def manifest(head: Activation, temperature: float, **others: Any) -> Manifest:
    names = ("cat", "ağaç") if head.startswith("sigmoid") else ("cat", "ağaç", "dog")
    decoder = Decoder(height=12, width=8, **others)
    return Manifest(
        name="pets",
        created="",
        class_names=names,
        decoder=decoder,
        head=head,
        temperature=temperature,
    )


def computed(formula: str, outputs: list[float], x: float) -> float:
    """What somebody makes of a formula of the page who reads it as it stands."""
    of_all = re.fullmatch(r"(.*) / \(sum of (.*) of all of them\)", formula)
    if of_all is not None:
        return _value(of_all[1], x) / sum(_value(of_all[2], one) for one in outputs)
    return _value(formula, x)


def _value(formula: str, x: float) -> float:
    return float(eval(formula.replace("^", "**"), {"exp": math.exp, "x": x}))


@pytest.mark.parametrize("temperature", [1.0, 1.6, 0.8])
@pytest.mark.parametrize("head", OUTPUTS)
def test_the_formula_gives_what_predict_says(head: Activation, temperature: float) -> None:
    outputs = OUTPUTS[head]
    model = manifest(head, temperature)
    text = readme_text(model, "pets.onnx", "pets.onnx.labels.txt")
    expected = to_probabilities(np.array([outputs]), head, temperature)[0]
    formulas = [line.strip() for line in text.splitlines() if line.startswith("  ")]
    if temperature == 1 and not head.endswith("logits"):
        assert not formulas
        assert "how far they can be trusted was not measured" in text
        return
    [formula] = formulas
    found = [computed(formula, outputs, one) for one in outputs]
    if head.startswith("sigmoid"):
        assert found == pytest.approx([expected[1]], abs=1e-6)
    else:
        assert found == pytest.approx(expected.tolist(), abs=1e-6)


def test_input_and_labels_are_told_in_words() -> None:
    model = manifest("softmax", 1.0, resize="pad")
    assert labels_text(model) == "cat\nağaç\ndog\n"
    text = " ".join(readme_text(model, "pets.tflite", "pets.tflite.labels.txt").split())
    assert "12 rows of 8 pixels, and of each pixel red, green and blue" in text
    assert "12 pixels high and 8 wide. Resize the whole picture so that it just fits in" in text
    assert "one for each line of pets.tflite.labels.txt, in the same order" in text
    assert max(map(len, readme_text(model, "p", "l").splitlines())) <= 80
