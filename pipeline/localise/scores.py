"""How well maps agree with boxes: pointing game (Zhang et al. 2018) and intersection over union, with intervals over patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.validate.bootstrap import interval

Array = npt.NDArray[np.float64]
# Sides of a box as shares of the film's width and height: x_min, y_min, x_max, y_max.
Sides = tuple[float, float, float, float]

GRID = 512
MIN_PATIENTS = 10
POINTING, IOU = "pointing_game", "iou"


@dataclass(frozen=True, slots=True)
class Looked:
    """One film and finding with its boxes.

    Attributes:
        film: its file without suffix.
        patient: whom it belongs to.
        finding: whose boxes.
        boxes: at least one.
        prob: calibrated probability of the finding.
        saliency: (h, w) in [0, 1], NaN where constant.
        hit: whether its peak lies in a box; a constant map has none.
        iou: of the map at the threshold and the boxes together; 0 of a constant map.
        box_share: of the film that lies in boxes: what a random point hits, and the IoU of the whole film.
    """

    film: str
    patient: str
    finding: str
    boxes: tuple[Sides, ...]
    prob: float
    saliency: Array
    hit: bool
    iou: float
    box_share: float


def inside(boxes: Sequence[Sides], size: int = GRID) -> npt.NDArray[np.bool_]:
    """Which cells of a grid, (size, size), have their centre in a box."""
    centres = (np.arange(size) + 0.5) / size
    found = np.zeros((size, size), np.bool_)
    for x_min, y_min, x_max, y_max in boxes:
        found |= ((centres >= y_min) & (centres < y_max))[:, None] & ((centres >= x_min) & (centres < x_max))[None, :]
    return found


def hits(peak: tuple[float, float] | None, boxes: Sequence[Sides]) -> bool:
    """Whether a point, shares of width and height, lies in a box."""
    return peak is not None and any(x_min <= peak[0] <= x_max and y_min <= peak[1] <= y_max for x_min, y_min, x_max, y_max in boxes)


def overlap(heat: Array, boxes: Sequence[Sides], threshold: float) -> float:
    """Intersection over union of where a map, (size, size), reaches the threshold and the boxes; 0 of a constant map.

    Args:
        heat: in [0, 1], or NaN.
        boxes: at least one.
        threshold: at which a cell counts as seen.
    """
    seen, drawn = heat >= threshold, inside(boxes, len(heat))
    union = int((seen | drawn).sum())
    return float((seen & drawn).sum() / union) if union else 0.0


def table(looked: Sequence[Looked], threshold: float, n_draws: int = 1000, seed: int = 0) -> pd.DataFrame:
    """One row a finding and metric.

    Estimate and interval are null where fewer than `MIN_PATIENTS` patients have the finding's boxes.

    Args:
        looked: films and findings.
        threshold: that `Looked.iou` was made at.
        n_draws: resamples.
        seed: of them.
    """
    rows = []
    for finding in sorted({one.finding for one in looked}):
        mine = [one for one in looked if one.finding == finding]
        patients = [one.patient for one in mine]
        facts = {
            "n_films": len(mine),
            "n_patients": len(set(patients)),
            "n_constant_maps": sum(bool(np.isnan(one.saliency).any()) for one in mine),
            "box_share": float(np.mean([one.box_share for one in mine])),
        }
        for metric, values in ((POINTING, [float(one.hit) for one in mine]), (IOU, [one.iou for one in mine])):
            estimate, low, high = _estimate(np.array(values), patients, n_draws, np.random.default_rng(seed))
            at = threshold if metric == IOU else None
            rows.append(
                {"finding": finding, "metric": metric, "threshold": at, "estimate": estimate, "ci_low": low, "ci_high": high, **facts}
            )
    made = pd.DataFrame(rows)
    return made.astype(dict.fromkeys(("threshold", "estimate", "ci_low", "ci_high"), "float64")) if rows else made


def _estimate(
    values: Array, patients: Sequence[str], n_draws: int, rng: np.random.Generator
) -> tuple[float | None, float | None, float | None]:
    """Mean over films, and its 95 % interval by resampling patients with all their films."""
    _, member = np.unique(np.asarray(patients), return_inverse=True)
    n = int(member.max()) + 1
    if n < MIN_PATIENTS:
        return None, None, None
    mean = float(values.mean())
    if mean in (0.0, 1.0):
        # Resamples of equal values never differ: the exact binomial bound over patients instead (Clopper and Pearson 1934).
        edge = 0.025 ** (1 / n)
        return (mean, edge, 1.0) if mean else (mean, 0.0, 1 - edge)
    totals, films = np.bincount(member, values, n), np.bincount(member, minlength=n)
    counts = rng.multinomial(n, np.full(n, 1 / n), size=n_draws)
    low, high = interval((counts @ totals) / (counts @ films)) or (None, None)
    return mean, low, high
