"""Which pictures are unlike what a model knows, by their features alone."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from imgclf.model.familiar import Familiar, learn_familiar
from imgclf.model.head import HeadLayer, Numbers, NumpyHead

WIDTH = 60
RANDOM = np.random.default_rng(0)
KINDS = np.abs(RANDOM.normal(size=(4, WIDTH)))
"""Two that the model was trained on, and two strangers."""


def pictures(kind: int, count: int) -> np.ndarray:
    """Features of one kind; of any length, which says how much there is to see."""
    scattered = KINDS[kind] + 0.15 * RANDOM.normal(size=(count, WIDTH))
    return (scattered * RANDOM.uniform(0.5, 2, (count, 1))).astype(np.float32)


def both(count: int) -> np.ndarray:
    return np.concatenate([pictures(0, count // 2), pictures(1, count // 2)])


@pytest.fixture(scope="module")
def known() -> Familiar:
    found = learn_familiar(both(200), both(200))
    assert found is not None
    return found


def digests(count: int) -> list[str]:
    return [f"{number:064x}" for number in range(count)]


def test_strangers_are_unlike_and_others_of_the_same_kinds_are_not(known: Familiar) -> None:
    assert known.unlike(both(1000)).mean() < 0.03
    assert known.unlike(pictures(2, 100)).all()
    assert known.unlike(pictures(3, 100)).all()


def test_one_held_out_picture_of_a_hundred_is_beyond_the_limit() -> None:
    held_out = both(400)
    found = learn_familiar(both(200), held_out)
    assert found is not None
    assert found.unlike(held_out).sum() == 3  # of 401, the next one among them, 1 % are 4


def test_few_held_out_pictures_are_no_quantile() -> None:
    """The largest of twenty is beyond the next in one of twenty-one cases."""
    alarms = []
    for _ in range(20):
        found = learn_familiar(both(200), both(20))
        assert found is not None
        alarms.append(found.unlike(both(1000)).mean())
        assert found.unlike(pictures(2, 100)).all()
    assert np.mean(alarms) < 0.03


def test_an_answer_does_not_depend_on_the_other_pictures(known: Familiar) -> None:
    features = np.concatenate([both(40), pictures(2, 7)])
    one_by_one = [known.unlike(row[np.newaxis])[0] for row in features]
    assert known.unlike(features).tolist() == one_by_one


def test_what_is_no_number_is_unlike(known: Familiar) -> None:
    features = both(4)
    features[1, 3], features[2, 3] = np.nan, np.inf
    assert known.unlike(features)[1:3].all()
    assert known.unlike(np.zeros((1, WIDTH), np.float32)).all()


def test_corrected_strangers_make_their_kind_known(known: Familiar) -> None:
    told = pictures(2, 10)
    names = digests(10)
    taught = known.corrected_by(names, dict(zip(names, told, strict=True)))
    assert not taught.unlike(told).any()
    assert taught.unlike(pictures(2, 200)).mean() < 0.1
    assert taught.unlike(pictures(3, 200)).all()
    assert taught.unlike(both(1000)).mean() <= known.unlike(both(1000)).mean() + 0.02


def test_a_correction_that_is_forgotten_makes_them_strange_again(known: Familiar) -> None:
    names = digests(2)
    told = np.concatenate([pictures(2, 1), pictures(3, 1)])
    taught = known.corrected_by(names, dict(zip(names, told, strict=True)))
    left = taught.corrected_by(names[1:], {})
    assert left.unlike(told).tolist() == [True, False]
    assert left.corrected_by([], {}) == known


def test_only_what_was_unlike_is_kept_and_the_latest_of_too_many() -> None:
    wide = learn_familiar(*(RANDOM.normal(1, 0.1, (100, 4096)) for _ in range(2)))
    assert wide is not None
    like = RANDOM.normal(1, 0.1, (1, 4096))[0]
    strange = RANDOM.normal(0, 1, (40, 4096))
    names = digests(41)
    taught = wide.corrected_by(names, dict(zip(names, [like, *strange], strict=True)))
    assert [one.digest for one in taught.corrected] == names[-32:]  # half a megabyte


@pytest.mark.parametrize(
    ("training", "held_out"),
    [
        ((19, WIDTH), (100, WIDTH)),
        ((100, WIDTH), (19, WIDTH)),
        ((100, 8193), (100, 8193)),
        ((100, 1), (100, 1)),
    ],
)
def test_too_little_to_tell_by_is_nothing(
    training: tuple[int, int], held_out: tuple[int, int]
) -> None:
    assert learn_familiar(RANDOM.normal(size=training), RANDOM.normal(size=held_out)) is None


def test_pictures_that_are_all_alike_are_nothing() -> None:
    assert learn_familiar(np.ones((50, WIDTH)), np.ones((50, WIDTH))) is None


def a_head(known: Familiar) -> NumpyHead:
    layer = HeadLayer(Numbers.of(np.ones((WIDTH, 2))), Numbers.of(np.ones(2)))
    return NumpyHead(map_shape=(1, 1, WIDTH), layers=(layer,), familiar=known)


def test_a_head_keeps_it_to_the_bit(known: Familiar) -> None:
    taught = known.corrected_by(digests(1), {digests(1)[0]: pictures(2, 1)[0]})
    head = NumpyHead.from_bytes(a_head(taught).to_bytes())
    assert head.familiar == taught
    assert len(a_head(taught).to_bytes()) < 20_000


_WRONG: list[dict[str, Any]] = [
    {"mean": Numbers.of(np.ones(WIDTH + 1))},
    {"mean": Numbers.of(np.ones((WIDTH, 1)))},
    {"directions": Numbers.of(np.ones(WIDTH))},
    {"directions": Numbers.of(np.ones((WIDTH, 3)))},
    {"variances": Numbers.of(np.zeros(30))},
    {"variances": Numbers.of(np.ones((30, 1)))},
    {"rest": 0.0},
    {"rest": float("nan")},
    {"limit": float("inf")},
    {"limit": -1.0},
    {"corrected": [{"digest": "0" * 65, "unit": Numbers.of(np.ones(WIDTH))}]},
    {"corrected": [{"digest": "0" * 64, "unit": Numbers.of(np.ones(3))}]},
]


@pytest.mark.parametrize("change", _WRONG, ids=lambda change: "-".join(change))
def test_what_does_not_fit_together_is_refused(known: Familiar, change: dict[str, Any]) -> None:
    head = msgspec.to_builtins(a_head(known), builtin_types=[bytes])
    head["familiar"] |= msgspec.to_builtins(change, builtin_types=[bytes])
    with pytest.raises(ValueError, match="head can't be read"):
        NumpyHead.from_bytes(msgspec.msgpack.encode(head))


def test_one_of_other_features_is_refused(known: Familiar) -> None:
    narrow = HeadLayer(Numbers.of(np.ones((3, 2))), Numbers.of(np.ones(2)))
    with pytest.raises(ValueError, match="takes 3 features, and knows those of 60"):
        msgspec.structs.replace(a_head(known), layers=(narrow,))
