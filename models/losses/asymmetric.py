"""Asymmetric loss (Ridnik et al. 2021, "Asymmetric Loss For Multi-Label Classification"): easy negatives fade, suspicious ones are cut.

A negative that the network finds likely to be positive teaches less, which spares findings whose labels miss positives.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from models.objective import Batch, Lesson, Loss, known_cells
from pipeline.base.interfaces import LOSSES

# Of the paper: focusing of positives and negatives, and the probability by which negatives are shifted.
GAMMA_POSITIVE, GAMMA_NEGATIVE, MARGIN = 1.0, 4.0, 0.05


class Asymmetric(Loss):
    """The paper's loss; a soft target mixes the two sides."""

    def forward(self, batch: Batch) -> Tensor:
        """As `Loss`."""
        known, filled = known_cells(batch.targets)
        probability = torch.sigmoid(batch.logits)
        positive = -((1 - probability) ** GAMMA_POSITIVE) * functional.logsigmoid(batch.logits)
        shifted = (probability - MARGIN).clamp(min=0)
        negative = -(shifted**GAMMA_NEGATIVE) * torch.log1p(-shifted.clamp(max=1 - 1e-6))
        return torch.where(known, filled * positive + (1 - filled) * negative, 0.0)


@LOSSES.add("asymmetric")
def build(lesson: Lesson) -> Loss:
    """Asymmetric loss: easy and suspicious negatives weigh less."""
    return Asymmetric(lesson)
