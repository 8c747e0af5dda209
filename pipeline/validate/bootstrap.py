"""Resamples of whole patients, the same for every model and finding, so that differences are paired (Field and Welsh 2007).

And the chance of training: another seed would have given another network. Scores are means over a few seeds, too few to resample, so
each resample is moved by a draw of Student's t times the standard error of that mean over seeds. Both sources of chance together are
what a difference has to exceed (Bouthillier et al. 2021, "Accounting for Variance in Machine Learning Benchmarks").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from pipeline.validate.metrics import Array, Metric

MIN_SHARE_ESTIMABLE = 0.9
_CELLS_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True)
class Resamples:
    """How often each cluster is in each resample.

    Attributes:
        member: (n,) place of each film's cluster.
        counts: (clusters, draws).
    """

    member: npt.NDArray[np.intp]
    counts: npt.NDArray[np.int16]

    @property
    def n_draws(self) -> int:
        """Number of resamples."""
        return int(self.counts.shape[1])

    def take(self, films: npt.NDArray[np.bool_] | npt.NDArray[np.intp] | slice) -> Resamples:
        """The same resamples of some films only, or of films more than once."""
        return Resamples(self.member[films], self.counts)

    def weights(self) -> npt.NDArray[np.int16]:
        """(draws, n) how often each film is in each resample; films of one cluster share theirs."""
        return self.counts[self.member].T


def resamples(clusters: Sequence[str] | npt.NDArray[np.str_], n_draws: int, rng: np.random.Generator) -> Resamples:
    """Resamples of as many clusters as there are, drawn with replacement.

    Args:
        clusters: (n,) whom a film belongs to.
        n_draws: resamples.
        rng: where chance comes from.
    """
    names, member = np.unique(np.asarray(clusters), return_inverse=True)
    counts, share = np.empty((len(names), n_draws), np.int16), np.full(len(names), 1 / len(names))
    for part in _parts(n_draws, len(names)):
        counts[:, part] = rng.multinomial(len(names), share, size=part.stop - part.start).T
    return Resamples(member, counts)


def draws(metric: Metric, truth: Array, prob: Array, sample: Resamples) -> Array:
    """The score in each resample, (draws,), NaN where it does not exist there."""
    return several({"": metric}, truth, prob, sample)[""]


def several(metrics: Mapping[str, Metric], truth: Array, prob: Array, sample: Resamples) -> dict[str, Array]:
    """Scores in each resample, (draws,) by name; metrics of one curve share its sums, and memory is bounded by some resamples at a time."""
    clusters = _clusters(sample)
    found = {name: np.empty(sample.n_draws) for name in metrics}
    for rows in dict.fromkeys(metric.rows for metric in metrics.values()):
        # Summed over the films of a cluster first: a resample takes them as one.
        summed = rows(truth, prob) @ clusters
        for part in _parts(sample.n_draws, max(sample.counts.shape[0], summed.shape[0])):
            sums = summed @ sample.counts[:, part].astype(np.float64)
            for name, metric in metrics.items():
                if metric.rows is rows:
                    found[name][part] = metric.value(sums)
    return found


def _clusters(sample: Resamples) -> Any:
    n = len(sample.member)
    return csr_array((np.ones(n), sample.member, np.arange(n + 1)), shape=(n, sample.counts.shape[0]))


def _parts(n_draws: int, cells: int) -> list[slice]:
    step = max(1, _CELLS_AT_ONCE // max(1, cells))
    return [slice(start, min(start + step, n_draws)) for start in range(0, n_draws, step)]


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
