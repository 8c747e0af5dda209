"""Folds that part no group, with every finding spread over them. Two patients' films never share a group unless `group` joined them.

Iterative stratification (Sechidis et al. 2011) over groups: rare findings are dealt out first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.base.errors import InputError


def numbered(groups: Sequence[str]) -> npt.NDArray[np.int64]:
    """A number for each group, (n,), in the order of their names."""
    return np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)[1].astype(np.int64)


def grouped_folds(groups: Sequence[str], targets: npt.NDArray[np.float64], n_folds: int, seed: int) -> npt.NDArray[np.int64]:
    """The fold of each film.

    Args:
        groups: (n,) group of each film.
        targets: (n, findings) in [0, 1], NaN is unknown; positive is what lies above the finding's mean, soft targets too.
        n_folds: at least 2.
        seed: of the order among equals.

    Returns:
        (n,) numbers 0 to n_folds - 1; films of one group share theirs.

    Raises:
        InputError: fewer groups than folds.
    """
    member = numbered(groups)
    n_groups = int(member.max()) + 1 if len(member) else 0
    if n_groups < n_folds:
        raise InputError(f"{n_folds} folds need as many patients, and {n_groups} are kept", "set predict.folds lower, or add films")
    counts = np.zeros((n_groups, targets.shape[1] + 1))
    np.add.at(counts, member, np.column_stack([_positive(targets), np.ones(len(member))]))
    return _deal(counts, n_folds, np.random.default_rng(seed))[member]


def hold_out(groups: Sequence[str], targets: npt.NDArray[np.float64], share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Mark about `share` of the films, whole groups, findings spread as in the rest; (n,) booleans."""
    n_folds = max(2, min(round(1 / share), len(set(groups))))
    folds = grouped_folds(groups, targets, n_folds, seed)
    return np.asarray(folds == 0, np.bool_)


def _positive(targets: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    known = np.isfinite(targets)
    mean = np.where(known, targets, 0.0).sum(0) / np.maximum(known.sum(0), 1)
    return np.asarray(known & (np.nan_to_num(targets) > mean), np.bool_)


def _deal(counts: npt.NDArray[np.float64], n_folds: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Fold of each group. `counts` is (groups, findings + 1): positive films of each finding, and films."""
    total = counts.sum(0)
    rarity = np.where(counts > 0, total, np.inf)
    column = rarity.argmin(1)
    # Groups with the rarest finding first, large before small: a late large group could no longer be balanced.
    order = np.lexsort((rng.random(len(counts)), -counts[np.arange(len(counts)), column], rarity.min(1)))
    wish = np.tile(total / n_folds, (n_folds, 1))
    fold = np.empty(len(counts), np.int64)
    tie = rng.random((len(counts), n_folds))
    for group in order:
        chosen = np.lexsort((tie[group], -wish[:, -1], -wish[:, column[group]]))[0]
        fold[group] = chosen
        wish[chosen] -= counts[group]
    return fold
