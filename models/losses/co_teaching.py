"""Co-teaching (Han et al. 2018, "Co-teaching: Robust Training of Deep Neural Networks with Extremely Noisy Labels").

Two networks; each learns from the cells that the other finds easy. The share that is left out grows over the first epochs. Easy is told
apart within the positive and within the negative cells of a finding: by loss alone, every positive of a rare finding would be hard.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.objective import Batch, Lesson, Loss, known_cells, masked_bce, prior_logits
from pipeline.base.interfaces import LOSSES

# Share of labels believed wrong, and of the training by whose end so many are left out; the paper ramps over 10 of 200 epochs.
FORGET_SHARE, RAMP = 0.2, 0.3


class CoTeaching(Loss):
    """The peer network lives in the loss and learns beside the network, which alone is kept."""

    needs_steps = True

    def __init__(self, lesson: Lesson) -> None:
        super().__init__(lesson)
        self.peer = lesson.peer(lesson.targets.shape[1])
        with torch.no_grad():
            self.peer.head.bias.copy_(prior_logits(lesson.targets, self.added))

    def forward(self, batch: Batch) -> Tensor:
        """As `Loss`; the sum of both networks' losses on the cells the other chose."""
        mine = masked_bce(batch.logits, batch.targets)
        theirs = masked_bce(self.peer(batch.films)[0].float(), batch.targets)
        share = FORGET_SHARE * min(1.0, batch.progress / RAMP)
        return mine * easy(theirs.detach(), batch.targets, share) + theirs * easy(mine.detach(), batch.targets, share)


def easy(losses: Tensor, targets: Tensor, forgotten: float) -> Tensor:
    """1 for the known cells of least loss, (n, findings), within each class of a finding; at least one of each is kept."""
    known, filled = known_cells(targets)
    chosen = torch.zeros_like(losses)
    for of_class in (known & (filled > 0.5), known & (filled <= 0.5)):
        ranks = torch.where(of_class, losses, torch.inf).argsort(stable=True, dim=0).argsort(stable=True, dim=0)
        count = of_class.sum(0)
        chosen += of_class & (ranks < torch.maximum(count - (forgotten * count).floor(), count.clamp(max=1)))
    return chosen


@LOSSES.add("co_teaching")
def build(lesson: Lesson) -> Loss:
    """Co-teaching: two networks pick for each other the labels worth believing."""
    return CoTeaching(lesson)
