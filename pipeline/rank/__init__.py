"""Rank: which given labels are probably wrong, in the order worth a reviewer's time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from pipeline.base import hierarchy, tables
from pipeline.base.errors import SettingsError
from pipeline.base.interfaces import DETECTORS, StageResult
from pipeline.base.settings import Settings
from pipeline.base.storage import Home
from pipeline.rank import belonging, cells, context, dynamics, fusion, merge, neighbours, plots, reasons

_LABELS = [
    "image_id",
    "finding",
    "given_label",
    "given_annotator",
    "p_positive",
    "p_annotators",
    "theta_sd",
    "n_readers",
    "verdict",
    "given_side",
]
_ANNOTATIONS = ["image_id", "finding", "annotator", "state", "evidence", "mention_ids"]


def run(home: Home, settings: Settings) -> StageResult:
    """Write `label_issues` and `model_skill`.

    Raises:
        PluginError: a detector is unknown or lacks its package.
        SettingsError: no detector is chosen.
    """
    if not settings.rank.detectors:
        raise SettingsError("rank.detectors is empty", f"choose among: {', '.join(DETECTORS.names())}")
    detectors = {name: DETECTORS.get(name) for name in settings.rank.detectors}
    annotations = home.read("annotations", _ANNOTATIONS).to_pandas()
    known, skill, unskilled = fused(home, home.read("labels", _LABELS).to_pandas(), implications=settings.label.implications)
    tried = known[known["is_on_trial"]].reset_index(drop=True)
    needed = {column for detector in detectors.values() for column in detector.needs}
    doubted = _surrounded(home, cells.with_opposition(tried, annotations), annotations, needed)
    heard = belonging.with_report(_heard(doubted, unskilled), annotations, settings.label.labelers)
    judged = merge.judge(heard, detectors)
    ranked = merge.order(judged.cells.assign(pred_prob=doubted["pred_prob"]), settings.rank.max_issue_share)
    ranked = ranked.assign(reason=reasons.reasons(ranked, annotations))
    home.write("label_issues", _arrow("label_issues", ranked))
    home.write("model_skill", _arrow("model_skill", skill))
    return _result(judged, ranked, skill, unskilled)


def fused(home: Home, labels: pd.DataFrame, *, implications: bool) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Cells with `p_positive` from annotators and models, told by verdicts; each model's skill; and the findings on which they have none.

    A cell's own verdict is not in it, what verdicts on other cells teach is.

    Args:
        home: with `pred_probs`, and `published_scores` where published models were asked.
        labels: table `labels`.
        implications: whether what findings imply of each other holds.
    """
    opinions = home.read("pred_probs", [*cells.KEY, "model", "pred_prob"]).to_pandas()
    # An audit's models have all come to pred_probs.
    if home.exists("published_scores"):
        opinions = pd.concat([opinions, cells.published(home.read("published_scores", cells.PUBLISHED).to_pandas())], ignore_index=True)
    known, each = cells.with_model(cells.sided(labels), opinions)
    p_positive = pd.Series(np.nan, known.index)
    unskilled = []
    for finding, part in known.groupby("finding", sort=True, observed=True):
        evidence = (part[column].to_numpy(np.float64) for column in ("p_annotators", "model_score", "p_verdict", "theta_sd"))
        p_positive.loc[part.index], skill = fusion.fuse(*evidence)
        if part["model_score"].notna().any() and not skill.is_heard:
            unskilled.append(str(finding))
    known = known.assign(p_positive=p_positive)
    return known.assign(p_positive=_coherent(known)) if implications else known, each, unskilled


def _coherent(known: pd.DataFrame) -> npt.NDArray[np.float64]:
    """`p_positive` as `hierarchy.coherent` leaves it; readers and verdicts are taken at their word."""
    row, films = pd.factorize(known["image_id"])
    column, findings = pd.factorize(known["finding"], sort=True)
    p_positive = np.full((len(films), len(findings)), np.nan)
    is_read = np.zeros(p_positive.shape, bool)
    p_positive[row, column] = known["p_verdict"].fillna(known["p_positive"])
    is_read[row, column] = (known["n_readers"] > 0) | known["p_verdict"].notna()
    made = hierarchy.coherent(dict(zip(findings, p_positive.T, strict=True)), dict(zip(findings, is_read.T, strict=True)))
    bound = np.stack([made[finding] for finding in findings], axis=1)[row, column] if len(findings) else np.array([])
    return np.where(known["p_verdict"].isna(), bound, known["p_positive"])


def _surrounded(home: Home, tried: pd.DataFrame, annotations: pd.DataFrame, needed: set[str]) -> pd.DataFrame:
    """Cells with what other findings, other films, the wording and the course of training say of them.

    Looking for neighbours costs most, so only if needed.
    """
    groups = home.read("groups", ["image_id", "patient_id", "duplicate_of"]).to_pandas()
    headers = home.read("instances", ["image_id", "study_id", "study_date"]).to_pandas().drop_duplicates("image_id")
    films = groups.merge(headers, on="image_id", how="left")
    mentions = home.read("mentions", ["mention_id", "state", "grade", "attributes"]).to_pandas()
    known = context.with_wording(context.with_films(context.with_findings(tried), films), annotations, mentions)
    known = dynamics.with_dynamics(known, home.read("training_dynamics").to_pandas())
    if "neighbour_p" not in needed:
        return known.assign(neighbour_p=np.nan)
    embeddings = home.read("embeddings", ["image_id", "model", "fold", "vector"]).to_pandas()
    return neighbours.with_neighbours(known, embeddings, films.set_index("image_id")["patient_id"])


def _heard(doubted: pd.DataFrame, unskilled: list[str]) -> pd.DataFrame:
    """Cells as detectors see them: of a finding on which the model has no measurable skill, nothing that comes from it is heard."""
    is_unskilled = doubted["finding"].isin(unskilled)
    return doubted.assign(**{column: doubted[column].mask(is_unskilled) for column in ("pred_prob", "neighbour_p", *dynamics.COLUMNS)})


def _arrow(name: str, rows: pd.DataFrame) -> pa.Table:
    spec = tables.BY_NAME[name]
    return pa.Table.from_pandas(rows[list(spec.names)], schema=spec.types, preserve_index=False)


def _disabled(disabled: Mapping[str, list[str]], all_findings: set[str]) -> list[str]:
    """Detectors that are off altogether in one sentence, then each that could not judge some findings."""
    off = [name for name, findings in disabled.items() if set(findings) == all_findings]
    told = [f"detectors are off, as what they need is not here: {', '.join(off)}"] if off else []
    return told + [
        f"detector {name} could not judge {len(findings)} of {len(all_findings)} findings, inputs missing: {', '.join(findings)}"
        for name, findings in disabled.items()
        if name not in off
    ]


def _result(judged: merge.Judged, ranked: pd.DataFrame, skill: pd.DataFrame, unskilled: list[str]) -> StageResult:
    issues = ranked[ranked["is_label_issue"]]
    counts: dict[str, int | float | str] = {
        "cells": len(ranked),
        "not_judged": len(judged.cells) - len(ranked),
        "issues": len(issues),
        "films_with_issues": int(issues["image_id"].nunique()),
        "given_present_doubted": int((issues["given"] == 1).sum()),
        "given_absent_doubted": int((issues["given"] == 0).sum()),
        "opposed": int((issues["n_against"] > 0).sum()),
    }
    warnings = _disabled(judged.disabled, set(judged.cells["finding"].unique()))
    if unskilled:
        warnings.append(f"the model shows no measurable skill on these findings and is not heard: {', '.join(unskilled)}")
    if counts["not_judged"]:
        warnings.append(f"{counts['not_judged']} labels are not ranked: the leading detector cannot judge them")
    pictures = {"issues": plots.issues(ranked)} if len(ranked) else {}
    return StageResult(counts, tuple(warnings), pictures | ({"skill": plots.skill(skill)} if len(skill) else {}))
