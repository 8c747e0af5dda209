"""AUC margin loss with its optimizer PESG, of LibAUC (Yuan et al. 2021, "Large-scale Robust Deep AUC Maximization", ICCV).

As the winner of the CheXpert contest did it: a warm start by cross-entropy, then the loss whose minimum is the greatest area under the
ROC curve. Scores of such a network are no log-odds; calibration follows. A soft target has no side and is not used.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.objective import Batch, Lesson, Loss, known_cells
from pipeline.base.interfaces import LOSSES

WARM_START = 0.5
# PESG's rate is that of a plain gradient, AdamW's that of a normalised one: LibAUC's example has 0.1 against 1e-3 to 1e-4.
RATE_FACTOR, EPOCH_DECAY, WEIGHT_DECAY = 25.0, 2e-3, 1e-5


class AucMargin(Loss):
    """LibAUC's `MultiLabelAUCMLoss` on the cells that are surely present or absent, each finding on its own films."""

    starts_at = WARM_START
    needs_steps = True

    def __init__(self, lesson: Lesson) -> None:
        super().__init__(lesson)
        from libauc.losses import MultiLabelAUCMLoss

        self.peak_rate = lesson.peak_rate
        self.margin = MultiLabelAUCMLoss(num_labels=lesson.targets.shape[1], device=torch.device("cpu"))
        # Plain tensors in the library; as parameters they move with the module and are kept in its checkpoint.
        for name in ("a", "b", "alpha"):
            delattr(self.margin, name)
            setattr(self.margin, name, nn.Parameter(torch.zeros(lesson.targets.shape[1])))

    def forward(self, batch: Batch) -> Tensor:
        """As `Loss`: each finding's loss stands in all of its cells."""
        known, filled = known_cells(batch.targets)
        is_sure = known & ((filled == 0) | (filled == 1))
        cells = torch.zeros_like(batch.logits)
        for finding in range(batch.logits.shape[1]):
            rows = is_sure[:, finding]
            if rows.any():
                told = self.margin(torch.sigmoid(batch.logits[rows]), filled[rows], task_id=torch.tensor([finding], device=rows.device))
                cells[rows, finding] = told.squeeze()
        return cells

    def optimizer(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer | None:
        """PESG over the network's weights; the loss's own three it takes from the loss."""
        from libauc.optimizers import PESG

        own = {id(self.margin.a), id(self.margin.b), id(self.margin.alpha)}
        made: torch.optim.Optimizer = PESG(
            [weight for weight in parameters if id(weight) not in own],
            loss_fn=self.margin,
            lr=RATE_FACTOR * self.peak_rate,
            epoch_decay=EPOCH_DECAY,
            weight_decay=WEIGHT_DECAY,
            device=parameters[0].device,
            verbose=False,
        )
        # The library pulls towards random weights before its first epoch is over; here a start was made already.
        group = made.param_groups[0]
        for reference, weight in zip(group["model_ref"], group["params"], strict=True):
            reference.copy_(weight.detach())
        return made


@LOSSES.add("aucm", needs=("libauc",))
def build(lesson: Lesson) -> Loss:
    """AUC margin loss and PESG of LibAUC, after a start by cross-entropy."""
    return AucMargin(lesson)
