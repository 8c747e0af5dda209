"""Binary cross-entropy in which positives of a rare finding weigh more, by the square root of negatives over positives, at most four."""

from __future__ import annotations

from torch import Tensor

from models.objective import Batch, Lesson, Loss, masked_bce, positive_weights
from pipeline.base.interfaces import LOSSES


class WeightedBce(Loss):
    """Weights come from the films that are trained on, once."""

    def __init__(self, lesson: Lesson) -> None:
        super().__init__(lesson)
        self.weights: Tensor
        self.register_buffer("weights", positive_weights(lesson.targets), persistent=False)
        self.added = self.weights.log()

    def forward(self, batch: Batch) -> Tensor:
        """As `Loss`."""
        return masked_bce(batch.logits, batch.targets, self.weights)


@LOSSES.add("weighted_bce")
def build(lesson: Lesson) -> Loss:
    """Binary cross-entropy, positives of rare findings up to four times as heavy; the default."""
    return WeightedBce(lesson)
