"""Masked binary cross-entropy: every known cell weighs the same; a cell that the policy masks (U-Ignore) teaches nothing."""

from __future__ import annotations

from torch import Tensor

from models.objective import Batch, Lesson, Loss, masked_bce
from pipeline.base.interfaces import LOSSES


class Bce(Loss):
    """Binary cross-entropy of the known cells; soft targets are fitted as probabilities."""

    def forward(self, batch: Batch) -> Tensor:
        """As `Loss`."""
        return masked_bce(batch.logits, batch.targets)


@LOSSES.add("bce")
def build(lesson: Lesson) -> Loss:
    """Binary cross-entropy, every known cell alike."""
    return Bce(lesson)
