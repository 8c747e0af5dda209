"""Finding wrong labels: a table for each task, the best of each peer beside our audit."""

from __future__ import annotations

from benchmarks.pages import Line, grid, interval, measured

DOC = "benchmarks.md"
TASKS = {
    "chexpert_models": "CheXpert test set: the labeler's labels and ten models, against five radiologists; five findings",
    "chexpert_all": "The same, all fourteen findings: the models predict five of them",
    "chexpert_readers": "CheXpert test set: the labeler's labels and three other radiologists, against five; all findings",
    "chexpert_models_readers": "CheXpert test set: labels, ten models and three radiologists, against five others; five findings",
    "vindr_third_reader": "VinDr-CXR: two of a film's three radiologists, against the third; the label is the first one's",
    "nih_rsna": "ChestX-ray14 labels against RSNA's radiologists: Pneumonia, No Finding; a model that sees no film",
    "nih_google": "ChestX-ray14 labels against adjudicated readings: Pneumothorax, Lung Opacity, Lung Lesion; the same model",
    "made_no_instance": "made labels at the rates of real ones, errors by class alone",
    "made_instance": "made labels at the rates of real ones, errors more frequent on faint films",
}
SCORES = {
    "ap_u_ones": "AP, -1 as 1",
    "ap_u_zeros": "AP, -1 as 0",
    "p100_u_ones": "wrong of first 100",
    "brier": "Brier",
    "log_loss": "log loss",
}
OURS = "cxr audit"


def text() -> str:
    """All tasks that were measured."""
    found = measured("noise")
    parts = [f"Measured {found[0]['run'][:10]}; {', '.join(_versions(found))}."]
    for task, title in TASKS.items():
        lines = [line for line in found if line["task"] == task]
        if lines:
            rows = [(line["method"], *(interval(line, name) for name in SCORES), _over(line)) for line in lines]
            head = ("method", *SCORES.values(), "AP over `cxr audit`")
            parts += ["", f"**{title}** ({lines[0]['items']} films)", "", *grid(head, rows)]
    return "\n".join(parts)


def _over(line: Line) -> str:
    """Difference in average precision to the audit, with the interval of the difference."""
    return interval(line, "ap_u_ones_over_ours")


def _versions(found: list[Line]) -> list[str]:
    return sorted({f"{line['method'].split()[0]} {line['version']}" for line in found if line["version"]})
