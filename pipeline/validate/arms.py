"""The trainings: the same network, seeds and films, once with the targets of each arm. Finished ones are stored."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipeline.base import provenance
from pipeline.base.settings import Settings
from pipeline.validate.films import Array, Cast

if TYPE_CHECKING:
    from models.experiments import Parts
    from models.films import Films
    from models.recipes import Recipe
    from models.training import Keep, Material

CALIBRATE_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Answers:
    """Calibrated probabilities for the test films: arm -> (seeds, test films, findings)."""

    probs: dict[str, Array]
    n_resumed: int


def train(folder: Path, films: Films, source: str | None, cast: Cast, settings: Settings) -> Answers:
    """Train `validate.seeds` times on the targets of each arm of `cast` and judge the test films.

    Args:
        folder: where finished trainings are kept.
        films: (n, size, size) in the order of `cast.image_ids`.
        source: digest of the table the films came from.
        cast: films and targets.
        settings: of the run.
    """
    from models.folds import numbered
    from models.frozen import features
    from models.memory import forget_others, remembered
    from models.training import Keep, Material
    from models.workers import processes, run_all

    if settings.train.frozen:
        films = features(folder / "features", films, [source, settings.predict.size_px, cast.image_ids], arm_recipe(settings, 0))
    groups = numbered(cast.group_ids.tolist())
    parts, n_seeds = arm_parts(cast, settings.seed), settings.validate_.seeds
    jobs, keys = [], []
    for seed, arm in product(range(n_seeds), cast.targets):
        recipe = arm_recipe(settings, seed)
        keys.append(arm_key(source, cast, settings, recipe, parts, arm))
        material, keep = Material(films, cast.targets[arm], cast.findings, groups), Keep(folder / f"{keys[-1]}.state", keys[-1])
        what = f"validate on {arm} labels, training {seed + 1} of {n_seeds}"
        jobs.append(partial(remembered, folder, keys[-1], partial(_judge, material, parts, recipe, keep, what)))
    side_by_side = processes(arm_recipe(settings, 0), int(parts.train.sum()), settings.predict.size_px, len(jobs))
    found = run_all(jobs, side_by_side, "validate")
    forget_others(folder, keys)
    probs = np.stack([arrays["probs"].astype(np.float64) for arrays, _ in found])
    return Answers(
        {arm: probs[place :: len(cast.targets)] for place, arm in enumerate(cast.targets)}, sum(was_stored for _, was_stored in found)
    )


def arm_parts(cast: Cast, seed: int) -> Parts:
    """Who trains, calibrates and is judged, the same for all arms: train, validate and test split.

    Where the validate split is too small, patients held out of the train split calibrate, spread by the targets of the first arm.
    """
    from models.experiments import Parts
    from models.folds import hold_out

    train, calibrate = cast.splits == "train", cast.splits == "validate"
    if not cast.has_validate:
        inside = np.flatnonzero(train)
        chosen = hold_out(cast.group_ids[inside].tolist(), next(iter(cast.targets.values()))[inside], CALIBRATE_SHARE, seed)
        calibrate = np.zeros(len(train), np.bool_)
        calibrate[inside[chosen]] = True
        train = train & ~calibrate
    return Parts(train, calibrate, cast.test)


def arm_recipe(settings: Settings, seed: int) -> Recipe:
    """One training; all arms share it, seed included."""
    from models import recipes

    return recipes.from_settings(settings, settings.validate_.epochs, 1000 * settings.seed + 500 + seed)


def _judge(material: Material, parts: Parts, recipe: Recipe, keep: Keep, what: str) -> dict[str, npt.NDArray[np.generic]]:
    from models.experiments import judge

    return {"probs": judge(material, parts, recipe, keep, what).probs}


def arm_key(source: str | None, cast: Cast, settings: Settings, recipe: Recipe, parts: Parts, arm: str) -> str:
    """Digest of everything a training's result follows from."""
    from models import recipes
    from models.memory import array_digest

    return provenance.digest(
        {
            "source": source,
            "size_px": settings.predict.size_px,
            "recipe": recipes.facts(recipe),
            "films": cast.image_ids,
            "findings": cast.findings,
            "arrays": array_digest(cast.targets[arm], parts.train, parts.calibrate, parts.judge),
            "code": provenance.code_digest(),
            "versions": provenance.versions(),
        }
    )[:32]
