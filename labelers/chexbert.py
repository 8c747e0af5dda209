"""CheXbert as a labeler: which words of a report it reads, what its classes mean, and finished windows kept in `work`.

The network, its checkpoint and its tokenizer belong to `models/chexbert.py`. Nothing is ever downloaded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.base.errors import InputError
from pipeline.base.interfaces import LABELERS, LabelerOptions
from pipeline.base.labels import STATES, LabeledReport, LabelState, ReportLabel
from pipeline.base.provenance import digest, file_sha256
from pipeline.base.reports import Report

if TYPE_CHECKING:
    from models.chexbert import Loaded

VERSION = "1.0"
WINDOW_BATCHES = 32
VOCAB_FILES = ("vocab.txt", "tokenizer.json")
# The order of the published heads and classes (Smit et al. 2020, released code).
FINDINGS = (
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
    "No Finding",
)
CLASSES = (LabelState.UNMENTIONED, LabelState.POSITIVE, LabelState.NEGATIVE, LabelState.UNCERTAIN)
_CLASS_OF_STATE = tuple(CLASSES.index(state) for state in STATES)


class ChexbertOptions(LabelerOptions):
    """Where CheXbert's files are, and how it reads."""

    checkpoint: Path | None = Field(default=None, description="chexbert.pth as published, or the same weights as .safetensors")
    vocab: Path | None = Field(default=None, description="vocab.txt or tokenizer.json of bert-base-uncased, or a folder that holds one")
    config: Path | None = Field(default=None, description="config.json of the BERT; its sizes follow from the weights when absent")
    sections: tuple[Literal["impression", "findings", "body"], ...] = Field(
        default=("impression", "findings", "body"),
        min_length=1,
        description="the first of these that a report has is read; the network was trained on impressions",
    )
    batch_size: int = Field(default=32, ge=1, description="reports the network reads at once")
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="auto is the GPU when there is one")
    precision: Literal["auto", "float32", "float16"] = Field(default="auto", description="auto is float16 on a GPU, float32 on a CPU")


@LABELERS.add("chexbert", needs=("transformers",))
class ChexbertLabeler:
    """CheXbert (Smit et al. 2020): BERT with 14 heads from a local checkpoint; four-state probabilities, no mentions."""

    needs: ClassVar[str] = "the checkpoint chexbert.pth and the vocab.txt of bert-base-uncased; a GPU for large sets"
    findings: ClassVar[tuple[str, ...]] = FINDINGS
    Options: ClassVar[type[LabelerOptions]] = ChexbertOptions

    def missing(self, options: ChexbertOptions) -> str | None:
        """The option and file that is lacking, or the device."""
        if options.checkpoint is None or not options.checkpoint.is_file():
            return _lacking("checkpoint", options.checkpoint, "chexbert.pth, from the authors of CheXbert")
        if vocab_file(options.vocab) is None:
            return _lacking("vocab", options.vocab, "the vocab.txt of bert-base-uncased")
        if options.config is not None and not options.config.is_file():
            return _lacking("config", options.config, "the config.json of bert-base-uncased, or leave it out")
        if options.device == "cuda" and not _has_gpu():
            return "option device is cuda, and no CUDA device is visible: set it to auto or cpu"
        return None

    def version(self, options: ChexbertOptions) -> str:
        """A number for the code and eight digits for the files and options that decide a label; the number alone without a checkpoint."""
        return VERSION if self.missing(options) else f"{VERSION}+{_identity(options)[:8]}"

    def read(self, reports: Iterable[Report], options: ChexbertOptions, work: Path | None = None) -> Iterator[LabeledReport]:
        """No mentions, and one label with its probabilities for each of `findings`.

        A report without a word in `options.sections` was not put to the network: UNMENTIONED throughout, without probabilities.
        Reports are taken a window at a time, 32 batches long, in which those of like length share a batch. `work` keeps the
        probabilities of finished windows.

        Raises:
            InputError: the checkpoint, vocabulary or configuration cannot be used.
            CxrError: the GPU has too little memory for a batch.
        """
        from models import memory

        identity = _identity(options)
        network = cache(lambda: _load(options))
        for window in _windows(iter(reports), options.batch_size * WINDOW_BATCHES):
            texts = [text_of(report, options.sections) for report in window]
            make = partial(_read_texts, network, texts, options.batch_size)
            key = digest([identity, options.batch_size, *texts])
            kept = make() if work is None else memory.remembered(work / "chexbert", key, make)[0]
            yield from map(labeled, kept["probabilities"])


def text_of(report: Report, sections: Sequence[str]) -> str:
    """The words of the first of `sections` that the report has, on one line; empty when it has none.

    A section that comes more than once, as in an addendum, is read whole. The published code takes the impression alone.
    """
    for name in sections:
        if pieces := [report.text[part.start : part.end] for part in report.sections if part.name == name]:
            # Half a character, from a file cut in its middle, is in no encoding; the tokenizer would refuse it.
            return " ".join(" ".join(pieces).split()).encode("utf-8", "replace").decode("utf-8")
    return ""


def labeled(probabilities: npt.NDArray[np.generic]) -> LabeledReport:
    """The answer for one report from its probabilities, shape (findings, classes), NaN where the network read nothing."""
    return LabeledReport((), tuple(_label(finding, row.tolist()) for finding, row in zip(FINDINGS, probabilities, strict=True)))


def vocab_file(given: Path | None) -> Path | None:
    """The vocabulary named by the option, itself a file or in a folder; None when there is none."""
    candidates = [] if given is None else [given, *(given / name for name in VOCAB_FILES)]
    return next((path for path in candidates if path.is_file()), None)


def _label(finding: str, classes: list[float]) -> ReportLabel:
    if math.isnan(classes[0]):
        return ReportLabel(finding, LabelState.UNMENTIONED)
    # Of equal classes the first, as in the published code.
    state = CLASSES[classes.index(max(classes))]
    return ReportLabel(finding, state, probabilities=tuple(classes[index] for index in _CLASS_OF_STATE))


def _windows(reports: Iterator[Report], size: int) -> Iterator[list[Report]]:
    while window := list(islice(reports, size)):
        yield window


def _read_texts(network: Callable[[], Loaded], texts: Sequence[str], batch_size: int) -> dict[str, npt.NDArray[np.generic]]:
    from models import chexbert

    return {"probabilities": chexbert.probabilities(network(), texts, batch_size)}


def _load(options: ChexbertOptions) -> Loaded:
    from models import chexbert

    checkpoint, vocab = _files(options)
    return chexbert.load(checkpoint, vocab, options.config, options.device, _precision(options))


def _files(options: ChexbertOptions) -> tuple[Path, Path]:
    vocab = vocab_file(options.vocab)
    if options.checkpoint is None or vocab is None:
        raise InputError("chexbert has no checkpoint or vocabulary", "set the options checkpoint and vocab")
    return options.checkpoint, vocab


def _precision(options: ChexbertOptions) -> str:
    if options.precision != "auto":
        return options.precision
    return "float16" if options.device != "cpu" and _has_gpu() else "float32"


def _has_gpu() -> bool:
    from models import devices

    return devices.choose("auto").type == "cuda"


def _lacking(option: str, given: Path | None, wanted: str) -> str:
    found = "is not set" if given is None else f"is {given}, where no such file is"
    return f"option {option} {found}: give {wanted}"


def _identity(options: ChexbertOptions) -> str:
    """Digest of everything but the texts that decides a label."""
    files = [path for path in (*_files(options), options.config) if path is not None]
    stamps = [(path, path.stat()) for path in files]
    return digest(
        [VERSION, *options.sections, _precision(options), *(_file_digest(path, stat.st_mtime_ns, stat.st_size) for path, stat in stamps)]
    )


@lru_cache(maxsize=8)
def _file_digest(path: Path, mtime_ns: int, size: int) -> str:
    """SHA-256 of a file; time and size tell a changed file from the one that was read."""
    return file_sha256(path)
