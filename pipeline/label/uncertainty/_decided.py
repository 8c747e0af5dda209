"""What every policy shares: POSITIVE is 1, NEGATIVE is 0, and the rest is the policy's business."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.base.labels import LabelState

States = npt.NDArray[np.object_]
Targets = npt.NDArray[np.float64]


def decided(states: States, uncertain: float | Targets) -> Targets:
    """Targets, shape (n,): 1, 0, `uncertain` where UNCERTAIN, and NaN for UNMENTIONED, which is settled elsewhere."""
    targets = np.full(len(states), np.nan)
    targets[states == LabelState.POSITIVE] = 1.0
    targets[states == LabelState.NEGATIVE] = 0.0
    is_uncertain = states == LabelState.UNCERTAIN
    targets[is_uncertain] = np.broadcast_to(np.asarray(uncertain, np.float64), len(states))[is_uncertain]
    return targets
