"""What out-of-fold models see, and what losses are worth."""

from __future__ import annotations

from benchmarks.pages import grid, interval, measured

DOC = "benchmarks.md"
NAMES = {"model": "out-of-fold model", "view": "ViewPosition alone", "patient": "the patient's other films alone"}
TRUTHS = {"given": "the published label", "rsna": "RSNA's reading"}


def text() -> str:
    """Pneumonia on the hospital, then a row a loss."""
    found, losses = measured("training"), measured("training_losses")
    head = ("Pneumonia on the hospital, AUROC", *(f"against {TRUTHS[truth]}" for truth in TRUTHS))
    rows = []
    for name, title in NAMES.items():
        told = {line["truth"]: line for line in found if line["what"] == name}
        rows.append((title, *(f"{interval(told[truth], 'auroc')}, {told[truth]['n_positive']} of {_n(told[truth])}" for truth in TRUTHS)))
    trained = f"Five folds of MobileNetV3-Small took {found[0]['seconds']} seconds on two cores."
    title = f"loss, mean of {losses[0]['seeds']} seeds"
    table = [(line["what"], interval(line, "auroc"), interval(line, "brier"), str(line["cpu_s"])) for line in losses]
    counts = f"{losses[0]['findings']} findings, {losses[0]['n_positive']} positive cells"
    below = f"Out of fold on the sample hospital against its ledger, {counts}:"
    return "\n".join(
        [*grid(head, rows), "", trained, "", below, "", *grid((title, "AUROC, mean of findings", "Brier score", "CPU seconds"), table)]
    )


def _n(line: dict[str, int]) -> int:
    return line["n_positive"] + line["n_negative"]
