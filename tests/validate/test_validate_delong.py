from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pipeline.base.errors import InputError
from pipeline.validate.bootstrap import draws, resamples
from pipeline.validate.delong import areas, holm, wald
from pipeline.validate.metrics import auroc


def ratings(counts: list[int]) -> list[float]:
    return [float(rating) for rating, count in enumerate(counts, 1) for _ in range(count)]


def test_published_values_of_hanley_and_mcneils_ct_ratings() -> None:
    """Hanley and McNeil 1982, table I; area, standard error and interval as Stata's `roctab` prints them (DeLong)."""
    normal, abnormal = ratings([33, 6, 6, 11, 2]), ratings([3, 2, 2, 11, 33])
    truth = np.repeat([0.0, 1.0], [len(normal), len(abnormal)])
    found = areas(truth, np.array([normal + abnormal]))
    assert found.auroc[0] == pytest.approx(0.8931711, abs=1e-7)
    assert np.sqrt(found.covariance[0, 0]) == pytest.approx(0.0307, abs=5e-5)
    assert found.interval(0) == pytest.approx((0.83295, 0.95339), abs=5e-6)


def plain_delong(truth: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """DeLong et al. 1988, equations 3 to 6, pair by pair."""
    positive, negative = probs[:, truth == 1], probs[:, truth == 0]
    kernel = (positive[:, :, None] > negative[:, None, :]) + 0.5 * (positive[:, :, None] == negative[:, None, :])
    return np.atleast_2d(np.cov(kernel.mean(2))) / positive.shape[1] + np.atleast_2d(np.cov(kernel.mean(1))) / negative.shape[1]


@pytest.mark.parametrize("levels", [3, 10, 1000])
@pytest.mark.parametrize("share", [0.1, 0.6])
def test_equal_to_the_pairwise_definition_with_ties(levels: int, share: float) -> None:
    rng = np.random.default_rng(levels)
    truth = (rng.random(90) < share).astype(float)
    probs = np.round((truth + rng.normal(size=(4, 90))) * levels / 4)
    found = areas(truth, probs)
    np.testing.assert_allclose(found.covariance, plain_delong(truth, probs), atol=1e-14)
    np.testing.assert_allclose(found.auroc, [roc_auc_score(truth, prob) for prob in probs], atol=1e-12)


def test_clusters_of_one_change_nothing_and_copies_of_a_patient_bring_no_precision() -> None:
    rng = np.random.default_rng(1)
    truth = (rng.random(80) < 0.4).astype(float)
    probs = truth + rng.normal(size=(2, 80))
    patients = np.array([f"{n:03d}" for n in rng.permutation(80)])
    alone = areas(truth, probs)
    np.testing.assert_allclose(areas(truth, probs, patients).covariance, alone.covariance, atol=1e-15)
    thrice = areas(np.tile(truth, 3), np.tile(probs, 3), np.tile(patients, 3))
    np.testing.assert_allclose(thrice.covariance, alone.covariance, atol=1e-15)
    assert areas(np.tile(truth, 3), np.tile(probs, 3)).covariance[0, 0] < 0.5 * alone.covariance[0, 0]


def test_patients_with_films_of_both_kinds_agree_with_the_clustered_bootstrap() -> None:
    rng = np.random.default_rng(2)
    patients = np.repeat([f"p{n}" for n in range(150)], 4)
    truth = (rng.random(600) < 0.3).astype(float)
    shared = np.repeat(rng.normal(size=150), 4)
    probs = truth + 0.9 * shared + rng.normal(size=(2, 600))
    found = areas(truth, probs, patients)
    sample = resamples(patients, 2000, rng)
    drawn = [draws(auroc, truth, prob, sample) for prob in probs]
    np.testing.assert_allclose(found.covariance, np.cov(drawn), rtol=0.12)
    gap, error, p = found.difference(0, 1)
    assert gap == pytest.approx(roc_auc_score(truth, probs[0]) - roc_auc_score(truth, probs[1]))
    assert error == pytest.approx(float(np.std(drawn[0] - drawn[1])), rel=0.08)
    assert p == pytest.approx(wald(gap, drawn[0] - drawn[1]), abs=0.05)


def test_p_values_of_equal_models_are_even() -> None:
    rng, found = np.random.default_rng(3), []
    for _ in range(300):
        truth = (rng.random(120) < 0.4).astype(float)
        shared = truth + rng.normal(size=120)
        found.append(areas(truth, shared + 0.7 * rng.normal(size=(2, 120))).difference(0, 1)[2])
    assert 0.02 <= np.mean(np.array(found) < 0.05) <= 0.09
    assert 0.42 <= np.mean(np.array(found) < 0.5) <= 0.58


def test_a_copy_is_no_difference() -> None:
    rng = np.random.default_rng(4)
    truth = (rng.random(60) < 0.4).astype(float)
    prob = truth + rng.normal(size=60)
    assert areas(truth, np.stack([prob, np.exp(prob)])).difference(0, 1) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize("truth", [[0, 0, 0, 1], [1, 1, 1, 0], [0, 0, 0, 0], [0, 1, 0.5, 1]])
def test_what_has_no_variance_is_refused(truth: list[float]) -> None:
    with pytest.raises(InputError):
        areas(np.array(truth, float), np.arange(4.0)[None])


def test_holm_by_hand() -> None:
    """Holm 1979: sorted p times 4, 3, 2, 1, never falling: .005 -> .02, .01 -> .03, .03 -> .06, .04 -> .06."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([]) == []
