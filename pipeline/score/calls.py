"""Where each model's scores become calls: a number, thresholds from a file, or cross-fitted on the items themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.audit import files
from pipeline.base.errors import InputError
from pipeline.base.findings import find
from pipeline.score.given import Given
from pipeline.validate.metrics import Array
from pipeline.validate.thresholds import cross_fitted

CROSS_FITTED = "mcc"
Thresholds = dict[tuple[str, str], float]


def thresholds(said: str, given: Given) -> Thresholds | None:
    """Thresholds by model and finding; None where they are to be cross-fitted.

    Args:
        said: "mcc", a number, or the path of a CSV with the columns model, finding, threshold.
        given: whose models and findings need one each.

    Raises:
        InputError: `said` is none of these, or the file lacks a threshold.
    """
    if said == CROSS_FITTED:
        return None
    try:
        number = float(said)
    except ValueError:
        return _of_file(Path(said), given)
    return {(model, finding): number for model in given.models for finding in given.findings}


def _of_file(path: Path, given: Given) -> Thresholds:
    if path.suffix != ".csv":
        raise InputError(f"no threshold is called {str(path)!r}", "give mcc, a number, or a CSV with model, finding, threshold")
    header, records = files.lines(path)
    if not {"model", "finding", "threshold"} <= set(header):
        raise InputError(f"{path.name} lacks columns", "give it model, finding, threshold")
    found: Thresholds = {}
    for line, row in records:
        cells = dict(zip(header, row, strict=True))
        finding = find(cells["finding"])
        if finding is not None:
            found[cells["model"], finding] = files.parsed(path, line, "threshold", cells["threshold"], float, "is not a number")
    lacking = [
        key for key in ((model, finding) for model in given.models for finding in given.findings) if not np.isfinite(found.get(key, np.nan))
    ]
    if lacking:
        raise InputError(f"{path.name} has no threshold for {' and '.join(lacking[0])}", "one line for each model and finding")
    return found


def called(given: Given, scored: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], chosen: Thresholds | None, seed: int) -> dict[str, Array]:
    """Calls of every model, (n, F) of 0 and 1, NaN where not scored or where no threshold can be chosen."""
    found = {}
    for model, cells in given.models.items():
        calls = np.full(cells.shape, np.nan)
        for column, finding in enumerate(given.findings):
            rows = scored[:, column]
            prob = cells[rows, column]
            if chosen is None:
                calls[rows, column] = cross_fitted(given.truth[rows, column], prob, given.patients[rows], seed)
            else:
                calls[rows, column] = prob >= chosen[model, finding]
        found[model] = calls
    return found
