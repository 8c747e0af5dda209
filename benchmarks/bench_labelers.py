"""Labels a CSV of reports with a registered labeler, writes a CheXpert-style CSV and prints reports per second.

    python benchmarks/bench_labelers.py [REPORTS.csv] [-o labels.csv] [--labeler rules] [--repeat 3]

REPORTS.csv is ../shared/data/reports/openi_dev.csv when not given. It has a column `report_id` and either `text`, or `findings`
and/or `impression`. The labels have one row a report: the id, then one column per finding with 1 / 0 / -1 / blank, so that any scorer
of such files can read them.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.record import record
from pipeline.base.errors import InputError
from pipeline.base.interfaces import LABELERS, Labeler
from pipeline.base.labels import LabeledReport, to_chexpert
from pipeline.base.reports import sections

OPENI = Path(__file__).resolve().parents[2] / "shared" / "data" / "reports" / "openi_dev.csv"
SECTIONS = ("findings", "impression")


def report_text(row: Mapping[str, str]) -> str:
    """A row's report: its `text`, or its section columns under their headings.

    Raises:
        InputError: the row has neither.
    """
    if "text" in row:
        return row["text"] or ""
    found = [name for name in SECTIONS if name in row]
    if not found:
        raise InputError("a report CSV needs the column text, findings or impression", "rename the column that holds the reports")
    return "\n".join(f"{name.upper()}: {row[name] or ''}" for name in found)


def label_all(labeler: Labeler, texts: Iterable[str]) -> list[LabeledReport]:
    """Every report, in order."""
    return [labeler.label(text, sections(text)) for text in texts]


def write(path: Path, labeler: Labeler, ids: Iterable[str], reports: Iterable[LabeledReport]) -> None:
    """A CheXpert-style CSV; blank is unmentioned."""
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(["report_id", *labeler.findings])
        for report_id, report in zip(ids, reports, strict=True):
            numbers = {label.finding: to_chexpert(label.state) for label in report.labels}
            writer.writerow([report_id, *("" if numbers[name] is None else f"{numbers[name]:.0f}" for name in labeler.findings)])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reports", type=Path, nargs="?", default=OPENI)
    parser.add_argument("-o", "--out", type=Path, help="write the labels here")
    parser.add_argument("--labeler", default="rules")
    parser.add_argument("--repeat", type=int, default=3, help="the fastest of so many passes is printed (3)")
    arguments = parser.parse_args()
    if not arguments.reports.exists():
        print(f"labelers: {arguments.reports.name} is not here; give a CSV of reports")
        return
    labeler = LABELERS.get(arguments.labeler)
    with arguments.reports.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    texts = [report_text(row) for row in rows]
    seconds = []
    for _ in range(max(1, arguments.repeat)):
        start = time.process_time()
        labeled = label_all(labeler, texts)
        seconds.append(time.process_time() - start)
    if arguments.out:
        write(arguments.out, labeler, (row["report_id"] for row in rows), labeled)
    speed = round(len(rows) / max(min(seconds), 1e-9))
    record("labelers", {"labeler": arguments.labeler, "version": labeler.version, "reports": len(rows), "reports_per_cpu_s": speed})


if __name__ == "__main__":
    main()
