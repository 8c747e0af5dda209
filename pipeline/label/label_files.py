"""The files that `cxr label` leaves: labels, mentions, and the rows that were bad. All appear whole at the end, or none."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from pipeline.base.errors import InputError
from pipeline.label.given import BadRow, Given
from pipeline.label.labelling import Plan, Row, label

if TYPE_CHECKING:
    from pipeline.label.parquet import ParquetOut


@dataclass(slots=True)
class Told:
    """What happened: rows written, of them blank because nothing was to be read, and rows that were bad, by problem."""

    reports: int = 0
    unread: int = 0
    bad: Counter[str] = field(default_factory=Counter)


def problems_path(to: Path) -> Path:
    """Where bad and unread rows are named, beside the labels; the file is there only when there are any."""
    return to.with_name(f"{to.stem}.problems.csv")


def write(found: Iterable[Given | BadRow], plan: Plan, to: Path, mentions: Path | None = None, jobs: int = 1) -> Told:
    """Label reports and write labels, and mentions where a path is given.

    Args:
        found: from `files.read`.
        plan: who reads what.
        to: .csv or .parquet: report_id, then 1, 0, -1 or nothing for each finding.
        mentions: .parquet in the columns of table `mentions`.
        jobs: processes.

    Raises:
        InputError: a path is of no kind that can be written, both are the same, or the input broke.
        HomeError: the disk is full or cannot be written.
        LabelerError: the labeler crashed. Nothing is written then.
    """
    from pipeline.base.storage import disk_errors, require_writable

    require_writable(to, (".csv", ".parquet"))
    if mentions:
        require_writable(mentions, (".parquet",))
    if mentions and mentions.resolve() == to.resolve():
        raise InputError("the mentions would replace the labels", "name another file with --mentions")
    told = Told()
    wanted = (to, problems_path(to), *((mentions,) if mentions else ()))
    with disk_errors(to.parent), whole(wanted) as paths, ExitStack() as stack:
        labels = stack.enter_context(closing((_CsvLabels if to.suffix == ".csv" else _ParquetLabels)(paths[0], plan.findings)))
        problems = stack.enter_context(closing(_Problems(paths[1])))
        spans = stack.enter_context(closing(_mentions(paths[2]))) if mentions else None
        for batch in stack.enter_context(closing(label(_sift(found, told, problems), plan, jobs))):
            labels.write(batch.rows)
            problems.write(batch.unread)
            told.reports += len(batch.rows)
            told.unread += len(batch.unread)
            if spans is not None:
                spans.write(batch.mentions)
    if not told.bad and not told.unread:
        problems_path(to).unlink(missing_ok=True)
    return told


@contextmanager
def whole(wanted: Sequence[Path]) -> Iterator[list[Path]]:
    """Temporary paths that take the wanted names when all went well; whatever stops the work leaves nothing behind."""
    from pipeline.base.storage import temporary_of

    made = [temporary_of(path) for path in wanted]
    try:
        yield made
        for temporary, path in zip(made, wanted, strict=True):
            if temporary.exists():
                temporary.replace(path)
    finally:
        for temporary in made:
            temporary.unlink(missing_ok=True)


def _sift(found: Iterable[Given | BadRow], told: Told, problems: _Problems) -> Iterator[Given]:
    for row in found:
        if isinstance(row, Given):
            yield row
        else:
            told.bad[row.problem] += 1
            problems.write([row])


class _Problems:
    """A CSV that is only made when there is something to say."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: TextIO | None = None

    def write(self, rows: list[BadRow]) -> None:
        if rows and self._handle is None:
            self._handle = self._path.open("w", encoding="utf-8", newline="")
            csv.writer(self._handle, lineterminator="\n").writerow(("place", "report_id", "problem"))
        if self._handle is not None:
            csv.writer(self._handle, lineterminator="\n").writerows((row.place, row.report_id, row.problem) for row in rows)

    def close(self) -> None:
        if self._handle is not None:
            self._handle.close()


class _CsvLabels:
    def __init__(self, path: Path, findings: tuple[str, ...]) -> None:
        self._handle = path.open("w", encoding="utf-8", newline="")
        self._lines = csv.writer(self._handle, lineterminator="\n")
        self._lines.writerow(("report_id", *findings))

    def write(self, rows: list[Row]) -> None:
        self._lines.writerows((report_id, *cells) for report_id, cells in rows)

    def close(self) -> None:
        self._handle.close()


class _ParquetLabels:
    def __init__(self, path: Path, findings: tuple[str, ...]) -> None:
        import pyarrow as pa

        from pipeline.label.parquet import ParquetOut

        self._schema = pa.schema([pa.field("report_id", pa.string(), False), *(pa.field(name, pa.int8()) for name in findings)])
        self._out = ParquetOut(path, self._schema)

    def write(self, rows: list[Row]) -> None:
        import pyarrow as pa

        columns = zip(*((report_id, *cells) for report_id, cells in rows), strict=True)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        self._out.write(pa.RecordBatch.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        self._out.close()


def _mentions(path: Path) -> ParquetOut:
    from pipeline.base.tables import BY_NAME
    from pipeline.label.parquet import ParquetOut

    return ParquetOut(path, BY_NAME["mentions"].schema)
