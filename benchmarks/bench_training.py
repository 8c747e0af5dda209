"""Out-of-fold training as it comes: what a model sees on the hospital's films, and what each loss is worth on the sample hospital.

    python benchmarks/bench_training.py [hospital losses] [--home HOME] [--seeds 3]

    hospital    `cxr train --out-of-fold` with defaults on ../shared/data/hospital: seconds, and the AUROC of Pneumonia against the
                published label and against RSNA's reading of the same films, beside two baselines that see no film:
                view      the share of Pneumonia among films of the same ViewPosition, patients of the fold left out
                patient   the share among the other films of the same patient: what a split by film lets a model remember
    losses      every registered loss on the sample hospital, out of fold, mean over seeds; AUROC over findings against the ledger

In brackets 95 % intervals over resampled patients. --home takes a home of the hospital that was run up to `label` or further.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import brier_score_loss, roc_auc_score

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.bench_gain import HOSPITAL, sample_truth
from benchmarks.record import record
from pipeline import sample
from pipeline.base import settings, stages
from pipeline.base.interfaces import LOSSES
from pipeline.base.storage import Home
from pipeline.definitions import run_path
from pipeline.validate.bootstrap import draws, interval, resamples
from pipeline.validate.metrics import METRICS

FINDING = "Pneumonia"
RSNA = {"Lung Opacity": 1.0, "No Lung Opacity / Not Normal": 0.0, "Normal": 0.0}
DRAWS = 1000
Figures = dict[str, float | int | str]


@dataclass(frozen=True, slots=True)
class Judged:
    """A score for each film with its patient and truth, (n,) each."""

    score: np.ndarray
    truth: np.ndarray
    patients: np.ndarray


def auroc(judged: Judged) -> Figures:
    """AUROC with its interval."""
    metric, kept = METRICS["auroc"], np.isfinite(judged.truth) & np.isfinite(judged.score)
    truth, score, patients = judged.truth[kept], judged.score[kept], judged.patients[kept]
    drawn = draws(metric, truth, score, resamples(patients, DRAWS, np.random.default_rng(0)))
    ends = interval(drawn)
    assert ends is not None
    estimate = float(roc_auc_score(truth, score))
    counts = {"n_positive": int(truth.sum()), "n_negative": int(len(truth) - truth.sum())}
    return {"auroc": round(estimate, 4), "auroc_low": round(ends[0], 4), "auroc_high": round(ends[1], 4), **counts}


def without_films(films: pd.DataFrame) -> dict[str, np.ndarray]:
    """Scores of the two baselines, from the published label alone."""
    given = films["given"]
    view = np.full(len(films), np.nan)
    for fold in films["fold"].unique():
        others = films[films["fold"] != fold]
        share = others.groupby("view_position")["given"].mean()
        view[films["fold"] == fold] = films.loc[films["fold"] == fold, "view_position"].map(share).fillna(others["given"].mean())
    total, count = (films.groupby("patient_id")["given"].transform(kind) for kind in ("sum", "count"))
    patient = ((total - given.fillna(0)) / (count - given.notna())).where(count > given.notna(), given.mean())
    return {"view": view, "patient": patient.to_numpy()}


def hospital(home: Path) -> Iterator[Figures]:
    """Rows of Pneumonia on the hospital."""
    opened = Home(home)
    if not opened.path("labels").exists():
        run_path(home, HOSPITAL / "export", "full", (), "label")
    chosen, started = settings.load(home), time.perf_counter()
    with opened.locked():
        done = stages.execute("predict", opened, chosen)
    seconds = round(time.perf_counter() - started)
    films = opened.sql(
        f"SELECT image_id, p.pred_prob, p.fold, l.given_side AS given, i.patient_id, i.view_position FROM pred_probs p "
        f"JOIN labels l USING (image_id, finding) JOIN (SELECT DISTINCT image_id, patient_id, view_position FROM instances) i "
        f"USING (image_id) WHERE finding = '{FINDING}' ORDER BY image_id"
    ).to_pandas()
    read = pd.read_csv(HOSPITAL / "truth" / "images.csv").drop_duplicates("sop_instance_uid")
    names = opened.pseudonyms()
    rsna = dict(zip([names.of("image", uid) for uid in read["sop_instance_uid"]], read["rsna_class"].map(RSNA), strict=True))
    films["rsna"] = films["image_id"].map(rsna)
    scores = {"model": films["pred_prob"].to_numpy(), **without_films(films)}
    for truth in ("given", "rsna"):
        for name, score in scores.items():
            judged = Judged(score, films[truth].to_numpy(float), films["patient_id"].to_numpy(str))
            yield {"what": name, "truth": truth, "seconds": seconds, "resumed": int(done.skipped), **auroc(judged)}


def losses(folder: Path, seeds: int) -> Iterator[Figures]:
    """One row a loss."""
    sample.make(folder / "sample", 300, 0)
    home, truth = Home(folder / "home"), sample_truth(folder / "sample")
    run_path(home.root, folder / "sample" / "export", "tiny", (), "label")
    names = home.pseudonyms()
    truth["image_id"] = [names.of("image", uid) for uid in truth["sop_instance_uid"]]
    patients = home.read("groups", ["image_id", "patient_id"]).to_pandas()
    for loss in LOSSES.names():
        if LOSSES.missing(loss):
            print(f"{loss}: needs {', '.join(LOSSES.missing(loss))}")
            continue
        started, probs = time.process_time(), []
        for seed in range(seeds):
            chosen = settings.load(profile="tiny", overrides=(f"train.loss={loss}", f"seed={seed}"))
            stages.execute("predict", home, chosen)
            probs.append(home.read("pred_probs", ["image_id", "finding", "pred_prob"]).to_pandas())
        mean = pd.concat(probs).groupby(["image_id", "finding"], as_index=False)["pred_prob"].mean()
        joined = mean.merge(truth, on=["image_id", "finding"]).merge(patients, on="image_id")
        yield {"what": loss, "seeds": seeds, "cpu_s": round(time.process_time() - started), **macro(joined)}


def macro(joined: pd.DataFrame) -> Figures:
    """Mean AUROC and Brier score over findings with five films of each kind, with intervals over patients."""
    joined = joined.reset_index(drop=True)
    parts = [part for _, part in joined.groupby("finding") if 5 <= part["truth"].sum() <= len(part) - 5]
    sampled = resamples(joined["patient_id"].to_numpy(str), DRAWS, np.random.default_rng(0))
    found: Figures = {}
    for name, exact in (("auroc", roc_auc_score), ("brier", brier_score_loss)):
        estimate = float(np.mean([exact(part["truth"], part["pred_prob"]) for part in parts]))
        drawn = []
        for part in parts:
            chosen = sampled.take(part.index.to_numpy())
            values = draws(METRICS[name], part["truth"].to_numpy(float), part["pred_prob"].to_numpy(), chosen)
            drawn.append(values - np.nanmean(values))
        low, high = np.nanquantile(estimate + np.nanmean(drawn, axis=0), [0.025, 0.975])
        found |= {name: round(estimate, 4), f"{name}_low": round(float(low), 4), f"{name}_high": round(float(high), 4)}
    return {**found, "findings": len(parts), "n_positive": int(sum(part["truth"].sum() for part in parts))}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["hospital", "losses"], help="hospital, losses")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    run = datetime.now(UTC).isoformat(timespec="seconds")
    with tempfile.TemporaryDirectory() as name:
        if "hospital" in asked.names and HOSPITAL.is_dir():
            for row in hospital(asked.home or Path(name) / "hospital"):
                record("training", {"run": run, **row})
        if "losses" in asked.names:
            for row in losses(Path(name), asked.seeds):
                record("training_losses", {"run": run, **row})


if __name__ == "__main__":
    main()
