"""The demo: a sample hospital through the whole path, then the result held against the sample's own ledger."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table as Grid

from pipeline.base.errors import HomeError
from pipeline.base.storage import Home
from pipeline.cli.report import print_report

_EXPECTED = {
    "blank_image": "excluded",
    "constant_image": "excluded",
    "missing_patient_id": "excluded",
    "wrong_modality": "excluded",
    "truncated_file": "excluded",
    "empty_file": "excluded",
    "jpeg_named_dcm": "excluded",
    "lateral": "excluded",
    "conflicting_file": "excluded",
    "burned_in_identity": "excluded",
    "resent_file": "duplicate",
    "stray_text_file": "skipped",
    "report_without_image": "report",
}


def run_demo(console: Console, to: Path, patients: int) -> None:
    """Make the sample hospital below `to` unless it is there, run the path, report, compare with the ledger, say what is next.

    Raises:
        HomeError: `to/home` is something else than a home.
    """
    from pipeline.cli import run_stages
    from pipeline.sample import make

    started, sample, root = time.perf_counter(), to / "sample", to / "home"
    if not (sample / "truth" / "cells.csv").exists():
        if sample.exists():
            raise HomeError(f"{sample} is an unfinished sample hospital", f"remove {sample} and run the demo again")
        make(sample, patients, 0)
    run_stages(sample / "export", root, "tiny", None, ())
    home = Home(root).require()
    print_report(console, home)
    compare_with_ledger(console, home, sample / "truth")
    _next_steps(console, home)
    console.print(f"[dim]The demo took {time.perf_counter() - started:.0f} s.[/dim]")


def compare_with_ledger(console: Console, home: Home, truth: Path) -> None:
    """Print how well the path found what the sample hospital planted; the path itself never saw the ledger."""
    console.rule("[bold]Against the sample hospital's ledger")
    right, planted = defects(home, pd.read_csv(truth / "planted.csv").fillna(""))
    console.print(f"Planted defects that ended as they should: {right} of {planted}.")
    cells = judged_cells(home, pd.read_csv(truth / "cells.csv"))
    wrong, flagged = cells["published_wrong"].eq(1), cells["is_label_issue"]
    console.print(
        f"Published labels that are wrong: {wrong.sum()} of {len(cells)} ({wrong.mean():.1%}). "
        f"Flagged: {flagged.sum()}, of which {wrong[flagged].sum()} are wrong indeed ({wrong[flagged].mean():.0%})."
    )
    grid = Grid("most suspicious", "wrong indeed", "at random", "of all wrong")
    ordered = wrong[cells["rank"].sort_values().index]
    for first in (20, 50, 100, 200):
        if first <= len(ordered):
            hits = int(ordered.head(first).sum())
            grid.add_row(str(first), str(hits), f"{first * wrong.mean():.0f}", f"{hits / max(wrong.sum(), 1):.0%}")
    console.print(grid)
    given = (cells["given_label"].eq("POSITIVE") == cells["truth"].eq(1)).mean()
    reconciled = (cells["p_positive"].ge(0.5) == cells["truth"].eq(1)).mean()
    console.print(f"Model, out of fold: mean AUROC {model_auroc(home, cells):.2f} against the truth, over findings.")
    console.print(f"Labels that agree with the truth: {given:.1%} as given, {reconciled:.1%} after reconciling.")


def defects(home: Home, planted: pd.DataFrame) -> tuple[int, int]:
    """How many planted defects with one right ending have it, and how many there are."""
    ledger = home.read("private_files").to_pandas().set_index("path")["disposition"]
    paths = planted["path"].str.removeprefix("export/")
    expected = planted["kind"].map(_EXPECTED)
    settled = expected.notna()
    return int((paths[settled].map(ledger) == expected[settled]).sum()), int(settled.sum())


def judged_cells(home: Home, cells: pd.DataFrame) -> pd.DataFrame:
    """The ledger's cells beside what `rank` said of them; cells that were not judged are left out."""
    names = home.pseudonyms()
    cells = cells.assign(image_id=[names.of("image", uid) for uid in cells["sop_instance_uid"]])
    issues = home.read("label_issues").to_pandas()
    annotators = home.read("labels", ["image_id", "finding", "given_annotator"]).to_pandas()
    judged = cells.merge(issues, on=["image_id", "finding"]).merge(annotators, on=["image_id", "finding"])
    return judged[judged["given_annotator"].fillna("").str.startswith("published:")].reset_index(drop=True)


def model_auroc(home: Home, cells: pd.DataFrame) -> float:
    """Mean over findings of the out-of-fold AUROC against the ledger; findings all present or all absent are left out."""
    from sklearn.metrics import roc_auc_score

    judged = cells[["image_id", "finding", "truth"]].merge(home.read("pred_probs", ["image_id", "finding", "pred_prob"]).to_pandas())
    scores = [roc_auc_score(part["truth"], part["pred_prob"]) for _, part in judged.groupby("finding") if part["truth"].nunique() == 2]
    return float(sum(scores) / len(scores))


def _next_steps(console: Console, home: Home) -> None:
    worst = home.sql("SELECT image_id FROM label_issues WHERE is_label_issue ORDER BY rank LIMIT 1").column("image_id").to_pylist()
    console.rule("[bold]Three commands to try next")
    root = home.root
    for words in (
        f"why {worst[0] if worst else 'IMAGE_ID'}",
        'sql "SELECT finding, split, count(*) AS films FROM curated GROUP BY ALL ORDER BY ALL"',
        f"export parquet --to {root.parent / 'training'}",
    ):
        console.print(f"  .venv/bin/cxr {words} --home {root}", soft_wrap=True)
