"""Models beside radiologists, as on the CheXpert test set: operating points, who lies under the curve, and differences of MCC and F1.

A reader calls a film positive or not: one point beside the model's curve. The gap is the model's sensitivity at the reader's specificity
less the reader's sensitivity; above 0 the point lies under the curve (Irvin et al. 2019, section 6; Rajpurkar et al. 2021, CheXternal).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array, vstack

from pipeline.validate.metrics import Array, Metric, call_rows, curve, curve_rows


def sensitivity_gap(calls: Array) -> Metric:
    """How far a reader's operating point lies under a model's curve: the curve's height there less the reader's sensitivity.

    Between thresholds the curve runs straight, as by tossing a coin between two of them.

    Args:
        calls: (n,) 0 or 1, the reader's.
    """

    def rows(truth: Array, prob: Array) -> Any:
        return csr_array(vstack([curve_rows(truth, prob), call_rows(truth, calls)]))

    def value(sums: Array) -> Array:
        at, (hits, false_alarms, *_) = curve(sums[:-4]), sums[-4:]
        before = at.false_alarms - at.negative
        # A level without negatives is a vertical step: reached where no more negatives lie before it.
        share = np.divide(false_alarms - before, at.negative, out=np.where(false_alarms >= before, 1.0, 0.0), where=at.negative > 0)
        reached = (at.positive * np.clip(share, 0, 1)).sum(0)
        both = (at.n_positive > 0) & (at.n_negative > 0)
        gap: Array = np.divide(reached - hits, at.n_positive, out=np.full_like(hits, np.nan), where=both)
        return gap

    return Metric(rows, value)
