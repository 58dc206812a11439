"""Versions are scored on pictures that none of them was trained on or corrected by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np
import pytest

from imgclf.model_file.held_out import HeldOut
from imgclf.model_file.manifest import Correction, Decoder, Manifest
from imgclf.model_file.pictures_seen import PicturesSeen
from imgclf.model_file.same_pictures import Listed, SamePictures, on_the_same_pictures

NAMES = ("cat", "dog")


def digest(letter: str) -> bytes:
    return letter.encode() * 16


def version(
    number: int, *, right: str = "", wrong: str = "", trained: str = "", corrected: str = ""
) -> Listed:
    """A version and its pictures, of which each is a letter."""
    judged = HeldOut.of(
        map(digest, right + wrong),
        np.zeros(len(right + wrong), np.int64),
        NAMES,
        (
            np.ones(len(right + wrong), bool),
            np.array([letter in right for letter in right + wrong], bool),
        ),
    )
    manifest = Manifest(
        name="pets",
        version=number,
        created="",
        class_names=NAMES,
        decoder=Decoder(8, 8),
        head="sigmoid",
        corrections=tuple(
            Correction("", (digest(letter) * 2).hex(), "cat", "dog", number) for letter in corrected
        ),
    )
    seen = PicturesSeen(frozenset(map(digest, trained)), frozenset(), frozenset())
    return Listed(manifest, seen, judged)


def test_all_are_scored_on_what_none_has_seen() -> None:
    found = on_the_same_pictures(
        [
            version(1, right="abcd", wrong="ef"),
            version(2, right="abce", wrong="f", corrected="d"),
            version(3, right="bcdf", wrong="e", corrected="a"),
        ],
        in_use=3,
    )
    assert found == SamePictures({1: 2 / 4, 2: 3 / 4, 3: 3 / 4}, 4)


def test_one_that_was_trained_on_most_of_them_is_left_out() -> None:
    found = on_the_same_pictures(
        [
            version(1, right="ag", wrong="hi", trained="bcdef"),
            version(2, right="abc", wrong="def", trained="ghi"),
            version(3, right="abcd", wrong="ef", trained="ghi"),
        ],
        in_use=2,
    )
    assert found == SamePictures({2: 3 / 6, 3: 4 / 6}, 6)


def test_a_picture_that_has_another_label_now_is_none_of_them() -> None:
    other = version(2, right="abc")
    assert other.held_out is not None
    pictures = dict(other.held_out.pictures)
    pictures[digest("b")] = pictures[digest("b")]._replace(label="dog")
    relabelled = Listed(other.manifest, other.seen, HeldOut(pictures))
    found = on_the_same_pictures([version(1, right="abc"), relabelled], in_use=2)
    assert (found.pictures, set(found.accuracy)) == (2, {1, 2})


def test_versions_of_which_nothing_is_known_are_left_out() -> None:
    unknown = Listed(version(3).manifest, None, None)
    found = on_the_same_pictures([version(1, right="ab"), version(2, wrong="ab"), unknown], 3)
    assert found == SamePictures({1: 1.0, 2: 0.0}, 2)
    assert on_the_same_pictures([unknown], 3) == SamePictures({}, 0)


def test_what_is_kept_of_held_out_pictures_is_read_again() -> None:
    held_out = version(1, right="ab", wrong="cd").held_out
    assert held_out is not None
    assert HeldOut.from_bytes(held_out.to_bytes()) == held_out
    assert HeldOut.from_bytes(HeldOut({}).to_bytes()) == HeldOut({})
    found = held_out.right([digest("d"), digest("a")])
    assert found is not None
    assert [one.tolist() for one in found] == [[True, True], [False, True]]
    assert held_out.right([digest("a"), digest("z")]) is None


def test_what_it_says_of_them_is_kept_and_how_much_it_doubts_that() -> None:
    right = np.array([True, False])
    said = np.array([[1 - 1e-9, 1e-9], [0.75, 0.25]])
    labels = np.array([0, 1])
    found = HeldOut.of([digest("a"), digest("b")], labels, NAMES, (right, right), said)
    answers = [one.answer for one in found.pictures.values()]
    assert answers == [("cat", pytest.approx(1e-9)), ("cat", 0.25)]
    assert HeldOut.from_bytes(found.to_bytes()) == found


def _with(**changes: Any) -> Callable[[Mapping[str, Any]], bytes]:
    return lambda stored: msgspec.msgpack.encode({**stored, **changes})


@pytest.mark.parametrize(
    "damaged",
    [
        _with(digests=b"a"),
        _with(labels=b""),
        _with(labels=b"\x07\x00\x00\x00"),
        _with(now=b"\x00\x02"),
        _with(class_names=3),
        _with(said=b"\x00\x00", doubts=b"\x00" * 8),
        _with(said=b"\x07\x00" * 2, doubts=b"\x00" * 8),
        _with(said=b"\x00\x00" * 2, doubts=b"\xff" * 8),
        lambda stored: b"\xc1",
    ],
)
def test_what_does_not_fit_together_is_refused(
    damaged: Callable[[Mapping[str, Any]], bytes],
) -> None:
    held_out = version(1, right="a", wrong="b").held_out
    assert held_out is not None
    stored = msgspec.msgpack.decode(held_out.to_bytes())
    with pytest.raises(ValueError, match=r".+"):
        HeldOut.from_bytes(damaged(stored))
