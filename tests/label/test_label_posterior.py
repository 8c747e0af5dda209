"""The posterior against a generating model whose truth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.base.errors import SettingsError
from pipeline.base.labels import STATES
from pipeline.label import posterior, priors
from pipeline.label.matrix import MISSING, NEGATIVE, POSITIVE, UNMENTIONED
from pipeline.label.priors import Priors

# P(state | truth) of three annotators: absent, present; POSITIVE, NEGATIVE, UNCERTAIN, UNMENTIONED.
TABLES = np.array(
    [
        [[0.06, 0.50, 0.04, 0.40], [0.75, 0.05, 0.10, 0.10]],
        [[0.10, 0.00, 0.00, 0.90], [0.55, 0.00, 0.00, 0.45]],
        [[0.03, 0.80, 0.12, 0.05], [0.60, 0.15, 0.20, 0.05]],
    ]
)
PREVALENCE = 0.25
WEAK = Priors(np.array([1.0, 1.0]), 2 * np.clip(TABLES, 0.05, None) ** 0.5)


def generate(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) < PREVALENCE).astype(int)
    codes = np.empty((n, len(TABLES)), np.int8)
    for column, table in enumerate(TABLES):
        codes[:, column] = (rng.random(n)[:, None] > table[truth].cumsum(axis=1)[:, :3]).sum(axis=1)
    return truth, codes


def oracle(codes: np.ndarray) -> np.ndarray:
    odds = np.full(len(codes), PREVALENCE / (1 - PREVALENCE))
    for column, table in enumerate(TABLES):
        odds *= table[1, codes[:, column]] / table[0, codes[:, column]]
    return odds / (1 + odds)


def test_recovers_the_generating_rates_and_posteriors_near_the_oracle() -> None:
    truth, codes = generate(6000, 3)
    fit = posterior.fit(codes, WEAK)
    assert fit.prevalence == pytest.approx(PREVALENCE, abs=0.03)
    assert np.abs(fit.emission - TABLES).max() < 0.06
    best = np.mean((oracle(codes) - truth) ** 2)
    assert np.mean((fit.p_positive - truth) ** 2) < 1.03 * best
    assert best < 0.6 * PREVALENCE * (1 - PREVALENCE)


def test_posteriors_are_calibrated() -> None:
    truth, codes = generate(20000, 4)
    fit = posterior.fit(codes, WEAK)
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        inside = (fit.p_positive >= low) & (fit.p_positive < low + 0.2)
        if inside.sum() > 200:
            assert truth[inside].mean() == pytest.approx(fit.p_positive[inside].mean(), abs=0.07)


def test_unmentioned_is_evidence_and_missing_is_not() -> None:
    _, codes = generate(4000, 5)
    asked = np.concatenate([codes, [[UNMENTIONED] * 3, [MISSING] * 3, [UNMENTIONED, MISSING, MISSING]]]).astype(np.int8)
    fit = posterior.fit(asked, WEAK)
    silent, missing, one_silent = fit.p_positive[-3:]
    assert missing == pytest.approx(fit.prevalence, abs=1e-12)
    assert silent < one_silent < missing


def test_films_that_nobody_saw_do_not_move_the_fit() -> None:
    _, codes = generate(1000, 6)
    alone = posterior.fit(codes, WEAK)
    padded = posterior.fit(np.concatenate([codes, np.full((5000, 3), MISSING, np.int8)]), WEAK)
    np.testing.assert_allclose(padded.p_positive[:1000], alone.p_positive, atol=1e-9)


def test_equals_plain_em_over_films() -> None:
    """The same fixed point as Dawid-Skene written film by film, without patterns."""
    _, codes = generate(300, 7)
    fit = posterior.fit(codes, WEAK)
    p = fit.p_positive
    weights = np.stack([1 - p, p], axis=1)
    for column in range(3):
        counts = WEAK.emission[column] + np.stack([[weights[codes[:, column] == s, t].sum() for s in range(4)] for t in range(2)])
        np.testing.assert_allclose(fit.emission[column], counts / counts.sum(axis=1, keepdims=True), atol=1e-7)
    ratios = [table[1, codes[:, column]] / table[0, codes[:, column]] for column, table in enumerate(fit.emission)]
    odds = fit.prevalence / (1 - fit.prevalence) * np.prod(ratios, axis=0)
    np.testing.assert_allclose(p, odds / (1 + odds), atol=1e-7)


@settings(max_examples=40, deadline=None)
@given(arrays(np.int8, st.tuples(st.integers(1, 40), st.integers(1, 4)), elements=st.integers(-1, 3)))
def test_order_of_films_does_not_matter_and_probabilities_are_probabilities(codes: np.ndarray) -> None:
    names = tuple(f"labeler{column}" for column in range(codes.shape[1]))
    prior = priors.load().of("Edema", names, codes)
    fit = posterior.fit(codes, prior)
    order = np.random.default_rng(len(codes)).permutation(len(codes))
    np.testing.assert_allclose(posterior.fit(codes[order], prior).p_positive, fit.p_positive[order], atol=1e-6)
    assert ((fit.p_positive > 0) & (fit.p_positive < 1)).all()
    np.testing.assert_allclose(fit.emission.sum(axis=2), 1)


def test_one_annotator_alone_keeps_what_its_labels_are_known_to_be_worth() -> None:
    """With a single annotator the fit must give back the published P(present | state): nothing else was learnt."""
    codes = np.repeat([POSITIVE, NEGATIVE, 2, UNMENTIONED], [80, 300, 20, 600]).astype(np.int8)[:, None]
    fit = posterior.fit(codes, priors.load().of("Cardiomegaly", ("rules",), codes))
    assert fit.p_present[0, POSITIVE] == pytest.approx(0.72, abs=0.02)
    assert fit.p_present[0, 2] == pytest.approx(0.54, abs=0.02)
    assert fit.p_present[0, NEGATIVE] < fit.p_present[0, UNMENTIONED] < fit.p_present[0, 2]


@pytest.mark.parametrize("finding", ["No Finding", "Hernia", "Pneumonia"])
@pytest.mark.parametrize("share", [0.001, 0.05, 0.5, 0.95])
def test_classes_never_change_places(finding: str, share: float) -> None:
    """A common finding once came out upside down: silence then meant present."""
    n = 1000
    positive = np.arange(n) < share * n
    codes = np.where(np.stack([positive, np.roll(positive, 7)], axis=1), POSITIVE, UNMENTIONED).astype(np.int8)
    annotators = ("published:nih", "rules")
    fit = posterior.fit(codes, priors.load().of(finding, annotators, codes))
    assert (fit.p_present[:, POSITIVE] > fit.p_present[:, UNMENTIONED]).all()


def test_a_rare_finding_does_not_vanish() -> None:
    """Three labels of which the report says nothing stay possible; they are not evidence that the finding does not exist."""
    codes = np.full((550, 2), UNMENTIONED, np.int8)
    codes[:3, 0] = POSITIVE
    codes[3, 1] = POSITIVE
    fit = posterior.fit(codes, priors.load().of("Hernia", ("published:nih", "rules"), codes))
    assert fit.p_positive[0] > 0.1
    assert fit.p_positive[10] < 0.02


def test_films_of_one_pattern_share_one_answer() -> None:
    rng = np.random.default_rng(0)
    codes = rng.choice(4, size=(377_000, 5), p=[0.1, 0.3, 0.05, 0.55]).astype(np.int8)
    prior = priors.load().of("Edema", ("a", "b", "c", "d", "e"), codes)
    fit = posterior.fit(codes, prior)
    assert len(np.unique(fit.p_positive)) <= len(STATES) ** 5


def test_a_prior_out_of_range_is_refused(tmp_path: Path) -> None:
    bad = tmp_path / "priors.toml"
    bad.write_text(priors.FILE.read_text().replace("reader_error = 0.05", "reader_error = 0.7"))
    with pytest.raises(SettingsError, match="reader_error"):
        priors.load(bad)
