"""The HTML page of an audit: what was found per finding, what was left out and why, and the most suspicious cells."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from html import escape

import pandas as pd

from pipeline.audit import PLOTS, Audit
from pipeline.base.labels import STATES, to_chexpert
from pipeline.label import page

SHOWN = 100
_NUMBERS = {to_chexpert(state): str(state) for state in STATES}
_SAID = ("1", "0", "-1", "blank")
_HEAD = ("rank", "item", "finding", "given", "p(present)", "quality", "issue", "reason")


def html(audit: Audit, labels: str) -> str:
    """The page.

    Args:
        audit: what was found.
        labels: name of the file on trial.
    """
    cells = audit.cells
    body = [
        f'<p class="quiet">{len(cells)} cells of {cells["item_id"].nunique()} items; {int(cells["is_label_issue"].sum())} are issues.</p>',
        "<h2>Findings</h2>",
        page.table(("finding", *_SAID, "issues", "expected wrong"), _findings(cells), (*_SAID, "issues", "expected wrong")),
        '<p class="quiet">Expected wrong: the sum of 1 - quality over labels that train as present or absent.</p>',
        *(f"<h2>{escape(PLOTS[name])}</h2>{_picture(PLOTS[name], png)}" for name, png in audit.plots.items()),
        *_notes(audit.notes),
        f"<h2>The {min(SHOWN, len(cells))} most suspicious cells</h2>",
        page.table(_HEAD, _suspects(cells.head(SHOWN)), ("rank", "p(present)", "quality")),
    ]
    return page.page(f"Audit of {labels}", body)


def _picture(title: str, png: bytes) -> str:
    return f'<img alt="{escape(title)}" style="max-width:100%" src="data:image/png;base64,{b64encode(png).decode()}">'


def _findings(cells: pd.DataFrame) -> Iterator[tuple[object, ...]]:
    for finding, part in cells.groupby("finding", sort=False):
        said = [int((part["given_label"] == number).sum()) for number in (1, 0, -1)]
        issues = int(part["is_label_issue"].sum())
        yield finding, *said, int(part["given_label"].isna().sum()), issues, f"{_expected_wrong(part):.1f}"


def _expected_wrong(cells: pd.DataFrame) -> float:
    has_side = cells["given_side"].notna()
    return float((1 - cells.loc[has_side, "label_quality_score"]).sum())


def _notes(notes: tuple[str, ...]) -> Iterator[str]:
    if notes:
        yield "<h2>Left out, disabled, or changed</h2>"
        yield "<ul>" + "".join(f"<li>{escape(note)}</li>" for note in notes) + "</ul>"


def _suspects(cells: pd.DataFrame) -> Iterator[tuple[object, ...]]:
    for row in cells.to_dict("records"):
        given = page.state(_NUMBERS[None if pd.isna(row["given_label"]) else float(row["given_label"])])
        figures = (f"{row['p_positive']:.2f}", f"{row['label_quality_score']:.2f}")
        yield row["rank"], row["item_id"], row["finding"], given, *figures, "yes" if row["is_label_issue"] else "", row["reason"]
