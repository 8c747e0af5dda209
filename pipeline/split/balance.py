"""How alike the splits came out: sizes, and the prevalence of each finding. It reports and never moves a film."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipeline.base.pictures import png
from pipeline.base.storage import Home
from pipeline.base.tables import SPLITS

COLORS = {"train": "#4c6a92", "validate": "#d9902f", "test": "#a2413b"}
_Z = 1.959964


@dataclass(frozen=True, slots=True)
class Prevalence:
    """Films of one split where one finding is POSITIVE, of all films of the split."""

    finding: str
    split: str
    n_positive: int
    n_films: int

    @property
    def share(self) -> float:
        """Share of positive films."""
        return self.n_positive / self.n_films


def sizes(home: Home) -> dict[str, int | float | str]:
    """Films and patients of each split."""
    query = "SELECT split, count(*) AS films, count(DISTINCT patient_id) AS patients FROM splits JOIN groups USING (image_id) GROUP BY 1"
    found = {row["split"]: row for row in home.sql(query).to_pylist()}
    counts: dict[str, int | float | str] = {f"films_{split}": int(found.get(split, {}).get("films", 0)) for split in SPLITS}
    return counts | {f"patients_{split}": int(found.get(split, {}).get("patients", 0)) for split in SPLITS}


def prevalences(home: Home) -> list[Prevalence]:
    """Prevalence of every finding that is positive somewhere, in each split, by the reconciled state."""
    rows = home.sql(
        """
        SELECT finding, split, count(*) FILTER (WHERE state = 'POSITIVE') AS n_positive, count(*) AS n_films
        FROM labels JOIN splits USING (image_id) GROUP BY 1, 2 ORDER BY 1, 2
        """
    ).to_pylist()
    met = {row["finding"] for row in rows if row["n_positive"]}
    return [Prevalence(**row) for row in rows if row["finding"] in met]


def wilson(n_positive: int, n: int) -> tuple[float, float]:
    """95 % interval of a proportion (Wilson 1927)."""
    p, z2 = n_positive / n, _Z * _Z
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def widest_gap(found: list[Prevalence]) -> tuple[str, float] | None:
    """The finding whose prevalence differs most between two splits, and by how much."""
    shares: dict[str, list[float]] = {}
    for one in found:
        shares.setdefault(one.finding, []).append(one.share)
    gaps = {finding: max(values) - min(values) for finding, values in shares.items()}
    return max(gaps.items(), key=lambda item: (item[1], item[0])) if gaps else None


def plot(found: list[Prevalence]) -> bytes:
    """PNG: prevalence of each finding in each split with its 95 % interval."""
    from matplotlib.figure import Figure

    order = sorted({one.finding for one in found}, key=lambda finding: max(one.share for one in found if one.finding == finding))
    figure = Figure(figsize=(8, 1.4 + 0.42 * len(order)), layout="constrained")
    axes = figure.subplots()
    for offset, split in zip((0.22, 0.0, -0.22), SPLITS, strict=True):
        mine = [one for one in found if one.split == split]
        if not mine:
            continue
        heights = [order.index(one.finding) + offset for one in mine]
        low, high = zip(*(wilson(one.n_positive, one.n_films) for one in mine), strict=True)
        axes.hlines(heights, [100 * x for x in low], [100 * x for x in high], color=COLORS[split], alpha=0.5, linewidth=2)
        axes.plot([100 * one.share for one in mine], heights, "o", color=COLORS[split], label=f"{split} ({mine[0].n_films:,} films)")
    axes.set_yticks(range(len(order)), order)
    axes.set_xlabel("films with the finding, % (reconciled label; bars are 95 % intervals)")
    axes.set_xlim(left=0)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.legend(loc="lower right", frameon=False)
    axes.set_title("Prevalence in each split", loc="left", fontweight="bold")
    return png(figure, dpi=110)
