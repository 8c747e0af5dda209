"""Which labels are wrong: our audit, its parts, cleanlab, crowd-kit and Snorkel side by side on radiologists' truth.

    python benchmarks/bench_noise.py [--make-environment] [--task NAME ...] [--draws 500]

Peers run in environments of their own, made by --make-environment from benchmarks/environments/; a peer without one is left out.
Tasks are described in benchmarks/noise/tasks.py; those whose data are missing are left out. For every task and method:

    ap, p50, p100   of finding wrong labels with -1 read as 1 (u_ones) and as 0 (u_zeros): average precision, mean over findings, and the
                    share of wrong labels among the first 50 and 100 cells of all findings together
    brier, log_loss, ece, slope   of the probability that the finding is present
    flag_precision, flag_share    of labels called issues

with 95 % intervals from resampling patients, and paired intervals of the difference to our audit.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.noise import scores, systems
from benchmarks.noise.tasks import Task, tasks
from benchmarks.record import record
from pipeline.base.errors import CxrError

Scored = dict[str, scores.Floats]


def measure(task: Task, draws: int) -> dict[str, tuple[str, Scored]]:
    """Method -> version of its package and its scores in every draw."""
    labels, truth = task.labels[task.findings].to_numpy(), task.truth.to_numpy()
    weights = scores.draws(task.units, draws)
    opinions = {method: ("", opinion) for method, opinion in systems.ours(task).items()}
    for peer in systems.PEERS:
        if systems.python_of(peer).exists():
            version, said = systems.peers(peer, task)
            opinions |= {method: (version, opinion) for method, opinion in said.items()}
        else:
            print(f"{peer} is left out: it has no environment here; --make-environment makes it")
    return {method: (version, scores.scores(opinion, labels, truth, weights)) for method, (version, opinion) in opinions.items()}


def figures(found: Scored, fusion: Scored) -> dict[str, float | int | str]:
    """Each score with its interval, and what it has over our audit with the interval of that difference."""
    made: dict[str, float | int | str] = {}
    for name, values in found.items():
        made |= _named(name, values)
        if name in fusion and found is not fusion:
            made |= _named(f"{name}_over_ours", values - fusion[name])
    return {name: round(value, 5) for name, value in made.items() if isinstance(value, float) and np.isfinite(value)}


def _named(name: str, values: scores.Floats) -> dict[str, float]:
    low, high = scores.interval(values)
    return {name: float(values[0]), f"{name}_low": low, f"{name}_high": high}


def run(wanted: Sequence[str], draws: int) -> None:
    """All tasks, each method recorded."""
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    for task in tasks():
        if wanted and task.name not in wanted:
            continue
        found = measure(task, draws)
        print(f"\n{task.name}: {len(task.labels)} items, {len(task.findings)} findings")
        for method, (version, scored) in found.items():
            line: dict[str, float | int | str] = {"run": moment, "task": task.name, "items": len(task.labels), "method": method}
            record("noise", {**line, "version": version, **figures(scored, found[systems.FUSION][1])})


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--make-environment", action="store_true", help="make or renew the peers' environments first (5 GB, Snorkel's torch)"
    )
    parser.add_argument("--task", nargs="*", default=[], help="only these tasks")
    parser.add_argument("--draws", type=int, default=scores.DRAWS, help="resamples of patients")
    arguments = parser.parse_args()
    try:
        if arguments.make_environment:
            for peer in systems.PEERS:
                systems.make_environment(peer)
        run(arguments.task, max(1, arguments.draws))
    except CxrError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
