"""What a film's thumbnail says: how it stands (polarity, rotation, view, side), an adult's or a child's build, how unlike the set it is.

Linear scores of its low frequencies, and for the side a network of one hidden layer, trained on phantoms of the sample hospital and on
films by `python benchmarks/train_film_checks.py`; weights are film_checks.csv and mirrored.csv, their card is in docs/stages/exclude.md.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.base.thumbnails import SIDE_PX, cosines, low_frequencies, ranks, resampling

Floats = npt.NDArray[np.float64]
Blocks = Callable[[], Iterable[npt.NDArray[np.float32]]]
Network = tuple[Floats, Floats, Floats]
WEIGHTS, SIDE_WEIGHTS = (Path(__file__).with_name(name) for name in ("film_checks.csv", "mirrored.csv"))
FREQUENCIES = 12
N_LOW = len(low_frequencies(FREQUENCIES))
CHECKS = ("positive", "upright", "not_turned_left", "not_turned_right", "frontal")
# Log odds of an adult's build, a column of the same weights.
ADULT = "adult"
# Fewer films than frequencies make no covariance.
_FEWEST = 100
# Films this many times as far off as the median film are left out when the set is described again.
_FAR, _ROUNDS = 2.5, 3
_SHRINKAGE = 0.05
# Films to a block: work on them stays small.
BLOCK = 8192
# A film is taken as it is unless one of these scores falls below its bound: between what real films score and what the same films
# changed so score (benchmarks/bench_film_checks.py).
_BOUNDS = {"positive": -0.2, "upright": -0.25, "not_turned_left": -0.25, "not_turned_right": -0.25}
_LATERAL_BELOW = -0.6
_UNLIKE_FROM = 4.25
# Log odds that one in 200 real films fell below whose side is right; and of builds, that one in 200 adults fell below and no child under 11
# came above. All of films of patients that the weights had not seen.
MIRRORED_BELOW = -3.4
CHILD_BELOW, ADULT_ABOVE = 1.5, 2.5


class Looks(NamedTuple):
    """What films show each for itself.

    Attributes:
        low: low frequencies of the exposed fields, shape (n, 77).
        is_inverted: shape (n,).
        turned_degrees: shape (n,).
        not_mirrored: shape (n,).
        adult: shape (n,).
    """

    low: npt.NDArray[np.float32]
    is_inverted: npt.NDArray[np.bool_]
    turned_degrees: npt.NDArray[np.int16]
    not_mirrored: Floats
    adult: Floats


def check_films(films: pd.DataFrame) -> pd.DataFrame:
    """Scores of films and what follows from them, one row a film; of so many as fit in memory, `pipeline.exclude.film_set` has no bound.

    Args:
        films: as of `looks`.

    Returns:
        As of `judged`, on the index of `films`.
    """
    blocks = [looks(films.iloc[start : start + BLOCK]) for start in range(0, max(len(films), 1), BLOCK)]
    found = Looks(*(np.concatenate(column) for column in zip(*blocks, strict=True)))
    return judged(found, unlikeness(lambda: [found.low])).set_index(films.index)


def looks(films: pd.DataFrame) -> Looks:
    """What each film shows for itself.

    Args:
        films: `thumbnail`, `field_left`, `field_top`, `field_right`, `field_bottom`; films are not constant.
    """
    fields = films[["field_left", "field_top", "field_right", "field_bottom"]].to_numpy(np.float64)
    thumbnails = np.frombuffer(b"".join(films["thumbnail"]), np.uint8).reshape(-1, SIDE_PX, SIDE_PX)
    inner = in_field(thumbnails, fields)
    low = features(inner)
    return Looks(low.astype(np.float32), *posture(inner), not_mirrored(low), adult(features(thumbnails)))


def judged(found: Looks, far: Floats) -> pd.DataFrame:
    """The columns of `film_checks` but for the film's name, one row a film.

    A film that stands or shines otherwise scores low everywhere, so view, side, build and likeness are judged on the others.

    Args:
        found: of some films.
        far: their `unlikeness`.
    """
    scored = pd.DataFrame(scores(found.low.astype(np.float64)), columns=list(CHECKS))
    is_as_taken = ~found.is_inverted & (found.turned_degrees == 0)
    is_lateral = is_as_taken & scored["frontal"].lt(_LATERAL_BELOW).to_numpy()
    is_usual = is_as_taken & ~is_lateral
    return scored.assign(
        not_mirrored=found.not_mirrored,
        adult=found.adult,
        unlikeness=far,
        is_inverted=found.is_inverted,
        turned_degrees=found.turned_degrees,
        is_lateral=is_lateral,
        is_mirrored=is_usual & (found.not_mirrored < MIRRORED_BELOW),
        age_band=_age_band(pd.Series(found.adult)).where(is_usual, None),
        is_unlike=is_usual & (far > _UNLIKE_FROM),
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
    """One column for each of CHECKS, shape (n, 5): +1 as phantoms are, -1 as phantoms changed so are. A lateral faces either side."""
    weights, offsets = _weights()
    weights, offsets = weights[:, : len(CHECKS)], offsets[: len(CHECKS)]
    found = low @ weights + offsets
    frontal = CHECKS.index("frontal")
    other_side = mirror(low) @ weights[:, frontal] + offsets[frontal]
    found[:, frontal] = np.minimum(found[:, frontal], other_side)
    return np.asarray(found, np.float64)


def is_odd() -> npt.NDArray[np.bool_]:
    """Which of the low frequencies, shape (77,), a flip from left to right negates."""
    return np.asarray(low_frequencies(FREQUENCIES)[:, 1] % 2 == 1)


def mirror(low: Floats) -> Floats:
    """Low frequencies, shape (n, 77), of the same films flipped left to right."""
    return low * np.where(is_odd(), -1, 1)


def not_mirrored(low: Floats, network: Network | None = None) -> Floats:
    """Log odds, shape (n,), that chests are not flipped left to right; of a flipped chest they are the same, negated.

    Args:
        low: low frequencies of exposed fields, shape (n, 77).
        network: weights into the hidden units, shape (77, h), their offsets and the weights out of them, shapes (h,); the shipped ones.
    """
    into, at, out = network or _side_weights()
    straight, other = (np.maximum(rows @ into + at, 0) @ out for rows in (low, mirror(low)))
    return np.asarray((straight - other) / 2, np.float64)


def adult(low: Floats) -> Floats:
    """Log odds, shape (n,), of an adult's build, from the low frequencies of whole films, shape (n, 77), as the body fills a film."""
    weights, offsets = _weights()
    return np.asarray(low @ weights[:, -1] + offsets[-1], np.float64)


def _age_band(log_odds: pd.Series) -> pd.Series:
    """Child or adult where the build is plain, else None."""
    band = pd.Series(None, log_odds.index, dtype=object)
    return band.mask(log_odds < CHILD_BELOW, "child").mask(log_odds > ADULT_ABOVE, "adult")


def unlikeness(blocks: Blocks) -> Floats:
    """Squared Mahalanobis distance to the set, shape (n,), over its median; far films are left out of mean and covariance.

    Args:
        blocks: answers the low frequencies of all films in blocks, shape (m, 77), in the same order each time it is called.

    Returns:
        NaN where there are too few films.
    """
    n = sum(len(low) for low in blocks())
    if n < _FEWEST:
        return np.full(n, np.nan)
    near = np.ones(n, bool)
    distance = np.zeros(n)
    for _ in range(_ROUNDS):
        mean, covariance = _moments(blocks, near)
        covariance += _SHRINKAGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
        distance = np.concatenate([_squared(low - mean, covariance) for low in blocks()])
        distance /= np.median(distance)
        near = distance < _FAR
    return distance


def _moments(blocks: Blocks, near: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Mean, shape (77,), and covariance, shape (77, 77), of the films that are near; in two passes, which lose no digits."""
    n, mean, scatter = int(near.sum()), np.zeros(N_LOW), np.zeros((N_LOW, N_LOW))
    for low in _chosen(blocks, near):
        mean += low.sum(axis=0) / n
    for low in _chosen(blocks, near):
        scatter += (low - mean).T @ (low - mean)
    return mean, scatter / (n - 1)


def _chosen(blocks: Blocks, near: npt.NDArray[np.bool_]) -> Iterator[Floats]:
    start = 0
    for low in blocks():
        yield low[near[start : start + len(low)]].astype(np.float64)
        start += len(low)


def _squared(off: Floats, covariance: Floats) -> Floats:
    return np.asarray(np.einsum("ij,ij->i", off, np.linalg.solve(covariance, off.T).T), np.float64)


@cache
def _weights() -> tuple[Floats, Floats]:
    """Weights, shape (77, 6), and offsets, shape (6,), of CHECKS and ADULT."""
    with WEIGHTS.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    values = np.array([[float(row[check]) for check in (*CHECKS, ADULT)] for row in rows])
    return values[1:], values[0]


@cache
def _side_weights() -> Network:
    with SIDE_WEIGHTS.open(encoding="utf-8", newline="") as handle:
        rows = np.array([[float(value) for value in row] for row in csv.reader(handle)])
    return rows[:-2], rows[-2], rows[-1]
