"""One training from films to calibrated probabilities: fit on some films, calibrate on others, judge the rest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from models import checkpoints, devices
from models.calibration import Array, Platt, fit_platt
from models.dynamics import Dynamics, Recorder
from models.films import Films, Subset
from models.losses import positive_weights
from models.networks import FilmNetwork
from models.training import Recipe, fit, predict_logits
from pipeline.base.interfaces import MODELS
from pipeline.base.provenance import file_sha256

Rows = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a trained network says of the judged films: logits and probabilities (n, findings), feature vectors (n, width).

    And, where it was asked for, how it came to believe the labels of the films it trained on.
    """

    logits: Array
    probs: Array
    vectors: npt.NDArray[np.float32]
    dynamics: Dynamics | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """Which films do what, (n,) booleans each, none in two."""

    train: Rows
    calibrate: Rows
    judge: Rows


def judge(
    films: Films,
    targets: Array,
    parts: Parts,
    recipe: Recipe,
    keep: Path | None = None,
    what: str = "train",
    sides: Array | None = None,
) -> Opinion:
    """Train, calibrate and judge.

    Args:
        films: (n, size, size).
        targets: (n, findings) in [0, 1], NaN where unknown; those of the judged films are not looked at.
        parts: who trains, calibrates and is judged.
        recipe: how.
        keep: where the trained weights go; nowhere when None.
        what: said on the progress bar.
        sides: (n, findings) what given labels claim, 1 or 0, NaN where nothing; with them the training is watched (`dynamics`).
    """
    network = new_network(recipe, targets.shape[1])
    recorder = None if sides is None else Recorder(sides[parts.train], recipe.epochs)
    fit(network, Subset(films, parts.train), targets[parts.train], recipe, what, recorder)
    if keep is not None:
        checkpoints.save(network, keep)
    platt = calibrate(network, Subset(films, parts.calibrate), targets[parts.calibrate], targets[parts.train])
    logits, vectors = predict_logits(network, Subset(films, parts.judge))
    return Opinion(logits, platt(logits), vectors, None if recorder is None else recorder.result())


def new_network(recipe: Recipe, n_outputs: int) -> FilmNetwork:
    """The recipe's network: random weights from its seed, or its checkpoint with a fresh head.

    Raises:
        PluginError: no such model.
        InputError: the checkpoint does not fit.
    """
    build = MODELS.get(recipe.model)
    with devices.deterministic(recipe.seed, torch.device("cpu")):
        network: FilmNetwork = build(n_outputs, 1)
    if recipe.checkpoint is not None:
        checkpoints.start_from(network, recipe.checkpoint)
    return network


def calibrate(network: FilmNetwork, films: Films, targets: Array, trained_on: Array) -> Platt:
    """Platt scaling on films the network was not trained on; believed beforehand is what the weights of the loss added.

    Args:
        network: trained.
        films: (n, size, size).
        targets: of these films.
        trained_on: targets the network was trained on.
    """
    logits, _ = predict_logits(network, films)
    added = torch.log(positive_weights(torch.as_tensor(trained_on))).numpy()
    return fit_platt(logits, targets, -added)


def recipe_facts(recipe: Recipe) -> dict[str, object]:
    """What a training follows from besides its films: for the key of a stored result."""
    facts: dict[str, object] = {name: getattr(recipe, name) for name in ("model", "epochs", "batch_size", "learning_rate", "seed")}
    facts["device"] = devices.choose(recipe.device).type
    facts["checkpoint"] = (
        file_sha256(recipe.checkpoint) if recipe.checkpoint is not None and recipe.checkpoint.is_file() else str(recipe.checkpoint)
    )
    return facts
