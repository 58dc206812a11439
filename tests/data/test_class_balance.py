"""Classes of different sizes, made up for in what is trained on."""

from __future__ import annotations

import numpy as np
import pytest

from imgclf.backend import keras
from imgclf.data.batch_share import Share
from imgclf.data.class_balance import Balance, balance_of, balanced_weights
from imgclf.data.source import Examples, Source

LABELS = np.array([0] * 9 + [1] * 4 + [2] * 2)
NAMES = ("cat", "dog", "emu")


def examples(balance: Balance, labels: np.ndarray = LABELS) -> Examples:
    """Whose values are their own numbers."""
    rows = np.arange(len(labels))
    return balance.of(Examples(rows[:, None], rows, labels), labels, NAMES)


def drawn(source: Source, epoch: int) -> list[int]:
    source.epoch = epoch
    return [int(value) for batch in source.batches() for value in batch[0][:, 0]]


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    # n_samples / (n_classes * np.bincount(y))
    assert balanced_weights(LABELS, 3).tolist() == [15 / 27, 15 / 12, 15 / 6]
    weights = examples(Balance("balanced")).weights
    assert weights is not None and weights.dtype == np.float32
    for label in range(3):
        assert weights[label == LABELS].sum() == pytest.approx(5)


def test_a_class_without_pictures_to_train_on_changes_no_weight_of_the_others() -> None:
    assert balanced_weights(np.array([0, 0, 0, 2]), 3).tolist() == [4 / 6, 1, 4 / 2]


def test_weights_by_name_and_1_for_who_is_not_named() -> None:
    weights = examples(Balance({"emu": 3.0})).weights
    assert weights is not None
    assert weights.tolist() == [1.0] * 13 + [3.0] * 2


def test_what_examples_count_in_all_is_1_on_average() -> None:
    even = Balance("balanced").counts_in_all(LABELS, NAMES)
    assert even is not None
    np.testing.assert_allclose(even, balanced_weights(LABELS, 3)[LABELS])
    np.testing.assert_allclose(Balance(oversample=True).counts_in_all(LABELS, NAMES), even)
    both = Balance({"emu": 3.0}, oversample=True).counts_in_all(LABELS, NAMES)
    assert both is not None
    assert both.mean() == pytest.approx(1)
    assert both[-1] / both[0] == pytest.approx(3 * 9 / 2)
    assert Balance().counts_in_all(LABELS, NAMES) is None


@pytest.mark.parametrize(
    ("config", "balance"),
    [
        ({"training": {"class_weight": "balanced"}}, Balance("balanced")),
        (
            {"training": {"class_weight": {"cat": 2, "dog": "much", "emu": -1.0}}},
            Balance({"cat": 2}),
        ),
        ({"data": {"oversample": True}, "training": {"class_weight": "much"}}, Balance(None, True)),
        ({"training": {"logit_adjustment": 1.0}}, Balance(oversample=True)),
        ({"training": {"logit_adjustment": 0.0}}, Balance()),
        ({"data": "balanced", "training": 3}, Balance()),
        ({}, Balance()),
    ],
)
def test_a_model_says_what_it_was_trained_with(config: dict[str, object], balance: Balance) -> None:
    assert balance_of(config) == balance


def test_nothing_said_changes_nothing() -> None:
    plain = Source(examples(Balance()), 4, shuffle_seed=1)
    bare = Source(Examples(np.arange(15)[:, None], np.arange(15), LABELS), 4, shuffle_seed=1)
    assert drawn(plain, 3) == drawn(bare, 3)
    assert [len(batch) for batch in plain.batches()] == [2] * 4


def test_each_class_is_drawn_as_often_as_the_largest_and_each_picture_about_as_often() -> None:
    source = Source(examples(Balance(oversample=True)), 4, shuffle_seed=1)
    assert source.num_batches == 7  # of 27 pictures
    for epoch in range(3):
        counts = np.bincount(drawn(source, epoch), minlength=15)
        assert [counts[label == LABELS].sum() for label in range(3)] == [9, 9, 9]
        assert counts[:9].tolist() == [1] * 9
        assert set(counts[9:13]) == {2, 3}
        assert set(counts[13:]) == {4, 5}


def test_what_is_drawn_twice_follows_from_seed_and_epoch_alone() -> None:
    first, second = (Source(examples(Balance(oversample=True)), 4, 1) for _ in range(2))
    assert [drawn(first, epoch) for epoch in (0, 1, 2)] == [
        drawn(second, epoch) for epoch in (0, 1, 2)
    ]
    assert len({tuple(sorted(drawn(second, epoch))) for epoch in range(5)}) > 1
    # As one that is resumed in the middle of its third epoch goes on.
    whole = drawn(first, 2)
    second.first_batch = 4
    assert drawn(second, 2) == whole[16:]


def test_processes_share_what_is_drawn() -> None:
    even = examples(Balance("balanced", oversample=True))
    whole = list(Source(even, 6, 5).batches())
    shares = [list(Source(even, 6, 5, share=Share(i, 2, 2)).batches()) for i in range(2)]
    for batch, *parts in zip(whole, *shares, strict=True):
        usable = len(batch[0]) - len(batch[0]) % 2
        for place, array in enumerate(batch):
            together = np.concatenate([part[place] for part in parts])
            np.testing.assert_array_equal(together, array[:usable])


def test_training_with_weights_is_training_by_keras_class_weight() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(15, 5)).astype(np.float32)
    weights = dict(enumerate(balanced_weights(LABELS, 3)))

    def model() -> keras.Model:
        keras.utils.set_random_seed(3)
        made = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, "softmax")])
        made.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
        return made

    plain = Examples(values, np.arange(15), LABELS)
    weighted = Source(Balance("balanced").of(plain, LABELS, NAMES), 4, shuffle_seed=1)
    ours, theirs = model(), model()
    ours.fit(weighted.dataset(), shuffle=False, verbose=0)
    for values, labels in Source(plain, 4, shuffle_seed=1).batches():
        theirs.train_on_batch(values, labels, class_weight=weights)
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
