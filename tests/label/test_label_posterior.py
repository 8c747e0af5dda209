"""The posterior against a generating model whose truth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm

from pipeline.base.errors import SettingsError
from pipeline.base.labels import STATES
from pipeline.label import posterior, priors, together
from pipeline.label.matrix import MISSING, NEGATIVE, POSITIVE, UNCERTAIN, UNMENTIONED, WEAK, LabelMatrix

PREVALENCE = 0.25
# P(report's state | what its author perceived): POSITIVE, NEGATIVE, UNCERTAIN, UNMENTIONED.
REPORT = np.array([[0.03, 0.47, 0.05, 0.45], [0.70, 0.05, 0.15, 0.10]])
READERS = ("reader:a", "reader:b", "reader:c")
TEXTS = ("rules", "other")


def generate(n: int, seed: int, spread: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Truth (majority of five), and states of READERS and TEXTS; both texts read one report, the second with slips."""
    rng = np.random.default_rng(seed)
    called = plainness(n, seed, spread)
    truth = (rng.random((n, 5)) < called[:, None]).sum(axis=1) >= 3
    readers = np.where(rng.random((n, 3)) < called[:, None], POSITIVE, NEGATIVE)
    perceived = (rng.random(n) < called).astype(int)
    report = (rng.random(n)[:, None] > REPORT[perceived].cumsum(axis=1)[:, :3]).sum(axis=1)
    slipped = np.where(rng.random(n) < 0.04, rng.integers(0, 4, n), report)
    return truth.astype(int), np.column_stack([readers, report, slipped]).astype(np.int8)


def plainness(n: int, seed: int, spread: float = 2.0) -> np.ndarray:
    """For each film the share of radiologists who would call it."""
    return norm.cdf(np.random.default_rng((seed, 1)).normal(-1.6, spread, n))


RNG = np.random.default_rng(0)


def fit(codes: np.ndarray, names: tuple[str, ...], finding: str = "Lung Lesion") -> posterior.Posterior:
    return posterior.fit(codes, priors.load().of(finding, names, codes), RNG)


def brier(p: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean((p - truth) ** 2))


@pytest.mark.parametrize("spread", [1.0, 2.0, 3.0])
def test_readers_are_calibrated_against_a_panel_and_no_worse_than_their_votes(spread: float) -> None:
    truth, codes = generate(6000, 3, spread)
    found = fit(codes[:, :3], READERS)
    assert found.prevalence == pytest.approx(truth.mean(), abs=0.02)
    for votes in range(4):
        chosen = (codes[:, :3] == POSITIVE).sum(axis=1) == votes
        assert found.p_positive[chosen].mean() == pytest.approx(truth[chosen].mean(), abs=0.1)
    assert brier(found.p_positive, truth) < 1.01 * brier((codes[:, :3] == POSITIVE).mean(axis=1), truth)


def test_reports_add_to_readers() -> None:
    truth, codes = generate(6000, 4)
    assert brier(fit(codes, READERS + TEXTS).p_positive, truth) < brier(fit(codes[:, :3], READERS).p_positive, truth)


def test_posteriors_are_calibrated() -> None:
    truth, codes = generate(20000, 4)
    p = fit(codes, READERS + TEXTS).p_positive
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        inside = (p >= low) & (p < low + 0.2)
        if inside.sum() > 200:
            assert truth[inside].mean() == pytest.approx(p[inside].mean(), abs=0.05)


def test_intervals_cover_what_the_patterns_truly_mean() -> None:
    """Each pattern's probability is known from many films; a small archive's interval must hold it in nine of ten films."""
    truth, codes = generate(200_000, 9)
    patterns, where, n = np.unique(codes[:, :3], axis=0, return_inverse=True, return_counts=True)
    known = np.bincount(where.ravel(), truth) / n
    covered = []
    for seed in range(12):
        _, few = generate(600, 100 + seed)
        found = fit(few[:, :3], READERS)
        meant = known[[int(np.flatnonzero((patterns == row).all(axis=1))[0]) for row in few[:, :3]]]
        covered.append(np.mean((found.interval[0] <= meant) & (meant <= found.interval[1])))
    assert np.mean(covered) > 0.8


@pytest.mark.parametrize("times", [2, 10])
def test_an_annotator_that_is_there_twice_counts_once(times: int) -> None:
    """Two labelers of one lineage, ten copies of one file: they read one report and tell no more than it."""
    _, codes = generate(3000, 5)
    alone = fit(codes[:, 3:4], ("rules",)).p_positive
    copies = fit(np.repeat(codes[:, 3:4], times, axis=1), tuple(f"copy{i}" for i in range(times))).p_positive
    assert np.abs(copies - alone).max() < 0.05
    beside = fit(codes[:, :4], (*READERS, "rules")).p_positive
    doubled = fit(np.column_stack([codes[:, :4], codes[:, 3]]), (*READERS, "rules", "copy")).p_positive
    assert np.abs(doubled - beside).max() < 0.06


def test_who_names_only_what_is_present_reads_no_worse() -> None:
    """NIH's labels know no denial; that is their language and no error, so they take nothing away from who tells more."""
    _, codes = generate(3000, 5)
    codes[codes[:, 3] == UNCERTAIN, 3] = POSITIVE
    named = np.where(codes[:, 3] == POSITIVE, POSITIVE, UNMENTIONED)
    alone = fit(codes[:, 3:4], ("rules",)).p_positive
    beside = fit(np.column_stack([named, codes[:, 3]]).astype(np.int8), ("published:nih", "rules")).p_positive
    assert np.abs(beside - alone).max() < 0.05


def test_between_two_labelers_the_better_known_one_is_believed() -> None:
    _, codes = generate(3000, 5)
    both = fit(codes[:, [3, 4]], ("rules", "published:other")).p_positive
    for rules, other in ((POSITIVE, UNMENTIONED), (UNMENTIONED, POSITIVE)):
        chosen = (codes[:, 3] == rules) & (codes[:, 4] == other)
        agreed = both[(codes[:, 3] == rules) & (codes[:, 4] == rules)]
        assert abs(both[chosen].mean() - agreed.mean()) < 0.15


def test_a_careless_reader_is_found_out() -> None:
    _, codes = generate(4000, 6)
    rng = np.random.default_rng(0)
    codes[:, 2] = np.where(rng.random(len(codes)) < 0.3, POSITIVE, NEGATIVE)
    found = fit(codes[:, :3], READERS)
    sure, careless = (found.meaning.emission[reader, 1, POSITIVE] - found.meaning.emission[reader, 0, POSITIVE] for reader in (0, 2))
    assert careless < 0.25 < 0.6 < sure


def test_films_chosen_for_readers_have_a_prevalence_of_their_own() -> None:
    """Readers who were given normal films alone say nothing about the others."""
    truth, codes = generate(4000, 7)
    codes = codes[:, :3].copy()
    chosen = np.random.default_rng(1).random(len(codes)) < np.where(plainness(4000, 7) > 0.5, 0.9, 0.1)
    codes[chosen, 2] = MISSING
    codes[~chosen, 0] = MISSING
    p = fit(codes, READERS).p_positive
    assert p[chosen].mean() == pytest.approx(truth[chosen].mean(), abs=0.05)
    assert p[~chosen].mean() == pytest.approx(truth[~chosen].mean(), abs=0.05)


def test_unmentioned_is_evidence_and_missing_is_not() -> None:
    _, codes = generate(4000, 5)
    extra = [[MISSING] * 3 + [UNMENTIONED] * 2, [MISSING] * 5]
    found = fit(np.concatenate([codes, extra]).astype(np.int8), READERS + TEXTS)
    silent, missing = found.p_positive[-2:]
    assert missing == pytest.approx(found.prevalence, abs=1e-6)
    assert silent < 0.8 * missing


def test_films_that_nobody_saw_do_not_move_the_fit() -> None:
    _, codes = generate(1000, 6)
    prior = priors.load().of("Edema", READERS + TEXTS, codes)
    padded = posterior.fit(np.concatenate([codes, np.full((5000, 5), MISSING, np.int8)]), prior, RNG)
    np.testing.assert_allclose(padded.p_positive[:1000], posterior.fit(codes, prior, RNG).p_positive, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(arrays(np.int8, st.tuples(st.integers(1, 40), st.integers(1, 4)), elements=st.integers(-1, 3)))
def test_order_of_films_does_not_matter_and_probabilities_are_probabilities(codes: np.ndarray) -> None:
    names = tuple(("labeler0", "reader:1", "labeler2", "reader:3")[: codes.shape[1]])
    prior = priors.load().of("Edema", names, codes)
    found = posterior.fit(codes, prior, RNG)
    order = np.random.default_rng(len(codes)).permutation(len(codes))
    np.testing.assert_allclose(posterior.fit(codes[order], prior, RNG).p_positive, found.p_positive[order], atol=1e-6)
    assert ((found.p_positive > 0) & (found.p_positive < 1)).all()
    np.testing.assert_allclose(found.meaning.emission.sum(axis=2), 1)


def test_one_annotator_alone_keeps_what_its_labels_are_known_to_be_worth() -> None:
    """With a single annotator the fit must give back the published P(present | state): nothing else was learnt."""
    codes = np.repeat([POSITIVE, NEGATIVE, 2, UNMENTIONED], [80, 300, 20, 600]).astype(np.int8)[:, None]
    found = fit(codes, ("rules",), "Cardiomegaly")
    assert found.meaning.p_present[0, POSITIVE] == pytest.approx(0.72, abs=0.08)
    assert found.meaning.p_present[0, 2] == pytest.approx(0.54, abs=0.08)
    assert found.meaning.p_present[0, NEGATIVE] < found.meaning.p_present[0, UNMENTIONED] < found.meaning.p_present[0, 2]


@pytest.mark.parametrize("finding", ["No Finding", "Hernia", "Pneumonia"])
@pytest.mark.parametrize("share", [0.001, 0.05, 0.5, 0.95])
def test_classes_never_change_places(finding: str, share: float) -> None:
    """A common finding once came out upside down: silence then meant present."""
    n = 1000
    positive = np.arange(n) < share * n
    codes = np.where(np.stack([positive, np.roll(positive, 7)], axis=1), POSITIVE, UNMENTIONED).astype(np.int8)
    annotators = ("published:nih", "rules")
    found = fit(codes, annotators, finding)
    assert (found.meaning.p_present[:, POSITIVE] > found.meaning.p_present[:, UNMENTIONED]).all()


def test_a_rare_finding_does_not_vanish() -> None:
    """Three labels of which the report says nothing stay possible; they are not evidence that the finding does not exist."""
    codes = np.full((550, 2), UNMENTIONED, np.int8)
    codes[:3, 0] = POSITIVE
    codes[3, 1] = POSITIVE
    found = fit(codes, ("published:nih", "rules"), "Hernia")
    assert found.p_positive[0] > 10 * found.p_positive[10]
    assert found.p_positive[3] > 0.1


def test_films_of_one_pattern_share_one_answer() -> None:
    rng = np.random.default_rng(0)
    codes = rng.choice(4, size=(377_000, 5), p=[0.1, 0.3, 0.05, 0.55]).astype(np.int8)
    prior = priors.load().of("Edema", ("a", "b", "c", "d", "e"), codes)
    found = posterior.fit(codes, prior, RNG)
    assert len(np.unique(found.p_positive)) <= len(STATES) ** 5


def test_a_prior_out_of_range_is_refused(tmp_path: Path) -> None:
    bad = tmp_path / "priors.toml"
    bad.write_text(priors.FILE.read_text().replace("reader_error = 0.05", "reader_error = 0.7"))
    with pytest.raises(SettingsError, match="reader_error"):
        priors.load(bad)


def graded(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, READERS and one labeler that tells weak hedges from strong ones: 3 of 4 strong ones are right, 1 of 4 weak ones."""
    truth, codes = generate(n, seed)
    rng = np.random.default_rng((seed, 2))
    hedged = codes[:, 3] == UNCERTAIN
    perceived = np.where(rng.random(n) < 0.9, truth, 1 - truth)
    is_weak = rng.random(n) < np.where(perceived == 1, 0.25, 0.75)
    return truth, codes[:, :4], np.where(hedged & is_weak, np.int8(WEAK), codes[:, 3])


def test_a_weak_hedge_is_worth_less_than_a_strong_one() -> None:
    """With readers on a third of the films what the grades mean is learnt; told apart they say more than lumped together."""
    truth, codes, words = graded(6000, 8)
    codes[2000:, :3] = MISSING
    lumped = fit(codes, (*READERS, "rules"))
    codes[:, 3] = words
    apart = fit(codes, (*READERS, "rules"))
    strong, weak = apart.meaning.p_present[3, [UNCERTAIN, WEAK]]
    unread = codes[:, 0] == MISSING
    for code, p in ((UNCERTAIN, strong), (WEAK, weak)):
        assert p == pytest.approx(truth[unread & (codes[:, 3] == code)].mean(), abs=0.2)
    assert weak < lumped.meaning.p_present[3, UNCERTAIN] < strong
    assert brier(apart.p_positive[unread], truth[unread]) < brier(lumped.p_positive[unread], truth[unread])


def test_grades_and_no_grades_are_one_language() -> None:
    """A file that tells no grades apart, made from the same reports, neither adds nor takes anything away."""
    _, codes, words = graded(4000, 9)
    alone = fit(words[:, None], ("rules",)).p_positive
    beside = fit(np.column_stack([words, codes[:, 3]]).astype(np.int8), ("rules", "published:chexpert")).p_positive
    assert np.abs(beside - alone).max() < 0.06


def matrices(codes: dict[str, np.ndarray]) -> list[LabelMatrix]:
    return [
        LabelMatrix(name, np.arange(len(said)).astype(object), READERS, said, np.zeros(said.shape, bool)) for name, said in codes.items()
    ]


def test_a_rare_finding_borrows_from_common_ones_how_careless_a_reader_is() -> None:
    rng = np.random.default_rng(11)

    def careless(n: int, seed: int) -> np.ndarray:
        codes = generate(n, seed)[1][:, :3]
        codes[:, 2] = np.where(rng.random(n) < 0.25, POSITIVE, codes[:, 2])
        return codes

    rare = careless(60, 12)
    alone = fit(rare, READERS, "Lung Lesion").meaning.emission[2, 0, POSITIVE]
    others = {name: careless(3000, seed) for seed, name in enumerate(("Edema", "Consolidation", "Pneumonia"), 20)}
    made = together.fits(matrices({"Lung Lesion": rare, **others}), priors.load(), np.random.default_rng(0), implications=True)
    known = made[1].meaning.emission[2, 0, POSITIVE]
    assert abs(made[0].meaning.emission[2, 0, POSITIVE] - known) < 0.5 * abs(alone - known)


def test_intervals_of_what_words_mean_shrink_with_the_archive_and_hold_it() -> None:
    _, large = generate(60_000, 30)
    known = fit(large[:, :3], READERS).meaning
    widths = []
    for n in (300, 3000):
        held = []
        for seed in range(10):
            found = fit(generate(n, 40 + seed)[1][:, :3], READERS)
            low, high = (one.emission[:, :, [POSITIVE, NEGATIVE]] for one in found.meaning_interval)
            truth = known.emission[:, :, [POSITIVE, NEGATIVE]]
            held.append(((low <= truth) & (truth <= high)).mean())
            widths.append((n, float((high - low).mean())))
        assert np.mean(held) > 0.8
    assert np.mean([width for n, width in widths if n == 3000]) < 0.7 * np.mean([width for n, width in widths if n == 300])


def test_dealt_out_anew_annotators_know_nothing_of_each_other() -> None:
    """Permuting one reader's answers leaves nothing to learn from it: it agrees with the truth by chance."""
    truth, codes = generate(4000, 13)
    codes[:, 2] = np.random.default_rng(0).permutation(codes[:, 2])
    found = fit(codes[:, :3], READERS).meaning.emission
    assert found[2, 1, POSITIVE] - found[2, 0, POSITIVE] < 0.25 < found[0, 1, POSITIVE] - found[0, 0, POSITIVE]
    chosen = codes[:, 2] == POSITIVE
    assert abs(truth[chosen].mean() - truth.mean()) < 0.05


@pytest.mark.parametrize("spread", [1.0, 2.0, 3.0])
def test_few_films_need_a_belief_about_how_films_differ_and_many_do_not_mind(spread: float) -> None:
    read = priors.load()
    bare = read.model_copy(update={"reader": read.reader.model_copy(update={"shape": 0.0})})

    def lost(n: int, seeds: range, file: priors.PriorFile) -> float:
        found = []
        for seed in seeds:
            truth, codes = generate(n, 10 * seed + 1, spread)
            chosen = file.of("Lung Lesion", (*READERS, *TEXTS), codes)
            found.append(brier(posterior.fit(codes, chosen, np.random.default_rng(0)).p_positive, truth))
        return float(np.mean(found))

    assert lost(300, range(6), read) < lost(300, range(6), bare)
    assert lost(4000, range(1), read) < lost(4000, range(1), bare) + 5e-4
