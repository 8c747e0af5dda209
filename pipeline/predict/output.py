"""What predict hands on: its tables, the agreement of each finding's model with the given labels, and its picture."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipeline.base.pictures import png
from pipeline.predict.cells import Array, Cells
from pipeline.predict.crossfit import Opinions

CHANCE = 0.5


def pred_probs(known: Cells, opinions: Opinions, model: str) -> pa.Table:
    """Table `pred_probs`: one row a film and modelled finding, films without a given label included."""
    n, f = opinions.probs.shape
    return pa.table(
        {
            "image_id": np.repeat(np.array(known.image_ids, dtype=object), f),
            "finding": list(known.findings) * n,
            "model": [model] * (n * f),
            "fold": np.repeat(opinions.fold, f),
            "logit": opinions.logits.ravel(),
            "pred_prob": opinions.probs.ravel(),
        }
    )


def embeddings(known: Cells, opinions: Opinions, model: str) -> pa.Table:
    """Table `embeddings`: one row a film."""
    n, width = opinions.vectors.shape
    vectors = pa.ListArray.from_arrays(pa.array(np.arange(n + 1) * width, pa.int32()), pa.array(opinions.vectors.ravel()))
    return pa.table({"image_id": known.image_ids, "model": [model] * n, "fold": opinions.fold, "vector": vectors})


def training_dynamics(known: Cells, opinions: Opinions, model: str) -> pa.Table:
    """Table `training_dynamics`: one row a film and modelled finding whose given label claims something and trained in a fold."""
    watched = opinions.dynamics
    film, finding = np.nonzero(watched.n_epochs)
    return pa.table(
        {
            "image_id": np.array(known.image_ids, dtype=object)[film],
            "finding": np.array(known.findings, dtype=object)[finding],
            "model": [model] * len(film),
            "aum": watched.aum[film, finding],
            "n_forgotten": watched.n_forgotten[film, finding].astype(np.int32),
            "early_loss": watched.early_loss[film, finding],
            "n_epochs": watched.n_epochs[film, finding].astype(np.int32),
        }
    )


def aurocs(known: Cells, opinions: Opinions) -> dict[str, tuple[float, int]]:
    """Finding -> AUROC against the given labels, and positive films. A wrong given label counts against the model here."""
    return auroc_by_finding(known.findings, known.sides, opinions.logits)


def auroc_by_finding(findings: tuple[str, ...], sides: Array, logits: Array) -> dict[str, tuple[float, int]]:
    """Finding -> AUROC, and positive films, where both kinds are there.

    Args:
        findings: names of the columns.
        sides: (n, findings) in [0, 1]; a soft target counts as what is more probable; NaN is left out.
        logits: (n, findings).
    """
    from sklearn.metrics import roc_auc_score

    found = {}
    for column, finding in enumerate(findings):
        claims = np.isfinite(sides[:, column]) & (sides[:, column] != CHANCE)
        side = sides[claims, column] > CHANCE
        if len(np.unique(side)) == 2:
            found[finding] = (float(roc_auc_score(side, logits[claims, column])), int(side.sum()))
    return found


def summary(found: dict[str, tuple[float, int]]) -> dict[str, float]:
    """The mean over findings, for the counts."""
    return {"mean_auroc_vs_given": round(float(np.mean([auroc for auroc, _ in found.values()])), 4)} if found else {}


def plot(found: dict[str, tuple[float, int]]) -> bytes:
    """PNG: one dot a finding, chance as a line."""
    from matplotlib.figure import Figure

    names = sorted(found, key=lambda name: found[name][0])
    figure = Figure(figsize=(7, 1.4 + 0.32 * len(names)), layout="constrained")
    axes = figure.add_subplot()
    axes.axvline(CHANCE, color="0.6", linestyle="--", linewidth=1, label="chance")
    axes.scatter([found[name][0] for name in names], range(len(names)), color="#1f5fa8", zorder=3)
    axes.set_yticks(range(len(names)), [f"{name} ({found[name][1]} positive)" for name in names])
    axes.set_xlim(min([CHANCE - 0.1, *(auroc for auroc, _ in found.values())]) - 0.02, 1.02)
    axes.set_xlabel("out-of-fold AUROC against the given label")
    axes.grid(axis="x", color="0.9")
    axes.legend(loc="lower right", frameon=False)
    return png(figure)
