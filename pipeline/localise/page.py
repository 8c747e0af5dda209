"""The HTML page: scores, and films with map and boxes. It names no film: pages are passed around."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

import cv2
import numpy as np
import pandas as pd

from pipeline.base.images import resize_square
from pipeline.base.pictures import data_uri, enlarged, overlay
from pipeline.label import page
from pipeline.localise import Localised, films
from pipeline.localise.scores import MIN_PATIENTS, Looked

SHOWN = 6
TILE_PX = 320
_BOX_COLOUR = (255, 255, 255)
HEAD = ("finding", "metric", "films", "patients", "estimate", "boxes cover", "constant maps")


def html(found: Localised, table: pd.DataFrame, network: str) -> str:
    """The page.

    Args:
        found: what was measured.
        table: its scores.
        network: name of the network's file.
    """
    body = [
        f'<p class="quiet">{len(found.paths)} films with boxes. Pointing game: share of films where the map is highest inside a box. '
        f"IoU: the map, scaled to 0 to 1, from {found.threshold:g} on, against all boxes together. "
        f"In brackets: 95 % bootstrap intervals over patients; not estimable below {MIN_PATIENTS}. "
        "Boxes cover: what a random point would hit, and the IoU of the whole film.</p>",
        *(f"<p>{escape(note)}.</p>" for note in found.notes),
        page.table(HEAD, rows(table), HEAD[2:]),
        *(part for finding in sorted({one.finding for one in found.looked}) for part in _films(found, finding)),
    ]
    return page.page(f"Where {network} looks", body)


def rows(table: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    """The scores as people read them, in the order of the page's columns."""
    for row in table.to_dict("records"):
        metric = "pointing game" if pd.isna(row["threshold"]) else f"IoU at {row['threshold']:g}"
        shown = "not estimable" if pd.isna(row["estimate"]) else f"{row['estimate']:.3f} [{row['ci_low']:.3f}, {row['ci_high']:.3f}]"
        counts = (str(row["n_films"]), str(row["n_patients"]))
        yield row["finding"], metric, *counts, shown, f"{row['box_share']:.3f}", str(row["n_constant_maps"])


def spread(looked: Sequence[Looked], n: int = SHOWN) -> list[Looked]:
    """At most n, evenly from the best to the worst overlap, so that a page flatters nobody."""
    ordered = sorted(looked, key=lambda one: (-one.iou, one.film))
    places = np.unique(np.linspace(0, len(ordered) - 1, min(n, len(ordered))).round().astype(int))
    return [ordered[place] for place in places]


def _films(found: Localised, finding: str) -> Iterator[str]:
    mine = [one for one in found.looked if one.finding == finding]
    chosen = spread(mine)
    yield f"<h2>{escape(finding)}</h2>"
    yield f'<p class="quiet">{len(chosen)} of {len(mine)} films, evenly from the best to the worst overlap.</p>'
    yield '<div style="display:flex;flex-wrap:wrap;gap:1rem">' + "".join(_tile(found, one) for one in chosen) + "</div>"


def _tile(found: Localised, one: Looked) -> str:
    film = resize_square(films.read(found.paths[one.film]), TILE_PX)
    shown = np.ascontiguousarray(overlay(film, enlarged(one.saliency, TILE_PX, TILE_PX)))
    for box in one.boxes:
        left, top, right, bottom = (round(side * (TILE_PX - 1)) for side in box)
        cv2.rectangle(shown, (left, top), (right, bottom), _BOX_COLOUR, 2)
    said = f"probability {one.prob:.2f}, {'hit' if one.hit else 'miss'}, IoU {one.iou:.2f}"
    if np.isnan(one.saliency).any():
        said += ", map is constant"
    picture = f'<img alt="{escape(one.finding)}: {said}" width="{TILE_PX}" src="{data_uri(shown)}">'
    return f'<figure style="margin:0">{picture}<figcaption class="quiet">{said}</figcaption></figure>'
