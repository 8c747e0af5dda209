"""Resamples of whole patients, the same for every model and finding, so that differences are paired (Field and Welsh 2007).

And the chance of training: another seed would have given another network. Scores are means over a few seeds, too few to resample, so
each resample is moved by a draw of Student's t times the standard error of that mean over seeds. Both sources of chance together are
what a difference has to exceed (Bouthillier et al. 2021, "Accounting for Variance in Machine Learning Benchmarks").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.validate.metrics import Array, Metric

MIN_SHARE_ESTIMABLE = 0.9
_CELLS_AT_ONCE = 4_000_000


def resamples(clusters: Sequence[str] | npt.NDArray[np.str_], n_draws: int, rng: np.random.Generator) -> npt.NDArray[np.int16]:
    """How often each film is in each resample of as many clusters as there are, drawn with replacement.

    Args:
        clusters: (n,) whom a film belongs to.
        n_draws: resamples.
        rng: where chance comes from.

    Returns:
        (n_draws, n) counts; films of one cluster share theirs.
    """
    names, member = np.unique(np.asarray(clusters), return_inverse=True)
    counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=n_draws).astype(np.int16)
    return counts[:, member]


def draws(metric: Metric, truth: Array, prob: Array, counts: npt.NDArray[np.int16]) -> Array:
    """The score in each resample, (draws,), NaN where it does not exist there; some resamples at a time, to spare memory."""
    step = max(1, _CELLS_AT_ONCE // max(1, len(truth)))
    parts = [metric(truth, prob, counts[start : start + step].astype(np.float64)) for start in range(0, len(counts), step)]
    return np.concatenate(parts)


def seed_noise(n_seeds: int, n_draws: int, rng: np.random.Generator) -> Array:
    """What a mean over seeds may be off by, in standard deviations between seeds, (n_draws,); 0 where one seed tells nothing of it."""
    return rng.standard_t(n_seeds - 1, n_draws) / np.sqrt(n_seeds) if n_seeds > 1 else np.zeros(n_draws)


def with_seeds(values: Array, per_seed: Array, noise: Array) -> Array:
    """Resampled means over seeds, moved by the chance of training.

    Args:
        values: (draws,) of the mean over seeds.
        per_seed: (seeds,) the score of each, all films counted once.
        noise: (draws,) of `seed_noise`; the same for all scores, so that they stay paired.
    """
    return values + noise * (per_seed.std(ddof=1) if len(per_seed) > 1 else 0.0)


def interval(values: Array) -> tuple[float, float] | None:
    """2.5 % and 97.5 % points over the resamples; None where the score does not exist in more than a tenth of them."""
    finite = values[np.isfinite(values)]
    if len(values) == 0 or len(finite) < MIN_SHARE_ESTIMABLE * len(values):
        return None
    low, high = np.quantile(finite, [0.025, 0.975])
    return float(low), float(high)
