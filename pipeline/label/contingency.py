"""Scores of two readings of the same reports, as pure functions of their 4 x 4 tables, and the bootstrap of those tables.

A table counts cells: [..., i, j] is how often one reading (the truth, where there is one) says `STATES[i]` and the other `STATES[j]`.
Every function takes tables of shape (..., 4, 4) and answers shape (...), NaN where the score does not exist.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pipeline.base.labels import STATES, LabelState

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int8]
POSITIVE, NEGATIVE, UNCERTAIN, SILENT = (STATES.index(state) for state in LabelState)
_N = len(STATES)
_BLOCK_CELLS = 4_000_000  # weights held at once


def count(one: Codes, other: Codes) -> Array:
    """Tables of each finding, shape (findings, 4, 4). Both codes have shape (n, findings); one below 0 counts nowhere."""
    return np.asarray(_count(_pairs(one, other), np.ones((1, len(one)), np.float32))[0])


def resample(one: Codes, other: Codes, draws: int, seed: int) -> Array:
    """Tables of `draws` bootstrap samples of the reports, shape (draws, findings, 4, 4); all findings of a report move together."""
    pairs, n = _pairs(one, other), len(one)
    rng = np.random.default_rng(seed)
    size = max(1, _BLOCK_CELLS // max(n, 1))
    blocks = [rng.multinomial(n, np.full(n, 1 / n), size=min(size, draws - start)) for start in range(0, draws, size)] if n else []
    return np.concatenate([_count(pairs, block.astype(np.float32)) for block in blocks]) if blocks else np.zeros((0, one.shape[1], _N, _N))


def _pairs(one: Codes, other: Codes) -> npt.NDArray[np.int8]:
    return np.where((one < 0) | (other < 0), -1, one * _N + other).astype(np.int8)


def _count(pairs: npt.NDArray[np.int8], weights: npt.NDArray[np.float32]) -> Array:
    """Weighted tables, shape (draws, findings, 4, 4)."""
    cells = np.arange(_N * _N, dtype=np.int8)
    tables = [weights @ (column[:, None] == cells).astype(np.float32) for column in pairs.T]
    return np.stack(tables, axis=1).reshape(len(weights), pairs.shape[1], _N, _N).astype(np.float64)


def agreement(table: Array) -> Array:
    """Share of cells with the same state."""
    return divide(np.trace(table, axis1=-2, axis2=-1), table.sum((-2, -1)))


def kappa(table: Array) -> Array:
    """Cohen's kappa (1960) over the four states."""
    total = table.sum((-2, -1))
    observed = divide(np.trace(table, axis1=-2, axis2=-1), total)
    expected = divide((table.sum(-1) * table.sum(-2)).sum(-1), total**2)
    return divide(observed - expected, 1 - expected)


def state_kappa(table: Array, state: int) -> Array:
    """Cohen's kappa of one state against all others."""
    hits, fp, fn = of_state(table, state)
    rest = table.sum((-2, -1)) - hits - fp - fn
    return kappa(np.stack([np.stack([hits, fn], -1), np.stack([fp, rest], -1)], -2))


def of_state(table: Array, state: int) -> tuple[Array, Array, Array]:
    """Hits, false alarms and misses of one state; the first reading is the truth."""
    hits = table[..., state, state]
    return hits, table[..., :, state].sum(-1) - hits, table[..., state, :].sum(-1) - hits


def of_mention(table: Array) -> tuple[Array, Array, Array]:
    """Hits, false alarms and misses of saying that the finding is mentioned at all."""
    said = table[..., :SILENT, :SILENT].sum((-2, -1))
    return said, table[..., SILENT, :SILENT].sum(-1), table[..., :SILENT, SILENT].sum(-1)


def of_states(table: Array) -> tuple[Array, Array, Array]:
    """Hits, false alarms and misses of mentioned cells with exactly the right state."""
    right = np.trace(table[..., :SILENT, :SILENT], axis1=-2, axis2=-1)
    return right, table[..., :SILENT].sum((-2, -1)) - right, table[..., :SILENT, :].sum((-2, -1)) - right


KINDS: dict[str, Callable[[Array], tuple[Array, Array, Array]]] = {
    "positive": lambda table: of_state(table, POSITIVE),
    "negative": lambda table: of_state(table, NEGATIVE),
    "uncertain": lambda table: of_state(table, UNCERTAIN),
    "mention": of_mention,
    "state": of_states,
}


def precision(hits: Array, alarms: Array, misses: Array) -> Array:
    """Share of calls that are right."""
    return divide(hits, hits + alarms)


def recall(hits: Array, alarms: Array, misses: Array) -> Array:
    """Share of the truth that is found."""
    return divide(hits, hits + misses)


def f1(hits: Array, alarms: Array, misses: Array) -> Array:
    """Harmonic mean of precision and recall."""
    return divide(2 * hits, 2 * hits + alarms + misses)


def divide(above: Array, below: Array) -> Array:
    """The quotient, NaN where there is nothing to divide by."""
    made = np.full(np.broadcast(above, below).shape, np.nan)
    return np.asarray(np.divide(above, below, out=made, where=np.asarray(below) != 0))
