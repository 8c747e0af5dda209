from __future__ import annotations

import numpy as np
import pytest

from pipeline.validate import bootstrap
from pipeline.validate.bootstrap import draws, interval, resamples, seed_noise, several, with_seeds
from pipeline.validate.metrics import CALLS, METRICS, auroc, brier


def test_films_of_a_patient_are_taken_together_and_patients_add_up() -> None:
    clusters = np.array(["a", "b", "a", "c", "c", "c"])
    counts = resamples(clusters, 400, np.random.default_rng(0)).weights()
    assert (counts[:, 0] == counts[:, 2]).all()
    assert (counts[:, 3] == counts[:, 5]).all()
    assert (counts[:, [0, 1, 3]].sum(1) == 3).all()
    assert counts[:, 1].mean() == pytest.approx(1, abs=0.15)


def test_weighted_draws_equal_resampled_films() -> None:
    rng = np.random.default_rng(3)
    truth, prob = (rng.random(80) < 0.4).astype(float), rng.random(80)
    sample = resamples([str(i // 2) for i in range(80)], 6, rng)
    for metric in METRICS.values():
        weighted = draws(metric, truth, prob, sample)
        for value, row in zip(weighted, sample.weights(), strict=True):
            assert value == pytest.approx(metric(np.repeat(truth, row), np.repeat(prob, row), np.ones((1, row.sum())))[0], abs=1e-12)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    """Scores N(1, 1) against N(0, 1): AUROC is Phi(1 / sqrt 2) = 0.7602. Each patient has two films that share half their variance."""
    covered, rng = 0, np.random.default_rng(0)
    for _ in range(120):
        truth = np.repeat((rng.random(60) < 0.5).astype(float), 2)
        shared, own = np.repeat(rng.normal(size=60), 2), rng.normal(size=120)
        score = truth + (shared + own) / np.sqrt(2)
        ends = interval(draws(auroc, truth, score, resamples([str(i // 2) for i in range(120)], 200, rng)))
        assert ends is not None
        covered += ends[0] <= 0.7602 <= ends[1]
    assert 0.87 <= covered / 120 <= 0.99


def test_patients_as_clusters_widen_the_interval() -> None:
    rng = np.random.default_rng(5)
    truth, prob = np.repeat((rng.random(50) < 0.5).astype(float), 6), np.repeat(rng.random(50), 6)
    by_patient = interval(draws(brier, truth, prob, resamples([str(i // 6) for i in range(300)], 500, rng)))
    by_film = interval(draws(brier, truth, prob, resamples([str(i) for i in range(300)], 500, rng)))
    assert by_patient is not None
    assert by_film is not None
    assert by_patient[1] - by_patient[0] > 1.8 * (by_film[1] - by_film[0])


def test_no_interval_when_resamples_lose_the_score() -> None:
    truth, prob = np.array([1.0, 1, 1, 1, 1, 0, 0, 0, 0, 0]), np.linspace(0, 1, 10)
    all_of_one = draws(auroc, truth, prob, resamples(["p"] * 5 + list("abcde"), 300, np.random.default_rng(0)))
    assert 0.2 < np.isnan(all_of_one).mean() < 0.5
    assert interval(all_of_one) is None
    assert interval(np.array([])) is None


@pytest.mark.parametrize("n_seeds", [2, 3, 5])
def test_intervals_over_patients_and_seeds_cover_what_training_again_would_give(n_seeds: int) -> None:
    """A score is mean + patient + seed; with the patients' bootstrap alone the chance of training goes unseen."""
    rng, covered, alone = np.random.default_rng(n_seeds), 0, 0
    counts = resamples([str(i) for i in range(60)], 300, rng).weights()
    for _ in range(200):
        patients = rng.normal(0, 1, 60)
        per_seed = patients.mean() + rng.normal(0, 0.3, n_seeds)
        values = (counts @ patients) / counts.sum(1) + (per_seed - patients.mean()).mean()
        both, one = interval(with_seeds(values, per_seed, seed_noise(n_seeds, 300, rng))), interval(values)
        assert both is not None
        assert one is not None
        covered += both[0] <= 0 <= both[1]
        alone += one[0] <= 0 <= one[1]
    assert covered / 200 >= 0.9
    assert alone / 200 < 0.85


def test_one_seed_tells_nothing_of_the_chance_of_training() -> None:
    values = np.arange(5.0)
    np.testing.assert_array_equal(with_seeds(values, np.array([0.7]), seed_noise(1, 5, np.random.default_rng(0))), values)


def test_a_film_that_is_there_twice_is_resampled_with_its_patient_and_metrics_of_one_curve_agree_with_each_alone() -> None:
    rng = np.random.default_rng(4)
    cells = np.repeat(np.arange(40), 3)
    truth, prob = (rng.random(120) < 0.4).astype(float), rng.random(120)
    sample = resamples([str(i // 2) for i in range(40)], 8, rng)
    pooled, weights = sample.take(cells), sample.weights()[:, cells].astype(float)
    together = several(METRICS | CALLS, truth, prob, pooled)
    for name, metric in (METRICS | CALLS).items():
        np.testing.assert_allclose(together[name], metric(truth, prob, weights), atol=1e-12)


def test_resamples_in_parts_are_those_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = resamples(list("abcde"), 50, np.random.default_rng(1)).counts
    monkeypatch.setattr(bootstrap, "_CELLS_AT_ONCE", 35)
    np.testing.assert_array_equal(resamples(list("abcde"), 50, np.random.default_rng(1)).counts, whole)
