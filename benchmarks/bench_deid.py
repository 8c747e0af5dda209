"""What the report scrubber removes and costs: identifiers planted into real reports, words lost, labels of the rule labeler changed.

    python benchmarks/bench_deid.py [--reports REPORTS.csv] [--hospital FOLDER]

REPORTS.csv has the columns report_id, indication, comparison, findings, impression. One planted sentence a report, from frames that the
scrubber's author wrote: figures of `planted_*` say what the rules are made for, not what an unseen hospital would give. FOLDER has export/
and truth/phi.csv (kind, value): every value that stood in a report and still does is a miss.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.record import record
from pipeline.base.interfaces import LABELERS
from pipeline.base.reports import Report
from pipeline.collect.deidentify import scrub

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SECTIONS = ("indication", "comparison", "findings", "impression")
GIVEN = ("Ada", "Ravi", "Inés", "Kofi", "Mei-Ling", "Søren", "Patrick", "Leila")
FAMILY = ("Marlow", "O'Neill", "van der Berg", "Okafor-Lind", "Nguyễn", "McAllister", "de la Cruz", "Stone")
# kind -> sentence, and what of it identifies.
FRAMES: tuple[tuple[str, str, str], ...] = (
    ("name", "Discussed with Dr. {g} {f}.", "{f}"),
    ("name", "Results were called to {g} {f}, RN at 14:20.", "{f}"),
    ("name", "Findings were communicated to {g} {f} by telephone.", "{f}"),
    ("name", "Prof. {f} was informed.", "{f}"),
    ("name", "Electronically signed by: {g} {f}, M.D.", "{f}"),
    ("name", "{g} {f} is a pleasant patient.", "{f}"),
    ("number", "MRN {n} was reviewed.", "{n}"),
    ("number", "Accession {n}.", "{n}"),
    ("date", "Compared with {m}/{d}/2019.", "{m}/{d}/2019"),
    ("date", "Compared with March {d}, 2019.", "March {d}, 2019"),
    ("date", "Compared with {d} October.", "{d} October"),
    ("date", "Unchanged since Sept 2019.", "Sept 2019"),
    ("phone", "Call (415) 555-{p} with questions.", "555-{p}"),
    ("phone", "Pager {p}.", "{p}"),
    ("address", "Lives at {p} Elm Street.", "Elm Street"),
    ("address", "Transferred from Saint Mark Hospital.", "Mark Hospital"),
    ("age", "Patient is 93 years old.", "93"),
    ("mail", "Write to {g}@clinic.org.", "@clinic.org"),
)


def texts(path: Path) -> dict[str, str]:
    """Reports as their sections under headings."""
    with path.open(encoding="utf-8", newline="") as handle:
        return {
            row["report_id"]: "\n\n".join(f"{name.upper()}: {row[name]}" for name in SECTIONS if row[name])
            for row in csv.DictReader(handle)
        }


def states(found: dict[str, str]) -> list[tuple[str, ...]]:
    """Labels of the rule labeler, a tuple a report."""
    labeler = LABELERS.get("rules")
    reports = [Report.of(name, text) for name, text in found.items()]
    return [tuple(str(label.state) for label in read.labels) for read in labeler.read(reports, labeler.Options())]


def cost(found: dict[str, str]) -> dict[str, float | int]:
    """What scrubbing takes from reports that hold no identities."""
    after = {name: scrub(text, ())[0] for name, text in found.items()}
    words = sum(len(text.split()) for text in found.values())
    before_labels, after_labels = states(found), states(after)
    cells = [(one, other) for a, b in zip(before_labels, after_labels, strict=True) for one, other in zip(a, b, strict=True)]
    return {
        "reports": len(found),
        "words": words,
        "words_lost": words - sum(len(text.split()) for text in after.values()),
        "reports_touched": sum(after[name] != text.strip() for name, text in found.items()),
        "labels": len(cells),
        "labels_changed": sum(one != other for one, other in cells),
    }


def planted(found: dict[str, str]) -> dict[str, float | int]:
    """Share of planted identifiers that are gone, by kind, with nothing known beforehand."""
    draw, gone, total = random.Random(0), Counter[str](), Counter[str]()
    for number, text in enumerate(found.values()):
        kind, frame, secret = FRAMES[number % len(FRAMES)]
        blanks = {"g": draw.choice(GIVEN), "f": draw.choice(FAMILY), "n": draw.randrange(10**7, 10**8), "m": draw.randrange(1, 13)}
        blanks |= {"d": draw.randrange(1, 29), "p": draw.randrange(1000, 9999)}
        total[kind] += 1
        gone[kind] += secret.format(**blanks) not in scrub(f"{text} {frame.format(**blanks)}", ())[0]
    return {f"planted_{kind}_recall": round(gone[kind] / n, 4) for kind, n in sorted(total.items())} | {"planted": total.total()}


def hospital(folder: Path) -> dict[str, float | int]:
    """Values of phi.csv in the reports of an export before and after `scrub`, with nothing known beforehand."""
    with (folder / "truth" / "phi.csv").open(encoding="utf-8", newline="") as handle:
        values = sorted({form for row in csv.DictReader(handle) for form in (row["value"], ", ".join(row["value"].split(" ", 1)))})
    stood = left = 0
    for path in sorted((folder / "export" / "reports").glob("*.txt")):
        before = path.read_text(encoding="utf-8", errors="replace")
        after = scrub(before, ())[0]
        mine = [value for value in values if value in before]
        stood, left = stood + len(mine), left + sum(value in after for value in mine)
    return {"hospital_values": stood, "hospital_recall": round(1 - left / stood, 4)}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=Path, default=DATA / "reports" / "openi_dev.csv")
    parser.add_argument("--hospital", type=Path, default=DATA / "hospital")
    chosen = parser.parse_args()
    if not chosen.reports.exists():
        print("deid: no reports here; give a CSV with --reports")
        return
    found = texts(chosen.reports)
    record(
        "deid",
        {"run": datetime.now(UTC).isoformat(timespec="seconds")}
        | cost(found)
        | planted(found)
        | (hospital(chosen.hospital) if chosen.hospital.is_dir() else {}),
    )


if __name__ == "__main__":
    main()
