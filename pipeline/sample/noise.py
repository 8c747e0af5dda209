"""Published labels with known noise: a text-mined label file's errors, more of them where the finding is faint or easily confused.

Here belongs how wrong the published labels are. The size of the errors follows what was measured of such files: ChestX-ray14 against
adjudicated readings (Majkowska et al. 2020) and against the RSNA re-reading (Shih et al. 2019), CheXpert's labeler against radiologists
(Irvin et al. 2019).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.base import findings
from pipeline.base.findings import NO_FINDING, SUPPORT_DEVICES

Floats = npt.NDArray[np.float64]
HIGHEST_RATE = 0.97


@dataclass(frozen=True, slots=True)
class Declared:
    """Error of one published finding.

    Attributes:
        sensitivity: share of the films with the finding that carry the label.
        ppv: share of the films with the label that show the finding.
        confused_with: findings that make a false label likelier.
    """

    sensitivity: float
    ppv: float
    confused_with: tuple[str, ...]


DECLARED: dict[str, Declared] = {
    "Cardiomegaly": Declared(0.45, 0.80, ("Pleural Effusion", "Edema")),
    "Pleural Effusion": Declared(0.74, 0.80, ("Atelectasis", "Consolidation")),
    "Pneumothorax": Declared(0.55, 0.50, (SUPPORT_DEVICES,)),
    "Consolidation": Declared(0.48, 0.65, ("Edema", "Atelectasis", "Pleural Effusion")),
    "Pneumonia": Declared(0.50, 0.48, ("Consolidation", "Atelectasis", "Edema")),
    "Edema": Declared(0.56, 0.66, ("Cardiomegaly", "Pleural Effusion")),
    "Atelectasis": Declared(0.48, 0.60, ("Pleural Effusion", "Consolidation")),
    "Nodule": Declared(0.46, 0.57, ("Consolidation",)),
    "Mass": Declared(0.60, 0.66, ("Consolidation",)),
}
PUBLISHABLE = (NO_FINDING, *DECLARED)


def publish(
    present: Sequence[Mapping[str, float]], reported: Sequence[Mapping[str, str]], rng: np.random.Generator
) -> list[tuple[str, ...]]:
    """Labels of every study, in our spelling; "No Finding" where none of the others is given, as ChestX-ray14 does it.

    The rates are met on average over these studies: false labels are as many as `ppv` asks for at their prevalence.

    Args:
        present: for each study the findings that are there, with their severity.
        reported: for each study what its report says of each finding.
        rng: draws the errors.
    """
    given: list[list[str]] = [[] for _ in present]
    for name, declared in DECLARED.items():
        truth = np.array([name in study for study in present])
        says = [study.get(name, "UNMENTIONED") for study in reported]
        chance = np.zeros(len(truth))
        if truth.any():
            severity = np.array([study.get(name, 0.0) for study in present])
            chance[truth] = rates(_seen(severity, says)[truth], declared.sensitivity)
        if not truth.all():
            wrong = declared.sensitivity * truth.sum() * (1 - declared.ppv) / declared.ppv
            chance[~truth] = rates(_mistakable(present, says, declared)[~truth], wrong / (~truth).sum())
        for index in np.flatnonzero(rng.random(len(truth)) < chance):
            given[int(index)].append(name)
    return [tuple(names) or (NO_FINDING,) for names in given]


def _seen(severity: Floats, says: Sequence[str]) -> Floats:
    weight = 1 / (1 + np.exp(-6 * (severity - 0.35)))
    return np.asarray(weight * [{"POSITIVE": 1.6, "UNCERTAIN": 1.1}.get(state, 0.7) for state in says], np.float64)


def _mistakable(present: Sequence[Mapping[str, float]], says: Sequence[str], declared: Declared) -> Floats:
    weight = np.array([1 + 3 * sum(name in study for name in declared.confused_with) for study in present], np.float64)
    return np.asarray(weight * [{"POSITIVE": 4.0, "UNCERTAIN": 3.0, "NEGATIVE": 0.8}.get(state, 1.0) for state in says], np.float64)


def rates(weights: Floats, mean: float) -> Floats:
    """Probabilities proportional to `weights`, none above 0.97, with the given mean (bisection on the factor)."""
    low, high = 0.0, 1e6
    for _ in range(80):
        factor = (low + high) / 2
        low, high = (factor, high) if np.minimum(factor * weights, HIGHEST_RATE).mean() < mean else (low, factor)
    return np.asarray(np.minimum(high * weights, HIGHEST_RATE), np.float64)


def nih_cell(names: Sequence[str]) -> str:
    """The cell of a ChestX-ray14 label file: names joined by '|'."""
    return "|".join(str(findings.BY_NAME[name].nih) for name in sorted(names))
