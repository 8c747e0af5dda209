"""The two pictures of a release: where the films went, and how the labels fall. Numbers come from `facts`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.base.pictures import png
from pipeline.base.tables import SPLITS
from pipeline.write.facts import Rows, unaccounted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SPLIT_COLORS = {"train": "#4c6a92", "validate": "#d9902f", "test": "#a2413b"}
_KEPT, _GONE, _LOST, _INK = "#5b7f6b", "#b9b2a7", "#c0392b", "#2b2b2b"
_STATE_COLORS = {"positive": "#a2413b", "uncertain": "#e0a458", "negative": "#4c6a92", "unmentioned": "#dcd8d0"}
_WIDE = 0.045
_LINE = 0.055


def flow(facts: dict[str, Rows]) -> bytes:
    """PNG: DICOM files on the left, kept films and reasons in the middle, splits on the right; heights are counts."""
    total, kept = facts["totals"][0]["dicom"], facts["totals"][0]["kept"]
    gone = [(row["reason"].replace("_", " "), row["dicom"]) for row in facts["removed"] if row["dicom"]]
    if lost := unaccounted(facts):
        gone.append(("unaccounted for", max(lost, 0)))
    films = {row["split"]: row["films"] for row in facts["splits"]}
    figure, axes = _canvas(9.5, 3.2 + 0.24 * len(gone))
    scale = 1 / max(total, 1)
    middle = [("kept", kept, _KEPT)] + [(name, n, _LOST if name == "unaccounted for" else _GONE) for name, n in gone]
    places = _stack([n * scale for _, n, _ in middle])
    _node(axes, 0, 0, total * scale, _INK)
    axes.text(-0.03, total * scale / 2, f"{total:,}\nDICOM files", ha="right", va="center", fontweight="bold")
    start = 0.0
    for (name, n, color), y in zip(middle, places, strict=True):
        _band(axes, (0, start), (1, y), n * scale, color)
        _node(axes, 1, y, n * scale, color)
        start += n * scale
        if name != "kept":
            axes.text(1.04, y + n * scale / 2, f"{n:,}  {name}", va="center", fontsize=9, color=_LOST if color == _LOST else "#5a554d")
    axes.text(0.96, kept * scale / 2, f"{kept:,} films kept", ha="right", va="center", fontweight="bold", color=_INK)
    _splits(axes, films, scale)
    axes.set_title("From files to splits", loc="left", fontweight="bold")
    axes.set_ylim(max(1.0, places[-1] + middle[-1][1] * scale) + 0.05, -0.02)
    return png(figure, dpi=120, bbox_inches="tight", pad_inches=0.15)


def labels(facts: dict[str, Rows]) -> bytes:
    """PNG: share of each state for each finding, the reconciled label as a thick bar over the given label as a thin one."""
    from matplotlib.patches import Patch

    rows = list(reversed(facts["states"]))
    figure, axes = _canvas(9.5, 1.5 + 0.42 * len(rows))
    axes.set_axis_on()
    for place, row in enumerate(rows):
        total = sum(row[state] for state in _STATE_COLORS)
        for prefix, y, height in (("", place + 0.12, 0.46), ("given_", place - 0.25, 0.16)):
            left = 0.0
            for state, color in _STATE_COLORS.items():
                share = 100 * row[prefix + state] / total
                axes.barh(y, share, height, left, color=color, alpha=1 if not prefix else 0.75, linewidth=0)
                left += share
        axes.text(101, place, f"{row['positive']:,} positive (given {row['given_positive']:,})", va="center", fontsize=8.5, color="#5a554d")
    axes.set_yticks(range(len(rows)), [row["finding"] for row in rows])
    axes.set_xlim(0, 128)
    axes.set_xticks(range(0, 101, 20))
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel("films, %   (thick: reconciled label; thin: the label the film came with)")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_bounds(0, 100)
    axes.tick_params(left=False)
    axes.set_title("Label states of each finding", loc="left", fontweight="bold", pad=24)
    handles = [Patch(color=color, label=state.upper()) for state, color in _STATE_COLORS.items()]
    axes.legend(handles=handles, ncols=4, loc="lower left", bbox_to_anchor=(0, 1), frameon=False, fontsize=8.5, handlelength=1)
    return png(figure, dpi=120, bbox_inches="tight", pad_inches=0.15)


def _splits(axes: Axes, films: dict[str, int], scale: float) -> None:
    present = [split for split in SPLITS if films.get(split)]
    start = 0.0
    for split, y in zip(present, _stack([films[split] * scale for split in present]), strict=True):
        height = films[split] * scale
        _band(axes, (1, start), (2, y), height, _SPLIT_COLORS[split])
        _node(axes, 2, y, height, _SPLIT_COLORS[split])
        axes.text(2.05, y + height / 2, f"{films[split]:,}  {split}", va="center", fontweight="bold", color=_SPLIT_COLORS[split])
        start += height


def _stack(heights: list[float]) -> list[float]:
    """Tops of nodes below each other: a gap between them, and room for one line of text each."""
    places, top = [], 0.0
    for height in heights:
        room = max(_LINE - height, 0.0)
        places.append(top + room / 2)
        top += height + room + (_WIDE if height > _LINE else 0.0)
    return places


def _node(axes: Axes, x: float, top: float, height: float, color: str) -> None:
    axes.fill_between([x - 0.012, x + 0.012], top, top + max(height, 0.003), color=color, linewidth=0)


def _band(axes: Axes, start: tuple[float, float], end: tuple[float, float], height: float, color: str) -> None:
    """A ribbon that leaves and arrives level (a smoothstep between the two tops)."""
    import numpy as np

    x = np.linspace(0, 1, 60)
    top = start[1] + (end[1] - start[1]) * x * x * (3 - 2 * x)
    axes.fill_between(start[0] + (end[0] - start[0]) * x, top, top + max(height, 0.003), color=color, alpha=0.45, linewidth=0)


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes: Any = figure.subplots()
    axes.set_axis_off()
    axes.margins(0)
    return figure, axes
