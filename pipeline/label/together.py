"""Findings fitted together: rare ones borrow strength, and what findings imply of each other holds.

How carefully somebody reads or records is much the same from finding to finding, and a rare finding has few films to learn it from. So
each annotator's slips on all other findings are what is believed of it on this one, as strongly as the priors believe of its kind. What
findings imply is `base.hierarchy`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import add

import numpy as np

from pipeline.base.hierarchy import coherent, coherent_interval
from pipeline.label import posterior
from pipeline.label.matrix import LabelMatrix
from pipeline.label.priors import PriorFile


def fits(matrices: Sequence[LabelMatrix], read: PriorFile, rng: np.random.Generator, *, implications: bool) -> list[posterior.Posterior]:
    """A posterior for each finding.

    Args:
        matrices: of the same annotators.
        read: the priors.
        rng: see `posterior.fit`.
        implications: whether what findings imply of each other holds.
    """
    said = [one.words for one in matrices]
    seen = [posterior.slips(words, read.of(one.finding, one.annotators, words)) for one, words in zip(matrices, said, strict=True)]
    if not seen:
        return []
    total = reduce(add, seen)
    alone = [
        posterior.fit(words, read.of(one.finding, one.annotators, words, total - mine), rng)
        for one, words, mine in zip(matrices, said, seen, strict=True)
    ]
    return _coherent(matrices, alone) if implications else alone


def _coherent(matrices: Sequence[LabelMatrix], alone: Sequence[posterior.Posterior]) -> list[posterior.Posterior]:
    is_read = {one.finding: np.asarray(one.asked[:, one.by_reader].any(axis=1)) for one in matrices}
    values = zip(*((fit.p_positive, *fit.interval) for fit in alone), strict=True)
    p_positive, low, high = (dict(zip(is_read, of, strict=True)) for of in values)
    p_positive, (low, high) = coherent(p_positive, is_read), coherent_interval(low, high, is_read)
    return [
        replace(fit, p_positive=p_positive[one.finding], interval=np.stack([low[one.finding], high[one.finding]]))
        for one, fit in zip(matrices, alone, strict=True)
    ]
