"""Where annotators part: conflicts, chance-corrected agreement, and findings that contradict each other. Reported, never mended."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from pipeline.base.findings import NO_FINDING, SUPPORT_DEVICES, ancestors
from pipeline.label.matrix import MISSING, NEGATIVE, POSITIVE, Codes, LabelMatrix

Flags = npt.NDArray[np.bool_]
_DRAWS = 500


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


def kappa_with_interval(one: Flags, other: Flags, rng: np.random.Generator) -> tuple[float, float, float] | None:
    """`cohen_kappa` with the ends of its 95 % interval from resampled films; None where it is undefined."""
    kappa = cohen_kappa(one, other)
    if kappa is None:
        return None
    counts = np.bincount(2 * one.astype(int) + other, minlength=4)
    drawn = rng.multinomial(len(one), counts / len(one), _DRAWS) / len(one)
    observed = drawn[:, 0] + drawn[:, 3]
    first, second = drawn[:, 2] + drawn[:, 3], drawn[:, 1] + drawn[:, 3]
    expected = first * second + (1 - first) * (1 - second)
    defined = expected < 1
    return (kappa, *_ends((observed - expected)[defined] / (1 - expected)[defined]))


def krippendorff_alpha(codes: Codes, n_values: int, rng: np.random.Generator) -> tuple[float, float, float] | None:
    """Krippendorff's alpha for nominal data with gaps, and the ends of its 95 % interval from resampled films.

    Source: Krippendorff 2011, Computing Krippendorff's alpha-reliability.

    Args:
        codes: shape (n, annotators), 0 to n_values - 1, or MISSING.
        n_values: how many values there are.
        rng: draws films.

    Returns:
        None where it is undefined: no film was judged twice, or all judgements are equal.
    """
    counts = np.stack([(codes == value).sum(axis=1) for value in range(n_values)], axis=1)
    patterns, n = np.unique(counts[counts.sum(axis=1) > 1], axis=0, return_counts=True)
    if not len(patterns):
        return None
    sizes = patterns.sum(axis=1)
    apart = (sizes**2 - (patterns**2).sum(axis=1)) / (sizes - 1)  # disagreeing pairs
    drawn = np.concatenate([n[None], rng.multinomial(n.sum(), n / n.sum(), _DRAWS)]).astype(np.float64)
    by_value = drawn @ patterns
    total = by_value.sum(axis=1)
    by_chance = total**2 - (by_value**2).sum(axis=1)
    defined = by_chance > 0
    if not defined[0]:
        return None
    alphas = 1 - (total - 1)[defined] * (drawn @ apart)[defined] / by_chance[defined]
    return (float(alphas[0]), *_ends(alphas[1:]))


def _ends(drawn: npt.NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


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


def broken_implications(matrices: Sequence[LabelMatrix]) -> dict[str, int]:
    """For each annotator, films on which it calls a finding present and denies what that implies, as an edema without any opacity."""
    codes = {matrix.finding: matrix.codes for matrix in matrices}
    pairs = [(codes[name], codes[above]) for name in codes for above in ancestors(name) if above in codes]
    if not pairs:
        return {}
    is_broken = np.any([(below == POSITIVE) & (above == NEGATIVE) for below, above in pairs], axis=0)
    return {name: int(count) for name, count in zip(matrices[0].annotators, is_broken.sum(axis=0), strict=True) if count}
