"""The card's section on scores: what cleaning changed, in plain words and in a table. Scores come from `validate`."""

from __future__ import annotations

from typing import Any

from pipeline.write.facts import Rows
from pipeline.write.markdown import table

METRICS = {"auroc": "AUROC", "auprc": "AUPRC", "brier": "Brier score", "ece": "expected calibration error"}
LOWER_IS_BETTER = ("brier", "ece")
_TRUTHS = {
    "verdicts": "reviewers' verdicts on these films",
    "readers": "radiologists' readings of these films",
    "posterior": "the reconciled posterior, which is made from the same reports and label files as the training labels: these scores say "
    "how well a model learned the labels, not how well it reads films",
    "mixed": "reviewers' verdicts and radiologists' readings where they exist, the reconciled posterior elsewhere",
}
_HOW = """One model is trained on given and one on cleaned labels, alike in all else (trainings averaged: {trainings}), and both are scored
on the same test films. Truth: {truths}.
Intervals are 95 %, from resampling patients; `macro` is the mean over findings."""
_PUBLISHED = """Published models asked about the same test films, scored against the same truth. Some of these films may be among those that
a model was trained on. `macro` is the mean over the findings trained here that the model names."""
_ON = ("given", "cleaned", "gain")
Cells = dict[tuple[str, str, str], dict[str, Any]]


def section(facts: dict[str, Rows]) -> str:
    """The section without its heading."""
    rows, published = facts["scores"], _published(facts["published_models"])
    if not rows:
        unknown = "Not known: no finding has enough positive and negative films on both sides of the split to be scored."
        return "\n\n".join((unknown, published)) if published else unknown
    cells = {(row["metric"], row["finding"], row["trained_on"]): row for row in rows if row["metric"] in METRICS}
    gains = [gain_in_words(metric, cells[metric, "macro", "gain"]) for metric in METRICS if (metric, "macro", "gain") in cells]
    truths = "; ".join(_TRUTHS[truth] for truth in sorted({row["truth"] for row in rows}))
    parts = [
        "\n".join(f"- {words}" for words in gains),
        _HOW.format(trainings=rows[0]["n_seeds"], truths=truths),
        _table(cells),
        _subgroups(facts["subgroups"]),
        published,
    ]
    return "\n\n".join(part for part in parts if part)


def gain_in_words(metric: str, row: dict[str, Any]) -> str:
    """One sentence on what cleaning did to a score; a difference is claimed only where its interval leaves out 0."""
    low, high = row["ci_low"], row["ci_high"]
    if row["estimate"] is None or low is None or high is None:
        return f"The effect of cleaning on {METRICS[metric]} cannot be estimated on this test set."
    lower = " (lower is better)" if metric in LOWER_IS_BETTER else ""
    span = f"by {row['estimate']:+.3f} (95 % interval {low:+.3f} to {high:+.3f}){lower}"
    if low <= 0 <= high:
        return f"Cleaning changed {METRICS[metric]} {span}: the interval includes 0, so no difference is shown."
    better = (low > 0) != (metric in LOWER_IS_BETTER)
    return f"Cleaning {'improved' if better else 'worsened'} {METRICS[metric]}: it changed {span}."


def _table(cells: Cells) -> str:
    lines = sorted(
        {(metric, finding) for metric, finding, _ in cells}, key=lambda line: (list(METRICS).index(line[0]), line[1] != "macro", line)
    )
    heads = ("metric", "finding", "positive / negative", "trained on given", "trained on cleaned", "gain")
    rows = []
    for metric, finding in lines:
        found = [cells.get((metric, finding, on)) for on in _ON]
        support = next(row for row in found if row is not None)
        counts = f"{support['n_positive']:,} / {support['n_negative']:,}"
        rows.append(
            (
                METRICS[metric],
                finding,
                counts,
                *(_interval(row, "+.3f" if on == "gain" else ".3f") for on, row in zip(_ON, found, strict=True)),
            )
        )
    return table(heads, rows)


def _subgroups(rows: Rows) -> str:
    named = ((row["subgroup"], row["subgroup_value"], _interval(row, ".3f")) for row in rows)
    return table(("subgroup", "value", "macro AUROC, trained on cleaned"), named) if rows else ""


def _published(rows: Rows) -> str:
    """Published models asked in the run, on the same films and truth; empty where there was none."""
    if not rows:
        return ""
    cells = {(row["model"], row["metric"], row["finding"]): row for row in rows}
    lines = sorted({(model, finding) for model, _, finding in cells}, key=lambda line: (line[0], line[1] != "macro", line))
    shown = (
        (
            f"{model} (`{cells[model, 'auroc', finding]['checkpoint_sha256'][:12]}`)",
            finding,
            f"{cells[model, 'auroc', finding]['n_positive']:,} / {cells[model, 'auroc', finding]['n_negative']:,}",
            *(_interval(cells[model, metric, finding], ".3f") for metric in ("auroc", "auprc")),
        )
        for model, finding in lines
    )
    return _PUBLISHED + "\n\n" + table(("model (weights)", "finding", "positive / negative", "AUROC", "AUPRC"), shown)


def _interval(row: dict[str, Any] | None, form: str) -> str:
    if row is None or row["estimate"] is None:
        return "not estimable"
    if row["ci_low"] is None or row["ci_high"] is None:
        return format(row["estimate"], form)
    return f"{row['estimate']:{form}} ({row['ci_low']:{form}} to {row['ci_high']:{form}})"
