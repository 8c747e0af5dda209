"""Where annotators part: conflicts, chance-corrected agreement, and findings that contradict "No Finding". Reported, never mended."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from pipeline.base.findings import NO_FINDING, SUPPORT_DEVICES
from pipeline.label.matrix import MISSING, NEGATIVE, POSITIVE, LabelMatrix

Flags = npt.NDArray[np.bool_]


def conflicts(matrix: LabelMatrix) -> Flags:
    """Whether one annotator says POSITIVE and another NEGATIVE, shape (n,)."""
    return np.asarray(matrix.said(POSITIVE) & matrix.said(NEGATIVE))


def cohen_kappa(one: Flags, other: Flags) -> float | None:
    """Cohen's kappa (1960) of two yes/no ratings of the same items, shape (n,); None where it is undefined."""
    if not len(one):
        return None
    observed = float((one == other).mean())
    expected = float(one.mean() * other.mean() + (1 - one.mean()) * (1 - other.mean()))
    return None if expected == 1 else (observed - expected) / (1 - expected)


def pairwise_kappa(matrices: Sequence[LabelMatrix]) -> dict[tuple[str, str], float]:
    """Kappa of POSITIVE against everything else for each pair of annotators, over all findings and films both were asked about."""
    found: dict[tuple[str, str], float] = {}
    for one, other in combinations(matrices[0].annotators if matrices else (), 2):
        codes = np.concatenate([np.stack([matrix.column(one), matrix.column(other)], axis=1) for matrix in matrices])
        both = codes[(codes != MISSING).all(axis=1)] == POSITIVE
        if (kappa := cohen_kappa(both[:, 0], both[:, 1])) is not None:
            found[one, other] = kappa
    return found


def contradictions(matrices: Sequence[LabelMatrix]) -> dict[str, int]:
    """For each annotator, films it calls both "No Finding" and something else; devices alone contradict nothing."""
    normal = next((matrix for matrix in matrices if matrix.finding == NO_FINDING), None)
    others = [matrix for matrix in matrices if matrix.finding not in (NO_FINDING, SUPPORT_DEVICES)]
    if normal is None or not others:
        return {}
    any_other = np.any([matrix.codes == POSITIVE for matrix in others], axis=0)
    counts = ((normal.codes == POSITIVE) & any_other).sum(axis=0)
    return {annotator: int(count) for annotator, count in zip(normal.annotators, counts, strict=True) if count}
