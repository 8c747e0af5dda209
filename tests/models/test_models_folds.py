from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.folds import grouped_folds, hold_out

COHORTS = st.lists(st.tuples(st.integers(0, 25), st.sampled_from([0.0, 1.0, np.nan]), st.booleans()), min_size=1, max_size=120)


@given(COHORTS, st.integers(2, 6), st.integers(0, 3))
@settings(max_examples=80, deadline=None)
def test_no_patient_is_in_two_folds(cohort: list[tuple[int, float, bool]], n_folds: int, seed: int) -> None:
    groups = [f"p{patient}" for patient, _, _ in cohort] + [f"extra{i}" for i in range(n_folds)]
    targets = np.array([[a, float(b)] for _, a, b in cohort] + [[np.nan, 0.0]] * n_folds)
    fold = grouped_folds(groups, targets, n_folds, seed)
    of_group = {name: {int(number) for other, number in zip(groups, fold, strict=True) if other == name} for name in groups}
    assert all(len(numbers) == 1 for numbers in of_group.values())
    assert set(fold) <= set(range(n_folds))
    np.testing.assert_array_equal(fold, grouped_folds(groups, targets, n_folds, seed))


def test_every_finding_is_spread_and_folds_are_alike_in_size() -> None:
    rng = np.random.default_rng(0)
    groups = [f"p{i}" for i in np.repeat(np.arange(400), rng.integers(1, 5, 400))]
    targets = (rng.random((len(groups), 4)) < [0.01, 0.05, 0.2, 0.5]).astype(float)
    fold = grouped_folds(groups, targets, 5, seed=1)
    positives = np.array([targets[fold == number].sum(0) for number in range(5)])
    assert (np.ptp(positives[:, :2], axis=0) <= 2).all(), "rare findings differ by a film or two"
    assert (np.ptp(positives, axis=0) <= np.maximum(2, 0.1 * targets.sum(0) / 5)).all()
    sizes = np.bincount(fold)
    assert sizes.max() - sizes.min() < 0.1 * sizes.mean()


def test_soft_targets_are_spread_by_what_lies_above_their_mean() -> None:
    groups = [f"p{i}" for i in range(100)]
    high = np.arange(100) % 10 == 0
    fold = grouped_folds(groups, np.where(high, 0.4, 0.05)[:, None], 5, seed=0)
    assert [int((fold[high] == number).sum()) for number in range(5)] == [2] * 5
    np.testing.assert_array_equal(fold, grouped_folds(groups, high.astype(float)[:, None], 5, seed=0))


def test_order_of_films_does_not_matter_to_membership() -> None:
    rng = np.random.default_rng(2)
    groups, targets = np.array([f"p{i // 2}" for i in range(60)]), (rng.random((60, 2)) < 0.3).astype(float)
    shuffle = rng.permutation(60)
    np.testing.assert_array_equal(
        grouped_folds(groups.tolist(), targets, 3, 0)[shuffle], grouped_folds(groups[shuffle].tolist(), targets[shuffle], 3, 0)
    )


def test_held_out_patients_are_about_the_share_asked_for() -> None:
    groups = [f"p{i // 2}" for i in range(200)]
    held = hold_out(groups, np.zeros((200, 1)), 0.2, 0)
    assert held.mean() == 0.2
    assert not {name for name, out in zip(groups, held, strict=True) if out} & {
        name for name, out in zip(groups, held, strict=True) if not out
    }
