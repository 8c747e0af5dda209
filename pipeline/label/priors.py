"""What is believed of annotators before this dataset is seen: `priors.toml`, read and checked. The estimate is `posterior.py`'s."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.base.errors import SettingsError
from pipeline.base.labels import STATES

FILE = Path(__file__).with_name("priors.toml")
_FLOOR = 1e-3


@dataclass(frozen=True, slots=True)
class Priors:
    """Priors of one finding.

    Attributes:
        prevalence: Beta pseudo-counts (absent, present) of the prevalence, shape (2,).
        emission: Dirichlet pseudo-counts of P(state | truth), shape (annotators, 2, 4): truth absent, present; states as `labels.STATES`.
        share: for each annotator, further pseudo-counts as a share of the films it was asked about, shape (annotators,).
    """

    prevalence: npt.NDArray[np.float64]
    emission: npt.NDArray[np.float64]
    share: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PriorFile:
    """The whole file, checked."""

    prevalence_strength: float
    prevalence: Mapping[str, float]
    default_prevalence: float
    reader_error: float
    kinds: tuple[Mapping[str, Any], ...]

    def of(self, finding: str, annotators: tuple[str, ...]) -> Priors:
        """Priors of one finding for these annotators; the longest matching prefix of an annotator's name wins."""
        mean = self.prevalence.get(finding, self.default_prevalence)
        kinds = [self._kind(annotator) for annotator in annotators]
        tables = [kind["strength"] * _table(kind.get("findings", {}).get(finding, kind)) for kind in kinds]
        return Priors(
            self.prevalence_strength * np.array([1 - mean, mean]),
            np.array(tables).reshape(len(annotators), 2, len(STATES)),
            np.array([float(kind["share"]) for kind in kinds]),
        )

    def _kind(self, annotator: str) -> Mapping[str, Any]:
        return max((kind for kind in self.kinds if annotator.startswith(kind["prefix"])), key=lambda kind: len(kind["prefix"]))


def _table(entry: Mapping[str, Any]) -> npt.NDArray[np.float64]:
    rows = np.array([[float(entry[truth].get(str(state), 0.0)) for state in STATES] for truth in ("absent", "present")])
    floored = np.maximum(rows, _FLOOR)
    return np.asarray(floored / floored.sum(axis=1, keepdims=True))


@cache
def load(path: Path = FILE) -> PriorFile:
    """Read the priors.

    Raises:
        SettingsError: a row of an emission table does not sum to 1, or no entry covers every annotator.
    """
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    kinds = tuple(content["annotator"])
    for kind in kinds:
        for entry in (kind, *kind.get("findings", {}).values()):
            for truth in ("present", "absent"):
                if abs(sum(entry[truth].values()) - 1) > 1e-6:
                    raise SettingsError(f"priors of annotator {kind['prefix']!r}: {truth} does not sum to 1", f"mend {path.name}")
    if not any(kind["prefix"] == "" for kind in kinds):
        raise SettingsError("the priors cover no annotator of an unknown kind", f'add an entry with prefix = "" to {path.name}')
    prevalence = content["prevalence"]
    return PriorFile(
        float(prevalence["strength"]), dict(prevalence["findings"]), float(prevalence["default"]), float(content["reader_error"]), kinds
    )
