"""CPU seconds of the work that grows with the archive but not with its pixels: posterior, bootstrap, duplicate search.

    python benchmarks/bench_tables.py [--films 377000]

All input is drawn at random with a fixed seed; only the cost means anything.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.record import record
from pipeline.group.duplicates import find_duplicates
from pipeline.label import posterior, priors
from pipeline.validate.bootstrap import draws, resamples
from pipeline.validate.metrics import auroc

SEARCHED = 20_000
SCORED = 2_000


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time of one call, in seconds."""
    started = time.process_time()
    work()
    return round(time.process_time() - started, 3)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=377_000)
    films = parser.parse_args().films
    rng = np.random.default_rng(0)
    codes = rng.choice(4, size=(films, 5), p=[0.1, 0.3, 0.05, 0.55]).astype(np.int8)
    prior = priors.load().of("Edema", tuple("abcde"), codes)
    truth, prob = (rng.random(SCORED) < 0.1).astype(float), rng.random(SCORED)
    counts = resamples([str(patient) for patient in range(SCORED)], 1000, rng)
    hashes = rng.integers(0, 2**63, SEARCHED).astype(np.uint64)
    thumbnails = rng.integers(0, 255, (SEARCHED, 1024)).astype(np.uint8)
    record(
        "tables",
        {
            "films": films,
            "posterior_5_annotators_1_finding_s": cpu_seconds(lambda: posterior.fit(codes, prior)),
            f"bootstrap_1000_draws_{SCORED}_films_s": cpu_seconds(lambda: draws(auroc, truth, prob, counts)),
            f"duplicate_search_{SEARCHED}_films_s": cpu_seconds(lambda: find_duplicates(hashes, thumbnails, 6, 0.98)),
        },
    )


if __name__ == "__main__":
    main()
