"""Training targets in [0, 1], NaN where masked out: how much they tell. What becomes of a label is the uncertainty policies' business."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def equivalent_counts(targets: Array) -> Array:
    """Sure positive and sure negative films that would tell as much of a finding as these targets.

    With targets of 0 and 1 these are the counts themselves. Soft targets tell by how far they part: with mean m and variance v, n films
    have the variance of n v / (1 - m) positive and n v / m negative ones; a target that is the same everywhere tells nothing.

    Args:
        targets: shape (n, findings).

    Returns:
        Shape (2, findings): positive, negative.
    """
    known = np.isfinite(targets)
    mean = np.where(known, targets, 0.0).sum(0) / np.maximum(known.sum(0), 1)
    spread = np.where(known, (targets - mean) ** 2, 0.0).sum(0)
    shares = np.stack([1 - mean, mean])
    found = np.divide(spread, shares, out=np.zeros_like(shares), where=(shares > 0) & (spread > 0))
    # Counts of 0 / 1 targets come back as 11.999...
    return np.asarray(np.round(found, 6))
