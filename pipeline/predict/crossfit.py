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
    from models.training import Recipe

CALIBRATE_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Opinions:
    """Out-of-fold answers in the order of `Cells.image_ids`: fold (n,), logits and probs (n, findings), vectors (n, width)."""

    fold: npt.NDArray[np.int64]
    logits: Array
    probs: Array
    vectors: npt.NDArray[np.float32]
    n_resumed: int


def out_of_fold(folder: Path, films: Films, source: str | None, known: Cells, settings: Settings) -> Opinions:
    """Train every fold that is not stored, and put the folds together.

    Args:
        folder: where finished folds and their weights are kept.
        films: (n, size, size) in the order of `known.image_ids`.
        source: digest of the table the films came from.
        known: films, groups and targets.
        settings: of the run.
    """
    from models.folds import grouped_folds
    from models.memory import forget_others, remembered
    from models.workers import processes, run_all

    n_folds = settings.predict.folds
    fold = grouped_folds(known.group_ids, known.targets, n_folds, settings.seed)
    jobs, keys = [], []
    for number in range(n_folds):
        recipe, parts = fold_recipe(settings, number), fold_parts(fold, number, known, settings.seed)
        keys.append(fold_key(source, known, settings, recipe, parts))
        what = f"predict fold {number + 1} of {n_folds}"
        train = partial(_judge, films, known.targets, parts, recipe, folder / f"{keys[-1]}.pt", what)
        jobs.append(partial(remembered, folder, keys[-1], train))
    side_by_side = processes(fold_recipe(settings, 0), len(films), settings.predict.size_px, n_folds)
    found = run_all(jobs, side_by_side, "predict")
    forget_others(folder, keys)
    return _together(fold, [arrays for arrays, _ in found], sum(was_stored for _, was_stored in found))


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
    from models.training import Recipe

    chosen = settings.predict
    seed = 1000 * settings.seed + number
    return Recipe(chosen.model, chosen.epochs, chosen.batch_size, chosen.learning_rate, seed, chosen.device, chosen.checkpoint)


def fold_key(source: str | None, known: Cells, settings: Settings, recipe: Recipe, parts: Parts) -> str:
    """Digest of everything a fold's result follows from."""
    from models.experiments import recipe_facts
    from models.memory import array_digest

    return provenance.digest(
        {
            "source": source,
            "size_px": settings.predict.size_px,
            "recipe": recipe_facts(recipe),
            "films": known.image_ids,
            "findings": known.findings,
            "arrays": array_digest(known.targets, parts.train, parts.calibrate, parts.judge),
            "code": provenance.code_digest(),
            "versions": provenance.versions(),
        }
    )[:32]


def _judge(films: Films, targets: Array, parts: Parts, recipe: Recipe, keep: Path, what: str) -> dict[str, npt.NDArray[np.generic]]:
    from models.experiments import judge

    opinion = judge(films, targets, parts, recipe, keep, what)
    return {"logits": opinion.logits, "probs": opinion.probs, "vectors": opinion.vectors}


def _together(fold: npt.NDArray[np.int64], found: list[dict[str, npt.NDArray[np.generic]]], n_resumed: int) -> Opinions:
    whole = {}
    for name in ("logits", "probs", "vectors"):
        first = found[0][name]
        whole[name] = np.empty((len(fold), first.shape[1]), first.dtype)
        for number, arrays in enumerate(found):
            whole[name][fold == number] = arrays[name]
    return Opinions(
        fold, whole["logits"].astype(np.float64), whole["probs"].astype(np.float64), whole["vectors"].astype(np.float32), n_resumed
    )
