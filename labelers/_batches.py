"""Batches of reports for an external labeler, taken lazily, each kept when finished so that nothing is run twice.

What a batch looks like on disk belongs to the `Exchange` of each labeler, how the program is run to `_process.py`.
A finished batch lies in `<work>/<labeler>/<digest of command and input>/`; it appears there whole or not at all.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from labelers._process import OUTPUT, ProcessOptions, ToolError, digest, run
from pipeline.base.labels import LabeledReport, LabelState, ReportLabel
from pipeline.base.reports import Report, Section


@dataclass(frozen=True, slots=True)
class Exchange:
    """The files between us and one tool.

    Attributes:
        name: of the labeler.
        findings: everything it labels.
        input_name, output_name: the files' names in the batch's folder.
        write: writes reports to a file.
        read: reads one answer for each of these reports, in order, and raises ToolError on anything else.
        check: looks through the error output of a run that ended well; raises ToolError.
    """

    name: str
    findings: tuple[str, ...]
    input_name: str
    output_name: str
    write: Callable[[Path, Sequence[Report]], None]
    read: Callable[[Path, Sequence[Report]], list[LabeledReport]]
    check: Callable[[Path], None] = lambda log: None


def in_batches(reports: Iterable[Report], options: ProcessOptions, work: Path | None, exchange: Exchange) -> Iterator[LabeledReport]:
    """An answer for each report, in order; a report without a letter in the sections handed over is answered without the tool.

    Raises:
        ToolError: the tool failed on a batch, or its answer does not fit; batches finished before are kept.
    """
    silence = LabeledReport((), tuple(ReportLabel(name, LabelState.UNMENTIONED) for name in exchange.findings))
    source = iter(reports)
    while batch := list(islice(source, options.batch_reports)):
        speaks = [_says_something(report, options.sections) for report in batch]
        spoken = [report for report, says in zip(batch, speaks, strict=True) if says]
        answers = iter(_answers(spoken, options, work, exchange) if spoken else ())
        yield from [next(answers) if says else silence for says in speaks]


def handed(report: Report, names: Collection[str]) -> tuple[Section, ...]:
    """The sections of the report that are handed to the tool."""
    return tuple(section for section in report.sections if section.name in names)


def _says_something(report: Report, names: Collection[str]) -> bool:
    return any(character.isalpha() for one in handed(report, names) for character in report.text[one.start : one.end])


def _answers(batch: Sequence[Report], options: ProcessOptions, work: Path | None, exchange: Exchange) -> list[LabeledReport]:
    """Answers from the kept output of the batch, or from a run whose output is kept once it proved readable."""
    shelf = _shelf(work, exchange.name)
    with tempfile.TemporaryDirectory(prefix="running-", dir=shelf) as scratch:
        source = Path(scratch).resolve() / exchange.input_name
        exchange.write(source, batch)
        kept = None if shelf is None else shelf / _name(options, source)
        if kept is not None and kept.is_dir():
            return exchange.read(kept / exchange.output_name, batch)
        fresh = _run(source, batch, options, exchange)
        answers = exchange.read(fresh / exchange.output_name, batch)
        if kept is not None:
            _keep(fresh, kept)
        return answers


def _shelf(work: Path | None, name: str) -> Path | None:
    if work is None:
        return None
    shelf = work / name
    shelf.mkdir(parents=True, exist_ok=True)
    return shelf


def _name(options: ProcessOptions, source: Path) -> str:
    """One name for one command on one input."""
    return hashlib.sha256(digest(options, options.of_reading).encode() + source.read_bytes()).hexdigest()


def _run(source: Path, batch: Sequence[Report], options: ProcessOptions, exchange: Exchange) -> Path:
    """The folder with the output of a run."""
    fresh = source.parent / "finished"
    fresh.mkdir()
    log = source.parent / "errors.txt"
    run(options, exchange.name, source, fresh / exchange.output_name, log, [report.text for report in batch])
    exchange.check(log)
    if not (fresh / exchange.output_name).exists():
        raise ToolError(
            f"the command of the labeler {exchange.name} ended well but wrote nothing where {OUTPUT} points",
            f"write the tool's answer to {OUTPUT}, as an option of the tool or in a script of your own around it",
        )
    return fresh


def _keep(fresh: Path, kept: Path) -> None:
    """Move a finished batch to its place in one step; where another run was faster, its answer stays."""
    try:
        fresh.rename(kept)
    except OSError:
        if not kept.is_dir():
            raise
