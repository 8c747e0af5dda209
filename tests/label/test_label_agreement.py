"""Agreement against scikit-learn, conflicts and contradictions by hand."""

from __future__ import annotations

import krippendorff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import cohen_kappa_score

from pipeline.label import agreement
from pipeline.label.matrix import MISSING, NEGATIVE, POSITIVE, UNMENTIONED, LabelMatrix

RNG = np.random.default_rng(0)


def matrix(finding: str, rows: list[list[int]]) -> LabelMatrix:
    items = np.array([f"i{index}" for index in range(len(rows))], object)
    return LabelMatrix(finding, items, ("a", "b"), np.array(rows, np.int8), np.zeros(np.shape(rows), bool))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=60))
def test_kappa_is_scikit_learns(pairs: list[tuple[bool, bool]]) -> None:
    one, other = (np.array(column) for column in zip(*pairs, strict=True))
    kappa = agreement.cohen_kappa(one, other)
    if kappa is None:
        assert (one == one[0]).all()
        assert (other == one[0]).all()
    else:
        assert kappa == pytest.approx(cohen_kappa_score(one, other))


def test_pairwise_kappa_counts_only_films_both_were_asked_about() -> None:
    one = matrix("Edema", [[POSITIVE, POSITIVE], [UNMENTIONED, NEGATIVE], [POSITIVE, NEGATIVE], [POSITIVE, MISSING]])
    assert agreement.pairwise_kappa([one])["a", "b"] == pytest.approx(cohen_kappa_score([1, 0, 1], [1, 0, 0]))


def test_silence_is_no_conflict() -> None:
    one = matrix("Edema", [[POSITIVE, NEGATIVE], [POSITIVE, UNMENTIONED], [NEGATIVE, UNMENTIONED], [POSITIVE, MISSING]])
    assert agreement.conflicts(one).tolist() == [True, False, False, False]


def test_no_finding_is_contradicted_by_a_finding_but_not_by_devices() -> None:
    normal = matrix("No Finding", [[POSITIVE, POSITIVE], [POSITIVE, UNMENTIONED], [POSITIVE, MISSING]])
    devices = matrix("Support Devices", [[POSITIVE, POSITIVE]] * 3)
    edema = matrix("Edema", [[POSITIVE, UNMENTIONED], [NEGATIVE, POSITIVE], [POSITIVE, MISSING]])
    assert agreement.contradictions([normal, devices]) == {}
    assert agreement.contradictions([normal, devices, edema]) == {"a": 2}


@given(arrays(np.int8, st.tuples(st.integers(2, 30), st.integers(2, 5)), elements=st.integers(-1, 3)))
def test_alpha_is_the_packages(codes: np.ndarray) -> None:
    found = agreement.krippendorff_alpha(codes, 4, np.random.default_rng(0))
    judged = (codes != MISSING).sum(axis=1) > 1
    if found is None:
        assert len(set(codes[judged].ravel()) - {MISSING}) < 2
        return
    data = np.where(codes == MISSING, np.nan, codes).T
    assert found[0] == pytest.approx(krippendorff.alpha(reliability_data=data, value_domain=[0, 1, 2, 3], level_of_measurement="nominal"))


def test_intervals_hold_the_value_of_a_large_archive_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)

    def drawn(n: int) -> np.ndarray:
        truth = rng.random(n) < 0.3
        return np.stack([np.where(rng.random(n) < 0.15, ~truth, truth) for _ in range(3)], axis=1).astype(np.int8)

    large = drawn(400_000)
    alpha = agreement.krippendorff_alpha(large, 2, RNG)
    kappa = agreement.cohen_kappa(large[:, 0] == 1, large[:, 1] == 1)
    assert alpha is not None
    assert kappa is not None
    held = np.zeros(2)
    for _ in range(200):
        few = drawn(150)
        ends = agreement.krippendorff_alpha(few, 2, RNG), agreement.kappa_with_interval(few[:, 0] == 1, few[:, 1] == 1, RNG)
        held += [end is not None and end[1] <= value <= end[2] for end, value in zip(ends, (alpha[0], kappa), strict=True)]
    assert (held / 200 > 0.9).all()
    assert (held / 200 < 0.99).all()


def test_what_a_finding_implies_cannot_be_denied() -> None:
    edema = matrix("Edema", [[POSITIVE, POSITIVE], [POSITIVE, NEGATIVE], [NEGATIVE, POSITIVE]])
    opacity = matrix("Lung Opacity", [[NEGATIVE, UNMENTIONED], [NEGATIVE, NEGATIVE], [NEGATIVE, POSITIVE]])
    assert agreement.broken_implications([edema, opacity]) == {"a": 2}
    assert agreement.broken_implications([edema]) == {}
