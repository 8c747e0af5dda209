"""Label a stream of reports with one labeler: batches in order, side by side where asked, in constant memory.

Here belongs how reports flow. Where they come from belongs to `files.py`, what is written to `label_files.py`, what is read in them to
the labelers. Only light modules are imported: each worker process loads this one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.base.errors import InputError
from pipeline.base.findings import CHEXPERT_14, NIH_14, NO_FINDING, canonical
from pipeline.base.labels import LabeledReport, to_chexpert
from pipeline.base.reports import Report
from pipeline.label import processes, reading
from pipeline.label.given import BadRow, Given
from pipeline.label.reading import Reader

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 256  # reports handed to a process at once: its pickling costs a few per cent of the reading
_FEW = 4  # fewer batches are read before processes have started
NOT_READ = "nothing to read: no findings, impression or other text"
Row = tuple[str, tuple[int | None, ...]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with every report.

    Attributes:
        labeler, options: who reads, and how.
        findings: columns of the labels, in order; the labeler knows each.
        has_mentions: whether mentions are wanted beside the labels.
        work: where a labeler that takes hours keeps finished batches.
    """

    labeler: str
    options: Mapping[str, Any]
    findings: tuple[str, ...]
    has_mentions: bool = False
    work: Path | None = None

    def of(self, findings: tuple[str, ...]) -> Plan:
        """The same with other columns."""
        return replace(self, findings=findings)

    def reader(self) -> Reader:
        """The labeler, checked; raises as `reading.reader` does."""
        return reading.reader(self.labeler, self.options)


@dataclass(frozen=True, slots=True)
class Batch:
    """What came of some reports, in their order.

    Attributes:
        rows: report_id and a cell (1, 0, -1, None) for each finding of the plan.
        mentions: rows of table `mentions`; None where they were not wanted.
        unread: reports whose row is blank because nothing was to be read.
    """

    rows: list[Row]
    mentions: pa.RecordBatch | None
    unread: list[BadRow]


def columns(chosen: str, one: Reader) -> tuple[str, ...]:
    """The findings of `--findings`: all, chexpert, nih, or names with commas.

    Raises:
        InputError: no label set knows a name, or the labeler does not read it.
    """
    known = one.labeler.findings
    sets = {"all": known, "chexpert": CHEXPERT_14, "nih": (*NIH_14, NO_FINDING)}
    wanted = sets.get(chosen) or tuple(dict.fromkeys(canonical(name) for name in chosen.split(",")))
    if strange := [name for name in wanted if name not in known]:
        raise InputError(
            f"the labeler {one.name} does not read {', '.join(strange)}", "choose others with --findings; all is what it knows"
        )
    return wanted


def label(reports: Iterable[Given], plan: Plan, jobs: int = 1) -> Generator[Batch, None, None]:
    """Batches in the order of the reports.

    A labeler that needs something of its own (a model, a program) makes its own batches: it gets the whole stream in this process.
    Any other is called batch by batch, in `jobs` processes.

    Raises:
        LabelerError: the labeler crashed or broke its interface.
        ProcessError: a process died.
    """
    if plan.reader().labeler.needs:
        yield from _whole(reports, plan)
        return
    chunks = _chunks(reports)
    first = list(islice(chunks, _FEW))
    every = chain(first, chunks)
    if jobs > 1 and len(first) == _FEW:
        yield from processes.ordered(partial(_handler, plan), every, jobs, __name__)
    else:
        yield from map(_handler(plan), every)


def read_in_order(given: Iterable[Given], one: Reader, work: Path | None = None) -> Iterator[tuple[Given, Report, LabeledReport | None]]:
    """Each report with what the labeler says; None where there was nothing to read and it was not asked."""
    waiting: deque[tuple[Given, Report]] = deque()

    def readable() -> Iterator[Report]:
        for handed in given:
            report = Report.of(handed.report_id, handed.text)
            waiting.append((handed, report))
            if reading.is_readable(report.sections):
                yield report

    for report, read in reading.read_all(one, readable(), work):
        while waiting[0][1] is not report:
            yield (*waiting.popleft(), None)
        yield (*waiting.popleft(), read)
    yield from ((left, report, None) for left, report in waiting)


def _whole(reports: Iterable[Given], plan: Plan) -> Iterator[Batch]:
    answers = read_in_order(reports, plan.reader(), plan.work)
    while some := list(islice(answers, BATCH)):
        yield _batch(some, plan)


def _handler(plan: Plan) -> Callable[[list[Given]], Batch]:
    one = plan.reader()
    return lambda chunk: _batch(read_in_order(chunk, one), plan)


def _batch(answers: Iterable[tuple[Given, Report, LabeledReport | None]], plan: Plan) -> Batch:
    rows: list[Row] = []
    unread: list[BadRow] = []
    mentions: list[dict[str, Any]] = []
    for given, report, read in answers:
        if read is None:
            rows.append((given.report_id, (None,) * len(plan.findings)))
            unread.append(BadRow(given.place, given.report_id, NOT_READ))
            continue
        rows.append((given.report_id, _cells(read, plan.findings)))
        if plan.has_mentions:
            mentions += [reading.mention_row(report, plan.labeler, index, made) for index, made in enumerate(read.mentions)]
    return Batch(rows, _arrow(mentions) if plan.has_mentions else None, unread)


def _cells(read: LabeledReport, findings: tuple[str, ...]) -> tuple[int | None, ...]:
    states = {one.finding: one.state for one in read.labels}
    numbers = (to_chexpert(states[finding]) for finding in findings)
    return tuple(None if number is None else int(number) for number in numbers)


def _arrow(mentions: list[dict[str, Any]]) -> pa.RecordBatch:
    import pyarrow as pa

    from pipeline.base.tables import BY_NAME

    schema = BY_NAME["mentions"].schema
    return pa.RecordBatch.from_arrays(
        [pa.array([row[name] for row in mentions], schema.field(name).type) for name in schema.names], schema=schema
    )


def _chunks(reports: Iterable[Given]) -> Iterator[list[Given]]:
    stream = iter(reports)
    while chunk := list(islice(stream, BATCH)):
        yield chunk
