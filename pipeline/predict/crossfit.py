"""K trainings, each judging the films of the patients it never saw. A finished fold is stored and not trained again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipeline.base import provenance
from pipeline.base.settings import Settings
from pipeline.predict.cells import Array, Cells

if TYPE_CHECKING:
    from models.experiments import Parts
    from models.films import Films
    from models.recipes import Recipe
    from models.training import Keep, Material

CALIBRATE_SHARE = 0.2
_WATCHED = ("aum", "n_forgotten", "early_loss")


@dataclass(frozen=True, slots=True)
class Opinions:
    """Out-of-fold answers in the order of `Cells.image_ids`: fold (n,), logits and probs (n, findings), vectors (n, width).

    And what the trainings showed of the films they trained on, over all folds, (n, findings) each; and the files of the folds' weights,
    none where heads alone were fitted.
    """

    fold: npt.NDArray[np.int64]
    logits: Array
    probs: Array
    vectors: npt.NDArray[np.float32]
    dynamics: Dynamics
    n_resumed: int
    weights: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Dynamics:
    """Means of aum and early_loss over the trainings, sums of n_forgotten and n_epochs; n_epochs is 0 where a cell never trained."""

    aum: Array
    n_forgotten: Array
    early_loss: Array
    n_epochs: Array


def out_of_fold(folder: Path, films: Films, source: str | None, known: Cells, settings: Settings) -> Opinions:
    """Train every fold that is not stored, and put the folds together.

    Args:
        folder: where finished folds and their weights are kept.
        films: (n, size, size) in the order of `known.image_ids`.
        source: digest of the table the films came from.
        known: films, groups and targets.
        settings: of the run.
    """
    from models.folds import grouped_folds, numbered
    from models.frozen import features
    from models.memory import forget_others, remembered
    from models.training import Keep, Material
    from models.workers import processes, run_all

    n_folds = settings.predict.folds
    fold = grouped_folds(known.group_ids, known.targets, n_folds, settings.seed)
    if settings.train.frozen:
        films = features(folder / "features", films, [source, settings.predict.size_px, known.image_ids], fold_recipe(settings, 0))
    material = Material(films, known.targets, known.findings, numbered(known.group_ids))
    jobs, keys, trained_on = [], [], []
    for number in range(n_folds):
        recipe, parts = fold_recipe(settings, number), fold_parts(fold, number, known, settings.seed)
        keys.append(fold_key(source, known, settings, recipe, parts))
        what = f"predict fold {number + 1} of {n_folds}"
        train = partial(_judge, material, known.sides, parts, recipe, Keep(folder / f"{keys[-1]}.state", keys[-1]), what)
        trained_on.append(parts.train)
        jobs.append(partial(remembered, folder, keys[-1], train))
    side_by_side = processes(fold_recipe(settings, 0), len(films), settings.predict.size_px, n_folds)
    found = run_all(jobs, side_by_side, "predict")
    forget_others(folder, keys)
    arrays = [arrays for arrays, _ in found]
    weights = () if settings.train.frozen else tuple(folder / f"{key}.pt" for key in keys)
    dynamics = over_folds(trained_on, arrays, settings.predict.epochs)
    return _together(fold, arrays, dynamics, sum(was_stored for _, was_stored in found), weights)


def fold_parts(fold: npt.NDArray[np.int64], number: int, known: Cells, seed: int) -> Parts:
    """Who trains, calibrates and is judged in one fold; patients for calibration come from the training side."""
    from models.experiments import Parts
    from models.folds import hold_out

    inside = np.flatnonzero(fold != number)
    chosen = hold_out([known.group_ids[row] for row in inside], known.targets[inside], CALIBRATE_SHARE, seed + number)
    train, calibrate = np.zeros(len(fold), np.bool_), np.zeros(len(fold), np.bool_)
    train[inside[~chosen]] = True
    calibrate[inside[chosen]] = True
    return Parts(train, calibrate, fold == number)


def fold_recipe(settings: Settings, number: int) -> Recipe:
    """The training of one fold; folds differ in their seed."""
    from models import recipes

    return recipes.from_settings(settings, settings.predict.epochs, 1000 * settings.seed + number)


def fold_key(source: str | None, known: Cells, settings: Settings, recipe: Recipe, parts: Parts) -> str:
    """Digest of everything a fold's result follows from."""
    from models import recipes
    from models.memory import array_digest

    return provenance.digest(
        {
            "source": source,
            "size_px": settings.predict.size_px,
            "recipe": recipes.facts(recipe),
            "films": known.image_ids,
            "findings": known.findings,
            "arrays": array_digest(known.targets, known.sides, parts.train, parts.calibrate, parts.judge),
            "code": provenance.code_digest(),
            "versions": provenance.versions(),
        }
    )[:32]


def _judge(material: Material, sides: Array, parts: Parts, recipe: Recipe, keep: Keep, what: str) -> dict[str, npt.NDArray[np.generic]]:
    from models.experiments import judge

    opinion = judge(material, parts, recipe, keep, what, sides)
    nothing = np.full((int(parts.train.sum()), sides.shape[1]), np.nan, np.float32)
    watched = {name: nothing if opinion.dynamics is None else getattr(opinion.dynamics, name).astype(np.float32) for name in _WATCHED}
    return {"logits": opinion.logits, "probs": opinion.probs, "vectors": opinion.vectors, **watched}


def over_folds(trained_on: list[npt.NDArray[np.bool_]], found: list[dict[str, npt.NDArray[np.generic]]], epochs: int) -> Dynamics:
    """The dynamics of all folds.

    Args:
        trained_on: of each fold, (n,) the films it trained on.
        found: of each fold, aum, n_forgotten and early_loss of these films.
        epochs: of each training.
    """
    shape = (len(trained_on[0]), found[0][_WATCHED[0]].shape[1])
    total, trainings = {name: np.zeros(shape) for name in _WATCHED}, np.zeros(shape)
    for rows, arrays in zip(trained_on, found, strict=True):
        trainings[rows] += np.isfinite(arrays[_WATCHED[0]].astype(np.float64))
        for name in _WATCHED:
            total[name][rows] += np.nan_to_num(arrays[name].astype(np.float64))
    mean = {name: np.divide(total[name], trainings, out=np.full(shape, np.nan), where=trainings > 0) for name in ("aum", "early_loss")}
    return Dynamics(mean["aum"], total["n_forgotten"], mean["early_loss"], trainings * epochs)


def _together(
    fold: npt.NDArray[np.int64],
    found: list[dict[str, npt.NDArray[np.generic]]],
    dynamics: Dynamics,
    n_resumed: int,
    weights: tuple[Path, ...],
) -> Opinions:
    whole = {}
    for name in ("logits", "probs", "vectors"):
        first = found[0][name]
        whole[name] = np.empty((len(fold), first.shape[1]), first.dtype)
        for number, arrays in enumerate(found):
            whole[name][fold == number] = arrays[name]
    logits, probs, vectors = whole["logits"].astype(np.float64), whole["probs"].astype(np.float64), whole["vectors"].astype(np.float32)
    return Opinions(fold, logits, probs, vectors, dynamics, n_resumed, weights)
