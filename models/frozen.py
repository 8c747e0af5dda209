"""Training without a GPU in seconds: the trunk stays as a checkpoint has it, its features are computed once, and heads alone are fitted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from models import devices
from models.films import Films, StoredFilms
from models.memory import array_file
from models.networks import FilmNetwork
from models.objective import Lesson, Loss, Task, prior_logits
from models.recipes import Recipe, facts, new_network
from models.training import Fitted, Material, predict_logits
from pipeline.base.errors import SettingsError
from pipeline.base.interfaces import LOSSES
from pipeline.base.provenance import digest

# On squared weights of standardised features, for each known cell: weak, as logistic regression has it with C = 1 at 100 films.
PENALTY = 0.005
MAX_STEPS = 200


def features(folder: Path, films: Films, source: object, recipe: Recipe) -> StoredFilms:
    """Feature vectors of all films, float32 (n, width), computed once for one checkpoint.

    Args:
        folder: where they are kept.
        films: (n, size, size).
        source: what the films are, to be found again by.
        recipe: with the checkpoint.

    Raises:
        PluginError: no such loss, or a package it needs is missing.
        SettingsError: without a checkpoint features are random; or the loss changes from step to step, and a head is fitted at once.
    """
    if recipe.checkpoint is None:
        raise SettingsError("train.frozen keeps a trunk that knows something, and predict.checkpoint is not set", "set predict.checkpoint")
    if unfit := sorted(name for name in {recipe.loss, *dict(recipe.losses).values()} if _needs_steps(name)):
        fit = [name for name in LOSSES.names() if not LOSSES.missing(name) and not _needs_steps(name)]
        raise SettingsError(f"a head over a frozen trunk is not fitted by {', '.join(unfit)}", f"choose from: {', '.join(fit)}")
    told = facts(recipe)
    key = digest([source, {name: told[name] for name in ("model", "channels", "checkpoint", "device")}])[:32]
    return StoredFilms(array_file(folder / f"features-{key}.npy", partial(_embed, films, recipe)))


def _needs_steps(name: str) -> bool:
    loss: Loss = LOSSES.get(name)(Lesson(torch.tensor([[0.0], [1.0]]), partial(_head, 1), 1.0))
    return loss.needs_steps


def judge(train: Material, others: Sequence[Material], recipe: Recipe) -> tuple[list[npt.NDArray[np.float64]], Fitted]:
    """Fit a head on feature vectors and answer for others: logits (n, findings) of each, and what the fit leaves.

    Args:
        train: `films` are vectors, (n, width).
        others: the same.
        recipe: its losses.
    """
    vectors = torch.as_tensor(whole(train.films))
    mean, spread = vectors.mean(0), vectors.std(0).clamp(min=1e-6)
    with devices.deterministic(recipe.seed, torch.device("cpu"), 1):
        head, fitted = _fit((vectors - mean) / spread, train, recipe)
        with torch.inference_mode():
            logits = [head((torch.as_tensor(whole(material.films)) - mean) / spread)[0].double().numpy() for material in others]
    return logits, fitted


def _embed(films: Films, recipe: Recipe) -> npt.NDArray[np.float32]:
    network = new_network(recipe, 1).to(devices.choose(recipe.device))
    return predict_logits(network, films, recipe.channels)[1]


def _head(width: int, n_outputs: int) -> FilmNetwork:
    made = FilmNetwork(nn.Unflatten(1, (width, 1, 1)), width, n_outputs, is_faster_in_bf16=False)
    made.dropout.p = 0.0
    return made


def _fit(vectors: Tensor, train: Material, recipe: Recipe) -> tuple[FilmNetwork, Fitted]:
    targets = torch.as_tensor(train.targets, dtype=torch.float32)
    head = _head(vectors.shape[1], targets.shape[1])
    task = Task(head, targets, train.losses(recipe), partial(_head, vectors.shape[1]), recipe.learning_rate)
    with torch.no_grad():
        head.head.bias.copy_(prior_logits(targets, task.added(0.0)))
    rows, known = torch.arange(len(targets)), torch.isfinite(targets).sum()
    search: Any = torch.optim.LBFGS(head.parameters(), max_iter=MAX_STEPS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        search.zero_grad()
        value: Tensor = task(vectors, targets, rows, 0.0)[0] / known + PENALTY * head.head.weight.square().sum()
        torch.autograd.backward(value)
        return value

    search.step(closure)
    return head.eval(), Fitted(task.added(0.0).double().numpy(), None)


def whole(films: Films) -> npt.NDArray[np.float32]:
    """All vectors, (n, width), in memory."""
    return np.asarray(films[np.arange(len(films))], np.float32)
