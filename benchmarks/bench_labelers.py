"""Our rule labeler, negspacy and medspaCy side by side: F1 on three readings, reports per CPU second, growth and memory.

    python benchmarks/bench_labelers.py [--make-environment] [--rounds 3] [--rows 1000 10000 100000]

Peers run in environments of their own, made by --make-environment from benchmarks/environments/; a peer without one is left out.
They get the finding phrases of our labeler, so that assertion is what is compared, and their default rules. Reports are read from
../shared/data/reports, and no sentence of them is printed:

    negation  negex_sentences.csv, the concept given: F1 of "denied"; intervals resample reports
    openi     openi_dev.csv against the released gold: micro and macro F1 of 13 findings, uncertain counts as absent
    state     four_state_dev.csv: micro F1 of the exact state over mentioned findings

Labelers take turns within a round, one process and one thread each; the median over rounds is told.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.reading import files, scores, stream, systems
from benchmarks.reading.lexicon import plain_phrases
from benchmarks.record import record
from pipeline.base.errors import CxrError

GROWTH = (1, 4, 16)
SCORES = {
    "negation_precision": ("negation", scores.micro(scores.precision)),
    "negation_recall": ("negation", scores.micro(scores.recall)),
    "negation_f1": ("negation", scores.micro(scores.f1)),
    "openi_precision": ("openi", scores.micro(scores.precision)),
    "openi_recall": ("openi", scores.micro(scores.recall)),
    "openi_micro_f1": ("openi", scores.micro(scores.f1)),
    "openi_macro_f1": ("openi", scores.macro(scores.f1)),
    "state_f1": ("state", scores.micro(scores.f1)),
    "state_uncertain_f1": ("uncertain", scores.micro(scores.f1)),
}
TOLD = ("negation_f1", "openi_micro_f1", "openi_macro_f1", "state_f1")


@dataclass(frozen=True)
class Truth:
    """Reports and sentences, and what people read in them."""

    texts: dict[str, str]
    openi: dict[str, files.States]
    openi_findings: tuple[str, ...]
    state: dict[str, files.States]
    state_findings: tuple[str, ...]
    concepts: list[files.Concept]


@dataclass(frozen=True)
class Measured:
    """One system: counts of each reading, and reports per CPU second."""

    name: str
    version: str
    counts: dict[str, scores.Counts]
    reports_per_cpu_s: float


def read_truth() -> Truth:
    """All files; says how many sentences are left out."""
    concepts, unplaced = files.concepts()
    truth = Truth(files.texts(), *files.openi_gold(), *files.four_state_gold(), concepts)
    print(f"{len(truth.texts)} reports, {len(truth.openi)} with Open-I gold, {len(truth.state)} read whole; {len(concepts)} concepts")
    print(f"{unplaced} sentences do not hold their concept and are left out for every labeler")
    return truth


def count(system: systems.System, truth: Truth, labels: Sequence[files.States]) -> dict[str, scores.Counts]:
    """Counts of every reading."""
    of = dict(zip(truth.texts, labels, strict=True))
    negated, _ = system.negated(truth.concepts)
    state = [of[report] for report in truth.state], list(truth.state.values()), truth.state_findings
    return {
        "negation": scores.negations(negated, [one.is_negated for one in truth.concepts], [one.report for one in truth.concepts]),
        "openi": scores.positives([of[report] for report in truth.openi], list(truth.openi.values()), truth.openi_findings),
        "state": scores.states(*state),
        "uncertain": scores.state(*state, value=-1),
    }


def measure(tested: Sequence[systems.System], truth: Truth, rounds: int) -> list[Measured]:
    """Every system on every reading; they take turns within a round, so that a busy moment of the machine meets all of them."""
    texts = list(truth.texts.values())
    seconds: dict[str, list[float]] = {system.name: [] for system in tested}
    counts: dict[str, dict[str, scores.Counts]] = {}
    for _ in range(rounds):
        for system in tested:
            labels, spent = system.labels(texts)
            seconds[system.name].append(spent)
            if system.name not in counts:
                counts[system.name] = count(system, truth, labels)
    speeds = {name: len(texts) / statistics.median(spent) for name, spent in seconds.items()}
    return [Measured(system.name, system.version, counts[system.name], speeds[system.name]) for system in tested]


def figures(one: Measured) -> dict[str, float | int | str]:
    """What is recorded of a system: every score with its interval, and its speed."""
    found: dict[str, float | int | str] = {"labeler": one.name, "version": one.version, "reports_per_cpu_s": round(one.reports_per_cpu_s)}
    for name, (counts, statistic) in SCORES.items():
        score = scores.interval(one.counts[counts], statistic)
        found |= {name: round(score.value, 6), f"{name}_low": round(score.low, 6), f"{name}_high": round(score.high, 6)}
    return found


def tell(measured: Sequence[Measured]) -> None:
    """A table of scores, then what ours has over each peer."""
    print(f"\n{'':22}" + "".join(f"{name:>24}" for name in TOLD) + f"{'reports/CPU s':>16}")
    for one in measured:
        cells = (str(scores.interval(one.counts[SCORES[name][0]], SCORES[name][1])) for name in TOLD)
        print(f"{one.name:22}" + "".join(f"{cell:>24}" for cell in cells) + f"{one.reports_per_cpu_s:>16.0f}")
    ours, peers = [one for one in measured if one.name not in systems.PEERS], [one for one in measured if one.name in systems.PEERS]
    for one, peer in ((one, peer) for peer in peers for one in ours):
        ratio = one.reports_per_cpu_s / peer.reports_per_cpu_s
        print(f"\n{one.name} against {peer.name}: {ratio:.1f} times the reports per CPU second; F1 minus F1")
        for name in TOLD:
            counts, statistic = SCORES[name]
            print(f"  {name:18} {scores.difference(one.counts[counts], peer.counts[counts], statistic)}")


def growth(texts: Sequence[str]) -> dict[str, float]:
    """CPU seconds per 1,000 reports of N, 4 N and 16 N reports, no sentence twice: level where the work is linear."""
    ours = systems.Ours("guide")
    spent = {times: ours.labels(list(stream.distinct(texts, times * len(texts))))[1] for times in GROWTH}
    return {f"cpu_s_per_1000_at_{times * len(texts)}": round(1000 * seconds / (times * len(texts)), 3) for times, seconds in spent.items()}


def streamed(texts: Sequence[str], rows: Iterable[int], run: str) -> None:
    """`cxr label` over each length with one job, and over the longest with two; each is recorded."""
    lengths = sorted(rows)
    with tempfile.TemporaryDirectory() as folder:
        for length, jobs in [*((length, 1) for length in lengths), *((length, 2) for length in lengths[-1:])]:
            told = asdict(stream.measure(texts, length, jobs, Path(folder)))
            record("labelers_stream", {"run": run, **{name: round(value, 1) for name, value in told.items()}})


def run(rounds: int, rows: Sequence[int]) -> None:
    """All measurements, each recorded."""
    truth = read_truth()
    texts = list(truth.texts.values())
    present = [peer for peer in systems.PEERS if systems.python_of(peer).exists()]
    for peer in sorted(set(systems.PEERS) - set(present)):
        print(f"{peer} is left out: it has no environment here; --make-environment makes it")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        lexicon = Path(folder) / "lexicon.json"
        lexicon.write_text(json.dumps(list(plain_phrases(texts).items())), encoding="utf-8")
        peers = [stack.enter_context(systems.Peer(peer, lexicon)) for peer in present]
        measured = measure([*map(systems.Ours, systems.PRESETS), *peers], truth, rounds)
    tell(measured)
    print()
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    for one in measured:
        record("labelers", {"run": moment, "reports": len(texts), **figures(one)})
    record("labelers_growth", {"run": moment, **growth(texts)})
    streamed(texts, rows, moment)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--make-environment", action="store_true", help="make or renew the peers' environments first (600 MB)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the speed measurement (3)")
    parser.add_argument("--rows", type=int, nargs="*", default=[1000, 10_000, 100_000], help="lengths of the files for cxr label")
    arguments = parser.parse_args()
    if absent := files.missing():
        print(f"labelers: not here: {', '.join(absent)}; they belong into ../shared/data/reports")
        return
    try:
        if arguments.make_environment:
            for peer in systems.PEERS:
                systems.make_environment(peer)
        run(max(1, arguments.rounds), arguments.rows)
    except CxrError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
