"""What a film's thumbnail says of how it stands: polarity, rotation, view; and how unlike the other films of the set it is.

Linear discriminants on the low frequencies of the exposed field, trained on phantoms of the sample hospital by
`python benchmarks/train_film_checks.py`; the weights are film_checks.csv, their card is in docs/stages/exclude.md.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.base.thumbnails import SIDE_PX, cosines, low_frequencies, ranks, resampling

Floats = npt.NDArray[np.float64]
WEIGHTS = Path(__file__).with_name("film_checks.csv")
FREQUENCIES = 12
CHECKS = ("positive", "upright", "not_turned_left", "not_turned_right", "frontal", "not_mirrored")
UNLIKENESS = "unlikeness"
# Fewer films than frequencies make no covariance.
_FEWEST = 100
# Films this many times as far off as the median film are left out when the set is described again.
_FAR, _ROUNDS = 2.5, 3
_SHRINKAGE = 0.05
_BLOCK = 8192
# Bounds between what real films score and what the same films changed so score (benchmarks/bench_film_checks.py).
BOUNDS = {"positive": -0.2, "upright": -0.25, "not_turned_left": -0.25, "not_turned_right": -0.25, "frontal": -0.6}
UNLIKE_FROM = 4.25


def contradiction(films: pd.DataFrame) -> pd.Series:
    """inverted, rotated, lateral or unlike, or null, for each row of `films`, which has the columns of `check_films`.

    A negative scores low in the other checks too, and a rotated film in the view, so the first that speaks is the only one.
    """
    answer = pd.Series(None, films.index, dtype=object)
    answer[films[UNLIKENESS] > UNLIKE_FROM] = "unlike"
    answer[films["frontal"] < BOUNDS["frontal"]] = "lateral"
    for check in ("upright", "not_turned_left", "not_turned_right"):
        answer[films[check] < BOUNDS[check]] = "rotated"
    answer[films["positive"] < BOUNDS["positive"]] = "inverted"
    return answer


def check_films(films: pd.DataFrame) -> pd.DataFrame:
    """Scores of films, one row a film.

    Args:
        films: `thumbnail` and `field_left`, `field_top`, `field_right`, `field_bottom`; films are not constant.

    Returns:
        The columns CHECKS and UNLIKENESS on the index of `films`.
    """
    fields = films[["field_left", "field_top", "field_right", "field_bottom"]].to_numpy(np.float64)
    low = np.zeros((len(films), len(low_frequencies(FREQUENCIES))))
    for start in range(0, len(films), _BLOCK):
        block = slice(start, start + _BLOCK)
        thumbnails = np.frombuffer(b"".join(films["thumbnail"].iloc[block]), np.uint8).reshape(-1, SIDE_PX, SIDE_PX)
        low[block] = features(in_field(thumbnails, fields[block]))
    scored = pd.DataFrame(scores(low), index=films.index, columns=list(CHECKS))
    return scored.assign(**{UNLIKENESS: unlikeness(low) if len(films) >= _FEWEST else np.nan})


def in_field(thumbnails: npt.NDArray[np.uint8], fields: Floats) -> npt.NDArray[np.uint8]:
    """The exposed fields (left, top, right, bottom as shares), shape (n, 4), of thumbnails, shape (n, 32, 32), stretched to 32 x 32."""
    inner = thumbnails.copy()
    for row in np.flatnonzero((fields != (0, 0, 1, 1)).any(axis=1)):
        left, top, right, bottom = fields[row]
        inner[row] = np.rint(resampling(top, bottom) @ thumbnails[row] @ resampling(left, right).T)
    return inner


def features(thumbnails: npt.NDArray[np.uint8]) -> Floats:
    """Low frequencies of the ranks, shape (n, 77), of thumbnails, shape (n, 32, 32)."""
    films = ranks(thumbnails.reshape(len(thumbnails), -1)).astype(np.float32)
    return np.asarray(films @ cosines(FREQUENCIES) / 127, np.float64)


def scores(low: Floats) -> Floats:
    """One column for each of CHECKS, shape (n, 6): +1 as phantoms are, -1 as phantoms changed so are. A lateral faces either side."""
    weights, offsets = _weights()
    found = low @ weights + offsets
    frontal = CHECKS.index("frontal")
    is_odd = low_frequencies(FREQUENCIES)[:, 1] % 2 == 1
    other_side = (low * np.where(is_odd, -1, 1)) @ weights[:, frontal] + offsets[frontal]
    found[:, frontal] = np.minimum(found[:, frontal], other_side)
    return np.asarray(found, np.float64)


def unlikeness(low: Floats) -> Floats:
    """Squared Mahalanobis distance to the set, shape (n,), over its median; far films are left out of mean and covariance."""
    near = np.ones(len(low), bool)
    distance = np.zeros(len(low))
    for _ in range(_ROUNDS):
        mean, covariance = low[near].mean(axis=0), np.cov(low[near].T)
        covariance += _SHRINKAGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
        off = low - mean
        distance = np.einsum("ij,ij->i", off, np.linalg.solve(covariance, off.T).T)
        distance /= np.median(distance)
        near = distance < _FAR
    return distance


@cache
def _weights() -> tuple[Floats, Floats]:
    """Weights, shape (77, 6), and offsets, shape (6,), of CHECKS."""
    with WEIGHTS.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    values = np.array([[float(row[check]) for check in CHECKS] for row in rows])
    return values[1:], values[0]
