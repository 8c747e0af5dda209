"""Cost and exactness of scores."""

from __future__ import annotations

from benchmarks.pages import Line, grid, measured

DOC = "benchmarks.md"
STEPS = {
    "auroc": "AUROC",
    "all metrics": "all ten metrics",
    "pooled": "all ten metrics of all cells pooled",
    "scikit-learn": "AUROC, a loop over `roc_auc_score`",
}


def text() -> str:
    """A table of the bootstrap, and what DeLong costs and differs by."""
    found = {line["step"]: line for line in measured("scores")}
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
    return "\n".join(parts)


def _row(title: str, line: Line) -> tuple[str, ...]:
    per_draw = 1000 * line["cpu_s"] / line["draws"]
    return title, str(line["draws"]), f"{line['cpu_s']:.1f}", f"{per_draw:.1f}", f"{line['peak_mb']:,.0f}"
