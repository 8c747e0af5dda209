"""What stands on a leaderboard: one number of one model on one target, with where it came from. Published rows are read here.

Here belongs what makes two numbers comparable: the same data set, split, metric and target. How they are ranked belongs to `board`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import combinations
from pathlib import Path

import numpy as np

from pipeline.audit import files
from pipeline.base.errors import InputError
from pipeline.base.findings import find
from pipeline.validate.metrics import Array

# From the strongest to the weakest: computed from predictions and truth; read in a file of its authors; taken over from an earlier list;
# told second hand or from memory.
PROVENANCE = ("recomputed", "verified", "seed", "recalled")
_WORDS = {
    "recomputed": "recomputed",
    "computed": "recomputed",
    "verified": "verified",
    "derived": "verified",
    "seed": "seed",
    "recalled": "recalled",
    "secondary": "recalled",
}
_NEEDED = ("model", "dataset", "split", "metric", "target", "value")
# Splits that are none: numbers on them are comparable with nothing.
_UNSTATED = ("", "unstated", "unknown", "not stated")
_METRICS = {"auc": "auroc", "roc_auc": "auroc", "average_precision": "auprc", "ap": "auprc"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One number.

    Attributes:
        model: as its source calls it.
        dataset: and `split`, as their source calls them; blank where it does not say.
        metric: in the field's spelling, "auroc".
        target: a finding in our spelling, or in the source's words what is averaged.
        value: the number.
        ci_low: low end of its 95 % interval, where there is one.
        ci_high: high end.
        n: items scored, where known.
        provenance: one of PROVENANCE.
        source: where it can be looked up.
        note: what else to know.
        draws: (draws,) the score in each resample of patients, where predictions are at hand; the same resamples on one board.
    """

    model: str
    dataset: str
    split: str
    metric: str
    target: str
    value: float
    ci_low: float | None = None
    ci_high: float | None = None
    n: int | None = None
    provenance: str = "recomputed"
    source: str = ""
    note: str = ""
    draws: Array | None = None

    @property
    def board(self) -> tuple[str, str, str, str] | None:
        """What it may be ranked with; None where the split is not known, which is comparable with nothing."""
        if _plain(self.split) in _UNSTATED or not self.dataset:
            return None
        return _plain(self.dataset), _plain(self.split), self.metric, _plain(self.target)


COLUMNS = tuple(field.name for field in fields(Entry) if field.name != "draws")


def is_published(header: list[str]) -> bool:
    """Whether a CSV with these columns holds rows of a leaderboard."""
    return set(_NEEDED) <= set(header)


def published(path: Path) -> tuple[list[Entry], tuple[str, ...]]:
    """Read rows of a leaderboard: `_NEEDED`, and where known ci_low, ci_high, n, provenance, source, note.

    Returns:
        Entries, and a note on rows whose value is no single number, such as 0.86/0.87/0.88 for three amounts of training.

    Raises:
        InputError: a column is missing, another number is unreadable, or a word of provenance is unknown.
    """
    header, records = files.lines(path)
    if not is_published(header):
        raise InputError(f"{path.name} lacks columns of a leaderboard", f"give it {', '.join(_NEEDED)}")
    rows = [(line, dict(zip(header, row, strict=True))) for line, row in records]
    several = [str(line) for line, cells in rows if not _is_number(cells["value"])]
    notes = (f"{path.name}: the value is no single number, left out: line {', '.join(several)}",) if several else ()
    return [_entry(path, line, cells) for line, cells in rows if _is_number(cells["value"])], notes


def _is_number(cell: str) -> bool:
    try:
        return bool(np.isfinite(float(cell)))
    except ValueError:
        return False


def _entry(path: Path, line: int, cells: dict[str, str]) -> Entry:
    def number(name: str) -> float | None:
        found = files.parsed(path, line, name, cells.get(name, ""), float, "is not a number or blank")
        return found if np.isfinite(found) else None

    n = number("n")
    if not cells["model"]:
        raise InputError(f"{path.name}, line {line} names no model", "fill it in, or remove the line")
    word = cells.get("provenance") or cells.get("source", "").split(" ")[0]
    return Entry(
        cells["model"],
        cells["dataset"],
        cells["split"],
        metric_name(cells["metric"]),
        find(cells["target"]) or cells["target"],
        float(cells["value"]),
        number("ci_low"),
        number("ci_high"),
        None if n is None else int(n),
        _provenance(path, line, word),
        cells.get("source", ""),
        cells.get("note", ""),
    )


def metric_name(said: str) -> str:
    """One spelling for each metric; unlike metrics stay unlike."""
    name = re.sub(r"[\s-]+", "_", said.strip().casefold())
    return _METRICS.get(name, name)


def _provenance(path: Path, line: int, word: str) -> str:
    found = _WORDS.get(re.split(r"[_\s]", word.casefold())[0])
    if found is None:
        raise InputError(f"{path.name}, line {line}: no provenance is called {word!r}", f"say {', '.join(PROVENANCE)}")
    return found


def _plain(text: str) -> str:
    """Text without capitals and doubled blanks."""
    return " ".join(text.casefold().split())


def repeated(entries: list[Entry], least: int = 3) -> Iterator[str]:
    """Sentences on models that report the same numbers for several targets of one data set: one is probably copied from the other.

    Args:
        entries: of any boards; models with predictions are compared prediction by prediction elsewhere.
        least: equal numbers of three decimals or more that are no coincidence.
    """
    columns: dict[tuple[str, str, str], dict[str, set[tuple[str, float]]]] = {}
    for one in entries:
        if one.board is not None and one.draws is None and round(one.value, 2) != one.value:
            columns.setdefault((one.dataset, one.split, one.metric), {}).setdefault(one.model, set()).add((one.board[3], one.value))
    for where, models in columns.items():
        pairs = [(one, other) for one, other in combinations(sorted(models), 2) if len(models[one] & models[other]) >= least]
        for group in _joined(pairs):
            yield f"{', '.join(group)} report the same numbers for {least} targets or more of {', '.join(where)}: copies of one another?"


def _joined(pairs: list[tuple[str, str]]) -> list[list[str]]:
    """Pairs with a name in common as one group."""
    groups: list[set[str]] = []
    for pair in pairs:
        touched = [group for group in groups if group & set(pair)]
        groups = [group for group in groups if group not in touched] + [set(pair).union(*touched)]
    return [sorted(group) for group in groups]
