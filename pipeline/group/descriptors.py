"""A film's 32 x 32 thumbnail as a short vector that survives another window, the negative, a flip, a turn and a small crop.

Grey values become ranks, so any monotone window leaves them as they are. A film is set upright and positive by the mean of all films;
the side it is flipped to and how much is cut off its edges cannot be seen on one film, so the search asks for each (`Variant`). The low
frequencies of a cosine transform are whitened by the films' own covariance: what all chests share counts for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.base.thumbnails import SIDE_PX, Floats, Ranks, blocks, cosines, low_frequencies, ranks

# Frequencies u + v below this: 104 numbers. Beyond, a crop of 5 % and another film look alike.
_FREQUENCIES = 14
# Films that the mean and the covariance are estimated from, at most, evenly spread.
_ESTIMATED_FROM = 20_000
# Where many films stand otherwise, the mean film becomes clear only when they are set upright by it.
_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Variant:
    """How a film may have been changed: flipped left to right, and cut by `trim` of its side at every edge."""

    is_flipped: bool
    trim: float


# A film cut by up to 5 % at any edge is within 2.5 % of one of these.
VARIANTS = tuple(Variant(is_flipped, trim) for is_flipped in (False, True) for trim in (0.0, 0.022, 0.045))
# What sets a film upright, up to a flip left to right, as matrices of (x, y): nothing, upside down, transposed, and both.
TURNS = np.array([[[1, 0], [0, 1]], [[1, 0], [0, -1]], [[0, 1], [1, 0]], [[0, 1], [-1, 0]]])


def turned(film: npt.NDArray[np.generic], turn: int) -> npt.NDArray[np.generic]:
    """A film, or a stack of films with rows and columns last, by one of `TURNS`."""
    film = film.swapaxes(-1, -2) if turn >= 2 else film
    return film[..., ::-1, :] if turn % 2 else film


@dataclass(frozen=True, slots=True)
class Described:
    """All films of a set.

    Attributes:
        upright: ranks of the grey values after turning and inverting, shape (n, 1024).
        mean, whitening: of the low frequencies, shapes (104,) and (104, 104).
        turns: index into TURNS that sets a film upright, shape (n,).
        is_negative: whether the film had to be inverted, shape (n,).
    """

    upright: Ranks
    mean: Floats
    whitening: Floats
    turns: npt.NDArray[np.intp]
    is_negative: npt.NDArray[np.bool_]

    def vectors(self, variant: Variant) -> Floats:
        """Unit vectors, shape (n, 104), of the films changed so; the dot product of two is their likeness."""
        projection = _basis(variant) @ self.whitening
        offset = self.mean @ self.whitening
        rows = np.concatenate([block.astype(np.float32) @ projection - offset for block in blocks(self.upright)])
        return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), np.float32)


def describe(thumbnails: npt.NDArray[np.uint8]) -> Described:
    """Descriptors of films that are not constant.

    Args:
        thumbnails: grey values, shape (n, 1024), row by row.
    """
    films = np.concatenate([ranks(block) for block in blocks(thumbnails)])
    some = films[:: max(len(films) // _ESTIMATED_FROM, 1)]
    mean = some.mean(axis=0, dtype=np.float32)
    for _ in range(_ROUNDS):
        sample = some.copy()
        _set_upright(sample, *_posture(sample, mean))
        mean = sample.mean(axis=0, dtype=np.float32)
    turns, is_negative = _posture(films, mean)
    _set_upright(films, turns, is_negative)
    low = some.astype(np.float32) @ _basis(VARIANTS[0])
    return Described(films, np.asarray(low.mean(axis=0), np.float32), _whitening(low), turns, is_negative)


def _posture(films: Ranks, mean: Floats) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """For each film the turn of TURNS that brings it nearest to the mean film or to its negative, and whether it is the negative."""
    square = mean.reshape(SIDE_PX, SIDE_PX)
    symmetric = square + square[:, ::-1]
    # The mean is turned back, which is cheaper than turning all films.
    means = np.stack([turned(turned(symmetric, turn % 2), turn - turn % 2).ravel() for turn in range(len(TURNS))], axis=1)
    likeness = np.concatenate([block.astype(np.float32) @ means for block in blocks(films)])
    turns = np.abs(likeness).argmax(axis=1)
    return turns, likeness[np.arange(len(films)), turns] < 0


def _set_upright(films: Ranks, turns: npt.NDArray[np.intp], is_negative: npt.NDArray[np.bool_]) -> None:
    """Turn and invert films in place."""
    for turn in range(1, len(TURNS)):
        chosen = np.flatnonzero(turns == turn)
        films[chosen] = turned(films[chosen].reshape(-1, SIDE_PX, SIDE_PX), turn).reshape(-1, SIDE_PX**2)
    films[is_negative] *= -1


def _basis(variant: Variant) -> Floats:
    """From 1024 pixels to the low frequencies of the film changed so: flipping negates odd frequencies across."""
    is_odd = low_frequencies(_FREQUENCIES)[:, 1] % 2 == 1
    return cosines(_FREQUENCIES, variant.trim) * np.where(variant.is_flipped & is_odd, -1, 1).astype(np.float32)


def _whitening(low: Floats) -> Floats:
    """Inverse root of the covariance, shrunk towards its diagonal by dimensions / (dimensions + films)."""
    n, dimensions = low.shape
    covariance = np.cov(low.astype(np.float64).T) if n > 1 else np.eye(dimensions)
    shrinkage = dimensions / (dimensions + n)
    covariance = (1 - shrinkage) * covariance + shrinkage * np.diag(np.diag(covariance))
    values, axes = np.linalg.eigh(covariance + 1e-6 * np.eye(dimensions))
    return np.asarray(axes / np.sqrt(values), np.float32)
