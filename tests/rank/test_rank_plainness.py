"""Models beside readers, against a generating model whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from pipeline.rank import fusion, plainness


def archive(n: int, seed: int, rho: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Truth (majority of five), what annotators leave of theta as mean and standard deviation, and a score."""
    rng = np.random.default_rng(seed)
    theta = rng.normal(-1.2, 1.6, n)
    truth = rng.random(n) < binom.sf(2, 5, norm.cdf(theta))
    # A normal measurement of theta and its conjugate posterior.
    noise = rng.uniform(0.7, 1.5, n)
    measured = theta + noise * rng.normal(size=n)
    left = 1 / (1 / 1.6**2 + 1 / noise**2)
    mean = left * (-1.2 / 1.6**2 + measured / noise**2)
    score = rho * (theta + 1.2) / 1.6 + np.sqrt(1 - rho**2) * rng.normal(size=n)
    p_annotators = norm.cdf(1.8706 * mean / np.sqrt(1 + 1.8706**2 * left))
    return truth, p_annotators, np.sqrt(left), score


def test_the_majority_of_five_is_nearly_a_probit() -> None:
    theta = np.linspace(-6, 6, 400)
    np.testing.assert_allclose(norm.cdf(plainness._STEEP * theta), binom.sf(2, 5, norm.cdf(theta)), atol=5e-4)


@pytest.mark.parametrize("rho", [0.3, 0.6, 0.9])
def test_skill_is_found_and_probabilities_are_calibrated(rho: float) -> None:
    truth, p_annotators, theta_sd, score = archive(8000, 1, rho)
    p, auroc, error, is_heard = plainness.fused(p_annotators, theta_sd, 7 * score - 3)
    assert is_heard
    assert auroc == pytest.approx(roc_auc_score(truth, score), abs=max(3 * error, 0.02))
    odds = np.log(p / (1 - p))[:, None]
    assert LogisticRegression(C=1e6).fit(odds, truth).coef_[0, 0] == pytest.approx(1, abs=0.1)
    assert p.mean() == pytest.approx(truth.mean(), abs=0.01)


def test_adding_log_odds_would_be_too_sure() -> None:
    truth, p_annotators, theta_sd, score = archive(8000, 2, 0.85)
    nothing = np.full(len(truth), np.nan)
    beside, _ = fusion.fuse(p_annotators, score, nothing, theta_sd)
    added, _ = fusion.fuse(p_annotators, score, nothing)
    assert np.mean((beside - truth) ** 2) < np.mean((added - truth) ** 2) < np.mean((p_annotators - truth) ** 2)


def test_a_score_without_skill_is_heard_about_once_in_twenty_and_changes_little() -> None:
    heard = 0
    for seed in range(100):
        truth, p_annotators, theta_sd, score = archive(300, seed, 0.0)
        p, _, _, is_heard = plainness.fused(p_annotators, theta_sd, score)
        heard += is_heard
        assert np.mean((p - truth) ** 2) < np.mean((p_annotators - truth) ** 2) + 0.012
    assert heard <= 12


def test_films_that_nobody_read_are_fused_as_ever_and_verdicts_teach_both() -> None:
    truth, p_annotators, theta_sd, score = archive(2000, 3, 0.8)
    theta_sd[:1000] = np.nan
    nothing = np.full(len(truth), np.nan)
    both, skill = fusion.fuse(p_annotators, score, nothing, theta_sd)
    alone, alone_skill = fusion.fuse(p_annotators[:1000], score[:1000], nothing[:1000])
    np.testing.assert_array_equal(both[:1000], alone)
    assert skill == alone_skill
    told = nothing.copy()
    told[::4] = np.where(truth[::4], 0.05, 0.95)  # verdicts that say the opposite of all else
    turned, _ = fusion.fuse(p_annotators, score, told, theta_sd)
    for part in (slice(None, 1000), slice(1000, None)):
        assert np.corrcoef(turned[part], truth[part])[0, 1] < np.corrcoef(both[part], truth[part])[0, 1] - 0.05
