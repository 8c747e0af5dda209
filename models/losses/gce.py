"""Generalised cross-entropy (Zhang and Sabuncu 2018, "Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels").

(1 - p^q) / q lies between cross-entropy (q -> 0) and absolute error (q = 1), which a share of wrong labels cannot move.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from models.objective import Batch, Lesson, Loss, known_cells
from pipeline.base.interfaces import LOSSES

# Of the paper.
Q = 0.7


class GeneralisedCrossEntropy(Loss):
    """The paper's L_q on present and absent; a soft target mixes the two."""

    def forward(self, batch: Batch) -> Tensor:
        """As `Loss`."""
        known, filled = known_cells(batch.targets)
        present = (1 - torch.exp(Q * functional.logsigmoid(batch.logits))) / Q
        absent = (1 - torch.exp(Q * functional.logsigmoid(-batch.logits))) / Q
        return torch.where(known, filled * present + (1 - filled) * absent, 0.0)


@LOSSES.add("gce")
def build(lesson: Lesson) -> Loss:
    """Generalised cross-entropy: robust to wrong labels."""
    return GeneralisedCrossEntropy(lesson)
