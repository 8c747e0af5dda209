"""The short report at the end of a run: films, labels, suspects, scores, and where it all lies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from pipeline.base.storage import Home
from pipeline.cli.show import grid

LABELS = """
    SELECT finding, count(*) FILTER (state = 'POSITIVE') AS present, count(*) FILTER (state = 'NEGATIVE') AS absent,
           count(*) FILTER (state = 'UNCERTAIN') AS unsure, count(*) FILTER (state = 'UNMENTIONED') AS silent,
           count(*) FILTER (is_conflict) AS clash, count(verdict) AS verdict
    FROM labels GROUP BY 1 ORDER BY present DESC, finding
"""
SUSPECTS = "SELECT rank, image_id, finding, reason FROM label_issues WHERE is_label_issue ORDER BY rank LIMIT 10"
CERTIFICATE = """
    SELECT finding, estimate, ci_low, ci_high, n_positive, n_negative, certificate FROM scores
    WHERE trained_on = 'gain' AND metric = 'auroc' AND subgroup = 'all' AND finding <> 'macro' AND certificate IS NOT NULL
    ORDER BY estimate DESC, finding
"""
GAIN = """
    SELECT metric, trained_on, estimate, ci_low, ci_high, truth, n_seeds, certificate FROM scores
    WHERE finding = 'macro' AND subgroup = 'all' AND metric IN ('auroc', 'auprc', 'brier', 'ece') ORDER BY metric, trained_on
"""
PUBLISHED = """
    SELECT model, score_kind, finding, estimate, ci_low, ci_high, n_positive, n_negative FROM published_model_scores
    WHERE metric = 'auroc' AND subgroup = 'all' AND estimate IS NOT NULL ORDER BY model, finding <> 'macro', finding
"""


def print_report(console: Console, home: Home) -> None:
    """Print what the tables say; a stage that has not run is left out."""
    _films(console, home)
    if home.exists("labels"):
        _labels(console, home)
    if home.exists("label_issues"):
        _suspects(console, home)
    if home.exists("scores"):
        _scores(console, home)
    if home.exists("published_model_scores"):
        _published(console, home)
    _places(console, home)


def _films(console: Console, home: Home) -> None:
    console.rule("[bold]Films")
    for line in films_in_words(home):
        console.print(line)


def films_in_words(home: Home) -> Iterator[str]:
    """How many films came in, were kept, left, are flagged, and where they were split to."""
    files = home.sql(
        "SELECT count(*) FILTER (file_kind = 'dicom') AS d, count(*) FILTER (file_kind = 'report') AS r FROM files"
    ).to_pylist()[0]
    kept = home.read("groups", ["image_id"]).num_rows if home.exists("groups") else 0
    yield f"{files['d']} DICOM files and {files['r']} reports in, {kept} films kept."
    if home.exists("exclusions"):
        rows = home.sql("SELECT action, reason, count(*) AS n FROM exclusions GROUP BY 1, 2 ORDER BY action, n DESC, reason").to_pylist()
        left = ", ".join(f"{row['reason']} {row['n']}" for row in rows if row["action"] != "flag")
        flags = ", ".join(f"{row['reason']} {row['n']}" for row in rows if row["action"] == "flag")
        yield f"Left the set: {left or 'nothing'}."
        yield f"Flagged, but kept: {flags or 'nothing'}."
    if home.exists("splits"):
        splits = home.sql("SELECT split, count(*) AS n FROM splits GROUP BY 1 ORDER BY 1").to_pylist()
        yield "Splits, by patient and duplicate group: " + ", ".join(f"{row['split']} {row['n']}" for row in splits) + "."


def _labels(console: Console, home: Home) -> None:
    console.rule("[bold]Labels")
    console.print(grid(home.sql(LABELS)))


def _suspects(console: Console, home: Home) -> None:
    console.rule("[bold]The ten most suspicious labels")
    listed = Grid.grid(padding=(0, 1))
    for row in home.sql(SUSPECTS).to_pylist():
        listed.add_row(str(row["rank"]), row["image_id"], Text.assemble((f"{row['finding']}: ", "bold"), row["reason"]))
    console.print(listed)
    counts = home.sql("SELECT count(*) FILTER (is_label_issue) AS f, count(*) AS n FROM label_issues").to_pylist()[0]
    console.print(f"{counts['f']} of {counts['n']} judged labels are flagged.")


def _scores(console: Console, home: Home) -> None:
    console.rule("[bold]Trained on given and on cleaned labels, scored on the same held-out films")
    rows = home.sql(GAIN).to_pylist()
    scored = Grid("macro", "trained on", "estimate", "95 % interval", "certificate")
    for row in rows:
        if row["estimate"] is not None:
            scored.add_row(
                row["metric"],
                row["trained_on"],
                f"{row['estimate']:+.3f}" if row["trained_on"] == "gain" else f"{row['estimate']:.3f}",
                f"{row['ci_low']:.3f} to {row['ci_high']:.3f}",
                row["certificate"] or "",
            )
    console.print(scored)
    _certificate(console, home)
    console.print(gain_in_words(rows))


def gain_in_words(rows: list[dict[str, Any]]) -> str:
    """What the gain in AUROC among the rows of GAIN means, said plainly."""
    gain = next((row for row in rows if row["metric"] == "auroc" and row["trained_on"] == "gain"), None)
    if gain is None or gain["estimate"] is None:
        return "The gain of cleaning is not estimable: too few positive and negative test films with a known truth."
    low, high, truth = float(str(gain["ci_low"])), float(str(gain["ci_high"])), gain["truth"]
    against = f"against {truth}" + (" (made from the labels themselves, so this is no independent proof)" if truth == "posterior" else "")
    if gain["certificate"] == "gain":
        return f"Cleaning helped: AUROC {float(str(gain['estimate'])):+.3f} ({low:+.3f} to {high:+.3f}) {against}."
    if gain["certificate"] == "harm":
        return f"Cleaning harmed: AUROC {float(str(gain['estimate'])):+.3f} ({low:+.3f} to {high:+.3f}) {against}."
    return f"No gain of cleaning is measurable here: the AUROC difference lies between {low:+.3f} and {high:+.3f} {against}."


def ends_in_words(low: float | None, high: float | None) -> str:
    """An interval; there may be none."""
    return "not estimable" if low is None else f"{low:.3f} to {high:.3f}"


def _certificate(console: Console, home: Home) -> None:
    listed = Grid("finding", "positive / negative", "gain in AUROC", "95 % interval", "certificate")
    for row in home.sql(CERTIFICATE).to_pylist():
        listed.add_row(
            row["finding"],
            f"{row['n_positive']} / {row['n_negative']}",
            f"{row['estimate']:+.3f}",
            f"{row['ci_low']:+.3f} to {row['ci_high']:+.3f}",
            row["certificate"],
        )
    if listed.row_count:
        console.print(listed)


def _published(console: Console, home: Home) -> None:
    listed = Grid("model", "scores are", "finding", "pos. / neg.", "AUROC, 95 % interval")
    for row in home.sql(PUBLISHED).to_pylist():
        counts = f"{row['n_positive']} / {row['n_negative']}"
        ends = ends_in_words(row["ci_low"], row["ci_high"])
        listed.add_row(row["model"], row["score_kind"], row["finding"], counts, f"{row['estimate']:.3f}, {ends}")
    if listed.row_count:
        console.rule("[bold]Published models on the same held-out films")
        console.print(listed)


def _places(console: Console, home: Home) -> None:
    console.rule("[bold]Where everything lies")
    places = {
        "tables": "the tables, as Parquet",
        "curated.duckdb": "the same for any DuckDB client",
        "releases": "the release with its card",
    }
    for name, what in places.items():
        if (home.root / name).exists():
            console.print(f"  {home.root / name}  [dim]{what}[/dim]")
    stamps = home.work / "stages"
    plots = sorted(stamps.glob("*/*.png"))
    if plots:
        console.print(f"  {stamps}/*/*.png  [dim]{len(plots)} plots[/dim]")
