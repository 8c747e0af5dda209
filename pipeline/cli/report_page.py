"""The report as an HTML page: what the terminal says, and the most suspicious labels with their films and where the network looks.

Everything is read from tables: maps were made by the stage predict, when its networks were at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import cv2
import numpy as np

from pipeline.base.images import Film, decode_eight_bits
from pipeline.base.pictures import data_uri, enlarged, overlay
from pipeline.base.storage import Home
from pipeline.cli.report import CERTIFICATE, GAIN, LABELS, PUBLISHED, ends_in_words, films_in_words, gain_in_words
from pipeline.label import page

SHOWN = 8
TILE_PX = 288
_SUSPECTS = f"""
    SELECT rank, image_id, finding, given_label, p_positive, reason, height_cells, width_cells, heat, p.pred_prob AS network_prob
    FROM label_issues i JOIN saliency_maps s USING (image_id, finding) JOIN pred_probs p USING (image_id, finding, model)
    WHERE is_label_issue AND heat IS NOT NULL ORDER BY rank LIMIT {SHOWN}
"""
_FLAGGED = """
    SELECT count(*) AS n, count(heat) AS mapped FROM label_issues LEFT JOIN saliency_maps USING (image_id, finding) WHERE is_label_issue
"""
_MEANING = (
    "Colour: what on the film speaks for the finding, as seen by the network that never saw this patient (Grad-CAM; red most, blue least). "
    "It is scaled within each film: where the network gives a low probability, red is the best there is, not much. "
    "A map shows what a network looks at, not what is there."
)


def html(home: Home) -> str:
    """The page; a stage that has not run is left out."""
    body = [f"<p>{escape(line)}</p>" for line in films_in_words(home)]
    if home.exists("label_issues") and home.exists("saliency_maps"):
        body += _suspects(home)
    if home.exists("labels"):
        body += _table("Labels", home.sql(LABELS).to_pylist(), ("finding",))
    if home.exists("scores"):
        body += _scores(home)
    if home.exists("published_model_scores"):
        words = ("model", "score_kind", "finding")
        body += _scored("Published models on the same held-out films, AUROC", home.sql(PUBLISHED).to_pylist(), words)
    return page.page("Report", body)


def _suspects(home: Home) -> Iterator[str]:
    counts, rows = home.sql(_FLAGGED).to_pylist()[0], home.sql(_SUSPECTS).to_pylist()
    yield "<h2>The most suspicious labels</h2>"
    yield (
        f'<p class="quiet">{len(rows)} of {counts["n"]} flagged labels, most suspicious first, of the {counts["mapped"]} with a map. '
        f"{_MEANING}</p>"
    )
    films = _films(home, sorted({row["image_id"] for row in rows}))
    yield '<div style="display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,36rem),1fr));gap:1.5rem">'
    for row in rows:
        yield _tile(row, films[row["image_id"]])
    yield "</div>"


def _films(home: Home, image_ids: list[str]) -> dict[str, Film]:
    wanted = ", ".join(f"'{image_id}'" for image_id in image_ids) or "NULL"
    stored = home.sql(f"SELECT image_id, pixels FROM images WHERE image_id IN ({wanted})").to_pylist()
    return {row["image_id"]: _fitted(decode_eight_bits(row["pixels"])) for row in stored}


def _fitted(film: Film) -> Film:
    """The film in its own proportions, its longer side TILE_PX."""
    height, width = (max(1, round(side * TILE_PX / max(film.shape))) for side in film.shape)
    return np.asarray(cv2.resize(film, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _tile(row: dict[str, Any], film: Film) -> str:
    """The film, the film under the map, and what is said of the label. The map was made of the film stretched to a square."""
    levels = np.frombuffer(row["heat"], np.uint8).reshape(row["height_cells"], row["width_cells"])
    pictures = film, overlay(film, enlarged(levels / 255.0, *film.shape))
    alts = f"{row['finding']}, film {row['rank']}", f"the same film, coloured where the network looks for {row['finding']}"
    shown = "".join(
        f'<img alt="{escape(alt)}" style="min-width:0;max-width:50%;height:auto" src="{data_uri(picture)}">'
        for alt, picture in zip(alts, pictures, strict=True)
    )
    said = (
        f"<b>{row['rank']}. {escape(row['finding'])}</b>, given as {page.state(row['given_label'])}; probability that it is present "
        f"{row['p_positive']:.2f}, by the network alone {row['network_prob']:.2f}"
    )
    quiet = f'<span class="quiet">{escape(row["reason"])}<br><code>{escape(row["image_id"])}</code></span>'
    return f'<figure style="margin:0"><div style="display:flex;gap:4px">{shown}</div><figcaption>{said}<br>{quiet}</figcaption></figure>'


def _scores(home: Home) -> Iterator[str]:
    words, rows = ("metric", "trained_on", "truth", "certificate"), home.sql(GAIN).to_pylist()
    yield from _scored("Trained on given and on cleaned labels, mean over findings", rows, words)
    yield f"<p>{escape(gain_in_words(rows))}</p>"
    yield from _scored("Gain in AUROC by finding", home.sql(CERTIFICATE).to_pylist(), ("finding", "certificate"))


def _scored(title: str, rows: list[dict[str, Any]], words: tuple[str, ...]) -> Iterator[str]:
    """A table of the rows with a score, words first, the two ends as one interval."""
    found = []
    for row in rows:
        if row["estimate"] is not None:
            named = {name: row[name] for name in words if name in row}
            said = {"estimate": f"{row['estimate']:.3f}", "95 % interval": ends_in_words(row["ci_low"], row["ci_high"])}
            others = {name: value for name, value in row.items() if name not in (*named, "estimate", "ci_low", "ci_high")}
            found.append(named | said | others)
    yield from _table(title, found, words)


def _table(title: str, rows: list[dict[str, Any]], words: tuple[str, ...]) -> Iterator[str]:
    """Heading and table; nothing where there are no rows. Columns other than `words` are numbers."""
    if rows:
        head = tuple(rows[0])
        named = [name.replace("_", " ") for name in head]
        yield f"<h2>{escape(title)}</h2>"
        yield page.table(named, (tuple(row.values()) for row in rows), [name for name in named if name.replace(" ", "_") not in words])
