"""Every registered detector, and cleanlab's own order and flags reproduced."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores, order_label_issues
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from pipeline.base.interfaces import DETECTORS
from pipeline.rank.fusion import MAX_AUROC, fuse, measure, score, skills, slope, weights

ONE = np.array([1.0])


def noisy_cells(n: int = 600, seed: int = 0, flip: float = 0.12) -> tuple[pd.DataFrame, np.ndarray]:
    """Cells of one finding with a good model and labels of which `flip` are wrong; and which ones are."""
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.35
    wrong = rng.random(n) < flip
    pred = 1 / (1 + np.exp(-(np.where(truth, 1.6, -1.6) + rng.normal(0, 1, n))))
    cells = pd.DataFrame(
        {
            "image_id": [f"i{index:04d}" for index in range(n)],
            "finding": "Edema",
            "given_label": np.where(truth ^ wrong, "POSITIVE", "NEGATIVE"),
            "given_annotator": "published:nih",
            "given": (truth ^ wrong).astype(int),
            "p_annotators": np.where(truth ^ wrong, 0.7, 0.2),
            "pred_prob": pred,
            "p_positive": pred,
            "n_against": (wrong & (rng.random(n) < 0.5)).astype(int),
            "n_findings_against": (wrong & (rng.random(n) < 0.5)).astype(float),
            "n_films_against": (wrong & (rng.random(n) < 0.5)).astype(float),
            "is_faint": (wrong & (rng.random(n) < 0.5)).astype(float),
            "neighbour_p": pred,
            "aum": np.where(wrong, -1.0, 1.5) + rng.normal(0, 0.6, n),
            "forgotten_share": np.where(wrong, rng.uniform(0.3, 1.0, n), rng.uniform(0.0, 0.4, n)),
            "early_loss": np.where(wrong, rng.gamma(8, 0.25, n), rng.gamma(8, 0.05, n)),
            "report_fit": np.where(wrong & (rng.random(n) < 0.5), -6.0, 1.0),
            "report_fit_here": np.where(wrong, -1.0, 0.2),
        }
    )
    return cells, wrong


@pytest.mark.parametrize("name", DETECTORS.names())
def test_contract(name: str) -> None:
    cells, wrong = noisy_cells()
    detector = DETECTORS.get(name)
    before = cells.copy()
    found = detector(cells.iloc[::-1])
    assert list(found.index) == list(cells.index[::-1])
    assert set(found.columns) == {"label_quality_score", "is_label_issue"}
    assert found["label_quality_score"].between(0, 1).all()
    assert found["is_label_issue"].dtype == bool
    assert set(detector.needs) <= set(cells.columns)
    pd.testing.assert_frame_equal(cells, before)
    flagged = found["is_label_issue"].reindex(cells.index).to_numpy(bool)
    assert wrong[flagged].mean() > 3 * wrong.mean()
    pd.testing.assert_frame_equal(detector(cells).sort_index(), found.sort_index())


def test_every_cleanlab_detector_is_cleanlabs_own() -> None:
    cells, _ = noisy_cells(seed=2)
    given, pred = cells["given"].to_numpy(), cells["pred_prob"].to_numpy()
    two = np.stack([1 - pred, pred], axis=1)
    for name, method, filter_by in (
        ("cleanlab_normalized_margin", "normalized_margin", "prune_by_class"),
        ("cleanlab_confident_learning", "confidence_weighted_entropy", "confident_learning"),
    ):
        found = DETECTORS.get(name)(cells)
        np.testing.assert_allclose(found["label_quality_score"], get_label_quality_scores(given, two, method=method))
        np.testing.assert_array_equal(found["is_label_issue"], find_label_issues(given, two, filter_by=filter_by))


def test_cleanlab_order_and_flags_are_cleanlabs_own() -> None:
    cells, _ = noisy_cells(seed=1)
    found = DETECTORS.get("cleanlab_self_confidence")(cells)
    pred_probs = np.stack([1 - cells["pred_prob"], cells["pred_prob"]], axis=1)
    given = cells["given"].to_numpy()
    assert found["is_label_issue"].to_numpy().tolist() == find_label_issues(given, pred_probs).tolist()
    np.testing.assert_array_equal(found["label_quality_score"], get_label_quality_scores(given, pred_probs, method="self_confidence"))
    flagged = found[found["is_label_issue"]].sort_values("label_quality_score", kind="stable").index
    ordered = order_label_issues(found["is_label_issue"].to_numpy(), given, pred_probs, rank_by="self_confidence")
    assert flagged.tolist() == ordered.tolist()


def test_cleanlab_judges_only_cells_with_a_probability_and_only_two_classes() -> None:
    cells, _ = noisy_cells(seed=2)
    cells.loc[:99, "pred_prob"] = np.nan
    detector = DETECTORS.get("cleanlab_self_confidence")
    found = detector(cells)
    assert found.loc[:99, "label_quality_score"].isna().all()
    assert not found.loc[:99, "is_label_issue"].any()
    pd.testing.assert_frame_equal(found.loc[100:], detector(cells.loc[100:]))
    assert detector(cells.assign(given=1))["label_quality_score"].isna().all()


def test_a_poor_source_does_not_make_all_its_labels_issues() -> None:
    """A label that is right in 45 % of cases is no reason to suspect this film more than the next."""
    cells, _ = noisy_cells(n=100)
    cells["given"], cells["p_positive"] = 1, 0.45
    assert not DETECTORS.get("posterior_disagreement")(cells)["is_label_issue"].any()
    cells.loc[3, "p_positive"] = 0.1
    assert DETECTORS.get("posterior_disagreement")(cells)["is_label_issue"].to_numpy().nonzero()[0].tolist() == [3]


def test_fusion_lets_a_skilled_model_speak_and_a_useless_one_not() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(800) < 0.3
    heard = np.where(rng.random(800) < np.where(truth, 0.8, 0.1), 0.75, 0.1)
    good = 1 / (1 + np.exp(-(np.where(truth, 1.5, -1.5) + rng.normal(0, 1, 800))))
    useless = np.clip(rng.beta(2, 5, 800), 0.01, 0.99)
    fused, skill = fuse(heard, score(good[:, None], ONE), np.full(len(heard), np.nan))
    assert skill.is_heard
    assert np.mean((fused - truth) ** 2) < 0.75 * np.mean((heard - truth) ** 2)
    assert fused.mean() == pytest.approx(heard.mean())
    still, none = fuse(heard, score(useless[:, None], ONE), np.full(len(heard), np.nan))
    assert not none.is_heard
    np.testing.assert_array_equal(still, heard)


def test_fusion_ignores_a_model_that_says_the_opposite_and_one_that_says_nothing() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random(500) < 0.3
    heard = np.where(truth, 0.8, 0.1)
    inverted = np.where(truth, 0.2, 0.8) + rng.uniform(-0.1, 0.1, 500)
    for scores in (score(inverted[:, None], ONE), np.zeros(500), np.full(500, np.nan)):
        fused, skill = fuse(heard, scores, np.full(len(heard), np.nan))
        assert not skill.is_heard
        np.testing.assert_array_equal(fused, heard)


def test_fusion_leaves_unmodelled_films_alone() -> None:
    rng = np.random.default_rng(2)
    truth = rng.random(2000) < 0.4
    heard = np.where(truth, 0.9, 0.05)
    sure = np.where(truth, 0.999, 0.001)
    sure[:10] = np.nan
    fused, skill = fuse(heard, score(sure[:, None], ONE), np.full(len(heard), np.nan))
    np.testing.assert_array_equal(fused[:10], heard[:10])
    assert skill.auroc <= MAX_AUROC


def test_verdicts_on_the_most_suspicious_cells_correct_the_fusion_of_the_others() -> None:
    """A prevalence believed far too high; reviewers see the most suspicious cells alone, as they do."""
    rng = np.random.default_rng(3)
    n = 4000
    truth = rng.random(n) < 0.1
    heard = np.where(rng.random(n) < np.where(truth, 0.7, 0.2), 0.6, 0.2)
    scores = score((truth * 1.5 + rng.normal(0, 1, n))[:, None], ONE)
    before, _ = fuse(heard, scores, np.full(n, np.nan))
    shown = np.argsort(-np.abs((heard > 0.5) - before))[:150]
    p_verdict = np.full(n, np.nan)
    p_verdict[shown] = np.where(truth[shown], 0.95, 0.05)
    after, _ = fuse(heard, scores, p_verdict)
    rest = np.setdiff1d(np.arange(n), shown)
    assert before[rest].mean() > truth[rest].mean() + 0.1
    assert np.mean((after[rest] - truth[rest]) ** 2) < 0.8 * np.mean((before[rest] - truth[rest]) ** 2)


def test_a_verdict_moves_films_that_no_model_judges_too() -> None:
    heard = np.where(np.arange(400) % 4 == 0, 0.6, 0.1)
    p_verdict = np.full(400, np.nan)
    p_verdict[:80] = 0.05
    fused, skill = fuse(heard, np.full(400, np.nan), p_verdict)
    assert not skill.is_heard
    assert (fused[80:] < heard[80:]).all()


@pytest.mark.parametrize("auroc", [0.65, 0.8, 0.92])
def test_the_noise_corrected_auroc_is_that_against_the_truth(auroc: float) -> None:
    """Labels with known noise, a binormal score: what is measured against calibrated probabilities leads back to the truth's AUROC."""
    rng = np.random.default_rng(3)
    truth = rng.random(40_000) < 0.3
    said = rng.random(40_000) < np.where(truth, 0.6, 0.1)
    right = 0.3 * 0.6 / (0.3 * 0.6 + 0.7 * 0.1)
    missed = 0.3 * 0.4 / (0.3 * 0.4 + 0.7 * 0.9)
    scores = np.where(truth, np.sqrt(2) * norm.ppf(auroc), 0.0) + rng.normal(size=40_000)
    skill = measure(np.where(said, right, missed), scores)
    assert skill.measured < auroc - 0.05
    assert skill.auroc == pytest.approx(auroc, abs=0.02)


def test_binormal_slope_gives_the_log_odds_of_the_generating_model() -> None:
    rng = np.random.default_rng(4)
    truth = rng.random(200_000) < 0.25
    scores = np.where(truth, 1.6, 0.0) + rng.normal(size=200_000)
    assert slope(norm.cdf(1.6 / np.sqrt(2)), 0.25, scores.std()) == pytest.approx(1.6, rel=0.02)


def test_scores_go_by_order_and_average_over_the_models_that_speak() -> None:
    one = np.array([0.1, 0.5, 0.9, np.nan])
    np.testing.assert_allclose(score(one[:, None], ONE), score((1000 * one - 7)[:, None], ONE))
    alike = np.array([0.5, 0.5])
    both = score(np.stack([one, [np.nan, np.nan, np.nan, 3.0]], axis=1), alike)
    np.testing.assert_allclose(both, [norm.ppf(1 / 6), 0.0, norm.ppf(5 / 6), 0.0], atol=1e-12)
    assert np.isnan(score(np.full((3, 2), np.nan), alike)).all()
    np.testing.assert_array_equal(np.isnan(score(np.stack([one, one[::-1]], axis=1), np.array([1.0, 0.0]))), np.isnan(one))


def _models(rng: np.random.Generator, strengths: tuple[float, ...], n: int = 3000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, what annotators believe, and models of these strengths (distance between the classes in standard deviations)."""
    truth = rng.random(n) < 0.3
    heard = np.where(rng.random(n) < np.where(truth, 0.7, 0.1), 0.75, 0.12)
    return truth, heard, truth[:, None] * np.array(strengths) + rng.normal(size=(n, len(strengths)))


def test_each_model_is_measured_alone_so_that_bad_ones_do_not_silence_a_good_one() -> None:
    truth, heard, models = _models(np.random.default_rng(5), (2.0, *[0.0] * 6))
    known = skills(models, heard)
    weight = weights(known, float(heard.mean()))
    assert known[0].is_heard
    assert known[0].auroc == pytest.approx(norm.cdf(np.sqrt(2)), abs=0.03)
    assert weight.sum() == pytest.approx(1)
    assert weight[0] > 0.8
    nobody = np.full(len(heard), np.nan)
    alone, _ = fuse(heard, score(models[:, :1], ONE), nobody)
    together, _ = fuse(heard, score(models, weight), nobody)
    averaged, _ = fuse(heard, score(models, np.full(7, 1 / 7)), nobody)
    wrong = [float(np.mean((fused - truth) ** 2)) for fused in (alone, together, averaged)]
    assert wrong[1] < wrong[0] + 0.005
    assert wrong[1] < 0.8 * wrong[2]


def test_models_of_unlike_skill_count_by_what_they_are_worth() -> None:
    truth, heard, models = _models(np.random.default_rng(6), (2.0, 0.7))
    weight = weights(skills(models, heard), float(heard.mean()))
    assert weight[0] / weight[1] == pytest.approx(2.0 / 0.7, rel=0.35)
    by_worth, alike = (roc_auc_score(truth, score(models, how)) for how in (weight, np.array([0.5, 0.5])))
    assert by_worth > max(alike, roc_auc_score(truth, models[:, 0]))


def test_models_without_skill_count_alike() -> None:
    _, heard, models = _models(np.random.default_rng(7), (0.0, 0.0, 0.0), 200)
    silent = skills(np.full((200, 2), np.nan), heard)
    np.testing.assert_allclose(weights(silent, 0.3), [0.5, 0.5])
    known = [one for one in skills(models, heard) if not one.is_heard]
    np.testing.assert_allclose(weights(known, 0.3), 1 / len(known))


def test_what_a_model_knows_is_measured_where_annotators_spoke_too() -> None:
    _, heard, models = _models(np.random.default_rng(8), (1.5,))
    heard[::2] = np.nan
    models[1::4] = np.nan
    both = np.isfinite(heard) & np.isfinite(models[:, 0])
    assert skills(models, heard) == [measure(heard[both], models[both, 0])]
