"""Who said what: for each finding a matrix of films by annotators. Missing (never asked) is not UNMENTIONED (asked and silent)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.base.interfaces import is_film_reader
from pipeline.base.labels import STATES, LabelState

Codes = npt.NDArray[np.int8]
MISSING = -1
POSITIVE, NEGATIVE, UNCERTAIN, UNMENTIONED = (STATES.index(state) for state in LabelState)
# What an annotator can say: a state, or an UNCERTAIN that it knows to be weak. UNCERTAIN alone is strong, or of unknown strength.
WEAK = len(STATES)
N_WORDS = len(STATES) + 1


@dataclass(frozen=True, slots=True)
class LabelMatrix:
    """States of one finding.

    Attributes:
        finding: the finding.
        items: films, shape (n,).
        annotators: names of the columns.
        codes: shape (n, annotators): position in `labels.STATES`, or MISSING where the annotator was not asked.
        is_weak: UNCERTAIN that the annotator knows to be weak, shape (n, annotators).
    """

    finding: str
    items: npt.NDArray[np.object_]
    annotators: tuple[str, ...]
    codes: Codes
    is_weak: npt.NDArray[np.bool_]

    @property
    def words(self) -> Codes:
        """`codes` with WEAK apart from UNCERTAIN."""
        return np.where(self.is_weak, np.int8(WEAK), self.codes)

    @property
    def asked(self) -> npt.NDArray[np.bool_]:
        """Whether each annotator was asked about each film, shape (n, annotators)."""
        return np.asarray(self.codes != MISSING)

    @property
    def by_reader(self) -> npt.NDArray[np.bool_]:
        """Which annotators are people who looked at the film, shape (annotators,)."""
        return np.array([is_film_reader(annotator) for annotator in self.annotators], bool)

    def said(self, code: int) -> npt.NDArray[np.bool_]:
        """Whether anybody gave a state, shape (n,)."""
        return np.asarray((self.codes == code).any(axis=1))

    def column(self, annotator: str) -> Codes:
        """One annotator's codes, shape (n,)."""
        return np.asarray(self.codes[:, self.annotators.index(annotator)])


def build(annotations: pd.DataFrame, items: Sequence[str], findings: Sequence[str], annotators: Sequence[str]) -> list[LabelMatrix]:
    """One matrix a finding from the table `annotations` (image_id, finding, annotator, state, grade), all over the same films.

    Rows about other films, findings or annotators are left out; the order of the rows does not matter.
    """
    films = pd.Index(items)
    where = (
        films.get_indexer(pd.Index(annotations["image_id"])),
        pd.Index(findings).get_indexer(pd.Index(annotations["finding"])),
        pd.Index(annotators).get_indexer(pd.Index(annotations["annotator"])),
    )
    states = pd.Index([str(state) for state in STATES]).get_indexer(pd.Index(annotations["state"]))
    known = (where[0] >= 0) & (where[1] >= 0) & (where[2] >= 0) & (states >= 0)
    codes = np.full((len(findings), len(films), len(annotators)), MISSING, np.int8)
    at = (where[1][known], where[0][known], where[2][known])
    codes[at] = states[known]
    is_weak = np.zeros(codes.shape, bool)
    is_weak[at] = (states[known] == UNCERTAIN) & (annotations["grade"].to_numpy(object)[known] == "weak")
    names = np.asarray(list(items), object)
    return [LabelMatrix(finding, names, tuple(annotators), codes[row], is_weak[row]) for row, finding in enumerate(findings)]
