"""Our runs, imported predictions, submissions and published numbers on one page, ranked only with what they are comparable with.

`entries` says what is comparable and reads published rows, `recompute` scores predictions, `bundle` makes and checks submissions, `board`
ranks, `page` shows. Here belongs what a source is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.audit import files
from pipeline.base.errors import InputError
from pipeline.base.settings import Settings
from pipeline.base.storage import MARKER, Home
from pipeline.leaderboard import board, bundle, entries, recompute
from pipeline.leaderboard.entries import Entry
from pipeline.leaderboard.recompute import Reference, mean_of
from pipeline.validate.films import ARMS
from pipeline.validate.scores import ALL, MACRO


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """All entries, `entries.COLUMNS` and `board.RANKED`, and what to know of them in words."""

    table: pd.DataFrame
    notes: tuple[str, ...]


def run(sources: Sequence[Path], reference: Reference | None, settings: Settings) -> Leaderboard:
    """Gather and rank.

    Args:
        sources: homes, bundles, CSVs of published rows, CSVs of predictions.
        reference: the truth of predictions and bundles; bundles of another data set or split stand by their claims.
        settings: `seed` and `validate.bootstrap`.

    Raises:
        InputError: a source is none of these, predictions come without a truth, or two have one name.
    """
    found: list[Entry] = []
    predictions: dict[str, Path] = {}
    notes: list[str] = []
    for source in sources:
        if (source / bundle.NAME).exists():
            facts = bundle.read(source)
            if reference is not None and (facts.dataset, facts.split) == (reference.dataset, reference.split):
                _add(predictions, facts.model, source / bundle.PREDICTIONS)
            else:
                found += bundle.claims(source)
                notes.append(f"{facts.model}: its bundle is of {facts.dataset}, {facts.split}: not recomputed without the truth of these")
        elif (source / MARKER).exists():
            found += _of_home(Home(source).require())
        elif entries.is_published(files.lines(source)[0]):
            rows, odd = entries.published(source)
            found, notes = [*found, *rows], [*notes, *odd]
        elif reference is None:
            raise InputError(f"{source.name} holds predictions, and there is no truth", "add --truth, --dataset and --split")
        else:
            _add(predictions, source.stem, source)
    if predictions and reference is not None:
        scored, said = recompute.entries(reference, predictions, settings)
        found, notes = [*found, *scored], [*notes, *said]
    table = board.ranked(found)
    unranked = int(table["rank"].isna().sum())
    if unranked:
        notes.append(f"{unranked} of {len(table)} numbers do not say which split they are of: comparable with nothing, not ranked")
    return Leaderboard(table, (*notes, *entries.repeated(found)))


def _add(predictions: dict[str, Path], model: str, path: Path) -> None:
    if model in predictions:
        raise InputError(f"two sources of predictions are of a model called {model}", "give one of them another name")
    predictions[model] = path


def _of_home(home: Home) -> list[Entry]:
    """The trainings of `validate`, and the published models asked in the home, each a model; what the truth was made of is in the split."""
    trained = _estimated(home, "scores")
    ours = [row | {"model": f"{home.root.name}, {row['trained_on']} labels"} for row in trained if row["trained_on"] in ARMS]
    found = list(_entries(home, ours, _findings(ours), "scores"))
    asked = _estimated(home, "published_model_scores") if home.exists("published_model_scores") else []
    for model in sorted({row["model"] for row in asked}):
        rows = [row for row in asked if row["model"] == model]
        # Its mean is over the findings that are trained here too, where there are any.
        shared = _findings(rows) & {row["finding"] for row in home.read("scores", ["finding"]).to_pylist()}
        note = f"weights {rows[0]['checkpoint_sha256'][:12]}, {rows[0]['score_kind']}; may have been trained on films among these"
        found += _entries(home, rows, shared or _findings(rows), "published_model_scores", note)
    return found


def _estimated(home: Home, table: str) -> list[dict[str, Any]]:
    return [row for row in home.read(table).to_pylist() if row["subgroup"] == ALL and row["estimate"] is not None]


def _findings(rows: list[dict[str, Any]]) -> set[str]:
    return {row["finding"] for row in rows if row["finding"] != MACRO and row["metric"] == "auroc"}


def _entries(home: Home, rows: list[dict[str, Any]], averaged: set[str], table: str, note: str = "") -> Iterator[Entry]:
    mean = mean_of(sorted(averaged))
    for row in rows:
        yield Entry(
            row["model"],
            home.root.name,
            f"test, truth by {row['truth']}",
            row["metric"],
            mean if row["finding"] == MACRO else row["finding"],
            row["estimate"],
            row["ci_low"],
            row["ci_high"],
            row["n_positive"] + row["n_negative"],
            "recomputed",
            f"table {table} of the home",
            note,
        )
