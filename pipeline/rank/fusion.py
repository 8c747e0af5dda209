"""One probability from annotators and models: log-odds added up, the models' share by what they are measured to know.

Models enter by order alone: each one's probabilities become normal quantiles of their ranks, so that a model that is scaled or calibrated
in another way counts like the others. Each is measured as an annotator of its own, and the quantiles are averaged, weighted by the log-odds
that one of them is worth: a model that shows no skill is not heard, and ten models of one kind count as one good one.

How much a score knows is its AUROC against a truth that nobody has. The annotators' probabilities p stand in: with weights p and 1 - p
the AUROC shrinks towards 1/2 by d = var(p) / (mean(p) (1 - mean(p))), the share of the truth's variance that p explains (for a 0/1 label
with known noise, Menon et al. 2015, ICML, corollary 3), so dividing by d undoes it. Under the binormal model an AUROC A is a distance
d' = sqrt(2) z(A) between the classes, and the log-odds rise by d' for each standard deviation within a class.

Where radiologists read the film as well, they and the models err on the same films, and `plainness` takes the place of all this.

Models learnt labels like those they judge: the better they know a finding, the more of the annotators' evidence they repeat. So that
evidence counts whole beside a model without skill and half beside a perfect one.

Verdicts correct all of this: a logistic regression on the cells with a verdict moves level, slope and weight as far as the verdicts speak
for it against a normal prior. What is regressed on is what chose the cells, so it does not matter that reviewers are
shown the most suspicious ones first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.rank import plainness

Floats = npt.NDArray[np.float64]
# The prior of the AUROC: mean and standard deviation of the uniform distribution between chance and perfect.
_AUROC, _AUROC_SD = 0.75, 0.5 / 12**0.5
MAX_AUROC = 0.97
# A score is heard where its AUROC is above 1/2 by so many standard errors: one-sided, 5 %.
_HEARD = 1.645
_CLIP = 1e-4
# Standard deviations of what is believed before verdicts: the offset in log-odds (half a unit is a prevalence between .15 and .33 where .23
# is believed), the slope as a share of itself, which is how well the AUROC is known, and the weight of the annotators' evidence.
_OFFSET_SD, _SLOPE_SD, _WEIGHT_SD = 0.5, 0.3, 0.3
_NEWTON = 100


@dataclass(frozen=True, slots=True)
class Skill:
    """What models are measured to know of one finding.

    Attributes:
        measured: AUROC against the annotators' probabilities.
        standard_error: of it.
        auroc: against the truth, corrected and shrunk; 0.5 where the models are not heard.
    """

    measured: float
    standard_error: float
    auroc: float

    @property
    def is_heard(self) -> bool:
        """Whether anything was measured."""
        return self.auroc > 0.5


NO_SKILL = Skill(0.5, float("inf"), 0.5)


def skills(pred_probs: Floats, p_annotators: Floats) -> list[Skill]:
    """What each of several models is measured to know of one finding, on the films that it and an annotator speak of.

    Args:
        pred_probs: shape (n, models), any scale, NaN where a model is silent.
        p_annotators: posterior over annotators, NaN where nobody was asked, shape (n,).
    """
    both = np.isfinite(pred_probs) & np.isfinite(p_annotators)[:, None]
    return [measure(p_annotators[spoken], column[spoken]) for column, spoken in zip(pred_probs.T, both.T, strict=True)]


def weights(known: Sequence[Skill], prevalence: float) -> Floats:
    """How much each model counts, shape (models,), summing to 1: the log-odds that a standard deviation of it is worth; alike if none."""
    worth = np.array([slope(skill.auroc, prevalence, 1.0) for skill in known])
    return worth / worth.sum() if worth.any() else np.full(len(worth), 1 / max(len(worth), 1))


def score(pred_probs: Floats, weight: Floats) -> Floats:
    """One score from several models.

    Args:
        pred_probs: shape (n, models), any scale, NaN where a model is silent.
        weight: of `weights`, shape (models,).

    Returns:
        Weighted mean normal quantile of the ranks, shape (n,); NaN where all models that count are silent.
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata

    ranks = rankdata(pred_probs, axis=0, nan_policy="omit")
    return weighted_mean(ndtri((ranks - 0.5) / np.maximum(np.isfinite(pred_probs).sum(axis=0), 1)), weight)


def weighted_mean(opinions: Floats, weight: Floats) -> Floats:
    """Weighted mean over the models that speak of a film, shape (n,), of opinions, shape (n, models); NaN where none that counts does."""
    counted = np.isfinite(opinions) * weight
    total = counted.sum(axis=1)
    summed = (np.where(counted > 0, opinions, 0.0) * counted).sum(axis=1)
    return np.asarray(np.divide(summed, total, out=np.full(len(opinions), np.nan), where=total > 0))


def fuse(p_annotators: Floats, scores: Floats, p_verdict: Floats, theta_sd: Floats | None = None) -> tuple[Floats, Skill]:
    """Fuse one finding.

    Args:
        p_annotators: posterior over annotators, shape (n,).
        scores: of `score`, NaN where no model speaks, shape (n,).
        p_verdict: probability of presence by a verdict, with the reader's error, NaN without one, shape (n,).
        theta_sd: see `plainness.fused`, NaN where no radiologist read the film, shape (n,); None where none read any.

    Returns:
        Fused probability, shape (n,), of every cell as if it had no verdict itself. Without any verdict its mean is that of `p_annotators`,
        and films without a score keep theirs. And the models' skill, on films that nobody read where there are such.
    """
    spoken = np.isfinite(scores)
    is_read = np.zeros(len(scores), bool) if theta_sd is None else np.isfinite(theta_sd)
    fused, skill = p_annotators.copy(), NO_SKILL
    if (silent := ~spoken).any():
        fused[silent] = _told(p_annotators[silent], np.zeros(int(silent.sum())), p_annotators[silent], 0.0, p_verdict[silent])
    if theta_sd is not None and (read := spoken & is_read).any():
        heard, skill = _beside_readers(p_annotators[read], theta_sd[read], scores[read])
        rise = slope(skill.auroc, float(p_annotators[read].mean()), float(scores[read].std())) if skill.is_heard else 0.0
        fused[read] = _told(heard, scores[read], p_annotators[read], rise, p_verdict[read])
    if (alone := spoken & ~is_read).any():
        skill = measure(p_annotators[alone], scores[alone])
        heard, rise = _beside_texts(p_annotators[alone], scores[alone], skill)
        fused[alone] = _told(heard, scores[alone], p_annotators[alone], rise, p_verdict[alone])
    return fused, skill


def _beside_texts(p_annotators: Floats, scores: Floats, skill: Skill) -> tuple[Floats, float]:
    """Films that nobody read: log-odds added up; and how much they rise for each unit of the score."""
    if not skill.is_heard:
        return p_annotators, 0.0
    mean = float(p_annotators.mean())
    rise = slope(skill.auroc, mean, float(scores.std()))
    return _with_mean(rise * (scores - scores.mean()) + (1.5 - skill.auroc) * _logit(p_annotators), mean), rise


def _beside_readers(p_annotators: Floats, theta_sd: Floats, scores: Floats) -> tuple[Floats, Skill]:
    """Films that radiologists read."""
    if not np.ptp(scores) > 0:
        return p_annotators, NO_SKILL
    made, auroc, error, is_heard = plainness.fused(p_annotators, theta_sd, scores)
    return (made, Skill(auroc, error, min(auroc, MAX_AUROC))) if is_heard else (p_annotators, Skill(auroc, error, 0.5))


def _told(fused: Floats, scores: Floats, p_annotators: Floats, rise: float, p_verdict: Floats) -> Floats:
    """Fused probabilities corrected by verdicts: in their level, and in what score and annotators add."""
    decided = np.isfinite(p_verdict)
    if not decided.any():
        return fused
    known = np.stack([np.ones(len(scores)), scores - scores.mean(), _centred(_logit(p_annotators))], axis=1)
    spread = np.array([_OFFSET_SD, _SLOPE_SD * max(rise, 1.0), _WEIGHT_SD])
    odds = _logit(fused)
    return _sigmoid(odds + known @ _regressed(odds[decided], known[decided], p_verdict[decided], spread))


def _centred(values: Floats) -> Floats:
    return np.asarray(values - values.mean())


def _regressed(odds: Floats, known: Floats, p_verdict: Floats, spread: Floats) -> Floats:
    """What a logistic regression beside given log-odds adds for each column, under a normal prior around 0, shape (3,); Newton's method."""
    found = np.zeros(known.shape[1])
    for _ in range(_NEWTON):
        p = _sigmoid(odds + known @ found)
        gradient = known.T @ (p - p_verdict) + found / spread**2
        step = np.linalg.solve((known.T * (p * (1 - p))) @ known + np.diag(spread**-2), gradient)
        found = found - step * min(1.0, 1.0 / float(np.abs(step).max() + 1e-12))
        if np.abs(step).max() < 1e-10:
            break
    return found


def measure(p_annotators: Floats, scores: Floats) -> Skill:
    """The models' skill; none where there is nothing to tell films apart by."""
    mean = float(p_annotators.mean()) if len(p_annotators) else 0.0
    if not 0 < mean < 1 or not np.ptp(scores) > 0:
        return NO_SKILL
    explained = float(p_annotators.var()) / (mean * (1 - mean))
    measured, error = _auroc(scores, p_annotators), _standard_error(p_annotators)
    if explained <= 0 or measured - 0.5 < _HEARD * error:
        return Skill(measured, error, 0.5)
    corrected, spread = 0.5 + (measured - 0.5) / explained, error / explained
    weight = spread**-2 / (spread**-2 + _AUROC_SD**-2)
    return Skill(measured, error, float(np.clip(weight * corrected + (1 - weight) * _AUROC, 0.5, MAX_AUROC)))


def slope(auroc: float, prevalence: float, spread: float) -> float:
    """Log-odds of presence for each unit of a score with this AUROC and overall standard deviation, under the binormal model."""
    from scipy.special import ndtri

    distance = np.sqrt(2) * ndtri(auroc)
    within = spread / np.sqrt(1 + prevalence * (1 - prevalence) * distance**2)
    return float(distance / within)


def _auroc(scores: Floats, present: Floats) -> float:
    """P(a present film scores above an absent one), films weighted by how probably they are either; ties count half."""
    _, where = np.unique(scores, return_inverse=True)
    positives, negatives = np.bincount(where, present), np.bincount(where, 1 - present)
    below = np.cumsum(negatives) - negatives / 2
    return float((positives * below).sum() / (positives.sum() * negatives.sum()))


def _standard_error(present: Floats) -> float:
    """Of an AUROC without skill, from the effective numbers of present and absent films."""
    sizes = [weights.sum() ** 2 / (weights**2).sum() for weights in (present, 1 - present)]
    return float(np.sqrt(sum(1 / size for size in sizes) / 12))


def _with_mean(odds: Floats, mean: float) -> Floats:
    """Probabilities whose log-odds differ from `odds` by one constant, and whose mean is `mean`."""
    return _sigmoid(odds + _offset(odds, mean))


def _offset(odds: Floats, mean: float) -> float:
    from scipy.optimize import brentq

    bound = float(np.abs(odds).max()) + 40
    return float(brentq(lambda offset: float(_sigmoid(odds + offset).mean()) - mean, -bound, bound, xtol=1e-12))


def _logit(p: Floats) -> Floats:
    clipped = np.clip(p, _CLIP, 1 - _CLIP)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


def _sigmoid(x: Floats) -> Floats:
    from scipy.special import expit

    return np.asarray(expit(x))
