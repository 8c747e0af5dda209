"""One network for use elsewhere, trained on the train split of a home. Opinions on the home's own films are the stage `predict`'s."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from pipeline.base import provenance
from pipeline.base.errors import InputError
from pipeline.base.settings import Settings
from pipeline.base.storage import Home
from pipeline.predict.output import auroc_by_finding
from pipeline.validate import arms, films

if TYPE_CHECKING:
    from models.recipes import Recipe
    from models.training import Material

Labels = Literal["cleaned", "given"]
Rows = dict[str, npt.NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class Made:
    """What `train` made.

    Attributes:
        findings: that the network answers.
        left_out: findings with too few train films.
        films: split -> films; validate are those that calibrated.
        agreement: finding -> AUROC against the labels of the test split, and its positive films.
    """

    findings: tuple[str, ...]
    left_out: tuple[str, ...]
    films: dict[str, int]
    agreement: dict[str, tuple[float, int]]


def train(home: Home, settings: Settings, to: Path, labels: Labels = "cleaned") -> Made:
    """Train on the train split, calibrate on the validate split, and write the network to `to`; a stopped training goes on.

    Args:
        home: with a split.
        settings: `predict` and `train` say how.
        to: file to write, `.safetensors`; the state of the training lies beside it until it ends.
        labels: targets to train on.

    Raises:
        InputError: nothing can be trained, or heads alone are asked for.
    """
    from models import calibration, devices, recipes, trained
    from models.training import Keep, fit, predict_logits

    settings = devices.settle(settings)
    if settings.train.frozen:
        raise InputError("a file for use elsewhere holds a whole network, and train.frozen fits heads alone", "leave train.frozen out")
    found = _cast(home, settings, labels)
    parts = arms.arm_parts(found, settings.seed)
    rows = {"train": parts.train, "validate": parts.calibrate, "test": parts.judge}
    recipe = recipes.from_settings(settings, settings.predict.epochs, settings.seed)
    made_from = _made_from(home, settings, recipe, found, rows, labels)
    material = _material(home, settings, found, rows, labels)
    network = recipes.new_network(recipe, len(found.findings))
    keep = Keep(to.with_suffix(".state"), provenance.digest(made_from))
    fitted = fit(network, material["train"], recipe, "train", held_out=material["validate"], keep=keep)
    held_out, _ = predict_logits(network, material["validate"].films, recipe.channels)
    to_probability = calibration.fit(recipe.calibration, held_out, material["validate"].targets, -fitted.added)
    card = trained.Card(recipe.model, found.findings, settings.predict.size_px, recipe.channels, made_from)
    trained.save(to, trained.Trained(network, to_probability, card))
    logits, _ = predict_logits(network, material["test"].films, recipe.channels)
    counts = {name: int(chosen.sum()) for name, chosen in rows.items()}
    return Made(found.findings, found.left_out, counts, auroc_by_finding(found.findings, material["test"].targets, logits))


def _cast(home: Home, settings: Settings, labels: Labels) -> films.Cast:
    cells = home.sql(f"SELECT image_id, finding, {labels}_target AS {labels} FROM curated ORDER BY image_id, finding")
    found = films.cast(home, settings, cells, (labels,))
    if not found.findings:
        least = settings.predict.min_positives
        raise InputError(
            f"no finding has {least} positive and {least} negative films in the train split",
            "add films, or set predict.min_positives lower",
        )
    return found


def _material(home: Home, settings: Settings, found: films.Cast, rows: Rows, labels: Labels) -> dict[str, Material]:
    from models.experiments import subset
    from models.films import load_films
    from models.folds import numbered
    from models.training import Material

    pixels = load_films(home, found.image_ids, settings.predict.size_px)
    whole = Material(pixels, found.targets[labels], found.findings, numbered(found.group_ids.tolist()))
    return {name: subset(whole, chosen) for name, chosen in rows.items()}


def _made_from(home: Home, settings: Settings, recipe: Recipe, found: films.Cast, rows: Rows, labels: Labels) -> dict[str, object]:
    from models import recipes
    from models.memory import array_digest

    return {
        "recipe": recipes.facts(replace(recipe, checkpoint=None)),
        "checkpoint": None if recipe.checkpoint is None else provenance.file_sha256(recipe.checkpoint),
        "labels": labels,
        "films": provenance.digest([home.table_digest("images"), found.image_ids, settings.predict.size_px]),
        "targets": array_digest(found.targets[labels], *rows.values()),
        "commit": provenance.commit(),
        "code": provenance.code_digest(),
        "versions": provenance.versions(),
    }
