"""Where the networks look, always by the fold that never saw the film's patient: a table of maps, and a picture.

The table has the labels that networks and annotators contradict most, for whoever looks at suspected labels later, when the networks
are gone. The picture has of each finding the film they are surest of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.base import tables
from pipeline.base.interfaces import MODELS
from pipeline.base.pictures import enlarged, overlay, png
from pipeline.base.settings import Settings
from pipeline.predict.cells import Array, Cells
from pipeline.predict.crossfit import Opinions
from pipeline.predict.output import CHANCE

if TYPE_CHECKING:
    from models.films import Films

MOST_FINDINGS = 8
# A map costs as much as a step of training a film: few beside the trainings, many beside what anybody looks at.
MOST_MAPS = 256
COLUMNS = 4
TILE_PX = 224
GONE = "the weights of a fold are gone, so nothing shows where it looks; delete HOME/work/predict and run predict again"
FROZEN = "train.frozen keeps no whole network, so nothing shows where it looks"


@dataclass(frozen=True, slots=True)
class Looks:
    """Table `saliency_maps`, the plot by its name, and a warning where there is neither."""

    maps: pa.Table
    plots: dict[str, bytes]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """A film and a finding: its row, the finding's column, the fold that judged it, and the probability it gave."""

    row: int
    column: int
    fold: int
    prob: float


def examples(known: Cells, opinions: Opinions) -> list[Example]:
    """For the findings with most films given as positive, the one with the highest out-of-fold probability; the first of equals."""
    positive = np.nan_to_num(known.sides) > CHANCE
    counts = positive.sum(0)
    most = sorted(sorted(range(len(counts)), key=lambda column: (-counts[column], column))[:MOST_FINDINGS])
    found = []
    for column in most:
        rows = np.flatnonzero(positive[:, column])
        if len(rows):
            row = int(rows[opinions.probs[rows, column].argmax()])
            found.append(Example(row, column, int(opinions.fold[row]), float(opinions.probs[row, column])))
    return found


def contradicted(known: Cells, opinions: Opinions, most: int = MOST_MAPS) -> list[Example]:
    """The labels that network and annotators together contradict most, at most `most`, by row and column; the first of equals."""
    believed = (opinions.probs + known.p_annotators) / 2
    distance = np.nan_to_num(np.abs(believed - known.sides), nan=-1.0).ravel()
    worst = [place for place in np.argsort(-distance, kind="stable")[:most] if distance[place] >= 0]
    cells = (divmod(int(place), len(known.findings)) for place in sorted(worst))
    return [Example(row, column, int(opinions.fold[row]), float(opinions.probs[row, column])) for row, column in cells]


def look(films: Films, known: Cells, opinions: Opinions, settings: Settings) -> Looks:
    """Maps and picture.

    Args:
        films: (n, size, size) in the order of `known.image_ids`.
        known: findings and what the given labels claim.
        opinions: with the weights of the folds.
        settings: of the run.
    """
    nothing, shown, listed = tables.empty("saliency_maps"), examples(known, opinions), contradicted(known, opinions)
    if not opinions.weights:
        return Looks(nothing, {}, (FROZEN,))
    chosen = [*shown, *listed]
    if not chosen:
        return Looks(nothing, {}, ())
    if not all(opinions.weights[one.fold].exists() for one in chosen):
        return Looks(nothing, {}, (GONE,))
    pixels = np.asarray(films[np.array([one.row for one in chosen])], np.uint8)
    maps = _maps(pixels, chosen, opinions.weights, len(known.findings), settings)
    titles = [(known.findings[one.column], one.prob) for one in shown]
    plots = {"predict_saliency": _draw(pixels[: len(shown)], maps[: len(shown)], titles)} if shown else {}
    return Looks(_table(known, listed, maps[len(shown) :], settings.predict.model), plots, ())


def _table(known: Cells, listed: Sequence[Example], maps: Sequence[Array], model: str) -> pa.Table:
    """Table `saliency_maps`; a map that is constant points nowhere and is null."""
    rows = [
        {
            "image_id": known.image_ids[one.row],
            "finding": known.findings[one.column],
            "model": model,
            "fold": one.fold,
            "height_cells": heat.shape[0],
            "width_cells": heat.shape[1],
            "heat": None if np.isnan(heat).any() else np.rint(heat * 255).astype(np.uint8).tobytes(),
        }
        for one, heat in zip(listed, maps, strict=True)
    ]
    return pa.Table.from_pylist(rows, tables.BY_NAME["saliency_maps"].types)


def _maps(
    pixels: npt.NDArray[np.uint8], chosen: list[Example], weights: Sequence[Path], n_findings: int, settings: Settings
) -> list[Array]:
    """Of each example, (h, w); one batch a fold, on the CPU, where a few films cost little and the bytes are always the same."""
    from models import checkpoints
    from models.saliency import grad_cam
    from pipeline.predict.crossfit import fold_recipe

    found: dict[int, Array] = {}
    for number in sorted({one.fold for one in chosen}):
        mine = [place for place, one in enumerate(chosen) if one.fold == number]
        recipe = fold_recipe(settings, number)
        network = MODELS.get(recipe.model)(n_findings, recipe.channels)
        network.load_state_dict(checkpoints.read_state(weights[number]))
        maps = grad_cam(network, pixels[mine], [chosen[place].column for place in mine], recipe.channels)
        found |= dict(zip(mine, maps, strict=True))
    return [found[place] for place in range(len(chosen))]


def _draw(pixels: npt.NDArray[np.uint8], maps: list[Array], titles: list[tuple[str, float]]) -> bytes:
    """PNG: a tile a finding, titled with finding and probability alone."""
    from matplotlib.figure import Figure

    from pipeline.base.images import resize_square

    n_columns = min(COLUMNS, len(titles))
    n_rows = -(-len(titles) // n_columns)
    figure = Figure(figsize=(2.4 * n_columns, 2.75 * n_rows), layout="constrained")
    for place, (film, saliency, (finding, prob)) in enumerate(zip(pixels, maps, titles, strict=True), start=1):
        axes = figure.add_subplot(n_rows, n_columns, place)
        axes.imshow(overlay(resize_square(film, TILE_PX), enlarged(saliency, TILE_PX, TILE_PX)))
        axes.set_title(f"{finding} {prob:.2f}" + (" (map is constant)" if np.isnan(saliency).any() else ""), fontsize=9)
        axes.set_axis_off()
    return png(figure)
