"""What the radiologist of a report says of each finding: misses of faint ones, calls of absent ones, hedges, silence.

Here belongs the reading model. The words are made in `report_grammar`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.base.findings import SUPPORT_DEVICES
from pipeline.sample.disease import PNEUMONIA

POSITIVE, NEGATIVE, UNCERTAIN, UNMENTIONED = "POSITIVE", "NEGATIVE", "UNCERTAIN", "UNMENTIONED"


@dataclass(frozen=True, slots=True)
class Reader:
    """How one finding is read.

    Attributes:
        faint, plain: chance of seeing it at severity 0 and 1.
        hedged: chance that a seen one is hedged at severity 0; a third of it at severity 1.
        called: chance that an absent one is asserted.
        suspected: chance that an absent one is hedged.
        denied: chance that one not seen is denied rather than passed over.
    """

    faint: float
    plain: float
    hedged: float
    called: float
    suspected: float
    denied: float


READERS: dict[str, Reader] = {
    "Cardiomegaly": Reader(0.55, 0.98, 0.20, 0.030, 0.010, 0.85),
    "Pleural Effusion": Reader(0.60, 0.99, 0.40, 0.015, 0.025, 0.85),
    "Pneumothorax": Reader(0.50, 0.98, 0.30, 0.004, 0.012, 0.82),
    "Consolidation": Reader(0.55, 0.97, 0.35, 0.012, 0.020, 0.66),
    PNEUMONIA: Reader(0.45, 0.85, 0.75, 0.010, 0.025, 0.14),
    "Edema": Reader(0.50, 0.97, 0.40, 0.012, 0.025, 0.32),
    "Atelectasis": Reader(0.50, 0.95, 0.45, 0.030, 0.030, 0.06),
    "Nodule": Reader(0.40, 0.90, 0.40, 0.006, 0.010, 0.10),
    "Mass": Reader(0.75, 0.99, 0.25, 0.001, 0.002, 0.0),
    SUPPORT_DEVICES: Reader(0.93, 0.93, 0.03, 0.003, 0.004, 0.02),
}
SUSPECTED_WITH_CONSOLIDATION = 0.30


def read(present: Mapping[str, float], rng: np.random.Generator) -> dict[str, str]:
    """The state of every finding of `READERS` in the report to be written.

    Args:
        present: findings that are there, with severity.
        rng: draws the radiologist's luck.
    """
    says = {name: _read_one(present.get(name), reader, rng) for name, reader in READERS.items()}
    confusable = "Consolidation" in present and PNEUMONIA not in present
    if confusable and says[PNEUMONIA] in (NEGATIVE, UNMENTIONED) and rng.random() < SUSPECTED_WITH_CONSOLIDATION:
        says[PNEUMONIA] = UNCERTAIN
    if UNCERTAIN in (says["Consolidation"], says[PNEUMONIA]) and says["Atelectasis"] == UNMENTIONED and rng.random() < 0.3:
        says["Atelectasis"] = UNCERTAIN
    if says["Nodule"] == NEGATIVE and says["Mass"] in (POSITIVE, UNCERTAIN):
        says["Nodule"] = UNMENTIONED
    return says


def _read_one(severity: float | None, reader: Reader, rng: np.random.Generator) -> str:
    luck, hedge, denial = rng.random(3)
    if severity is None:
        if luck < reader.called:
            return POSITIVE
        if luck < reader.called + reader.suspected:
            return UNCERTAIN
    elif luck < reader.faint + (reader.plain - reader.faint) * min(1.0, 1.6 * severity):
        return UNCERTAIN if hedge < reader.hedged * (1 - 0.67 * severity) else POSITIVE
    return NEGATIVE if denial < reader.denied else UNMENTIONED
