"""The HTML page of `cxr score`: ranks, scores, comparisons, readers, subgroups, doubts, and pictures."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from html import escape

from pipeline.label import page
from pipeline.score import Scored, show
from pipeline.validate.metrics import CALLS, METRICS

_PICTURES = {
    "auroc": "Macro AUROC of every model with its 95 % interval",
    "curves": "ROC curves with readers' operating points",
    "reliability": "Reliability",
}


def html(found: Scored, truth: str) -> str:
    """The page.

    Args:
        found: the scores.
        truth: name of the file scored against.
    """
    notes = "".join(f"<li>{escape(note)}</li>" for note in found.notes)
    body = [
        _table(show.ranks(found)),
        '<p class="quiet">P(first): share of resamples of patients in which the model has the highest macro AUROC.</p>',
        *_picture(found, "auroc"),
        f"<h2>To know</h2><ul>{notes}</ul>",
        *(_table(show.by_finding(found, name)) for name in (*METRICS, *CALLS)),
        _table(show.pairs(found)),
        *(_table(one) for one in show.readers(found)),
        *_picture(found, "curves"),
        *_picture(found, "reliability"),
        *(_table(one) for part in (show.gaps, show.bounds, show.policies) for one in part(found)),
    ]
    return page.page(f"Scores against {truth}", body)


def _table(shown: show.Shown) -> str:
    title, head, rows = shown
    return f"<h2>{escape(title)}</h2>{page.table(head, rows, [name for name in head if name not in show.WORDS])}"


def _picture(found: Scored, name: str) -> Iterator[str]:
    title = _PICTURES[name]
    source = f"data:image/png;base64,{b64encode(found.plots[name]).decode()}"
    yield f'<h2>{escape(title)}</h2><img alt="{escape(title)}" style="max-width:100%" src="{source}">'
