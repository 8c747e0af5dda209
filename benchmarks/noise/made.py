"""Made films with labels that are wrong as often as real ones are, where real ones are: by class, and more often on doubtful films.

Sensitivity and specificity of the CheXpert labeler (U-Ones) against five radiologists and of NIH's against adjudicated readings. Each
film shows each finding more or less plainly; with instance dependence the faint are missed and the suggestive are called more often, at
the same overall rates. Three models see the same film through errors of their own and one error that they share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit

Floats = npt.NDArray[np.float64]
# finding: (prevalence, sensitivity, specificity)
RATES: Mapping[str, tuple[float, float, float]] = {
    "Atelectasis": (0.28, 0.48, 0.78),
    "Cardiomegaly": (0.30, 0.30, 0.92),
    "Consolidation": (0.07, 0.31, 0.82),
    "Edema": (0.16, 0.56, 0.84),
    "Pleural Effusion": (0.21, 0.77, 0.76),
    "Pneumothorax": (0.06, 0.50, 0.94),
}
FILMS = 4000
SEED = 20210607
# Distance between present and absent films in standard deviations, and correlation between findings of one film.
_DISTANCE, _SHARED = 2.2, 0.35
_HEDGED, _DENIED = 0.25, 0.30


@dataclass(frozen=True, slots=True)
class Drawn:
    """Labels of the four states, truth, and the models' probabilities, each over the same items and findings."""

    labels: pd.DataFrame
    truth: pd.DataFrame
    models: dict[str, pd.DataFrame]


def draw(dependence: float, films: int = FILMS, seed: int = SEED) -> Drawn:
    """Draw films.

    Args:
        dependence: change in the log-odds of a label per standard deviation of how plainly the film shows the finding; 0 for noise by
            class alone.
        films: how many.
        seed: of chance.
    """
    rng = np.random.default_rng(seed)
    illness = rng.normal(size=films)
    labels, truth, models = {}, {}, {name: {} for name in "abc"}
    for finding, (prevalence, sensitivity, specificity) in RATES.items():
        latent = np.sqrt(_SHARED) * illness + np.sqrt(1 - _SHARED) * rng.normal(size=films)
        present = latent > np.quantile(latent, 1 - prevalence)
        plain = rng.normal(size=films)
        said = rng.random(films) < _rate(plain, present, (1 - specificity, sensitivity), dependence)
        labels[finding], truth[finding] = _states(said, rng), present.astype(float)
        common = np.where(present, _DISTANCE, 0.0) + 0.6 * plain + 0.5 * rng.normal(size=films)
        for quality, scores in enumerate(models.values()):
            seen = common + (0.5 + 0.3 * quality) * rng.normal(size=films)
            scores[finding] = _learnt(seen, said)
    items = pd.Index([f"film{number:05d}" for number in range(films)])
    return Drawn(pd.DataFrame(labels, items), pd.DataFrame(truth, items), {name: pd.DataFrame(one, items) for name, one in models.items()})


def _rate(plain: Floats, present: npt.NDArray[np.bool_], rates: tuple[float, float], dependence: float) -> Floats:
    """P(labelled) of each film, with the given mean over absent and over present films."""
    made = np.empty(len(plain))
    for value, rate in zip((False, True), rates, strict=True):
        shown = dependence * plain[present == value]
        offset = brentq(lambda shift, shown=shown, rate=rate: expit(shown + shift).mean() - rate, -20, 20)
        made[present == value] = expit(shown + offset)
    return made


def _states(said: npt.NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """Of what is called present a share is hedged; of the rest a share is denied and the others are passed over."""
    chance = rng.random(len(said))
    return np.where(said, np.where(chance < _HEDGED, -1.0, 1.0), np.where(chance < _DENIED, 0.0, np.nan))


def _learnt(seen: Floats, said: npt.NDArray[np.bool_]) -> Floats:
    """What a model that learns P(labelled | film) from such labels answers: a logistic curve through the labels' own noise."""
    from sklearn.linear_model import LogisticRegression

    column = seen[:, None]
    return np.asarray(LogisticRegression().fit(column, said).predict_proba(column)[:, 1])
