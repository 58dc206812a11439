"""Which pictures are worth a label: answers like those of predict, for these alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgclf.corrections.feature_memory import load_features
from imgclf.data.decoder import decode_and_look
from imgclf.data.file_walk import Skipped
from imgclf.data.left_out import LeftOut
from imgclf.data.reading import in_batches
from imgclf.errors import ModelFileError, PictureError
from imgclf.labelling.candidates import Candidates
from imgclf.model.engine import BATCH_SIZE, SplitEngine
from imgclf.model.prediction import Prediction
from imgclf.model_file.classifier import Classifier
from imgclf.system import console


def suggest(
    classifier: Classifier,
    model: Path,
    paths: Iterable[str],
    count: int,
    left_out: LeftOut,
    *,
    total: int | None = None,
) -> list[Prediction]:
    """The answers for pictures that are worth a label, those that stand for most first.

    Memory does not grow with the number of paths.

    Args:
        classifier: The model, from `load`.
        model: Its file, beside which lie the features of pictures that it knows.
        paths: Pictures.
        count: How many to choose; fewer if the others are all like these.
        left_out: Gets those that can't be read.
        total: How many paths there are, for the bar.

    Raises:
        ModelFileError: The LiteRT graph can't be run.
    """
    if not isinstance(classifier.engine, SplitEngine):
        console.note(
            "the model's features can't be had by themselves, so pictures are told apart by its "
            "answers alone"
        )
    settings = classifier.manifest.decoder.settings()
    names = classifier.manifest.class_names
    candidates = Candidates(count)
    with console.track("looking for pictures that are worth a label", total) as advance:
        for batch in in_batches(paths, lambda path: decode_and_look(path, settings), BATCH_SIZE):
            seen = []
            for path, read in batch:
                if isinstance(read, PictureError):
                    left_out.add(Skipped(Path(path), read.message))
                else:
                    seen.append((path, *read))
            if seen:
                pixels = np.stack([pixels for _, pixels, _ in seen])
                probabilities, features = classifier.probabilities_and_features(pixels)
                unlike = classifier.unlike(features)
                said = [None] * len(seen) if unlike is None else unlike.tolist()
                answers = [
                    Prediction.of(path, row, names, other)
                    for (path, _, _), row, other in zip(seen, probabilities, said, strict=True)
                ]
                looks = np.stack([look.pixels for _, _, look in seen])
                candidates.add(answers, probabilities, features, looks)
            advance(len(batch))
    classifier.engine.finish()
    return candidates.suggested(_known(classifier, model))


def _known(classifier: Classifier, model: Path) -> NDArray[np.float16] | None:
    """Features of pictures that the model was trained on, where they are kept beside it."""
    try:
        memory = load_features(model, classifier.manifest)
    except ModelFileError as error:
        console.warning(f"{error.message}: what the model knows already has no say")
        return None
    return None if memory is None else memory.training.values
