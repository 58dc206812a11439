"""One round of labelling: what was learned, how well it does, and which pictures come next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imgclf.data.picture_files import Picture
from imgclf.labelling.choice import Places, choose, least_certain, margins
from imgclf.labelling.judging import Judged, draw, judges
from imgclf.labelling.labels import Labels
from imgclf.labelling.photos import Photos
from imgclf.model.logistic_regression import LinearHead, fit_logistic_regression, standardized


class Round:
    """What the labels say of the pictures.

    A linear head is fitted to the features of those to learn from. It is for choosing and judging;
    the model comes from a training.

    Args:
        photos: All pictures.
        labels: Of some of them.

    Attributes:
        learned: How many pictures were learned from.
        accuracy: On those that are set apart; None without any, or with one class only.
    """

    def __init__(self, photos: Photos, labels: Labels) -> None:
        self._photos = photos
        place_of = {digest: place for place, digest in enumerate(photos.digests)}
        to_learn, of_learned = _places(labels.to_learn, place_of)
        to_judge, of_judged = _places(labels.to_judge, place_of)
        self._labelled = {photos.groups[place] for place in (*to_learn, *to_judge)}
        self._to_learn, self.learned = to_learn, len(to_learn)
        self._values = standardized(photos.features)
        self._head: LinearHead | None = None
        self.accuracy: Judged | None = None
        if len(set(of_learned.tolist())) < 2:
            return
        self._head = fit_logistic_regression(
            self._values[to_learn], of_learned, len(labels.class_names)
        )
        if len(to_judge):
            said = self._head.logits(self._values[to_judge]).argmax(axis=1)
            self.accuracy = Judged(int((said == of_judged).sum()), len(to_judge))

    def next_to_learn(self, count: int) -> list[int]:
        """Places of pictures to learn from: at first such as stand for many others, then such as
        are uncertain and unlike what is known.
        """
        pool = self._unlabelled(apart=False)
        known = self._photos.features[self._to_learn]
        weights = None
        if self._head is not None:
            margin = margins(self._head.probabilities(self._values[pool]))
            some = least_certain(margin, count)
            pool, weights = pool[some], np.sqrt(1 - margin[some])
        found = choose(self._photos.features[pool], count, weights, known)
        return [int(pool[place]) for place in found]

    def next_to_judge(self, count: int) -> list[int]:
        """Places of pictures that were drawn to judge by."""
        pool = self._unlabelled(apart=True).tolist()
        return sorted(pool, key=lambda place: draw(self._photos.groups[place]))[:count]

    def _unlabelled(self, *, apart: bool) -> Places:
        """One of each group of near copies of which none has a label."""
        first: dict[str, int] = {}
        for place, group in enumerate(self._photos.groups):
            if group not in self._labelled and judges(group) == apart:
                first.setdefault(group, place)
        return np.array(list(first.values()), np.int64)


def _places(pictures: Sequence[Picture], place_of: dict[str, int]) -> tuple[Places, Places]:
    """Where they stand among all, and their labels; of equal files one, and none that is unread."""
    found = {
        place_of[picture.digest]: picture.label
        for picture in pictures
        if picture.digest in place_of
    }
    return np.array(list(found), np.int64), np.array(list(found.values()), np.int64)
