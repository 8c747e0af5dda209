"""What predict knows before it trains: kept films, their groups, and a target for every film and finding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.base.settings import Settings
from pipeline.base.storage import Home
from pipeline.base.targets import equivalent_counts

Array = npt.NDArray[np.float64]
_MATRICES = ("given_target", "given_side", "p_annotators")


@dataclass(frozen=True, slots=True)
class Cells:
    """Films and findings.

    Attributes:
        image_ids: (n,) sorted.
        group_ids: (n,).
        findings: those that are modelled, sorted.
        targets: (n, findings) in [0, 1], NaN where unknown.
        sides: (n, findings) what the given labels claim, 1 or 0, NaN where nothing.
        p_annotators: (n, findings) probability that the finding is present, by all annotators, NaN where unknown.
        left_out: findings with labels but too few positive or negative films.
    """

    image_ids: list[str]
    group_ids: list[str]
    findings: tuple[str, ...]
    targets: Array
    sides: Array
    p_annotators: Array
    left_out: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """Counts for people."""
        return {
            "films": len(self.image_ids),
            "groups": len(set(self.group_ids)),
            "findings_modelled": len(self.findings),
            "findings_too_rare": len(self.left_out),
            "cells_known": int(np.isfinite(self.targets).sum()),
        }

    def warnings(self) -> tuple[str, ...]:
        """Which findings have no model, in words."""
        return (f"too few films to model: {', '.join(self.left_out)}",) if self.left_out else ()

    def nothing_modelled(self, min_positives: int) -> str:
        """Why there are no predictions, and what to do."""
        return (
            f"no finding has {min_positives} positive and {min_positives} negative films among {len(self.image_ids)}: "
            "nothing was modelled; add films, or set predict.min_positives lower"
        )


def read(home: Home, settings: Settings) -> Cells:
    """Read `groups` and `labels`, and choose the findings that can be modelled."""
    kept = home.read("groups", ["image_id", "group_id"]).sort_by("image_id")
    image_ids: list[str] = kept["image_id"].to_pylist()
    labels = home.read("labels", ["image_id", "finding", *_MATRICES])
    findings = sorted(set(labels["finding"].to_pylist()))
    where = (image_ids, findings, labels["image_id"].to_pylist(), labels["finding"].to_pylist())
    matrices = [pivot(*where, labels[name].cast("float64").fill_null(np.nan).to_numpy()) for name in _MATRICES]
    is_modelled = enough(matrices[0], settings.predict.min_positives)
    modelled = tuple(finding for finding, chosen in zip(findings, is_modelled, strict=True) if chosen)
    left_out = tuple(finding for finding, chosen in zip(findings, is_modelled, strict=True) if not chosen)
    targets, sides, p_annotators = (matrix[:, is_modelled] for matrix in matrices)
    return Cells(image_ids, kept["group_id"].to_pylist(), modelled, targets, sides, p_annotators, left_out)


def pivot(image_ids: list[str], findings: list[str], of_image: list[str], of_finding: list[str], values: Array) -> Array:
    """A long column as a matrix (images, findings), NaN where there is no row; rows of other films are passed over."""
    row, column = {name: i for i, name in enumerate(image_ids)}, {name: i for i, name in enumerate(findings)}
    rows = np.array([row.get(name, -1) for name in of_image], np.int64)
    columns = np.array([column[name] for name in of_finding], np.int64)
    matrix = np.full((len(image_ids), len(findings)), np.nan)
    matrix[rows[rows >= 0], columns[rows >= 0]] = values[rows >= 0]
    return matrix


def enough(targets: Array, least: int) -> npt.NDArray[np.bool_]:
    """Which columns have at least `least` positive and `least` negative films (`targets.equivalent_counts`)."""
    return np.asarray((equivalent_counts(targets) >= least).all(0), np.bool_)
