"""What a training minimises: the network with the losses of its findings, as one module. NaN is an unknown target and teaches nothing.

Which loss a finding has, settings say; a loss itself is one file of `losses`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.networks import FilmNetwork
from pipeline.base.interfaces import LOSSES

MAX_POSITIVE_WEIGHT = 4.0


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a loss knows before the first step.

    Attributes:
        targets: (n, findings) of all films to train on, in [0, 1], NaN where unknown; of the findings that have this loss.
        peer: makes one more network like the one that is trained, differently initialised, with as many outputs.
        peak_rate: learning rate of the training.
    """

    targets: Tensor
    peer: Callable[[int], FilmNetwork]
    peak_rate: float


@dataclass(frozen=True, slots=True)
class Batch:
    """What a loss sees at a step.

    Attributes:
        films: (n, channels, height, width) as the network saw them.
        logits: (n, findings) float32.
        targets: (n, findings) in [0, 1], NaN where unknown.
        rows: (n,) place of each film in `Lesson.targets`.
        progress: share of the training that is over, in [0, 1).
    """

    films: Tensor
    logits: Tensor
    targets: Tensor
    rows: Tensor
    progress: float


class Loss(nn.Module):
    """Base of losses. `forward` answers (n, findings): the loss of every known cell, and 0 where the target is unknown.

    Attributes:
        added: (findings,) log-odds by which the loss moves a network that fits it: what it weighs positives with, as a logarithm.
        starts_at: share of the training that goes by with `weighted_bce` first.
        needs_steps: whether it changes from step to step, so that no head is fitted to it at once (`models.frozen`).
    """

    starts_at: float = 0.0
    needs_steps: bool = False

    def __init__(self, lesson: Lesson) -> None:
        super().__init__()
        self.added: Tensor
        self.register_buffer("added", torch.zeros(lesson.targets.shape[1]), persistent=False)

    def optimizer(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer | None:
        """The loss's own optimizer, which takes over when the loss starts; None where the usual one goes on."""
        return None


class Task(nn.Module):
    """A network and its losses.

    Args:
        network: with as many outputs as `targets` has columns.
        targets: (n, findings) of all films to train on.
        losses: registered loss of each finding, in order.
        peer: as `Lesson.peer`.
        peak_rate: learning rate of the training.

    Raises:
        PluginError: no such loss, or a package it needs is missing.
    """

    def __init__(
        self, network: FilmNetwork, targets: Tensor, losses: tuple[str, ...], peer: Callable[[int], FilmNetwork], peak_rate: float
    ) -> None:
        super().__init__()
        self.network = network
        self.columns = {name: [place for place, one in enumerate(losses) if one == name] for name in sorted(set(losses))}
        lessons = {name: Lesson(targets[:, columns], peer, peak_rate) for name, columns in self.columns.items()}
        made: dict[str, Loss] = {name: LOSSES.get(name)(lesson) for name, lesson in lessons.items()}
        first = {name: LOSSES.get("weighted_bce")(lessons[name]) for name, loss in made.items() if loss.starts_at > 0}
        self.losses, self.warm_up = nn.ModuleDict(made), nn.ModuleDict(first)

    def forward(self, films: Tensor, targets: Tensor, rows: Tensor, progress: float) -> tuple[Tensor, Tensor]:
        """Sum of the losses of the known cells, and the logits (n, findings) behind them."""
        logits = self.network(films)[0].float()
        batch, total = Batch(films, logits, targets, rows, progress), logits.new_zeros(())
        for name, columns in self.columns.items():
            loss = self.now(name, progress)
            total = total + loss(replace(batch, logits=logits[:, columns], targets=targets[:, columns])).sum()
        return total, logits

    def now(self, name: str, progress: float) -> Loss:
        """The loss that stands for `name` at this share of the training."""
        chosen: Loss = cast(Loss, self.losses[name])
        return chosen if progress >= chosen.starts_at else cast(Loss, self.warm_up[name])

    def added(self, progress: float) -> Tensor:
        """`Loss.added` of every finding, (findings,)."""
        found = next(self.network.parameters()).new_zeros(self.network.head.out_features)
        for name, columns in self.columns.items():
            found[columns] = self.now(name, progress).added.to(found)
        return found

    @property
    def late(self) -> dict[str, Loss]:
        """Losses that start late, by name."""
        return {name: cast(Loss, self.losses[name]) for name in self.warm_up}


def of_every_process(*values: Tensor) -> tuple[Tensor, ...]:
    """What all processes of a training have, one after the other, on this one's device; `values` themselves where there is one process."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return values
    gathered: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(gathered, [value.cpu() for value in values])
    return tuple(torch.cat([one[place] for one in gathered]).to(value.device) for place, value in enumerate(values))


def known_cells(targets: Tensor) -> tuple[Tensor, Tensor]:
    """Which targets are known, (n, findings) bool, and the targets with 0 where they are not."""
    known = ~torch.isnan(targets)
    return known, torch.where(known, targets, 0.0)


def masked_bce(logits: Tensor, targets: Tensor, positive_weight: Tensor | None = None) -> Tensor:
    """Binary cross-entropy of every known cell, (n, findings); 0, with a gradient of 0, where the target is unknown.

    Args:
        logits: (n, findings).
        targets: (n, findings) in [0, 1], NaN where unknown.
        positive_weight: (findings,), how much more a positive cell weighs than a negative one; 1 when None.
    """
    known, filled = known_cells(targets)
    cells = functional.binary_cross_entropy_with_logits(logits, filled, pos_weight=positive_weight, reduction="none")
    return torch.where(known, cells, 0.0)


def positive_weights(targets: Tensor) -> Tensor:
    """How much more a positive cell weighs, (findings,): the square root of negatives over positives, from 1 to MAX_POSITIVE_WEIGHT.

    The root is a compromise: full balance makes a batch with one rare positive all about that film.
    """
    known, filled = known_cells(targets)
    positives = filled.sum(0)
    return ((known.sum(0) - positives) / positives.clamp(min=1)).sqrt().clamp(1.0, MAX_POSITIVE_WEIGHT)


def prior_logits(targets: Tensor, added: Tensor) -> Tensor:
    """Bias, (findings,), with which a head that sees nothing has the least loss: training starts from prevalence.

    Args:
        targets: (n, findings), NaN where unknown.
        added: (findings,) as `Loss.added`.
    """
    known, filled = known_cells(targets)
    share = (filled.sum(0) + 0.5) / (known.sum(0) + 1)
    return torch.log(share / (1 - share)) + added
