"""Runs cleanlab, crowd-kit or Snorkel for `bench_noise.py`, in that peer's own environment.

    python noise.py cleanlab|crowd-kit|snorkel REQUEST.json ANSWER.json

REQUEST: a list of problems, one a finding: {"given": {reading: [0/1, ...]}, "pred_probs": [[p, ...], ...] one list a model or [],
"votes": {kind: [[0/1/null, ...], ...]} one list a worker}. ANSWER: {"version": ..., "problems": [{method: said, ...}, ...]}, where said
is {"p": [...]} or {"suspicion": {reading: [...]}, "flags": {reading: [...]}} or both.
Here belongs only how a peer is called, with its default options; this file needs nothing but the peer, numpy and pandas.
"""

from __future__ import annotations

import json
import sys
import warnings
from importlib.metadata import version

import numpy as np

SCORES = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")


def cleanlab(problem):
    """Label quality scores and find_label_issues on the mean of the models; the multi-annotator functions where there are votes."""
    models = np.array(problem["pred_probs"], float)
    if not len(models):
        return {}
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    mean = np.clip(models.mean(axis=0), 1e-6, 1 - 1e-6)
    two = np.stack([1 - mean, mean], axis=1)
    found = {f"cleanlab {name}": {"suspicion": {}} for name in SCORES}
    found["cleanlab find_label_issues"] = {"suspicion": {}, "flags": {}}
    for reading, labels in problem["given"].items():
        given = np.array(labels)
        if len(np.unique(given)) < 2:
            return {}
        for name in SCORES:
            found[f"cleanlab {name}"]["suspicion"][reading] = (1 - get_label_quality_scores(given, two, method=name)).tolist()
        flags = find_label_issues(given, two, n_jobs=1)
        doubt = 1 - get_label_quality_scores(given, two, method="self_confidence")
        found["cleanlab find_label_issues"]["flags"][reading] = flags.tolist()
        found["cleanlab find_label_issues"]["suspicion"][reading] = (flags + doubt).tolist()
    found["cleanlab self_confidence"]["p"] = mean.tolist()
    for kind, rows in problem["votes"].items():
        found |= multiannotator(kind, rows, two)
    return found


def multiannotator(kind, rows, two):
    """CROWDLAB (Goh et al. 2022): the quality of the consensus label."""
    import pandas as pd
    from cleanlab.multiannotator import get_label_quality_multiannotator

    votes = pd.DataFrame(np.array(rows, float).T).dropna(axis=1, how="all")
    try:
        made = get_label_quality_multiannotator(votes, two, verbose=False)["label_quality"]
    except ValueError as error:  # it refuses some tables of votes outright
        print(f"cleanlab multiannotator ({kind}): {error}", file=sys.stderr)
        return {}
    label, quality = made["consensus_label"].to_numpy(), made["consensus_quality_score"].to_numpy()
    return {f"cleanlab CROWDLAB ({kind})": {"p": np.where(label == 1, quality, 1 - quality).tolist()}}


def crowd_kit(problem):
    """Every aggregation of categorical labels with its defaults."""
    import pandas as pd
    from crowdkit import aggregation

    found = {}
    for kind, rows in problem["votes"].items():
        votes = np.array(rows, float)
        worker, task = np.nonzero(~np.isnan(votes))
        table = pd.DataFrame({"task": task, "worker": worker, "label": votes[worker, task].astype(int)})
        for name in ("MajorityVote", "Wawa", "ZeroBasedSkill", "DawidSkene", "OneCoinDawidSkene", "GLAD", "MACE"):
            made = getattr(aggregation, name)().fit_predict_proba(table)
            present = made[1] if 1 in made else made[0] * 0
            found[f"crowd-kit {name} ({kind})"] = {"p": present.reindex(range(votes.shape[1])).fillna(present.mean()).tolist()}
        for name in ("KOS", "MMSR"):
            if table["label"].nunique() < 2:
                continue
            present = getattr(aggregation, name)().fit_predict(table).astype(float)
            found[f"crowd-kit {name} ({kind})"] = {"p": present.reindex(range(votes.shape[1])).fillna(present.mean()).tolist()}
    return found


def snorkel(problem):
    """The label model, told the share of positive votes as class balance: without it, it takes classes for equally frequent."""
    from snorkel.labeling.model import LabelModel

    found = {}
    for kind, rows in problem["votes"].items():
        votes = np.array(rows, float).T
        share = float(np.clip(np.nanmean(votes), 0.005, 0.995))
        if votes.shape[1] < 3:
            continue
        model = LabelModel(cardinality=2, verbose=False)
        model.fit(
            np.where(np.isnan(votes), -1, votes).astype(int), class_balance=[1 - share, share], n_epochs=500, seed=0, progress_bar=False
        )
        found[f"snorkel LabelModel ({kind})"] = {"p": model.predict_proba(np.where(np.isnan(votes), -1, votes).astype(int))[:, 1].tolist()}
    return found


PEERS = {"cleanlab": cleanlab, "crowd-kit": crowd_kit, "snorkel": snorkel}


def main():
    """Answer one file of problems."""
    warnings.simplefilter("ignore")
    name, request, answer = sys.argv[1:]
    with open(request, encoding="utf-8") as handle:  # noqa: PTH123  pathlib would be one import more
        problems = json.load(handle)
    answers = [PEERS[name](problem) for problem in problems]
    with open(answer, "w", encoding="utf-8") as handle:  # noqa: PTH123
        json.dump({"version": version(name), "problems": answers}, handle)


if __name__ == "__main__":
    main()
