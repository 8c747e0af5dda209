"""Findings fitted together: rare ones borrow strength, and what findings imply of each other holds.

How carefully somebody reads or records is much the same from finding to finding, and a rare finding has few films to learn it from. So
each annotator's slips on all other findings are what is believed of it on this one, as strongly as the priors believe of its kind. What
findings imply is `base.hierarchy`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce
from operator import add

import numpy as np
import numpy.typing as npt

from pipeline.base.findings import NO_FINDING
from pipeline.base.hierarchy import coherent
from pipeline.label import posterior
from pipeline.label.matrix import LabelMatrix
from pipeline.label.priors import PriorFile

Floats = npt.NDArray[np.float64]


def fits(matrices: Sequence[LabelMatrix], read: PriorFile, rng: np.random.Generator, *, implications: bool) -> list[posterior.Posterior]:
    """A posterior for each finding.

    Args:
        matrices: of the same annotators.
        read: the priors.
        rng: see `posterior.fit`.
        implications: whether what findings imply of each other holds.
    """
    seen = [posterior.slips(one.words, read.of(one.finding, one.annotators, one.words)) for one in matrices]
    if not seen:
        return []
    total = reduce(add, seen)
    alone = [
        posterior.fit(one.words, read.of(one.finding, one.annotators, one.words, total - mine), rng)
        for one, mine in zip(matrices, seen, strict=True)
    ]
    return _coherent(matrices, alone) if implications else alone


def _coherent(matrices: Sequence[LabelMatrix], alone: Sequence[posterior.Posterior]) -> list[posterior.Posterior]:
    is_read = {one.finding: np.asarray(one.asked[:, one.by_reader].any(axis=1)) for one in matrices}

    def of(values: Iterable[Floats]) -> dict[str, Floats]:
        return coherent(dict(zip(is_read, values, strict=True)), is_read)

    p_positive, low, high = (of(values) for values in zip(*((fit.p_positive, *fit.interval) for fit in alone), strict=True))
    if NO_FINDING in is_read:
        # Its low end is where the others have their high ones.
        ends = next(fit.interval for one, fit in zip(matrices, alone, strict=True) if one.finding == NO_FINDING)
        low[NO_FINDING], high[NO_FINDING] = (
            coherent(others | {NO_FINDING: own}, is_read)[NO_FINDING] for own, others in zip(ends, (high, low), strict=True)
        )
    return [
        replace(fit, p_positive=p_positive[one.finding], interval=np.stack([low[one.finding], high[one.finding]]))
        for one, fit in zip(matrices, alone, strict=True)
    ]
