"""The seams: what a plug-in must offer. Registries stand beside them; one plug-in is one new file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from pipeline.base.labels import LabeledReport
from pipeline.base.registry import Registry

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.base.reports import Section
    from pipeline.base.settings import Settings
    from pipeline.base.storage import Home


@dataclass(frozen=True, slots=True)
class FoundFile:
    """One file of an export: absolute path, path below the export with '/', and size in bytes."""

    path: Path
    relative: str
    size_bytes: int


class Source(Protocol):
    """Where files come from, and which labels came with them."""

    def files(self, export: Path) -> Iterator[FoundFile]:
        """Every file, in one fixed order, links not followed out of the export."""
        ...

    def kind(self, found: FoundFile) -> str:
        """dicom, text, csv or other; whether a text is a report and a csv holds labels, `collect` finds out."""
        ...


class Labeler(Protocol):
    """Reads one report. It may raise: a crash is an error of the run, never "unmentioned"."""

    version: str
    findings: tuple[str, ...]

    def label(self, text: str, sections: tuple[Section, ...]) -> LabeledReport:
        """Mentions and one label for each of `findings`; offsets point into `text`."""
        ...


class ExclusionRule(Protocol):
    """Decides over all files at once.

    Attributes:
        action: exclude, duplicate, skip or flag.
        order: rules with lower order speak first; the first that removes a file names its reason.
        reasons: reason code -> sentence, everything this rule can answer.
    """

    action: ClassVar[str]
    order: ClassVar[int]
    reasons: ClassVar[Mapping[str, str]]

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """One reason code or None for each row of `files` (one row a file, header, pixel and report facts joined)."""
        ...


class UncertaintyPolicy(Protocol):
    """What states become in training (CheXpert, Irvin et al. 2019, section 3)."""

    def __call__(self, states: npt.NDArray[np.object_], p_positive: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Targets, shape (n,): 0, 1, or between; NaN is masked out. UNMENTIONED was settled before."""
        ...


class IssueDetector(Protocol):
    """Judges given labels of one finding.

    Attributes:
        needs: columns of `cells` that must not be all null; a detector that lacks one is reported as disabled.
    """

    needs: ClassVar[tuple[str, ...]]

    def __call__(self, cells: pd.DataFrame) -> pd.DataFrame:
        """For each row of `cells` (image_id, given (0/1), p_positive, pred_prob, ...): label_quality_score in [0, 1] and is_label_issue."""
        ...


class ExportFormat(Protocol):
    """Writes the curated dataset for training.

    Attributes:
        description: one line for `cxr formats`.
    """

    description: ClassVar[str]

    def __call__(self, home: Home, to: Path) -> list[Path]:
        """Write below `to` and return the files written."""
        ...


@dataclass(frozen=True, slots=True)
class StageResult:
    """What a stage tells: counts for people and Dagster, warnings in words, plots as PNG bytes."""

    counts: dict[str, int | float | str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    plots: dict[str, bytes] = field(default_factory=dict)


SOURCES: Registry[Source] = Registry("source", "pipeline.collect.sources")
RULES: Registry[ExclusionRule] = Registry("rule", "pipeline.exclude.rules")
LABELERS: Registry[Labeler] = Registry("labeler", "labelers")
POLICIES: Registry[UncertaintyPolicy] = Registry("policy", "pipeline.label.uncertainty")
DETECTORS: Registry[IssueDetector] = Registry("detector", "pipeline.rank.detectors")
FORMATS: Registry[ExportFormat] = Registry("format", "pipeline.write.formats")
MODELS: Registry[Any] = Registry("model", "models.architectures")
ALL: tuple[Registry[Any], ...] = (SOURCES, RULES, LABELERS, POLICIES, DETECTORS, FORMATS, MODELS)
