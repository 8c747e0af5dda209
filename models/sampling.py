"""Which films an epoch shows, in which order and how many at a step. One generator draws it all, so that a seed fixes it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

MIN_STEPS = 16
SMALLEST_BATCH = 8

Order = Callable[[torch.Generator], Tensor]


def by_film(targets: Tensor, groups: npt.NDArray[np.int64]) -> Order:
    """Every film once."""
    return lambda generator: torch.randperm(len(targets), generator=generator)


def by_patient(targets: Tensor, groups: npt.NDArray[np.int64]) -> Order:
    """One film of every patient, drawn anew each epoch: who was filmed 184 times teaches no more than who was filmed once."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    members, first, sizes = torch.as_tensor(order), torch.as_tensor(starts), torch.as_tensor(np.diff([*starts, len(groups)]))

    def draw(generator: torch.Generator) -> Tensor:
        patients = torch.randperm(len(first), generator=generator)
        within = (torch.rand(len(first), generator=generator) * sizes[patients]).long()
        return members[first[patients] + within]

    return draw


def by_finding(targets: Tensor, groups: npt.NDArray[np.int64]) -> Order:
    """As many films as there are, with replacement, those with a rare finding more often: by one over the root of its share."""
    filled = torch.nan_to_num(targets)
    share = filled.mean(0).clamp(min=1 / max(len(targets), 1))
    weight = torch.cat([filled / share.sqrt(), torch.ones(len(targets), 1)], 1).amax(1).double()
    return lambda generator: torch.multinomial(weight, len(targets), replacement=True, generator=generator)


SAMPLERS: dict[str, Callable[[Tensor, npt.NDArray[np.int64]], Order]] = {"film": by_film, "patient": by_patient, "finding": by_finding}


def steps_per_epoch(n: int, batch_size: int) -> int:
    """Batches an epoch: of `batch_size` films at most, smaller where there are few films, never of a single one.

    A film alone has no variance to normalise by; with fewer than MIN_STEPS steps an epoch a network from scratch learns next to nothing.
    """
    return max(1, min(max(math.ceil(n / batch_size), min(MIN_STEPS, n // SMALLEST_BATCH)), n // 2))


def batches(films: Tensor, batch_size: int) -> tuple[Tensor, ...]:
    """The films of one epoch in steps of nearly one size."""
    return films.tensor_split(steps_per_epoch(len(films), batch_size))
