"""One training from films to calibrated probabilities: fit on some films, calibrate on others, judge the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from models import calibration, checkpoints, frozen, recipes
from models.calibration import Array
from models.dynamics import Dynamics
from models.films import Subset
from models.recipes import Recipe, new_network
from models.training import Keep, Material, fit, predict_logits
from pipeline.base import provenance

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
    material: Material,
    parts: Parts,
    recipe: Recipe,
    keep: Keep | None = None,
    what: str = "train",
    sides: Array | None = None,
) -> Opinion:
    """Train, calibrate and judge.

    Args:
        material: all films; targets of the judged ones are not looked at.
        parts: who trains, calibrates and is judged.
        recipe: how.
        keep: where the state of the training goes while it runs, and beside it, as "<name>.pt", its weights; nowhere when None.
        what: said on the progress bar.
        sides: (n, findings) what given labels claim, 1 or 0, NaN where nothing; with them the training is watched (`dynamics`), unless
            the trunk is frozen or films come more often than others.
    """
    train, held_out, judged = (subset(material, rows) for rows in (parts.train, parts.calibrate, parts.judge))
    if recipe.frozen:
        (held_out_logits, logits), fitted = frozen.judge(train, (held_out, judged), recipe)
        vectors = frozen.whole(judged.films)
    else:
        network = new_network(recipe, material.targets.shape[1])
        is_watched = sides is not None and recipe.sampler == "film" and recipe.patience == 0
        claims = sides[parts.train] if sides is not None and is_watched else None
        fitted = fit(network, train, recipe, what, held_out=held_out, sides=claims, keep=keep)
        if keep is not None:
            facts = {name: str(value) for name, value in recipes.facts(recipe).items()}
            versions = {name: str(value) for name, value in provenance.versions().items()}
            made_from = {**facts, **versions, "commit": provenance.commit(), "fingerprint": keep.fingerprint}
            checkpoints.save(network, keep.path.with_suffix(".pt"), made_from)
        held_out_logits, _ = predict_logits(network, held_out.films, recipe.channels)
        logits, vectors = predict_logits(network, judged.films, recipe.channels)
    to_probability = calibration.fit(recipe.calibration, held_out_logits, held_out.targets, -fitted.added)
    return Opinion(logits, to_probability(logits), vectors, fitted.dynamics)


def subset(material: Material, rows: Rows) -> Material:
    """Some films of the material."""
    groups = None if material.groups is None else material.groups[rows]
    return replace(material, films=Subset(material.films, rows), targets=material.targets[rows], groups=groups)
