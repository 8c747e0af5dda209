"""What is believed of annotators before their agreement is looked at: `priors.toml` turned into pseudo-counts.

The file says what a label is worth, P(present | state), and how much an annotator misses. Both travel between archives far better
than a false-positive rate, which falls with the prevalence. With the archive's own frequencies of the states, Bayes' rule turns them
into emission tables. Here belong these beliefs; the estimate is `posterior.py`'s.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.base.errors import SettingsError
from pipeline.base.interfaces import READER, is_film_reader
from pipeline.base.labels import STATES
from pipeline.label.matrix import NEGATIVE, POSITIVE, UNCERTAIN, Codes

Floats = npt.NDArray[np.float64]
FILE = Path(__file__).with_name("priors.toml")
_FLOOR = 1e-4
_SILENCE = 0.5


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Worth(_Entry):
    """What one kind of annotator's states are worth for one finding.

    Attributes:
        positive: P(present | POSITIVE).
        uncertain: P(present | UNCERTAIN).
        found: share of present findings that it calls POSITIVE or UNCERTAIN.
        denied: odds that a missed finding was denied outright, relative to passed over in silence, per film of each state.
    """

    positive: float = Field(gt=0, lt=1)
    uncertain: float = Field(gt=0, lt=1)
    found: float = Field(gt=0, lt=1)
    denied: float = Field(gt=0, le=1)


class Kind(Worth):
    """Annotators whose names start with `prefix`, with the weight of the prior and the findings that differ."""

    prefix: str
    strength: float = Field(gt=0)
    share: float = Field(ge=0)
    findings: dict[str, dict[str, float]] = {}

    def worth(self, finding: str) -> Worth:
        """The worth for one finding."""
        common = self.model_dump(include=set(Worth.model_fields))
        return Worth.model_validate(common | self.findings.get(finding, {}))


class Prevalence(_Entry):
    """Beta prior of the prevalence: pseudo-films, further ones as a share of the films asked about, and the mean of an unseen finding."""

    strength: float = Field(gt=0)
    share: float = Field(ge=0)
    mean: float = Field(gt=0, lt=1)


class PriorFile(_Entry):
    """The whole file."""

    reader_error: float = Field(gt=0, lt=0.5)
    prevalence: Prevalence
    annotator: tuple[Kind, ...]

    def of(self, finding: str, annotators: tuple[str, ...], codes: Codes) -> Priors:
        """Priors of one finding.

        Args:
            finding: the finding.
            annotators: their names; the longest matching prefix wins.
            codes: their states, shape (n, annotators).
        """
        kinds = [self._kind(annotator) for annotator in annotators]
        made = [_tables(kind.worth(finding), frequencies(column), self.prevalence) for kind, column in zip(kinds, codes.T, strict=True)]
        asked = (codes >= 0).sum(axis=0)
        guesses = np.array([prevalence for _, prevalence in made])
        mean = float(np.average(guesses, weights=asked)) if asked.sum() else self.prevalence.mean
        classes = np.array([1 - mean, mean])
        weight = [kind.strength + kind.share * n * classes[:, None] for kind, n in zip(kinds, asked, strict=True)]
        emission = [factor * table for factor, (table, _) in zip(weight, made, strict=True)]
        films = self.prevalence.strength + self.prevalence.share * int((codes >= 0).any(axis=1).sum())
        return Priors(films * classes, np.array(emission).reshape(len(annotators), 2, len(STATES)))

    def _kind(self, annotator: str) -> Kind:
        name = READER if is_film_reader(annotator) else annotator
        return max((kind for kind in self.annotator if name.startswith(kind.prefix)), key=lambda kind: len(kind.prefix))


@dataclass(frozen=True, slots=True)
class Priors:
    """Pseudo-counts of one finding.

    Attributes:
        prevalence: Beta prior of the prevalence (absent, present), shape (2,).
        emission: Dirichlet priors of P(state | truth), shape (annotators, 2, 4): truth absent, present; states as `labels.STATES`.
    """

    prevalence: Floats
    emission: Floats


def frequencies(column: Codes) -> Floats:
    """How often an annotator gave each state, as counts, shape (4,)."""
    return np.bincount(column[column >= 0], minlength=len(STATES)).astype(np.float64)


def _tables(worth: Worth, counts: Floats, prevalence: Prevalence) -> tuple[Floats, float]:
    """Emission table, shape (2, 4), and prevalence, from what states are worth and how often they occur."""
    n = counts.sum()
    caught = np.zeros(len(STATES))
    caught[[POSITIVE, UNCERTAIN]] = counts[[POSITIVE, UNCERTAIN]] * (worth.positive, worth.uncertain)
    passed = counts.copy()
    passed[[POSITIVE, UNCERTAIN]] = 0.0
    passed[NEGATIVE] *= worth.denied
    # Where a finding is in most films, missed ones would outnumber the silent films: silence is worth at most half of POSITIVE.
    missed = min((1 - worth.found) / worth.found * caught.sum(), _SILENCE * worth.positive * passed.sum())
    # A few films at the usual prevalence keep a state that never occurs from making a finding impossible.
    present = caught.sum() + missed + prevalence.strength * prevalence.mean
    given_present = caught + missed * _normalise(passed)
    given_absent = np.maximum(counts - given_present, 0.0)
    return np.stack([_normalise(given_absent), _normalise(given_present)]), float(present / (n + prevalence.strength))


def _normalise(counts: Floats) -> Floats:
    floored = counts + _FLOOR * max(float(counts.sum()), 1.0)
    return np.asarray(floored / floored.sum())


@cache
def load(path: Path = FILE) -> PriorFile:
    """Read the priors.

    Raises:
        SettingsError: a value is out of range, or no entry covers an annotator of an unknown kind.
    """
    try:
        read = PriorFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        for kind in read.annotator:
            for finding in kind.findings:
                kind.worth(finding)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"{path.name}, {where}: {first['msg']}", f"mend {path.name}") from error
    if not any(kind.prefix == "" for kind in read.annotator):
        raise SettingsError("the priors cover no annotator of an unknown kind", f'add an entry with prefix = "" to {path.name}')
    return read
