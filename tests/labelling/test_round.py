"""What the labels say of the pictures, and which pictures come next."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from imgclf.data.picture_files import Picture
from imgclf.labelling.judging import judges
from imgclf.labelling.labels import Labels
from imgclf.labelling.photos import Photos
from imgclf.labelling.round import Round

COUNT = 400


def digest(name: object) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()


def photos(copies: int = 1) -> Photos:
    """Of two kinds, every second of one, with what tells them apart in the first feature.

    Args:
        copies: So many pictures, one behind the other, are near copies.
    """
    random = np.random.default_rng(3)
    kinds = np.arange(COUNT) // copies % 2
    features = random.normal(size=(COUNT, 4))
    features[:, 0] += 8 * kinds - 4
    digests = [digest(number) for number in range(COUNT)]
    groups = [min(digests[row // copies * copies :][:copies]) for row in range(COUNT)]
    paths = tuple(Path(f"{row}.jpg") for row in range(COUNT))
    return Photos(paths, tuple(digests), tuple(groups), features.astype(np.float16))


def labelled(of: Photos, *places: int) -> tuple[Picture, ...]:
    return tuple(Picture(of.paths[place], place % 2, of.digests[place]) for place in places)


def test_at_first_pictures_are_chosen_that_are_not_set_apart() -> None:
    now = Round(photos(), Labels(("cat", "dog")))
    assert now.accuracy is None
    chosen = now.next_to_learn(20)
    assert len(set(chosen)) == 20
    assert not any(judges(digest(place)) for place in chosen)
    apart = now.next_to_judge(30)
    assert len(set(apart)) == 30
    assert all(judges(digest(place)) for place in apart)


def test_it_is_judged_by_those_alone_that_it_has_not_learned_from() -> None:
    of = photos()
    others = labelled(of, 100, 101, 102, 103, 104)
    lie = Picture(of.paths[105], 0, of.digests[105])  # a dog
    labels = Labels(("cat", "dog"), labelled(of, *range(20)), (*others, lie))
    now = Round(of, labels)
    assert now.accuracy is not None
    assert (now.accuracy.right, now.accuracy.pictures) == (5, 6)


def test_what_has_a_label_does_not_come_again_and_neither_do_near_copies() -> None:
    of = photos(copies=4)
    labels = Labels(("cat", "dog"), labelled(of, 0, 4), labelled(of, 8))
    now = Round(of, labels)
    chosen = [*now.next_to_learn(400), *now.next_to_judge(400)]
    groups = {of.groups[place] for place in chosen}
    assert len(groups) == len(chosen)
    assert groups.isdisjoint({of.groups[0], of.groups[4], of.groups[8]})


def test_near_copies_are_all_set_apart_or_none() -> None:
    now = Round(photos(copies=4), Labels(("cat", "dog")))
    assert len(now.next_to_judge(400)) + len(now.next_to_learn(400)) <= COUNT // 4


def test_uncertain_pictures_come_next() -> None:
    of = photos()
    values = of.features.astype(np.float32)
    now = Round(of, Labels(("cat", "dog"), labelled(of, *range(20))))
    near = np.abs(values[now.next_to_learn(10), 0]).mean()
    assert near < np.abs(values[:, 0]).mean() - 0.5


def test_with_one_class_alone_nothing_is_said_yet() -> None:
    of = photos()
    now = Round(of, Labels(("cat", "dog"), labelled(of, 0, 2), labelled(of, 4)))
    assert now.accuracy is None
    assert len(now.next_to_learn(5)) == 5


def test_an_equal_file_that_is_labelled_twice_counts_once() -> None:
    of = photos()
    labels = Labels(("cat", "dog"), labelled(of, 0, 0, 1), labelled(of, 2, 2))
    now = Round(of, labels)
    assert (now.learned, now.accuracy and now.accuracy.pictures) == (2, 1)
