"""What is known of annotators, as tables: what their words mean, how two of them agree, how reliable all of them are together.

Nothing is estimated here but intervals of agreement, by resampling films; what words mean is the posterior's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.base import tables
from pipeline.base.labels import STATES
from pipeline.label import agreement
from pipeline.label.matrix import MISSING, NEGATIVE, POSITIVE, UNCERTAIN, WEAK, LabelMatrix
from pipeline.label.posterior import Meaning, Posterior

Floats = npt.NDArray[np.float64]


def annotator_states(matrices: Sequence[LabelMatrix], fits: Sequence[Posterior]) -> pd.DataFrame:
    """Rows of `annotator_states`: every annotator that was asked about a finding at least once."""
    graded = {name for one in matrices for name, is_weak in zip(one.annotators, one.is_weak.T, strict=True) if is_weak.any()}
    rows = [
        {"finding": one.finding, "annotator": annotator, **row}
        for one, fit in zip(matrices, fits, strict=True)
        for column, (annotator, said) in enumerate(zip(one.annotators, one.words.T, strict=True))
        if (said != MISSING).any()
        for row in _words(said, fit, column, annotator in graded)
    ]
    return pd.DataFrame(rows, columns=tables.BY_NAME["annotator_states"].names)


def _words(said: npt.NDArray[np.int8], fit: Posterior, column: int, is_graded: bool) -> Iterator[dict[str, Any]]:
    """A row a word; who never tells grades apart has one UNCERTAIN."""
    known: list[tuple[str, str | None, int]] = [(str(state), None, code) for code, state in enumerate(STATES)]
    if is_graded:
        known = [(name, "strong" if code == UNCERTAIN else None, code) for name, _, code in known]
        known.append((str(STATES[UNCERTAIN]), "weak", WEAK))
    for state, grade, code in known:
        numbers = {"n": int((said == code).sum())}
        for suffix, meaning in zip(("", "_low", "_high"), (fit.meaning, *fit.meaning_interval), strict=True):
            told = [code, WEAK] if code == UNCERTAIN and not is_graded else [code]
            numbers |= _numbers(meaning, column, told, suffix)
        yield {"state": state, "grade": grade, **numbers}


def _numbers(meaning: Meaning, column: int, told: list[int], suffix: str) -> dict[str, Any]:
    absent, present = meaning.emission[column][:, told].sum(axis=1)
    return {
        f"p_given_present{suffix}": present,
        f"p_given_absent{suffix}": absent,
        f"p_present{suffix}": meaning.p_present[column, told[0]],
    }


def agreements(matrices: Sequence[LabelMatrix], rng: np.random.Generator) -> pd.DataFrame:
    """Rows of `agreement`: every two annotators that were asked about a finding on the same films."""
    rows = []
    for one in matrices:
        for (first, a), (second, b) in combinations(zip(one.annotators, one.codes.T, strict=True), 2):
            both = (a != MISSING) & (b != MISSING)
            if not both.any():
                continue
            x, y = a[both], b[both]
            kappa = agreement.kappa_with_interval(x == POSITIVE, y == POSITIVE, rng)
            is_conflict = ((x == POSITIVE) & (y == NEGATIVE)) | ((x == NEGATIVE) & (y == POSITIVE))
            shares = {"agreement_share": float((x == y).mean()), "conflict_share": float(is_conflict.mean())}
            names = {"finding": one.finding, "annotator": first, "other": second, "n": int(both.sum())}
            rows.append({**names, **shares, **_ends("kappa", kappa)})
    return pd.DataFrame(rows, columns=tables.BY_NAME["agreement"].names)


def reliability(matrices: Sequence[LabelMatrix], rng: np.random.Generator) -> pd.DataFrame:
    """Rows of `reliability`: one a finding that anybody was asked about."""
    rows = []
    for one in matrices:
        n_asked = one.asked.sum(axis=1)
        if not n_asked.any():
            continue
        counts = {
            "n_annotators": int(one.asked.any(axis=0).sum()),
            "n": int((n_asked > 0).sum()),
            "n_several": int((n_asked > 1).sum()),
            "coverage": float((n_asked > 0).mean()),
            "conflict_share": float(agreement.conflicts(one).sum() / (n_asked > 0).sum()),
        }
        states = agreement.krippendorff_alpha(one.codes, len(STATES), rng)
        is_positive = np.where(one.asked, one.codes == POSITIVE, MISSING).astype(np.int8)
        positive = agreement.krippendorff_alpha(is_positive, 2, rng)
        rows.append({"finding": one.finding, **counts, **_ends("alpha_states", states), **_ends("alpha_positive", positive)})
    return pd.DataFrame(rows, columns=tables.BY_NAME["reliability"].names)


def _ends(name: str, found: tuple[float, float, float] | None) -> dict[str, float | None]:
    """An estimate with the ends of its interval; nulls where it is undefined."""
    return dict(zip((name, f"{name}_low", f"{name}_high"), found or (None, None, None), strict=True))
