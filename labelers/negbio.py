"""NegBio (Peng et al. 2018), run as a program of the user's own installation: BioC XML in, BioC XML with annotations out.

Here belongs how it is run. What its annotations mean is in `_negbio_mentions.py`, how they make labels in `_negbio_labels.py`, the XML in
`_bioc.py`, batches in `_batches.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, field_validator

from labelers import _bioc, _process
from labelers._batches import Exchange, handed, in_batches
from labelers._negbio_labels import labels, told
from labelers._negbio_mentions import Found, found_in
from labelers._process import ProcessOptions, ToolError
from pipeline.base.errors import InputError
from pipeline.base.findings import CHEXPERT_14, canonical
from pipeline.base.interfaces import LABELERS, LabelerOptions
from pipeline.base.labels import LabeledReport
from pipeline.base.reports import Report, Section

if TYPE_CHECKING:
    from bioc import BioCDocument

_EXAMPLE = "conda run -n negbio main_chexpert bioc --output={output} {input}"
_ADMITS_FAILURE = re.compile(r"Cannot (?:process|parse|read|write)\b")


class Options(ProcessOptions):
    """How NegBio is run and read."""

    of_reading: ClassVar[frozenset[str]] = frozenset({"concepts"})
    concepts: dict[str, str] = Field(default={}, description="UMLS concept -> finding, for a pipeline with MetaMap (dner_mm)")
    allow_failures: bool = Field(
        default=False, description="go on where NegBio logs that it could not process or parse something; what it did find counts"
    )

    @field_validator("concepts")
    @classmethod
    def _known(cls, value: dict[str, str]) -> dict[str, str]:
        try:
            found = {concept: canonical(name) for concept, name in value.items()}
        except InputError as error:
            raise ValueError(error.message) from None
        if strange := sorted(set(found.values()) - set(CHEXPERT_14)):
            raise ValueError(f"{', '.join(strange)} is none of CheXpert's findings")
        return found


@LABELERS.add("negbio", needs=("bioc",))
class NegBioLabeler:
    """NegBio with CheXpert's 14 findings, run from an installation of your own; mentions with their places."""

    needs: ClassVar[str] = "an installation of ncbi-nlp/NegBio or bionlplab/negbio2, and the option command that runs it"
    findings: ClassVar[tuple[str, ...]] = CHEXPERT_14
    Options: ClassVar[type[LabelerOptions]] = Options

    def missing(self, options: Any) -> str | None:
        """Whether a command is set and can be started."""
        return _process.missing(options, "negbio", _EXAMPLE)

    def version(self, options: Any) -> str:
        """The tool's version as told by the user, and a digest of command and concepts."""
        return _process.version(options)

    def read(self, reports: Iterable[Report], options: Any, work: Path | None = None) -> Iterator[LabeledReport]:
        """Mentions and labels, a batch at a time.

        Raises:
            ToolError: the tool failed on a batch, or its documents are not those it was given.
        """

        def write(path: Path, batch: Sequence[Report]) -> None:
            _bioc.write(path, _bioc.collection([(report, handed(report, options.sections)) for report in batch]))

        def read(path: Path, batch: Sequence[Report]) -> list[LabeledReport]:
            documents = _bioc.read(path, len(batch))
            return [
                _labeled(report, handed(report, options.sections), document, options.concepts)
                for report, document in zip(batch, documents, strict=True)
            ]

        def check(log: Path) -> None:
            if not options.allow_failures:
                _refuse_failures(log)

        return in_batches(reports, options, work, Exchange("negbio", CHEXPERT_14, "reports.xml", "answer", write, read, check))


def _refuse_failures(log: Path) -> None:
    """NegBio ends with exit status 0 when a report breaks a step: the report comes back without its mentions or without its negations."""
    with log.open(encoding="utf-8", errors="replace") as lines:
        failures = sum(_ADMITS_FAILURE.search(line) is not None for line in lines)
    if failures:
        raise ToolError(
            f"NegBio logged {failures} times that it could not process or parse something, and would leave that unmentioned or not negated",
            "mend its installation (the parser's model above all), or accept this with label.options.negbio.allow_failures=true",
        )


def _labeled(report: Report, sections: Sequence[Section], document: BioCDocument, concepts: Mapping[str, str]) -> LabeledReport:
    found: list[Found] = []
    for index, section in enumerate(sections):
        end = sections[index + 1].start if index + 1 < len(sections) else len(report.text)
        passages = [passage for passage in document.passages if section.start <= passage.offset < end]
        found += found_in(report, section, passages, concepts)
    mentions = sorted({one.mention for one in found if one.mention}, key=lambda one: (one.start, one.end, one.finding, one.state))
    return LabeledReport(tuple(mentions), labels(found, mentions, told(document.infons)))
