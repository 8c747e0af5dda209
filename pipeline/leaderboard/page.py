"""The leaderboard as an HTML page and as small tables of words."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

import pandas as pd

from pipeline.label import page
from pipeline.leaderboard import Leaderboard
from pipeline.score.show import Record, interval, number, records

HEAD = ("rank", "model", "value", "P(first)", "ranks", "n", "provenance", "source", "note")
NUMBERS = ("rank", "value", "P(first)", "ranks", "n")
_BOARD = ["dataset", "split", "metric", "target"]


def html(found: Leaderboard) -> str:
    """The page: a section for each data set, split and metric that folds open, a table for each target in it."""
    notes = "".join(f"<li>{escape(note)}</li>" for note in found.notes)
    intro = (
        f"{len(found.table)} numbers of {found.table['model'].nunique()} models. Ranked only with numbers of the same data set, split, "
        "metric and target, as their sources name them. P(first) and ranks: over resamples of patients, among the models whose predictions "
        "are at hand; a rank without them is an order of published numbers and says nothing of chance."
    )
    body = [f'<p class="quiet">{intro}</p>', *([f"<h2>To know</h2><ul>{notes}</ul>"] if notes else [])]
    for (dataset, split, metric), several in found.table.groupby(_BOARD[:3], sort=False, dropna=False):
        title = f"{escape(str(dataset) or 'data set not stated')} · {escape(str(split) or 'split not stated')} · {escape(str(metric))}"
        count = f'<span class="quiet">models: {several["model"].nunique()}, targets: {several["target"].nunique()}</span>'
        is_open = metric == "auroc" and several["p_first"].notna().any()
        body.append(f"<details{' open' if is_open else ''}><summary><b>{title}</b> {count}</summary>")
        for target, rows in several.groupby("target", sort=False):
            body += _board(str(target), rows)
        body.append("</details>")
    return page.page("Leaderboard", body)


def _board(target: str, rows: pd.DataFrame) -> Iterator[str]:
    yield f"<h2>{escape(target)}</h2>"
    yield page.table(HEAD, [line(row) for row in records(rows)], NUMBERS)


def line(row: Record) -> tuple[str, ...]:
    """One entry in words."""
    has_chance = not pd.isna(row["p_first"])
    ends = row["ci_low"], row["ci_high"]
    return (
        "not ranked" if pd.isna(row["rank"]) else f"{row['rank']:g} of {row['n_ranked']:g}",
        str(row["model"]),
        f"{row['value']:.4g}" if any(pd.isna(end) for end in ends) else interval(row, "value"),
        number(row["p_first"]) if has_chance else "-",
        f"{row['rank_low']:g} to {row['rank_high']:g}" if has_chance else "-",
        "-" if pd.isna(row["n"]) else f"{row['n']:g}",
        str(row["provenance"]),
        str(row["source"]),
        str(row["note"]),
    )


def terminal(found: Leaderboard, targets: tuple[str, ...]) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """Title and rows of each board with two entries or more: those of the targets named, else means and what is no finding.

    Args:
        found: everything.
        targets: findings in our spelling, or words of a source.
    """
    from pipeline.base.findings import find

    for key, rows in found.table[found.table["rank"].notna()].groupby(_BOARD, sort=False):
        target = str(key[3])
        if len(rows) > 1 and (target in targets if targets else find(target) is None):
            title = f"{', '.join(map(str, key))}: {len(rows)} models"
            yield title, [(f"{row['rank']:g}", *line(row)[1:7]) for row in records(rows)]
