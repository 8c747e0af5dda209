"""One probability from annotators and model: naive Bayes on log-odds, the model's share earned by what it is measured to know.

With z the log-odds of the model's out-of-fold probability, the finding's prior on a film is taken as sigmoid(a + b z), and the
annotators' evidence is added. a and b maximise the likelihood of what the annotators said, their known errors included (Raykar et al.
2010, JMLR 11:1297, with the emission tables held fixed), so a model that learnt noisy labels is sharpened towards the truth behind
them, and one that learnt nothing gets b near 0. The shift is then shrunk by one standard error of b, and capped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
# The model alone multiplies the odds of a finding by at most this, whatever it says.
MAX_MODEL_ODDS = 20.0
# Normal priors: b around 0, a around the log-odds of the prevalence. Worth about one clear film each.
_SLOPE_SD = 1.0
_OFFSET_SD = 0.5
_CLIP = 1e-3


@dataclass(frozen=True, slots=True)
class Skill:
    """What a model is measured to know of one finding.

    Attributes:
        slope: b, the weight of the model's log-odds, before shrinking.
        standard_error: of b.
        weight: share of the model's evidence that is used, 0 to 1; 0 when b is within a standard error of 0.
    """

    slope: float
    standard_error: float
    weight: float


def fuse(p_annotators: Floats, pred_prob: Floats) -> tuple[Floats, Skill]:
    """Fuse one finding.

    Args:
        p_annotators: posterior over annotators, shape (n,).
        pred_prob: out-of-fold probability, NaN where the model is silent, shape (n,).

    Returns:
        Fused probability, shape (n,); films without a model's opinion keep `p_annotators`. And the model's skill.
    """
    has_opinion = ~np.isnan(pred_prob)
    if not has_opinion.any():
        return p_annotators, Skill(0.0, np.inf, 0.0)
    heard = p_annotators[has_opinion]
    prior = float(_logit(np.array([heard.mean()]))[0])
    scores = _logit(pred_prob[has_opinion])
    scores = scores - scores.mean()
    offset, slope, error = _fit(_logit(heard) - prior, scores, prior)
    weight = max(0.0, 1 - error / slope) if slope > 0 else 0.0
    cap = float(np.log(MAX_MODEL_ODDS))
    shift = np.clip(weight * (offset + slope * scores - prior), -cap, cap)
    fused = p_annotators.copy()
    fused[has_opinion] = _sigmoid(_logit(heard) + shift) if weight else heard
    return fused, Skill(slope, error, weight)


def _fit(evidence: Floats, scores: Floats, prior: float) -> tuple[float, float, float]:
    """Penalised maximum likelihood of (a, b), and the standard error of b.

    Args:
        evidence: annotators' log likelihood ratio, shape (n,).
        scores: centred log-odds of the model, shape (n,).
        prior: log-odds of the prevalence.
    """
    from scipy.optimize import minimize

    design = np.stack([np.ones_like(scores), scores], axis=1)
    centre, scale = np.array([prior, 0.0]), np.array([_OFFSET_SD, _SLOPE_SD])

    def loss(theta: Floats) -> tuple[float, Floats]:
        eta, away = design @ theta, (theta - centre) / scale
        # log(q exp(evidence) + 1 - q) with q = sigmoid(eta); its slope in eta is posterior - q.
        value = np.logaddexp(0, eta + evidence) - np.logaddexp(0, eta)
        gradient = (_sigmoid(eta + evidence) - _sigmoid(eta)) @ design
        return float(-value.sum() + 0.5 * (away**2).sum()), np.asarray(-gradient + away / scale)

    theta = np.asarray(minimize(loss, centre, jac=True, method="L-BFGS-B").x, np.float64)
    q, p = _sigmoid(design @ theta), _sigmoid(design @ theta + evidence)
    information = (design * (q * (1 - q) - p * (1 - p))[:, None]).T @ design + np.diag(1 / scale**2)
    variance = float(np.linalg.inv(information)[1, 1])
    # Not positive: the likelihood is not peaked here, so nothing was measured.
    return float(theta[0]), float(theta[1]), float(np.sqrt(variance)) if variance > 0 else np.inf


def _logit(p: Floats) -> Floats:
    clipped = np.clip(p, _CLIP, 1 - _CLIP)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))
