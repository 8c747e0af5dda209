"""The picture of where the networks look: of each finding the film they are surest of, seen by the fold that never saw its patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipeline.base.interfaces import MODELS
from pipeline.base.pictures import overlay, png
from pipeline.base.settings import Settings
from pipeline.predict.cells import Array, Cells
from pipeline.predict.crossfit import Opinions
from pipeline.predict.output import CHANCE

if TYPE_CHECKING:
    from models.films import Films

MOST_FINDINGS = 8
COLUMNS = 4
TILE_PX = 224
GONE = "the weights of a fold are gone, so the picture of where it looks is not drawn; delete HOME/work/predict and run predict again"
FROZEN = "train.frozen keeps no whole network, so the picture of where it looks is not drawn"


@dataclass(frozen=True, slots=True)
class Example:
    """A film that shows a finding: its row, the finding's column, the fold that judged it, and the probability it gave."""

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


def picture(films: Films, known: Cells, opinions: Opinions, settings: Settings) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """The plot by its name, and a warning where there is none.

    Args:
        films: (n, size, size) in the order of `known.image_ids`.
        known: findings and what the given labels claim.
        opinions: with the weights of the folds.
        settings: of the run.
    """
    if not opinions.weights:
        return {}, (FROZEN,)
    chosen = examples(known, opinions)
    if not chosen:
        return {}, ()
    if not all(opinions.weights[one.fold].exists() for one in chosen):
        return {}, (GONE,)
    pixels = np.asarray(films[np.array([one.row for one in chosen])], np.uint8)
    maps = _maps(pixels, chosen, opinions.weights, len(known.findings), settings)
    return {"predict_saliency": _draw(pixels, maps, [(known.findings[one.column], one.prob) for one in chosen])}, ()


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

    from models.saliency import enlarged
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
