"""Early-learning regularisation (Liu et al. 2020, "Early-Learning Regularization Prevents Memorization of Noisy Labels").

A network learns right labels first. What it said of each film early on is kept as a moving average, and it is held to that.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.objective import Batch, Lesson, Loss, known_cells, masked_bce, of_every_process
from pipeline.base.interfaces import LOSSES

# Of the paper, for CIFAR-10.
BETA, WEIGHT = 0.7, 3.0
_LEAST = 1e-4


class EarlyLearning(Loss):
    """Cross-entropy plus WEIGHT times log(1 - agreement with what the network used to say)."""

    needs_steps = True

    def __init__(self, lesson: Lesson) -> None:
        super().__init__(lesson)
        self.memory: Tensor
        known, filled = known_cells(lesson.targets)
        prevalence = filled.sum(0) / known.sum(0).clamp(min=1)
        # Nothing said yet is prevalence: zero would stand for a sure "absent".
        self.register_buffer("memory", prevalence.expand_as(lesson.targets).clone())

    def forward(self, batch: Batch) -> Tensor:
        """As `Loss`."""
        known, _ = known_cells(batch.targets)
        probability = torch.sigmoid(batch.logits).clamp(_LEAST, 1 - _LEAST)
        if self.training:
            rows, said = of_every_process(batch.rows, probability.detach())
            self.memory[rows] = BETA * self.memory[rows] + (1 - BETA) * said
        held = self.memory[batch.rows]
        agreement = held * probability + (1 - held) * (1 - probability)
        return masked_bce(batch.logits, batch.targets) + torch.where(known, WEIGHT * torch.log(1 - agreement.clamp(max=1 - _LEAST)), 0.0)


@LOSSES.add("elr")
def build(lesson: Lesson) -> Loss:
    """Early-learning regularisation: keeps to what was learned before wrong labels were memorised."""
    return EarlyLearning(lesson)
