"""Cost and exactness of scores."""

from __future__ import annotations

from benchmarks.pages import Line, grid, interval, measured

DOC = "benchmarks.md"
STEPS = {
    "auroc": "AUROC",
    "all metrics": "all ten metrics",
    "pooled": "all ten metrics of all cells pooled",
    "scikit-learn": "AUROC, a loop over `roc_auc_score`",
}
ASSUMPTIONS = {"independent": "errors independent of scores", "any": "any errors"}


def text() -> str:
    """A table of the bootstrap, and what DeLong costs and differs by."""
    run = measured("scores")
    found = {line["step"]: line for line in run}
    first = found["auroc"]
    rows = [_row(title, found[step]) for step, title in STEPS.items()]
    if "peer" in found:
        peer = found["peer"]
        per_draw = 1000 * peer["bootstrap_s"] / peer["bootstrap_draws"] * peer["findings"]
        name = f"AUROC, confidenceinterval {peer['version']}, films resampled"
        rows.append((name, str(peer["bootstrap_draws"]), f"{peer['bootstrap_s']:.1f} for one finding", f"{per_draw:.1f}", ""))
    parts = [
        f"{first['films']:,} films, {first['findings']} findings, measured {first['run'][:10]}.",
        "",
        *grid(("bootstrap", "resamples", "CPU s", "CPU ms a resample, all findings", "MB, with the input"), rows),
        "",
        f"The largest difference of any metric from scikit-learn: {found['exactness']['largest_difference']:.1g}.",
        "",
        f"DeLong, ten models with their covariance for all findings, patients as clusters: {found['delong']['cpu_s']:.2f} CPU s.",
    ]
    if "peer" in found:
        seconds, difference = found["peer"]["delong_s"], found["peer"]["largest_difference"]
        parts.append(
            f"confidenceinterval, one model without covariance, films as clusters: {seconds:.2f} CPU s; the largest difference of areas "
            f"and intervals from ours on the same films: {difference:.1g}."
        )
    models = [line for line in run if line["step"] == "chexpert"]
    return "\n".join([*parts, *(_models(models, found["bounds"]) if models else ())])


def _models(models: list[Line], bounds: Line) -> list[str]:
    """The ten published models, and what bounds from text-mined labels hold."""
    rows = [
        (line["model"], interval(_named(line), "auroc"), f"{line['p_first']:.3f}", f"{line['rank_low']:g} to {line['rank_high']:g}")
        for line in models
    ]
    told = ", ".join(f"{bounds[f'{kind}_hold']} of {bounds[f'{kind}_cells']} ({words})" for kind, words in ASSUMPTIONS.items())
    return [
        "",
        f"Ten published models on {models[0]['items']} studies of the CheXpert test set, mean AUROC of five findings:",
        "",
        *grid(("model", "AUROC", "P(first)", "95 % of its ranks"), rows),
        "",
        f"The largest difference of any AUROC from a plain script over scikit-learn: {models[0]['largest_difference']:.1g}.",
        "",
        f"Bounds from the CheXpert labeler's labels of the same studies that hold the AUROC against the radiologists' majority: {told}. "
        f"Where errors are taken as independent, {bounds['independent_contradicted']} are contradicted by the labels themselves; without "
        f"that assumption the median width is {bounds['any_median_width']:.2f}.",
    ]


def _named(line: Line) -> Line:
    return {"auroc": line["auroc"], "auroc_low": line["ci_low"], "auroc_high": line["ci_high"]}


def _row(title: str, line: Line) -> tuple[str, ...]:
    per_draw = 1000 * line["cpu_s"] / line["draws"]
    return title, str(line["draws"]), f"{line['cpu_s']:.1f}", f"{per_draw:.1f}", f"{line['peak_mb']:,.0f}"
