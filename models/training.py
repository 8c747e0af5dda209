"""One network fitted to films, and its answers for films. Which films those are, `experiments` and the stages decide."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from models import devices
from models.augmentation import augment, standardise
from models.dynamics import Recorder
from models.films import Films
from models.losses import masked_bce, positive_weights, prior_logits
from models.networks import FilmNetwork, batch_norms, is_small
from pipeline.base.errors import InputError
from pipeline.base.progress import track

Targets = npt.NDArray[np.float64]

WEIGHT_DECAY = 0.02
WARM_UP_SHARE = 0.25
MAX_GRADIENT_NORM = 2.0
EVALUATION_BATCH = 64
MIN_STEPS = 16
SMALLEST_BATCH = 8


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained.

    Attributes:
        model: registered name.
        epochs: passes over the training films.
        batch_size: films a step, at most.
        learning_rate: peak of the one-cycle schedule (Smith 2018).
        seed: of weights, order, dropout and augmentation.
        device: auto, cpu or cuda.
        checkpoint: weights to start from; random when None.
    """

    model: str
    epochs: int
    batch_size: int
    learning_rate: float
    seed: int
    device: str = "auto"
    checkpoint: Path | None = None


def fit(
    network: FilmNetwork, films: Films, targets: Targets, recipe: Recipe, what: str = "train", recorder: Recorder | None = None
) -> FilmNetwork:
    """Train a network in place and leave it in evaluation mode on its device.

    Args:
        network: with as many outputs as `targets` has columns.
        films: (n, size, size), n >= 2.
        targets: (n, findings) in [0, 1], NaN where unknown.
        recipe: how.
        what: said on the progress bar.
        recorder: notes the logits of every batch.

    Raises:
        InputError: fewer than two films, or no known target.
    """
    if len(films) < 2 or np.isnan(targets).all():
        raise InputError(
            f"{len(films)} films with {np.isfinite(targets).sum()} known targets cannot train a model", "give more labelled films"
        )
    device = devices.choose(recipe.device)
    with devices.deterministic(recipe.seed, device, threads(network)):
        _run(
            network.to(device).to(memory_format=torch.channels_last),
            films,
            torch.as_tensor(targets, dtype=torch.float32),
            recipe,
            what,
            device,
            recorder,
        )
        settle_batch_norm(network, films)
    return network.eval()


def predict_logits(network: FilmNetwork, films: Films) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
    """Logits, (n, findings), and feature vectors, (n, width), of films, (n, size, size); dropout off, running statistics."""
    network.eval()
    device = next(network.parameters()).device
    logits, vectors = [], []
    with devices.deterministic(0, device, threads(network)), torch.inference_mode():
        for batch in _in_order(films, device):
            found, vector = network(batch)
            logits.append(found.double().cpu().numpy())
            vectors.append(vector.float().cpu().numpy())
    width = network.head.in_features
    return np.concatenate([np.empty((0, network.head.out_features)), *logits]), np.concatenate([np.empty((0, width), np.float32), *vectors])


def threads(network: FilmNetwork) -> int:
    """CPU threads this network runs on, always the same on one machine."""
    return 1 if is_small(network) else devices.cores()


def settle_batch_norm(network: FilmNetwork, films: Films) -> None:
    """Replace the running statistics by the plain mean over batches of unchanged training films.

    A short training ends with an average over weights that no longer exist (Wu and Johnson 2021, "Rethinking 'Batch' in BatchNorm").
    """
    norms = batch_norms(network)
    before = [norm.momentum for norm in norms]
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    with torch.inference_mode():
        for batch in _in_order(films, next(network.parameters()).device):
            network.embed(batch)
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
        norm.eval()


def _run(
    network: FilmNetwork, films: Films, targets: Tensor, recipe: Recipe, what: str, device: torch.device, recorder: Recorder | None
) -> None:
    weights = positive_weights(targets)
    prior = prior_logits(targets, weights).to(device)
    with torch.no_grad():
        network.head.bias.copy_(prior)
    weights = weights.to(device)
    order = torch.Generator().manual_seed(recipe.seed)
    steps = steps_per_epoch(len(films), recipe.batch_size)
    optimizer = torch.optim.AdamW(_parameter_groups(network), lr=recipe.learning_rate, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, partial(one_cycle, recipe.epochs * steps))
    is_bf16 = network.is_faster_in_bf16 and devices.has_bf16(device)
    network.train()
    for epoch, rows in track(_batches(len(films), recipe, order), what, total=recipe.epochs * steps, unit=" batches"):
        batch = augment(_to_device(films[rows.numpy()], device), order)
        with torch.autocast(device.type, torch.bfloat16, enabled=is_bf16):
            logits, _ = network(batch)
        if recorder is not None:
            recorder.note(epoch, rows, logits.float() - weights.log(), prior - weights.log())
        optimizer.zero_grad(set_to_none=True)
        loss = masked_bce(logits.float(), targets[rows].to(device), weights)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(network.parameters(), MAX_GRADIENT_NORM)
        optimizer.step()
        schedule.step()


def _parameter_groups(network: nn.Module) -> list[dict[str, object]]:
    # Norms and biases are vectors; decaying them only shrinks scales (He et al. 2019, "Bag of Tricks", section 3.1).
    decayed = [weight for weight in network.parameters() if weight.ndim > 1]
    free = [weight for weight in network.parameters() if weight.ndim <= 1]
    return [{"params": decayed}, {"params": free, "weight_decay": 0.0}]


def one_cycle(n_steps: int, step: int) -> float:
    """Share of the peak learning rate at a step: a straight climb over WARM_UP_SHARE of the steps, then half a cosine down (Smith 2018)."""
    climb = max(1.0, WARM_UP_SHARE * n_steps)
    if step < climb:
        return (step + 1) / (climb + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - climb) / max(1.0, n_steps - climb)))


def steps_per_epoch(n: int, batch_size: int) -> int:
    """Batches an epoch: of `batch_size` films at most, smaller where there are few films, never of a single one.

    A film alone has no variance to normalise by; with fewer than MIN_STEPS steps an epoch a network from scratch learns next to nothing.
    """
    return max(1, min(max(math.ceil(n / batch_size), min(MIN_STEPS, n // SMALLEST_BATCH)), n // 2))


def _batches(n: int, recipe: Recipe, order: torch.Generator) -> Iterator[tuple[int, Tensor]]:
    for epoch in range(recipe.epochs):
        for rows in torch.randperm(n, generator=order).tensor_split(steps_per_epoch(n, recipe.batch_size)):
            yield epoch, rows


def _in_order(films: Films, device: torch.device) -> Iterator[Tensor]:
    for rows in np.array_split(np.arange(len(films)), math.ceil(len(films) / EVALUATION_BATCH) or 1):
        if len(rows):
            yield _to_device(films[rows], device)


def _to_device(films: npt.NDArray[np.uint8], device: torch.device) -> Tensor:
    return standardise(torch.from_numpy(films).to(device)).contiguous(memory_format=torch.channels_last)
