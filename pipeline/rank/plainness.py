"""Models beside radiologists who read the film: the models' score is one more witness of how plain the finding is.

Readers and models err on the same films, those on which the finding is not plain, so their log-odds must not be added up. Both are held
against theta instead, the probit of the share of radiologists who would call the film (`pipeline/label/posterior.py`): the readers leave it
a normal distribution for each film, and the score is normal around rho times the standardised theta. What rho is follows from readers
and score by maximum likelihood, averaged over its posterior under a prior that is uniform on the score's AUROC.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

Floats = npt.NDArray[np.float64]
# Three or more of five radiologists call a film with a probability of Phi(_STEEP theta), to 0.0004.
_STEEP = 1.8706
_RHOS: Floats = np.linspace(0.0, 0.98, 50)
_QUANTILES: Floats = ndtri((np.arange(200) + 0.5) / 200)
_CLIP = 1e-4
_LEAST_WEIGHT = 1e-3


def fused(p_annotators: Floats, theta_sd: Floats, scores: Floats) -> tuple[Floats, float, float, bool]:
    """Probabilities from readers and score.

    Args:
        p_annotators: probability of the finding, shape (n,).
        theta_sd: standard deviation of theta that the annotators leave, shape (n,).
        scores: standardised anew here, shape (n,).

    Returns:
        Probabilities, shape (n,); mean and standard deviation of the score's AUROC; and whether a score without any skill is as unlikely as
        1 in 20 (likelihood ratio, one-sided).
    """
    variance = theta_sd**2
    theta = ndtri(np.clip(p_annotators, _CLIP, 1 - _CLIP)) * np.sqrt(1 + _STEEP**2 * variance) / _STEEP
    mean, spread = float(theta.mean()), float(np.sqrt(theta.var() + variance.mean()))
    centre, width = (theta - mean) / spread, variance / spread**2
    seen = (scores - scores.mean()) / scores.std()
    likelihoods = np.array([_log_likelihood(rho, centre, width, seen) for rho in _RHOS])
    aurocs = np.array([_auroc(rho, mean, spread) for rho in _RHOS])
    weights = np.exp(likelihoods - likelihoods.max()) * np.gradient(aurocs)
    weights /= weights.sum()
    chosen = weights >= _LEAST_WEIGHT
    made = sum(
        weight * _probability(rho, centre, width, seen, mean, spread) for rho, weight in zip(_RHOS[chosen], weights[chosen], strict=True)
    )
    auroc = float(weights @ aurocs)
    is_heard = bool(2 * (likelihoods.max() - likelihoods[0]) > ndtri(0.95) ** 2)
    return np.asarray(made / weights[chosen].sum()), auroc, float(np.sqrt(weights @ (aurocs - auroc) ** 2)), is_heard


def _log_likelihood(rho: float, centre: Floats, width: Floats, seen: Floats) -> float:
    variance = rho**2 * width + 1 - rho**2
    return float(-0.5 * (np.log(variance) + (seen - rho * centre) ** 2 / variance).sum())


def _probability(rho: float, centre: Floats, width: Floats, seen: Floats, mean: float, spread: float) -> Floats:
    """P(present) once the score is known, shape (n,)."""
    noise = 1 - rho**2
    left = 1 / (1 / width + rho**2 / noise)
    theta = mean + spread * left * (centre / width + rho * seen / noise)
    return np.asarray(ndtr(_STEEP * theta / np.sqrt(1 + _STEEP**2 * spread**2 * left)))


def _auroc(rho: float, mean: float, spread: float) -> float:
    """AUROC of such a score against what most of five radiologists say."""
    present = ndtr(_STEEP * (mean + spread * _QUANTILES))
    above = ndtr(rho * (_QUANTILES[:, None] - _QUANTILES) / np.sqrt(2 * (1 - rho**2)))
    return float(present @ above @ (1 - present) / (present.sum() * (1 - present).sum()))
