"""Filing pictures into folders by what a model says they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from imgclf.data.filing import Filing, file_picture
from imgclf.model.prediction import Prediction


def sort(predictions: Iterable[Prediction], directory: Path, how: Filing) -> Iterator[Prediction]:
    """Files each picture into `directory/LABEL/` and passes its prediction on.

    Pictures that can't be read stay where they are.

    Raises:
        DataError: See `file_picture`.
    """
    for prediction in predictions:
        if prediction.label is not None:
            file_picture(Path(prediction.path), directory, prediction.label, how)
        yield prediction
