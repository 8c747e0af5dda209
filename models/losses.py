"""Losses over findings that are known for some films only. NaN is an unknown target and teaches nothing."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

MAX_POSITIVE_WEIGHT = 4.0


def masked_bce(logits: Tensor, targets: Tensor, positive_weight: Tensor | None = None) -> Tensor:
    """Binary cross-entropy, mean over the known cells.

    Args:
        logits: (n, findings).
        targets: (n, findings) in [0, 1], NaN where unknown.
        positive_weight: (findings,), how much more a positive cell weighs than a negative one; 1 when None.

    Returns:
        A scalar; 0, with a gradient of 0, when no cell is known.
    """
    known = ~torch.isnan(targets)
    cells = functional.binary_cross_entropy_with_logits(
        logits, torch.where(known, targets, 0.0), pos_weight=positive_weight, reduction="none"
    )
    return torch.where(known, cells, 0.0).sum() / known.sum().clamp(min=1)


def positive_weights(targets: Tensor) -> Tensor:
    """Weights for `masked_bce`, (findings,): the square root of negatives over positives, between 1 and MAX_POSITIVE_WEIGHT.

    The root is a compromise: full balance makes a batch with one rare positive all about that film.
    """
    known = ~torch.isnan(targets)
    positives = torch.where(known, targets, 0.0).sum(0)
    return ((known.sum(0) - positives) / positives.clamp(min=1)).sqrt().clamp(1.0, MAX_POSITIVE_WEIGHT)


def prior_logits(targets: Tensor, positive_weight: Tensor) -> Tensor:
    """Bias, (findings,), with which a head that sees nothing has the least weighted loss: training starts from prevalence."""
    known = ~torch.isnan(targets)
    positives = torch.where(known, targets, 0.0).sum(0)
    share = (positives + 0.5) / (known.sum(0) + 1)
    return torch.log(share / (1 - share)) + torch.log(positive_weight)
