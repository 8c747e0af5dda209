"""Focal loss (Lin et al. 2017, "Focal Loss for Dense Object Detection"): cells that are right already weigh less."""

from __future__ import annotations

import torch
from torch import Tensor

from models.objective import Batch, Lesson, Loss, known_cells, masked_bce
from pipeline.base.interfaces import LOSSES

# Of the paper.
GAMMA = 2.0


class Focal(Loss):
    """Cross-entropy times |target - p| to the power GAMMA; for a target of 0 or 1 that is the paper's (1 - p_t)."""

    def forward(self, batch: Batch) -> Tensor:
        """As `Loss`."""
        _, filled = known_cells(batch.targets)
        wrongness = (filled - torch.sigmoid(batch.logits)).abs()
        return wrongness**GAMMA * masked_bce(batch.logits, batch.targets)


@LOSSES.add("focal")
def build(lesson: Lesson) -> Loss:
    """Focal loss: hard cells weigh more."""
    return Focal(lesson)
