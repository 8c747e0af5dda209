"""Agreement against scikit-learn, conflicts and contradictions by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from pipeline.label import agreement
from pipeline.label.matrix import MISSING, NEGATIVE, POSITIVE, UNMENTIONED, LabelMatrix


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
