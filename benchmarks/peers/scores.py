"""Runs confidenceinterval for `bench_scores.py`, in that peer's own environment.

    python scores.py REQUEST.npz ANSWER.json RESAMPLES

REQUEST: truth (n, findings), prob (n, findings). ANSWER: version, the DeLong intervals of every finding with CPU seconds, and CPU
seconds of its percentile bootstrap of AUROC with so many resamples of the first finding.
Here belongs only how the peer is called; this file needs nothing but the peer and numpy.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from confidenceinterval import roc_auc_score


def main() -> None:
    """Answer one request."""
    request, answer, resamples = sys.argv[1:]
    with np.load(request) as held:
        truth, prob = held["truth"].astype(bool), held["prob"]
    started = time.process_time()
    delong = [roc_auc_score(y, p) for y, p in zip(truth.T, prob.T, strict=True)]
    delong_s = time.process_time() - started
    started = time.process_time()
    roc_auc_score(truth[:, 0], prob[:, 0], method="bootstrap_percentile", n_resamples=int(resamples), random_state=np.random.RandomState(0))
    bootstrap_s = time.process_time() - started
    intervals = [[float(auc), *map(float, ends)] for auc, ends in delong]
    said = {"version": version("confidenceinterval"), "delong": intervals, "delong_s": delong_s, "bootstrap_s": bootstrap_s}
    Path(answer).write_text(json.dumps(said), encoding="utf-8")


if __name__ == "__main__":
    main()
