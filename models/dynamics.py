"""Training dynamics: how a network came to believe the label of each film it trains on, noted while it trains.

The margin of a cell is the log-odds of its given label beyond those of a network that sees nothing: with prevalence in it, no network would
ever learn a label of a rare finding. It is that of the training pass itself, with its augmentation and dropout, so noting it costs no pass
of its own.

- Area under the margin: its mean over epochs (Pleiss et al. 2020, "Identifying Mislabeled Data using the Area Under the Margin Ranking").
- Forgetting: times it falls from above zero to below from one epoch to the next (Toneva et al. 2019, "An Empirical Study of Example
  Forgetting"). A label that is never learned counts as forgotten in every epoch; there it is infinity, which adds up to nothing useful.
- Early loss: cross-entropy of the given label, mean over the first half of the epochs; what is learned late is memorised (Arpit et al.
  2017, "A Closer Look at Memorization in Deep Networks").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Array = npt.NDArray[np.float64]

_NOTED = ("_sum", "_early", "_forgotten", "_was_right", "_ever_right")


@dataclass(frozen=True, slots=True)
class Dynamics:
    """Of one training, each (n, findings), NaN where the given label claims nothing: aum, n_forgotten, early_loss; and its epochs."""

    aum: Array
    n_forgotten: Array
    early_loss: Array
    n_epochs: int


class Recorder:
    """Takes in every batch of a training.

    Args:
        sides: (n, findings) what the given labels claim, 1 or 0, NaN where nothing.
        n_epochs: of the training; every film comes once in each.
    """

    def __init__(self, sides: Array, n_epochs: int) -> None:
        self._sign = torch.as_tensor(2 * sides - 1, dtype=torch.float32)
        self._n_epochs = n_epochs
        self._sum = torch.zeros_like(self._sign)
        self._early = torch.zeros_like(self._sign)
        self._forgotten = torch.zeros_like(self._sign)
        self._was_right = torch.zeros_like(self._sign, dtype=torch.bool)
        self._ever_right = torch.zeros_like(self._was_right)

    @property
    def n_early(self) -> int:
        """Epochs of the first half, at least one."""
        return (self._n_epochs + 1) // 2

    def note(self, epoch: int, rows: Tensor, log_odds: Tensor, prior: Tensor) -> None:
        """Take in one batch.

        Args:
            epoch: from 0.
            rows: (batch,) films.
            log_odds: (batch, findings) of presence, the weights of the loss taken out.
            prior: (findings,) the same of a network that sees nothing.
        """
        sign, log_odds = self._sign[rows], log_odds.detach().float().cpu()
        margin = sign * (log_odds - prior.cpu())
        is_right = margin > 0
        self._sum[rows] += margin
        self._forgotten[rows] += (self._was_right[rows] & ~is_right).float()
        self._was_right[rows] = is_right
        self._ever_right[rows] |= is_right
        if epoch < self.n_early:
            self._early[rows] += torch.nn.functional.softplus(-sign * log_odds)

    def state(self) -> dict[str, Tensor]:
        """What was noted so far, to go on from later."""
        return {name: getattr(self, name) for name in _NOTED}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from `state`."""
        for name in _NOTED:
            setattr(self, name, state[name])

    def result(self) -> Dynamics:
        """What was seen, once the training is over."""
        claims = torch.isfinite(self._sign)
        forgotten = torch.where(self._ever_right, self._forgotten, float(self._n_epochs))
        found = (self._sum / self._n_epochs, forgotten, self._early / self.n_early)
        aum, n_forgotten, early_loss = (torch.where(claims, one, torch.nan).double().numpy() for one in found)
        return Dynamics(aum, n_forgotten, early_loss, self._n_epochs)
