from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    f1_score,
    matthews_corrcoef,
    recall_score,
    roc_auc_score,
    roc_curve,
)

from pipeline.validate.metrics import CALLS, METRICS, N_BINS, auprc, auroc, brier, ece, estimate

EVERY = METRICS | CALLS


def called(metric, **options):
    return lambda truth, prob, sample_weight=None: metric(truth, prob >= 0.5, sample_weight=sample_weight, **options)


def sensitivity_at_90(truth, prob, sample_weight=None):
    false, true, _ = roc_curve(truth, prob, sample_weight=sample_weight, drop_intermediate=False)
    return true[1 - false >= 0.9 - 1e-9].max()


def specificity_at_90(truth, prob, sample_weight=None):
    false, true, _ = roc_curve(truth, prob, sample_weight=sample_weight, drop_intermediate=False)
    return (1 - false)[true >= 0.9 - 1e-9].max()


SKLEARN = {
    "auroc": roc_auc_score,
    "auprc": average_precision_score,
    "brier": brier_score_loss,
    "sensitivity_at_90_specificity": sensitivity_at_90,
    "specificity_at_90_sensitivity": specificity_at_90,
    "mcc": called(matthews_corrcoef),
    "f1": called(f1_score, zero_division=0.0),
    "sensitivity": called(recall_score),
    "specificity": called(recall_score, pos_label=0),
}
GRID = [(n, share, levels) for n in (2, 7, 60, 500) for share in (0.1, 0.5, 0.9) for levels in (2, 5, 1000)]


def sample(n: int, share: float, levels: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n + levels)
    truth = (rng.random(n) < share).astype(float)
    truth[:2] = [0, 1]
    return truth, np.round(np.clip(0.3 * truth + 0.7 * rng.random(n), 0, 1) * levels) / levels


@pytest.mark.parametrize("name", SKLEARN)
@pytest.mark.parametrize("case", GRID)
def test_equal_to_scikit_learn_with_ties(name: str, case: tuple[int, float, int]) -> None:
    truth, prob = sample(*case)
    assert estimate(EVERY[name], truth, prob) == pytest.approx(SKLEARN[name](truth, prob), abs=1e-12)


@pytest.mark.parametrize("name", SKLEARN)
@pytest.mark.parametrize("case", GRID)
def test_weights_equal_scikit_learns_and_repeated_films(name: str, case: tuple[int, float, int]) -> None:
    truth, prob = sample(*case)
    weights = np.random.default_rng(0).integers(0, 4, (5, len(truth))).astype(float)
    weights[:, :2] += 1
    found = EVERY[name](truth, prob, weights)
    for row, value in zip(weights, found, strict=True):
        assert value == pytest.approx(SKLEARN[name](truth, prob, sample_weight=row), abs=1e-12)
        repeat = row.astype(int)
        assert value == pytest.approx(SKLEARN[name](np.repeat(truth, repeat), np.repeat(prob, repeat)), abs=1e-12)


@pytest.mark.parametrize("case", [case for case in GRID if case[0] > 2])
def test_ece_equals_scikit_learns_reliability_curve(case: tuple[int, float, int]) -> None:
    truth, prob = sample(*case)
    seen, said = calibration_curve(truth, prob, n_bins=N_BINS)
    member = np.searchsorted(np.linspace(0, 1, N_BINS + 1)[1:-1], prob)
    share = np.bincount(member, minlength=N_BINS)[np.unique(member)] / len(prob)
    assert estimate(ece, truth, prob) == pytest.approx(float((share * np.abs(seen - said)).sum()), abs=1e-12)


def test_hand_worked_values() -> None:
    truth, prob = np.array([0, 0, 1, 1.0]), np.array([0.1, 0.4, 0.35, 0.8])
    assert estimate(auroc, truth, prob) == 0.75
    assert estimate(auprc, truth, prob) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert estimate(brier, truth, prob) == pytest.approx((0.01 + 0.16 + 0.4225 + 0.04) / 4)
    # Bins (0.3, 0.4] hold 0.35 and 0.4 together: |0.75 - 1| there, 0.1 and 0.2 in the other two.
    assert estimate(ece, truth, prob) == pytest.approx((0.1 + 0.25 + 0.2) / 4)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("truth", [[], [1.0], [0.0, 0.0], [1.0, 1.0, 1.0]])
def test_one_class_is_not_estimable_and_never_a_half(name: str, truth: list[float]) -> None:
    assert estimate(EVERY[name], np.array(truth), np.full(len(truth), 0.3)) is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=40))
@settings(max_examples=60, deadline=None)
def test_auroc_turned_round_is_one_minus_itself(films: list[tuple[bool, int]]) -> None:
    truth, prob = np.array([float(t) for t, _ in films]), np.array([p / 6 for _, p in films])
    forward, back = estimate(auroc, truth, prob), estimate(auroc, truth, 1 - prob)
    if forward is None or back is None:
        assert forward is back is None
        assert len(np.unique(truth)) == 1
    else:
        assert forward + back == pytest.approx(1)


@pytest.mark.parametrize("name", EVERY)
def test_a_truth_known_by_its_probability_is_both_at_once(name: str) -> None:
    """A film with truth 0.3 counts as three positive and seven negative copies in ten."""
    prob = np.array([0.1, 0.4, 0.35, 0.8])
    soft = np.array([0.0, 0.3, 1.0, 0.6])
    copies = np.concatenate([[1.0] * round(10 * p) + [0.0] * round(10 - 10 * p) for p in soft])
    found, expected = estimate(EVERY[name], soft, prob), estimate(EVERY[name], copies, np.repeat(prob, 10))
    assert found is not None
    # The squared error of a copy has the variance of the truth in it, which is the same for every model.
    spread = float((soft * (1 - soft)).mean()) if name == "brier" else 0.0
    assert found + spread == pytest.approx(expected, abs=1e-12)
