"""Cost and exactness of scores: bootstrap over patients, and DeLong, beside plain scikit-learn and the package confidenceinterval.

    python benchmarks/bench_scores.py [--make-environment] [--films 25000] [--draws 1000]

Fourteen findings, 2 to 40 % positive, two films a patient. CPU seconds of one thread; every step in a process of its own, so that its peak
memory, with its input, is its own. Peers are measured on PEER_DRAWS resamples, since each costs them the same.

    auroc           AUROC of every finding in every resample
    all metrics     the ten metrics of every finding in every resample
    pooled          the ten metrics of all cells of all findings (micro)
    scikit-learn    a loop over resamples and findings that calls roc_auc_score
    delong          AUROC and covariance of ten models for every finding, patients as clusters
    peer            confidenceinterval, in an environment of its own that --make-environment makes: DeLong of one model, and its bootstrap

Where ../shared/data holds the CheXpert test studies: ten published models scored and ranked by `cxr score`'s functions, the largest
difference of their AUROCs from a plain script, and how often bounds made from text-mined labels hold the AUROC against the radiologists'
majority.

Recorded as `largest_difference`: of every metric from scikit-learn over 40 made tables with ties, and of DeLong's intervals from the peer.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.noise.systems import make_environment, python_of
from benchmarks.record import record
from pipeline import score
from pipeline.base.settings import load
from pipeline.score import doubts, given
from pipeline.validate.bootstrap import resamples, several
from pipeline.validate.bounds import Errors
from pipeline.validate.delong import areas
from pipeline.validate.metrics import CALLS, METRICS, estimate

FINDINGS, MODELS, PEER_DRAWS = 14, 10, 20
PEER = "confidenceinterval"
CHEXPERT = Path(__file__).resolve().parents[2] / "shared" / "data" / "labels" / "chexpert_test_dev"
Floats = np.ndarray


def made(films: int, models: int = 1) -> tuple[Floats, Floats, Floats]:
    """Truth (films, findings), scores (models, films, findings) rounded to 1 / 1000, and patients (films,)."""
    rng = np.random.default_rng(0)
    truth = (rng.random((films, FINDINGS)) < rng.uniform(0.02, 0.4, FINDINGS)).astype(float)
    prob = np.clip(0.3 * truth + 0.7 * rng.random((models, films, FINDINGS)), 0, 1).round(3)
    return truth, prob, np.array([f"{film // 2:06d}" for film in range(films)])


def of_findings(metrics: dict, films: int, draws: int) -> Callable[[], object]:
    """Resamples and metrics of every finding."""
    truth, prob, patients = made(films)

    def work() -> None:
        sample = resamples(patients, draws, np.random.default_rng(1))
        for y, p in zip(truth.T, prob[0].T, strict=True):
            several(metrics, y, p, sample)

    return work


def pooled(films: int, draws: int) -> Callable[[], object]:
    """Resamples and metrics of all cells at once."""
    truth, prob, patients = made(films)
    cells = np.repeat(np.arange(films), FINDINGS)
    return lambda: several(
        METRICS | CALLS, truth.ravel(), prob[0].ravel(), resamples(patients, draws, np.random.default_rng(1)).take(cells)
    )


def scikit_learn(films: int, draws: int) -> Callable[[], object]:
    """What a script does: draw patients, take their films, call roc_auc_score."""
    from sklearn.metrics import roc_auc_score

    truth, prob, patients = made(films)
    names, member = np.unique(patients, return_inverse=True)
    of_patient = np.split(np.argsort(member, kind="stable"), np.cumsum(np.bincount(member))[:-1])

    def work() -> None:
        rng = np.random.default_rng(1)
        for _ in range(draws):
            rows = np.concatenate([of_patient[patient] for patient in rng.integers(0, len(names), len(names))])
            for finding in range(FINDINGS):
                roc_auc_score(truth[rows, finding], prob[0, rows, finding])

    return work


def delong(films: int, draws: int) -> Callable[[], object]:
    """Covariance of all models for every finding."""
    truth, prob, patients = made(films, MODELS)
    return lambda: [areas(truth[:, finding], prob[:, :, finding], patients) for finding in range(FINDINGS)]


STEPS: dict[str, Callable[[int, int], Callable[[], object]]] = {
    "auroc": lambda films, draws: of_findings({"auroc": METRICS["auroc"]}, films, draws),
    "all metrics": lambda films, draws: of_findings(METRICS | CALLS, films, draws),
    "pooled": pooled,
    "scikit-learn": scikit_learn,
    "delong": delong,
}


def measure(step: str, films: int, draws: int) -> dict[str, float]:
    """CPU seconds of one step and the peak memory of its process, in MB."""
    work = STEPS[step](films, draws)
    started = time.process_time()
    work()
    spent = time.process_time() - started
    return {"cpu_s": round(spent, 2), "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)}


def from_scikit_learn() -> float:
    """The largest difference of any metric from scikit-learn's over made tables with ties."""
    from sklearn import metrics as sk

    def at_90(y: Floats, p: Floats, find: str) -> float:
        false, true, _ = sk.roc_curve(y, p, drop_intermediate=False)
        return float(true[1 - false >= 0.9 - 1e-9].max() if find == "sensitivity" else (1 - false)[true >= 0.9 - 1e-9].max())

    theirs: dict[str, Callable[[Floats, Floats], float]] = {
        "auroc": sk.roc_auc_score,
        "auprc": sk.average_precision_score,
        "brier": sk.brier_score_loss,
        "mcc": lambda y, p: sk.matthews_corrcoef(y, p >= 0.5),
        "f1": lambda y, p: sk.f1_score(y, p >= 0.5),
        "sensitivity": lambda y, p: sk.recall_score(y, p >= 0.5),
        "specificity": lambda y, p: sk.recall_score(y, p >= 0.5, pos_label=0),
        "sensitivity_at_90_specificity": lambda y, p: at_90(y, p, "sensitivity"),
        "specificity_at_90_sensitivity": lambda y, p: at_90(y, p, "specificity"),
    }
    worst = 0.0
    for case in range(40):
        rng = np.random.default_rng(case)
        y = (rng.random(400) < rng.uniform(0.05, 0.6)).astype(float)
        p = np.round(np.clip(0.3 * y + 0.7 * rng.random(400), 0, 1), 2)
        for name, metric in theirs.items():
            worst = max(worst, abs((estimate((METRICS | CALLS)[name], y, p) or 0.0) - metric(y, p)))
    return worst


def peer(films: int) -> dict[str, float | str]:
    """What confidenceinterval costs, and how far its DeLong intervals lie from ours."""
    truth, prob, _ = made(films)
    with tempfile.TemporaryDirectory() as folder:
        request, answer = Path(folder) / "request.npz", Path(folder) / "answer.json"
        np.savez(request, truth=truth, prob=prob[0])
        script = Path(__file__).parent / "peers" / "scores.py"
        command = [str(python_of(PEER)), str(script), str(request), str(answer), str(PEER_DRAWS)]
        subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
        said = json.loads(answer.read_text(encoding="utf-8"))
    worst = 0.0
    for finding, (auc, low, high) in enumerate(said["delong"]):
        ours = areas(truth[:, finding], prob[:, :, finding])
        worst = max(worst, float(np.abs(np.subtract([ours.auroc[0], *ours.interval(0)], [auc, low, high])).max()))
    costs = {"delong_s": round(said["delong_s"], 2), "bootstrap_s": round(said["bootstrap_s"], 2), "bootstrap_draws": PEER_DRAWS}
    return {**costs, "version": said["version"], "largest_difference": worst}


def chexpert() -> list[dict[str, float | int | str]]:
    """Ten published models by macro AUROC, and how far any AUROC lies from scikit-learn's."""
    from sklearn.metrics import roc_auc_score

    files = sorted((CHEXPERT / "predictions").glob("*.csv"))
    found = score.run(given.read(CHEXPERT / "truth.csv", given.named(files)), load())
    truth = pd.read_csv(CHEXPERT / "truth.csv", index_col=0)
    plain = found.rows[(found.rows["compared_with"] == "") & (found.rows["metric"] == "auroc")].set_index(["model", "finding"])["estimate"]
    worst = 0.0
    for path in files:
        table = pd.read_csv(path, index_col=0).loc[truth.index]
        worst = max(worst, *(abs(plain[path.stem, name] - roc_auc_score(truth[name], table[name])) for name in table.columns))
    return [{**row, "items": len(truth), "largest_difference": worst} for row in found.ranks.to_dict("records")]


def bounds() -> dict[str, float | int]:
    """How often bounds on AUROC from the labeler's labels, with its error rates' exact intervals, hold that against the radiologists."""
    files = given.named(sorted((CHEXPERT / "predictions").glob("*.csv")))
    known = given.read(CHEXPERT / "truth.csv", files)
    # The labeler's 1 against everything else.
    mined = (pd.read_csv(CHEXPERT / "labels.csv", index_col=0).loc[pd.read_csv(CHEXPERT / "truth.csv", index_col=0).index] == 1).astype(
        float
    )
    rates = {finding: _rates(known.truth[:, place], mined[finding].to_numpy()) for place, finding in enumerate(known.findings)}
    labelled = replace(known, truth=mined[list(known.findings)].to_numpy(), errors=rates)
    rows = score.run(labelled, load()).rows
    told = rows[(rows["assumption"] != "") & (rows["metric"] == "auroc")]
    found: dict[str, float | int] = {}
    for assumption, part in told.groupby("assumption"):
        real = [
            estimate(
                METRICS["auroc"],
                known.truth[:, known.findings.index(row.finding)],
                known.models[row.model][:, known.findings.index(row.finding)],
            )
            for row in part.itertuples()
        ]
        holds = (part["ci_low"] <= real) & (real <= part["ci_high"])
        name = "independent" if assumption == doubts.INDEPENDENT else "any"
        widths = part["ci_high"] - part["ci_low"]
        found |= {
            f"{name}_cells": len(part),
            f"{name}_contradicted": int(part["ci_low"].isna().sum()),
            f"{name}_hold": int(holds.sum()),
        }
        found[f"{name}_median_width"] = float(widths.median())
    return found


def _rates(truth: Floats, labels: Floats) -> Errors:
    """Sensitivity and specificity with Clopper and Pearson's 95 % intervals."""
    from scipy.stats import binomtest

    ends = []
    for kind in (1, 0):
        exact = binomtest(int((labels[truth == kind] == kind).sum()), int((truth == kind).sum())).proportion_ci(0.95)
        ends.append((float(exact.low), float(exact.high)))
    return Errors(*ends)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=25_000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--make-environment", action="store_true", help="make or renew the peer's environment first")
    parser.add_argument("--step", choices=STEPS, help="only this step, in this process")
    arguments = parser.parse_args()
    if arguments.step:
        print(json.dumps(measure(arguments.step, arguments.films, arguments.draws)))
        return
    if arguments.make_environment:
        make_environment(PEER)
    run, films = datetime.now(UTC).isoformat(timespec="seconds"), arguments.films
    for step in STEPS:
        draws = PEER_DRAWS if step == "scikit-learn" else arguments.draws
        command = [sys.executable, __file__, "--step", step, "--films", str(films), "--draws", str(draws)]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)
        record("scores", {"run": run, "step": step, "films": films, "findings": FINDINGS, "draws": draws, **found})
    record("scores", {"run": run, "step": "exactness", "largest_difference": from_scikit_learn()})
    if CHEXPERT.is_dir():
        for line in chexpert():
            record("scores", {"run": run, "step": "chexpert", **line})
        record("scores", {"run": run, "step": "bounds", **bounds()})
    else:
        print("the CheXpert test studies are not in ../shared/data: the ten published models are left out")
    if python_of(PEER).exists():
        record("scores", {"run": run, "step": "peer", "films": films, "findings": FINDINGS, **peer(films)})
    else:
        print(f"{PEER} is left out: it has no environment here; --make-environment makes it")


if __name__ == "__main__":
    main()
