"""The scores as small tables of words, for the terminal and the page alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from pipeline.score import Scored
from pipeline.score.compare import GAP, MEAN_READER, MICRO, OTHERS
from pipeline.validate.metrics import CALLS, METRICS
from pipeline.validate.scores import ALL, MACRO

# Columns of words, to the left; the others are numbers.
WORDS = ("model", "finding", "subgroup", "value", "difference", "score", "assumption")
NAMES = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "sensitivity_at_90_specificity": "Sensitivity at 90 % specificity",
    "specificity_at_90_sensitivity": "Specificity at 90 % sensitivity",
    "brier": "Brier score",
    "ece": "ECE",
    "mcc": "MCC",
    "f1": "F1",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    GAP: "Sensitivity at the reader's specificity",
}
_BRIEF = {
    "sensitivity_at_90_specificity": "sens@90",
    "specificity_at_90_sensitivity": "spec@90",
    "sensitivity": "sens",
    "specificity": "spec",
}
# A p-value below is shown as being below.
_SMALLEST_P = 0.001
Shown = tuple[str, tuple[str, ...], list[tuple[str, ...]]]
Record = dict[str, Any]


def terminal(found: Scored) -> Iterator[Shown]:
    """Title, head and rows of what a terminal has room for; intervals and the rest are in the file and on the page."""
    yield ranks(found)
    yield by_finding(found, "auroc", brief=True)
    yield means(found)
    yield from readers(found, brief=True)
    yield from gaps(found, only_sure=True)
    yield from bounds(found)
    yield from policies(found)


def ranks(found: Scored) -> Shown:
    """Models by macro AUROC."""
    rows: list[tuple[str, ...]] = [
        (row["model"], interval(row, "auroc"), number(row["p_first"]), f"{number(row['rank_low'], 0)} to {number(row['rank_high'], 0)}")
        for row in records(found.ranks)
    ]
    return "Macro AUROC with 95 % interval over patients", ("model", "AUROC", "P(first)", "rank"), rows


def by_finding(found: Scored, metric: str, brief: bool = False) -> Shown:
    """One metric: models down, findings across, macro and micro last."""
    chosen = _plain(found.rows)
    chosen = chosen[(chosen["metric"] == metric) & chosen["model"].isin(found.ranks["model"])]
    return (f"{NAMES[metric]} by finding", *_across(found, chosen, "finding", brief))


def means(found: Scored) -> Shown:
    """Every metric but AUROC as the mean over findings."""
    chosen = _plain(found.rows)
    chosen = chosen[(chosen["finding"] == MACRO) & chosen["metric"].isin({*METRICS, *CALLS} - {"auroc"})]
    head, rows = _across(found, chosen, "metric", brief=True)
    return "Mean over findings", tuple(_BRIEF.get(name, NAMES.get(name, name)) for name in head), rows


def pairs(found: Scored) -> Shown:
    """AUROC of the best model less that of every other, by finding and as macro."""
    best, chosen = str(found.ranks["model"].iloc[0]), found.rows
    chosen = chosen[(chosen["metric"] == "auroc") & (chosen["subgroup"] == ALL) & chosen["finding"].ne(MICRO)]
    rows = []
    for row in records(chosen[chosen["compared_with"].isin(found.ranks["model"])]):
        if row["compared_with"] == best:
            turned = {"estimate": -row["estimate"], "ci_low": -row["ci_high"], "ci_high": -row["ci_low"]}
            row = row | turned | {"model": best, "compared_with": row["model"]}
        if row["model"] == best:
            p_values = p_value(row["p_value"]), p_value(row["p_holm"])
            rows.append((f"{best} - {row['compared_with']}", row["finding"], interval(row, "estimate", "+"), *p_values))
    return "AUROC of the first less that of the others", ("difference", "finding", "AUROC", "p", "p, Holm"), sorted(rows)


def readers(found: Scored, brief: bool = False) -> Iterator[Shown]:
    """How many readers lie under each model's curve, and MCC and F1 against their mean; nothing without readers."""
    if found.under.empty:
        return
    cells = {(row["model"], row["finding"]): f"{row['under']} of {row['readers']} ({row['surely_under']})" for row in records(found.under)}
    findings = tuple(dict.fromkeys(found.under["finding"]))
    rows = [(model, *(cells[model, finding] for finding in findings)) for model in found.ranks["model"]]
    yield "Readers under the curve (in brackets: with an interval above 0)", ("model", *findings), rows
    mean = found.rows[found.rows["compared_with"] == MEAN_READER]
    star = " (*: the interval leaves out 0)" if brief else ""
    for metric in ("mcc", "f1"):
        title = f"{NAMES[metric]} of the model less the mean of the readers{star}"
        yield (title, *_across(found, mean[mean["metric"] == metric], "finding", brief, "+"))


def gaps(found: Scored, only_sure: bool = False) -> Iterator[Shown]:
    """AUROC inside a subgroup less that of everybody else; nothing without subgroups.

    Args:
        found: the scores.
        only_sure: leave out gaps that chance explains, after Holm's adjustment.
    """
    chosen = found.rows[(found.rows["compared_with"] == OTHERS) & (found.rows["metric"] == "auroc")]
    if chosen.empty:
        return
    title = "AUROC inside a subgroup less that of everybody else"
    if only_sure:
        title = f"{title}, p (Holm) at most 0.05: {int((chosen['p_holm'] <= 0.05).sum())} of {len(chosen)}"
        chosen = chosen[chosen["p_holm"] <= 0.05]
    rows = [
        (
            *(str(row[name]) for name in ("model", "finding", "subgroup", "subgroup_value")),
            f"{row['n_positive']} / {row['n_negative']}",
            interval(row, "estimate", "+"),
            p_value(row["p_value"]),
            p_value(row["p_holm"]),
        )
        for row in records(chosen)
    ]
    yield title, ("model", "finding", "subgroup", "value", "pos / neg", "gap", "p", "p, Holm"), rows


def bounds(found: Scored) -> Iterator[Shown]:
    """Bounds against the truth behind noisy labels; nothing where no error rates were given."""
    chosen = found.rows[found.rows["assumption"] != ""]
    if chosen.empty:
        return
    rows: list[tuple[str, ...]] = [
        (row["model"], row["finding"], NAMES[row["metric"]], row["assumption"], _bounds(row)) for row in records(chosen)
    ]
    yield "Bounds against the truth behind the labels", ("model", "finding", "score", "assumption", "bounds"), rows


def policies(found: Scored) -> Iterator[Shown]:
    """Ranks under each reading of uncertain labels; nothing where there are none."""
    if found.policies.empty:
        return
    names = tuple(dict.fromkeys(found.policies["policy"]))
    cells = {(row["model"], row["policy"]): f"{number(row['auroc'])} ({row['rank']:g})" for row in records(found.policies)}
    spans = {str(model): f"{part.min():g} to {part.max():g}" for model, part in found.policies.groupby("model")["rank"]}
    rows = [(model, *(cells[model, name] for name in names), spans[model]) for model in found.ranks["model"]]
    taus = {row["policy"]: number(row["tau"]) for row in records(found.policies)}
    rows.append(("Kendall's tau", *(taus[name] for name in names), ""))
    yield "Macro AUROC and rank under readings of uncertain labels", ("model", *names, "ranks"), rows


def _across(found: Scored, chosen: pd.DataFrame, by: str, brief: bool, sign: str = "") -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Head and rows: models down, values of `by` across."""
    shown = short if brief else interval
    cells = {(row["model"], row[by]): shown(row, "estimate", sign) for row in records(chosen)}
    names = tuple(dict.fromkeys(chosen[by]))
    return ("model", *names), [(model, *(cells[model, name] for name in names)) for model in found.ranks["model"]]


def _plain(rows: pd.DataFrame) -> pd.DataFrame:
    """Scores of all items, no differences and no bounds."""
    return rows[(rows["compared_with"] == "") & (rows["assumption"] == "") & (rows["subgroup"] == ALL)]


def records(frame: pd.DataFrame) -> list[Record]:
    """Rows by name."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _is_blank(value: float | None) -> bool:
    return value is None or value != value


def _bounds(row: Record) -> str:
    # No error rates within the intervals agree with labels, scores and the assumption.
    return "contradicted" if _is_blank(row["ci_low"]) else f"{number(row['ci_low'])} to {number(row['ci_high'])}"


def interval(row: Record, name: str, sign: str = "") -> str:
    """An estimate with its interval."""
    if _is_blank(row[name]):
        return "not estimable"
    if _is_blank(row["ci_low"]) or _is_blank(row["ci_high"]):
        return f"{row[name]:{sign}.3f} (no interval)"
    return f"{row[name]:{sign}.3f} ({row['ci_low']:{sign}.3f} to {row['ci_high']:{sign}.3f})"


def short(row: Record, name: str, sign: str = "") -> str:
    """An estimate; of a difference, a star where its interval leaves out 0."""
    if _is_blank(row[name]):
        return "-"
    is_sure = sign and not _is_blank(row["ci_low"]) and (row["ci_low"] > 0 or row["ci_high"] < 0)
    return f"{row[name]:{sign}.3f}{'*' if is_sure else ' ' if sign else ''}"


def number(value: float, digits: int = 3) -> str:
    """A number, or a dash."""
    return "-" if _is_blank(value) else f"{value:.{digits}f}"


def p_value(value: float) -> str:
    """A p-value."""
    return "-" if _is_blank(value) else f"< {_SMALLEST_P}" if value < _SMALLEST_P else f"{value:.3f}"
