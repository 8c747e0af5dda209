"""The seams: what a plug-in must offer. Registries stand beside them; one plug-in is one new file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict

from pipeline.base.labels import LabeledReport, LabelState
from pipeline.base.registry import Registry

if TYPE_CHECKING:
    from collections import Counter

    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    import torch
    from torch import Tensor

    from pipeline.base.errors import InputError
    from pipeline.base.reports import Report
    from pipeline.base.settings import Settings
    from pipeline.base.storage import Home


@dataclass(frozen=True, slots=True)
class FoundFile:
    """One file of an export: path below it with '/', size in bytes, and a stamp that changes when the file does.

    `problem` is the reason code of a file that must not be opened, such as a member of an archive that would unpack outside it.
    """

    relative: str
    size_bytes: int
    stamp: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class SourceCard:
    """What a user must know of an archive before using it."""

    title: str
    licence: str
    citation: str
    layout: str
    known_defects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FilmFacts:
    """What an archive's tables and paths say of one film. Words are DICOM's; original identifiers, for memory alone."""

    patient_id: str | None
    study_id: str | None
    image_uid: str
    view_position: str | None = None
    patient_sex: str | None = None
    patient_age_years: int | None = None
    study_date: date | None = None
    modality: str = "DX"
    accession_number: str | None = None
    pixel_spacing_mm: float | None = None
    institution_name: str | None = None
    split: str | None = None


class Source(Protocol):
    """Where files come from, and which labels came with them."""

    card: ClassVar[SourceCard]

    def files(self, export: str) -> Iterator[FoundFile]:
        """Every file, in one fixed order, links not followed out of the export."""
        ...

    def kind(self, export: str, found: FoundFile) -> str:
        """dicom, picture, text, csv or other; whether a text is a report and a csv holds labels, `collect` finds out."""
        ...

    def open(self, export: str, relative: str) -> BinaryIO:
        """The bytes of one file."""
        ...

    def facts(self, export: str) -> Callable[[FoundFile], FilmFacts | None]:
        """What the archive says of a film beyond its header; None where it says nothing."""
        ...


class TextTable(Protocol):
    """A label file opened as rows of text."""

    @property
    def name(self) -> str:
        """The file's name in lower case, without suffixes."""
        ...

    @property
    def header(self) -> tuple[str, ...]:
        """Its columns; of an XML document the paths of its elements."""
        ...

    @property
    def unknown(self) -> Counter[str]:
        """Where a format counts what no finding covers; `collect` tells how many."""
        ...

    def column(self, *names: str) -> str | None:
        """The first column so called; capitals, blanks and punctuation do not count. None without one."""
        ...

    def findings(self) -> dict[str, str]:
        """Columns that name a finding in any archive's way -> our spelling."""
        ...

    def rows(self, *columns: str) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Line number and cells of these columns, blanks around them removed, for each record."""
        ...

    def wrong(self, line: int, why: str) -> InputError:
        """The error to raise for a cell that the format does not know; `why` holds no identifiers."""
        ...


class FileLabels(NamedTuple):
    """What one annotator says about one item of a label file.

    Attributes:
        names: (kind, value) pairs that may name the item, tried in order; kinds are in `pipeline.collect.films`.
        annotator: "published:<set>", with ":<reader>" where readers are told apart.
        states: a state for every finding the annotator was asked about.
    """

    names: tuple[tuple[str, str], ...]
    annotator: str
    states: Mapping[str, LabelState]


class LabelFile(Protocol):
    """The layout of a published label file. Silence of a set that names positives alone is UNMENTIONED.

    Attributes:
        human: annotator -> what people read there, "film" or "report"; an annotator not named here is a program.
            A name covers those that continue it after a ":".
        example: file name and text of a small file in this layout.
    """

    human: ClassVar[Mapping[str, str]]
    example: ClassVar[tuple[str, str]]

    def recognises(self, table: TextTable) -> bool:
        """Whether the columns are this layout's; the file's name alone is never enough."""
        ...

    def read(self, table: TextTable) -> Iterator[FileLabels]:
        """Every item. What the layout does not know raises `table.wrong`, or is counted in `table.unknown`."""
        ...


class LabelerOptions(BaseModel):
    """Options of one labeler; each declares its own. They come from `label.options.<labeler>` and from `cxr label --set`."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Labeler(Protocol):
    """Reads reports. It may raise: a crash is an error of the run, never "unmentioned".

    Attributes:
        needs: what the user brings beyond this package, in words; empty when nothing.
        findings: everything it can label.
        Options: the model of its options.
    """

    needs: ClassVar[str]
    findings: ClassVar[tuple[str, ...]]
    Options: ClassVar[type[LabelerOptions]]

    def missing(self, options: Any) -> str | None:
        """Why it cannot run here with these options, as one line that names the remedy; None when it can."""
        ...

    def version(self, options: Any) -> str:
        """Tells its labels from those of another version or other options."""
        ...

    def read(self, reports: Iterable[Report], options: Any, work: Path | None = None) -> Iterator[LabeledReport]:
        """Mentions and one label for each of `findings`, for each report in order; `reports` may be endless.

        Args:
            reports: offsets of mentions point into their `text`.
            options: of the type `Options`.
            work: a folder for finished batches, so that a labeler that takes hours goes on where it stopped; None keeps nothing.
        """
        ...


class ExclusionRule(Protocol):
    """Decides over a batch of files, each by its own row: which files come together means nothing.

    Attributes:
        action: exclude, duplicate, skip or flag.
        order: rules with lower order speak first; the first that removes a file names its reason.
        reasons: reason code -> sentence, everything this rule can answer.

    A rule that holds the header against the pixels may have `evidence`: reason code -> template that columns of `files` fill.
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
        """Targets, shape (n,): 0, 1, or between; NaN is masked out, and for UNMENTIONED leaves it to `label.unmentioned`."""
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
class ModelCard:
    """What a user must know of a published model before believing it.

    Attributes:
        title: as its authors call it.
        licence: of code and weights, where they differ both.
        citation: paper.
        weights: what the user brings: files, their upstream names, where they are published.
        input: size, planes and value range the network sees, in words.
        trained_on: data sets, as far as told; a film of them is no test.
        quirks: what upstream does that a user would not expect, and what is done about it here.
    """

    title: str
    licence: str
    citation: str
    weights: str
    input: str
    trained_on: str
    quirks: tuple[str, ...] = ()


ScoreKind = Literal["probability", "logit", "cosine", "op_normalised", "yes_no"]


class ModelOptions(BaseModel):
    """Options of one published model; each declares its own. They come from `models.<name>.options` and from `--set`."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Scorer(Protocol):
    """A published model with its weights, on its device. Scores of different kinds are never compared or ranked together.

    Attributes:
        findings: what it scores, in our spelling, in the order of the columns.
        score_kind: what a score is.
    """

    findings: tuple[str, ...]
    score_kind: ScoreKind

    def prepare(self, film: npt.NDArray[np.uint8]) -> Tensor:
        """Upstream's preprocessing of one film, uint8 (height, width), white is dense: what `score` takes, without its batch axis."""
        ...

    def score(self, films: Tensor) -> Tensor:
        """Scores, float32 (n, findings) on the CPU, of n prepared films; no film's score depends on another film of the batch."""
        ...


class PublishedModel(Protocol):
    """Loads one published system from files the user gives. Nothing is downloaded, no pickle runs unless an option says so.

    Attributes:
        card: for people.
        Options: the model of its options.
        findings: what it scores without options; a zero-shot model scores any finding of the vocabulary it is asked for.
    """

    card: ClassVar[ModelCard]
    Options: ClassVar[type[ModelOptions]]
    findings: ClassVar[tuple[str, ...]]

    def load(self, checkpoint: Path, options: Any, device: torch.device) -> Scorer:
        """The model, ready to score.

        Args:
            checkpoint: file or folder, as the card says.
            options: of the type `Options`.
            device: where it runs.

        Raises:
            InputError: the files are missing, unsafe or another model's; the message says which keys do not fit.
        """
        ...


@dataclass(frozen=True, slots=True)
class StageResult:
    """What a stage tells: counts for people and Dagster, warnings in words, plots as PNG bytes."""

    counts: dict[str, int | float | str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    plots: dict[str, bytes] = field(default_factory=dict)


SOURCES: Registry[Source] = Registry("source", "pipeline.collect.sources")
LABEL_FILES: Registry[LabelFile] = Registry("label_file", "pipeline.collect.label_files")
RULES: Registry[ExclusionRule] = Registry("rule", "pipeline.exclude.rules")
LABELERS: Registry[Labeler] = Registry("labeler", "labelers")
POLICIES: Registry[UncertaintyPolicy] = Registry("policy", "pipeline.label.uncertainty")
DETECTORS: Registry[IssueDetector] = Registry("detector", "pipeline.rank.detectors")
FORMATS: Registry[ExportFormat] = Registry("format", "pipeline.write.formats")
MODELS: Registry[Any] = Registry("model", "models.architectures")
LOSSES: Registry[Callable[[Any], Any]] = Registry("loss", "models.losses")
ZOO: Registry[PublishedModel] = Registry("zoo", "models.zoo")
ALL: tuple[Registry[Any], ...] = (SOURCES, LABEL_FILES, RULES, LABELERS, POLICIES, DETECTORS, FORMATS, MODELS, LOSSES, ZOO)
READER = "reader:"
# Labels of a bare table: a report labeler's or its like, an annotator without an entry of its own in the priors.
TABLE = "published:labels"


def is_film_reader(annotator: str) -> bool:
    """Whether a person who looked at the film speaks: a reader, or a published file of readers (`LabelFile.human`)."""
    published = (name for _, layout in LABEL_FILES for name, looked_at in layout.human.items() if looked_at == "film")
    return annotator.startswith(READER) or any(annotator == name or annotator.startswith(f"{name}:") for name in published)
