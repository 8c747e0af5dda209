"""Cost of the work that grows with the archive but not with its pixels: posterior, fusion and detectors, neighbours, bootstrap.

    python benchmarks/bench_tables.py [--films 47125 94250 188500 377000]

Five annotators, three models and fourteen findings; every step at every size in a process of its own, so that its memory is its own. All
input is drawn at random with a fixed seed; only the cost means anything.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.record import record
from pipeline.base.findings import NAMES
from pipeline.base.interfaces import DETECTORS
from pipeline.base.settings import load
from pipeline.label import matrix, priors, together
from pipeline.rank import fusion, merge, neighbours
from pipeline.validate.bootstrap import draws, resamples
from pipeline.validate.metrics import auroc

FILMS = (47_125, 94_250, 188_500, 377_000)
FINDINGS = NAMES[:14]
ANNOTATORS = ("published:chexpert", "published:negbio", "rules", "reader:a", "reader:b")
# Readers look at one film in ten.
READ = 0.1
# P(state | truth absent, present), as `labels.STATES`.
SAID = np.array([[0.05, 0.30, 0.05, 0.60], [0.55, 0.10, 0.20, 0.15]])
MODELS = 3
# Features of mobilenet_v3_small.
DIMENSIONS, DIRECTIONS = 576, 24
SCORED = 2_000
Rng = np.random.Generator


def present(films: int, rng: Rng) -> np.ndarray:
    """Made truth, shape (films, findings)."""
    return rng.random((films, len(FINDINGS))) < rng.uniform(0.02, 0.4, len(FINDINGS))


def said(truth: np.ndarray, rng: Rng) -> list[matrix.LabelMatrix]:
    """What ANNOTATORS say of it."""
    films = len(truth)
    items = np.arange(films).astype(object)
    made = []
    for finding, column in zip(FINDINGS, truth.T, strict=True):
        given = SAID.cumsum(axis=1)[column.astype(int)]
        codes = np.stack([np.minimum((rng.random(films)[:, None] > given).sum(axis=1), 3) for _ in ANNOTATORS], axis=1).astype(np.int8)
        for reader in (3, 4):
            codes[rng.random(films) > READ, reader] = matrix.MISSING
        made.append(matrix.LabelMatrix(finding, items, ANNOTATORS, codes, np.zeros(codes.shape, bool)))
    return made


def posterior(films: int, rng: Rng) -> Callable[[], object]:
    """The stage's fit of all findings."""
    matrices = said(present(films, rng), rng)
    return lambda: together.fits(matrices, priors.load(), rng, implications=True)


def detectors(films: int, rng: Rng) -> Callable[[], object]:
    """Scores of models, fusion, every detector that works on tables, and the order of all cells."""
    truth = present(films, rng)
    n = truth.size
    flat = truth.T.ravel()
    noise = rng.normal(size=(n, MODELS))
    given = np.where(rng.random(n) < 0.1, ~flat, flat).astype(np.int64)
    table = pd.DataFrame(
        {
            "image_id": np.tile(np.arange(films), len(FINDINGS)),
            "finding": pd.Categorical(np.repeat(FINDINGS, films)),
            "given": given,
            "given_annotator": pd.Categorical(["published:chexpert"] * n),
            "p_annotators": np.clip(np.where(flat, 0.6, 0.15) + 0.1 * rng.normal(size=n), 0.01, 0.99),
            "n_against": (rng.random(n) < 0.03).astype(np.int64),
            **{name: (rng.random(n) < 0.02).astype(float) for name in ("n_films_against", "n_findings_against", "is_faint")},
            "neighbour_p": np.clip(np.where(flat, 0.5, 0.2) + 0.1 * rng.normal(size=n), 0.01, 0.99),
            "report_fit": rng.normal(2, 2, n),
            "report_fit_here": rng.normal(0.2, 0.5, n),
        }
    )
    opinions = 1 / (1 + np.exp(-(np.where(flat, 1.0, -1.0)[:, None] + noise)))
    names = [name for name in DETECTORS.names() if set(DETECTORS.get(name).needs) <= {*table.columns, "pred_prob", "p_positive"}]

    def work() -> object:
        fused = np.empty(n)
        for place in range(len(FINDINGS)):
            rows = slice(place * films, (place + 1) * films)
            heard = table["p_annotators"].to_numpy()[rows]
            weight = fusion.weights(fusion.skills(opinions[rows], heard), float(heard.mean()))
            fused[rows], _ = fusion.fuse(heard, fusion.score(opinions[rows], weight), np.full(films, np.nan))
        judged = merge.judge(table.assign(p_positive=fused, pred_prob=opinions.mean(axis=1)), {name: DETECTORS.get(name) for name in names})
        return merge.order(judged.cells, load().rank.max_issue_share)

    return work


def nearest(films: int, rng: Rng) -> Callable[[], object]:
    """The films that look most alike, all films in one fold."""
    basis = rng.normal(size=(DIRECTIONS, DIMENSIONS)).astype(np.float32)
    vectors = rng.normal(size=(films, DIRECTIONS)).astype(np.float32) @ basis
    vectors += 0.5 * rng.standard_normal((films, DIMENSIONS), np.float32)
    return lambda: neighbours.nearest(vectors, 30)


def bootstrap(films: int, rng: Rng) -> Callable[[], object]:
    """1000 draws of one AUROC over SCORED films, whatever the archive."""
    truth, prob = (rng.random(SCORED) < 0.1).astype(float), rng.random(SCORED)
    counts = resamples([str(patient) for patient in range(SCORED)], 1000, rng)
    return lambda: draws(auroc, truth, prob, counts)


STEPS = {step.__name__: step for step in (posterior, detectors, nearest, bootstrap)}


def measure(step: str, films: int) -> dict[str, float]:
    """CPU seconds of one step, and the peak memory of its process with its input, in MB."""
    work = STEPS[step](films, np.random.default_rng(0))
    started = time.process_time()
    work()
    spent = time.process_time() - started
    return {"cpu_s": round(spent, 2), "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, nargs="+", default=FILMS)
    parser.add_argument("--step", choices=STEPS, help="only this step, in this process")
    arguments = parser.parse_args()
    if arguments.step:
        print(json.dumps(measure(arguments.step, arguments.films[0])))
        return
    run = datetime.now(UTC).isoformat(timespec="seconds")
    for step in STEPS:
        for films in arguments.films if step != "bootstrap" else arguments.films[:1]:
            command = [sys.executable, __file__, "--step", step, "--films", str(films)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            record("tables", {"run": run, "step": step, "films": films, "cells": films * len(FINDINGS), **found})


if __name__ == "__main__":
    main()
