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
# Fewer films than frequencies make no covariance.
_FEWEST = 100
# Films this many times as far off as the median film are left out when the set is described again.
_FAR, _ROUNDS = 2.5, 3
_SHRINKAGE = 0.05
_BLOCK = 8192
# A film is taken as it is unless one of these scores falls below its bound: between what real films score and what the same films
# changed so score (benchmarks/bench_film_checks.py).
_BOUNDS = {"positive": -0.2, "upright": -0.25, "not_turned_left": -0.25, "not_turned_right": -0.25}
_LATERAL_BELOW = -0.6
_UNLIKE_FROM = 4.25


def check_films(films: pd.DataFrame) -> pd.DataFrame:
    """Scores of films and what follows from them, one row a film.

    Args:
        films: `thumbnail` and `field_left`, `field_top`, `field_right`, `field_bottom`; films are not constant.

    Returns:
        On the index of `films` the columns CHECKS and `unlikeness`, `is_inverted`, `turned_degrees`, `is_lateral` and `is_unlike`.
        A film that stands or shines otherwise scores low everywhere, so view and likeness are judged on the others.
    """
    fields = films[["field_left", "field_top", "field_right", "field_bottom"]].to_numpy(np.float64)
    low = np.zeros((len(films), len(low_frequencies(FREQUENCIES))))
    is_inverted, degrees = np.zeros(len(films), bool), np.zeros(len(films), np.int16)
    for start in range(0, len(films), _BLOCK):
        block = slice(start, start + _BLOCK)
        thumbnails = np.frombuffer(b"".join(films["thumbnail"].iloc[block]), np.uint8).reshape(-1, SIDE_PX, SIDE_PX)
        inner = in_field(thumbnails, fields[block])
        low[block] = features(inner)
        is_inverted[block], degrees[block] = posture(inner)
    scored = pd.DataFrame(scores(low), index=films.index, columns=list(CHECKS))
    is_as_taken = ~is_inverted & (degrees == 0)
    far = unlikeness(low) if len(films) >= _FEWEST else np.full(len(films), np.nan)
    is_lateral = is_as_taken & scored["frontal"].lt(_LATERAL_BELOW).to_numpy()
    return scored.assign(
        unlikeness=far,
        is_inverted=is_inverted,
        turned_degrees=degrees,
        is_lateral=is_lateral,
        is_unlike=is_as_taken & ~is_lateral & (far > _UNLIKE_FROM),
    )


def posture(thumbnails: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int16]]:
    """Whether each film, shape (n, 32, 32), is a negative, and by how many degrees it was turned clockwise.

    A film that scores below a bound is set back in each way; the way whose worst score is best is believed. Negatives that are turned as
    well are not looked for: they look much like upright films.
    """
    judged = [CHECKS.index(check) for check in _BOUNDS]
    odd = np.flatnonzero((scores(features(thumbnails))[:, judged] < list(_BOUNDS.values())).any(axis=1))
    ways = [(False, 0), (False, 1), (False, 2), (False, 3), (True, 0)]
    worst = np.stack([_worst(thumbnails[odd], is_negative, turns, judged) for is_negative, turns in ways], axis=1)
    believed = worst.argmax(axis=1)
    is_inverted, degrees = np.zeros(len(thumbnails), bool), np.zeros(len(thumbnails), np.int16)
    is_inverted[odd] = np.array([is_negative for is_negative, _ in ways])[believed]
    degrees[odd] = np.array([90 * turns for _, turns in ways])[believed]
    return is_inverted, degrees


def _worst(thumbnails: npt.NDArray[np.uint8], is_negative: bool, turns: int, judged: list[int]) -> Floats:
    """The lowest of the judged scores, shape (n,), of films inverted and turned to the left by 90 degrees so many times."""
    back = np.ascontiguousarray(np.rot90(thumbnails, turns, (1, 2)))
    low = features(back) * (-1 if is_negative else 1)
    return np.asarray(scores(low)[:, judged].min(axis=1), np.float64)


def in_field(thumbnails: npt.NDArray[np.uint8], fields: Floats) -> npt.NDArray[np.uint8]:
    """The exposed fields (left, top, right, bottom as shares), shape (n, 4), of thumbnails, shape (n, 32, 32), stretched to 32 x 32."""
    inner = thumbnails.copy()
    for row in np.flatnonzero((fields != (0, 0, 1, 1)).any(axis=1)):
        left, top, right, bottom = fields[row]
        inner[row] = np.rint(resampling(top, bottom) @ thumbnails[row] @ resampling(left, right).T)
    return inner


def features(thumbnails: npt.NDArray[np.uint8]) -> Floats:
    """Low frequencies of the ranks, shape (n, 77), of thumbnails, shape (n, 32, 32)."""
    films = ranks(thumbnails.reshape(len(thumbnails), SIDE_PX**2)).astype(np.float32)
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
