"""Thresholds, readers, bounds under noisy labels, and ranks, against plain computations and simulated truth."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef, recall_score, roc_auc_score, roc_curve

from pipeline.validate import bounds, ranking, thresholds
from pipeline.validate.readers import sensitivity_gap


def made(n: int, seed: int = 0, share: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) < share).astype(float)
    return truth, np.round(truth + rng.normal(size=n), 1)


def test_the_best_threshold_is_the_best_of_all() -> None:
    for seed in range(20):
        truth, prob = made(40, seed)
        found = thresholds.best(truth, prob)
        assert found is not None
        every = [matthews_corrcoef(truth, prob >= level) for level in np.unique(prob)]
        assert matthews_corrcoef(truth, prob >= found) == pytest.approx(max(every))
    assert thresholds.best(np.ones(4), np.arange(4.0)) is None


def test_cross_fitted_calls_do_not_flatter_noise() -> None:
    """On scores that know nothing, a threshold chosen on the same films finds a correlation; one chosen on the others does not."""
    rng, same, crossed = np.random.default_rng(0), [], []
    for seed in range(60):
        truth, prob = (rng.random(60) < 0.4).astype(float), rng.random(60)
        same.append(matthews_corrcoef(truth, prob >= thresholds.best(truth, prob)))
        crossed.append(matthews_corrcoef(truth, thresholds.cross_fitted(truth, prob, [str(i) for i in range(60)], seed)))
    assert np.mean(same) > 0.15
    assert abs(np.mean(crossed)) < 0.04


def test_films_of_a_patient_are_called_by_one_threshold_and_one_class_has_none() -> None:
    truth = np.repeat([0.0, 1, 0, 1, 0, 1], 2)
    patients = np.repeat(list("abcdef"), 2)
    half = thresholds._halves(truth, patients, 0)
    assert (half[::2] == half[1::2]).all()
    assert 0 < half.sum() < 12
    assert np.isnan(thresholds.cross_fitted(np.array([0.0, 0, 0, 1]), np.arange(4.0), list("abcd"), 0)).all()


@pytest.mark.parametrize("seed", range(5))
def test_the_gap_is_the_height_of_scikit_learns_curve_less_the_readers_sensitivity(seed: int) -> None:
    truth, prob = made(70, seed)
    calls = (truth + np.random.default_rng(seed + 50).normal(size=70) > 0.6).astype(float)
    weights = np.random.default_rng(seed).integers(0, 3, (8, 70)).astype(float)
    for row, gap in zip(weights, sensitivity_gap(calls)(truth, prob, weights), strict=True):
        false, true, _ = roc_curve(truth, prob, sample_weight=row, drop_intermediate=False)
        specificity, sensitivity = (recall_score(truth, calls, pos_label=label, sample_weight=row) for label in (0, 1))
        # At a vertical step the curve's height is its upper end.
        at = 1 - specificity
        height = max(np.interp(at, false, true), true[false <= at + 1e-12].max())
        assert gap == pytest.approx(height - sensitivity, abs=1e-12)


def corrupted(truth: np.ndarray, flip: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.where(rng.random(len(truth)) < flip, 1 - truth, truth)


def test_the_formula_undoes_noise_that_does_not_depend_on_the_score() -> None:
    rng = np.random.default_rng(5)
    truth = (rng.random(60_000) < 0.3).astype(float)
    prob = truth + rng.normal(size=60_000)
    labels = corrupted(truth, np.where(truth == 1, 0.4, 0.1), rng)
    observed, errors = float(roc_auc_score(labels, prob)), bounds.Errors((0.6, 0.6), (0.9, 0.9))
    low, high = bounds.independent_auroc((observed, observed), float(labels.mean()), errors) or (0, 0)
    assert low == high == pytest.approx(roc_auc_score(truth, prob), abs=0.008)
    assert observed < low - 0.08
    calls = (prob > 0.8).astype(float)
    sensitivity, specificity = bounds.independent_calls(labels, calls, errors)
    assert sensitivity == pytest.approx([recall_score(truth, calls)] * 2, abs=0.015)
    assert specificity == pytest.approx([recall_score(truth, calls, pos_label=0)] * 2, abs=0.015)


def test_noise_on_hard_films_breaks_the_formula_and_not_the_bounds() -> None:
    rng = np.random.default_rng(6)
    truth = (rng.random(40_000) < 0.3).astype(float)
    prob = truth + rng.normal(size=40_000)
    hard = np.where(truth == 1, prob < 0.9, prob > 0.6)
    labels = corrupted(truth, np.where(hard, np.where(truth == 1, 0.7, 0.15), 0.0), rng)
    sensitivity, specificity = recall_score(truth, labels), recall_score(truth, labels, pos_label=0)
    errors = bounds.Errors((sensitivity, sensitivity), (specificity, specificity))
    observed, real = float(roc_auc_score(labels, prob)), float(roc_auc_score(truth, prob))
    claimed = bounds.independent_auroc((observed, observed), float(labels.mean()), errors)
    assert claimed is not None
    assert claimed[0] > real + 0.05
    low, high = bounds.any_auroc(labels, prob, errors) or (1, 0)
    assert low <= real <= high
    calls = (prob > 0.8).astype(float)
    for ends, pos_label in zip(bounds.any_calls(labels, calls, errors), (1, 0), strict=True):
        assert ends is not None
        assert ends[0] <= recall_score(truth, calls, pos_label=pos_label) <= ends[1]


def test_bounds_that_assume_nothing_are_reached_by_some_truth_and_passed_by_none() -> None:
    """Every truth of ten films with 4 of 5 labelled positive and 1 of 5 labelled negative truly positive."""
    rng = np.random.default_rng(7)
    labels, prob = np.repeat([1.0, 0.0], 5), rng.permutation(10) / 10
    calls = (prob > 0.45).astype(float)
    errors = bounds.Errors((0.8, 0.8), (0.8, 0.8))
    scores = {"auroc": [], "sensitivity": [], "specificity": []}
    for missed in range(5):
        for found in range(5, 10):
            truth = labels.copy()
            truth[[missed, found]] = 1 - truth[[missed, found]]
            scores["auroc"].append(roc_auc_score(truth, prob))
            scores["sensitivity"].append(recall_score(truth, calls))
            scores["specificity"].append(recall_score(truth, calls, pos_label=0))
    assert bounds.any_auroc(labels, prob, errors) == pytest.approx((min(scores["auroc"]), max(scores["auroc"])))
    for ends, name in zip(bounds.any_calls(labels, calls, errors), ("sensitivity", "specificity"), strict=True):
        assert ends == pytest.approx((min(scores[name]), max(scores[name])))


def test_error_rates_that_contradict_the_labels_bound_nothing() -> None:
    labels, prob = np.repeat([1.0, 0.0], [1, 99]), np.arange(100.0)
    assert bounds.any_auroc(labels, prob, bounds.Errors((0.9, 0.9), (0.9, 0.9))) is None
    assert bounds.independent_auroc((0.7, 0.8), 0.01, bounds.Errors((0.9, 0.9), (0.9, 0.9))) is None
    assert bounds.any_auroc(labels, prob, bounds.Errors((0.9, 0.9), (0.9, 1.0))) is not None


def test_wider_error_rates_give_wider_bounds() -> None:
    truth, prob = made(200, 3)
    narrow, wide = (
        bounds.any_auroc(truth, prob, bounds.Errors(*ends)) for ends in (((0.8, 0.85), (0.9, 0.95)), ((0.7, 0.95), (0.8, 0.99)))
    )
    assert narrow is not None
    assert wide is not None
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_ranks_and_the_probability_of_the_first() -> None:
    drawn = np.array([[0.9, 0.9, 0.5, 0.7], [0.8, 0.9, 0.6, 0.7], [0.1, 0.1, 0.1, 0.1]])
    assert ranking.first(drawn) == pytest.approx([0.5, 0.5, 0.0])
    np.testing.assert_array_equal(ranking.ranks(drawn)[:, 1], [1.5, 1.5, 3])
    assert ranking.rank_interval(drawn)[2].tolist() == [3, 3]
    assert np.isnan(ranking.first(np.full((2, 3), np.nan))).all()
    # The draws of independent equals: each is first one time in three.
    equal = np.random.default_rng(0).normal(size=(3, 4000))
    assert ranking.first(equal) == pytest.approx([1 / 3] * 3, abs=0.03)


def test_kendalls_tau_is_pairs_in_order_less_pairs_turned() -> None:
    one, other = np.array([0.9, 0.8, 0.7, 0.6]), np.array([0.9, 0.6, 0.7, 0.8])
    signs = [np.sign((one[a] - one[b]) * (other[a] - other[b])) for a, b in combinations(range(4), 2)]
    assert ranking.agreement(one, other) == pytest.approx(np.mean(signs))
