"""The CheXpert labeler (Irvin et al. 2019), run as a program of the user's own installation.

Here belongs how a report becomes its input and its row becomes labels; the files are in `_chexpert_csv.py`, the run in `_batches.py`.
The tool tells no places in the text, so its labels have no mentions and no evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from labelers import _process
from labelers._batches import Exchange, handed, in_batches
from labelers._chexpert_csv import one_line, read_labels, write_reports
from labelers._process import ProcessOptions
from pipeline.base.findings import CHEXPERT_14
from pipeline.base.interfaces import LABELERS, LabelerOptions
from pipeline.base.labels import LabeledReport, LabelState, ReportLabel
from pipeline.base.reports import Report

_EXAMPLE = "conda run -n chexpert-label python label.py --reports_path {input} --output_path {output}"


@LABELERS.add("chexpert")
class ChexpertLabeler:
    """The CheXpert labeler, run from an installation of your own; its 14 labels, without the words behind them."""

    needs: ClassVar[str] = "an installation of stanfordmlgroup/chexpert-labeler, and the option command that runs it"
    findings: ClassVar[tuple[str, ...]] = CHEXPERT_14
    Options: ClassVar[type[LabelerOptions]] = ProcessOptions

    def missing(self, options: Any) -> str | None:
        """Whether a command is set and can be started."""
        return _process.missing(options, "chexpert", _EXAMPLE)

    def version(self, options: Any) -> str:
        """The tool's version as told by the user, and a digest of the command."""
        return _process.version(options)

    def read(self, reports: Iterable[Report], options: Any, work: Path | None = None) -> Iterator[LabeledReport]:
        """Labels without mentions, a batch at a time.

        Raises:
            ToolError: the tool failed on a batch, or its rows are not those it was given.
        """

        def texts(batch: Sequence[Report]) -> list[str]:
            return [one_line(report, handed(report, options.sections)) for report in batch]

        def write(path: Path, batch: Sequence[Report]) -> None:
            write_reports(path, texts(batch))

        def read(path: Path, batch: Sequence[Report]) -> list[LabeledReport]:
            return [_labeled(states) for states in read_labels(path, texts(batch))]

        return in_batches(reports, options, work, Exchange("chexpert", CHEXPERT_14, "reports.csv", "labels.csv", write, read))


def _labeled(states: Mapping[str, LabelState]) -> LabeledReport:
    return LabeledReport((), tuple(ReportLabel(name, states[name]) for name in CHEXPERT_14))
