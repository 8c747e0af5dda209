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
from pipeline.predict.cells import Array, enough, pivot
from pipeline.predict.output import auroc_by_finding

if TYPE_CHECKING:
    from models.recipes import Recipe
    from models.training import Material

Labels = Literal["cleaned", "given"]
CALIBRATE_SHARE = 0.2
LEAST_CALIBRATION_FILMS = 20


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


@dataclass(frozen=True, slots=True)
class _Films:
    """Films of a home with a split: ids (n,), groups (n,), targets (n, findings), and who trains, calibrates and is held out."""

    image_ids: list[str]
    groups: list[str]
    findings: tuple[str, ...]
    left_out: tuple[str, ...]
    targets: Array
    parts: dict[str, npt.NDArray[np.bool_]]


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
    found = _read(home, settings, labels)
    recipe = recipes.from_settings(settings, settings.predict.epochs, settings.seed)
    made_from = _made_from(home, settings, recipe, found, labels)
    material = _material(home, settings, found)
    network = recipes.new_network(recipe, len(found.findings))
    keep = Keep(to.with_suffix(".state"), provenance.digest(made_from))
    fitted = fit(network, material["train"], recipe, "train", held_out=material["validate"], keep=keep)
    held_out, _ = predict_logits(network, material["validate"].films, recipe.channels)
    to_probability = calibration.fit(recipe.calibration, held_out, material["validate"].targets, -fitted.added)
    card = trained.Card(recipe.model, found.findings, settings.predict.size_px, recipe.channels, made_from)
    trained.save(to, trained.Trained(network, to_probability, card))
    logits, _ = predict_logits(network, material["test"].films, recipe.channels)
    counts = {name: int(rows.sum()) for name, rows in found.parts.items()}
    return Made(found.findings, found.left_out, counts, auroc_by_finding(found.findings, material["test"].targets, logits))


def _read(home: Home, settings: Settings, labels: Labels) -> _Films:
    from models.folds import hold_out

    films = home.sql(
        "SELECT image_id, any_value(group_id) AS group_id, any_value(split) AS split FROM curated GROUP BY image_id ORDER BY image_id"
    )
    cells = home.sql(f"SELECT image_id, finding, {labels}_target AS target FROM curated ORDER BY image_id, finding")
    image_ids, groups = films["image_id"].to_pylist(), films["group_id"].to_pylist()
    split = np.array(films["split"].to_pylist(), dtype=object)
    parts = {name: split == name for name in ("train", "validate", "test")}
    findings = sorted(set(cells["finding"].to_pylist()))
    values = cells["target"].cast("float64").fill_null(np.nan).to_numpy()
    targets = pivot(image_ids, findings, cells["image_id"].to_pylist(), cells["finding"].to_pylist(), values)
    chosen = enough(targets[parts["train"]], settings.predict.min_positives)
    if not chosen.any():
        least = settings.predict.min_positives
        raise InputError(
            f"no finding has {least} positive and {least} negative films in the train split",
            "add films, or set predict.min_positives lower",
        )
    names = [tuple(name for name, is_one in zip(findings, chosen, strict=True) if is_one == wanted) for wanted in (True, False)]
    targets = targets[:, chosen]
    if parts["validate"].sum() < LEAST_CALIBRATION_FILMS:
        inside = np.flatnonzero(parts["train"])
        held_out = inside[hold_out([groups[row] for row in inside], targets[inside], CALIBRATE_SHARE, settings.seed)]
        parts["validate"] = np.isin(np.arange(len(split)), held_out)
        parts["train"] = parts["train"] & ~parts["validate"]
    return _Films(image_ids, groups, names[0], names[1], targets, parts)


def _material(home: Home, settings: Settings, found: _Films) -> dict[str, Material]:
    from models.experiments import subset
    from models.films import load_films
    from models.folds import numbered
    from models.training import Material

    pixels = load_films(home, found.image_ids, settings.predict.size_px)
    whole = Material(pixels, found.targets, found.findings, numbered(found.groups))
    return {name: subset(whole, rows) for name, rows in found.parts.items()}


def _made_from(home: Home, settings: Settings, recipe: Recipe, found: _Films, labels: Labels) -> dict[str, object]:
    from models import recipes
    from models.memory import array_digest

    return {
        "recipe": recipes.facts(replace(recipe, checkpoint=None)),
        "checkpoint": None if recipe.checkpoint is None else provenance.file_sha256(recipe.checkpoint),
        "labels": labels,
        "films": provenance.digest([home.table_digest("images"), found.image_ids, settings.predict.size_px]),
        "targets": array_digest(found.targets, *found.parts.values()),
        "commit": provenance.commit(),
        "code": provenance.code_digest(),
        "versions": provenance.versions(),
    }
