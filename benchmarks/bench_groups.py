"""Duplicates: how many are found, how many are wrong, and what it costs.

    python benchmarks/bench_groups.py NAME=HOME[,TRUTH] [NAME=HOME[,TRUTH] ...] [--films 94250 188500 377000]

HOME is a home after `cxr run EXPORT --home HOME --until group`; TRUTH the folder of the ledger of its export. Every fourth film is changed
in memory and added under a patient of its own. A wrong pair joins two films that are not one exposure. Cost is measured on thumbnails
drawn from the mean and covariance of those of the first home, each size in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.films import CHANGES, KINDS, kept_films, planted, thumbnail
from benchmarks.record import record
from pipeline.base.images import Film
from pipeline.base.settings import load
from pipeline.group import confirm
from pipeline.group.descriptors import describe
from pipeline.group.duplicates import Pair, find_candidates, find_duplicates

SETTINGS = load().group
FILMS = (47_125, 94_250, 188_500, 377_000)
EVERY = 4
MADE_SHARE = 0.01


def main() -> None:
    """Quality on each home, then cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("homes", nargs="+", metavar="NAME=HOME[,TRUTH]")
    parser.add_argument("--films", nargs="*", type=int, default=FILMS)
    parser.add_argument("--cost-of", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.cost_of:
        print(json.dumps(cost(Path(asked.homes[0]), asked.cost_of)))
        return
    run = datetime.now(UTC).isoformat(timespec="seconds")
    for named in asked.homes:
        name, _, places = named.partition("=")
        home, _, truth = places.partition(",")
        for line in quality(kept_films(Path(home)), planted(Path(truth) if truth else None)):
            record("groups", {"run": run, "films_of": name, **line})
    first = asked.homes[0].partition("=")[2].partition(",")[0]
    for films in asked.films:
        command = [sys.executable, __file__, first, "--cost-of", str(films)]
        measured = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        record("groups_cost", {"run": run, **measured})


def quality(rows: pd.DataFrame, ledger: pd.DataFrame) -> list[dict[str, float | int | str]]:
    """The films as they are, then each change."""
    films: list[Film] = list(rows["film"])
    own = search(films, list(rows["pixel_digest"]))
    joined = components(len(films), own)
    lines: list[dict[str, float | int | str]] = [
        {
            "change": "as they are",
            "films": len(films),
            "pairs": len(own),
            **_against_ledger(rows, ledger, joined),
            "same_patient_pairs": int(sum(n * (n - 1) // 2 for n in rows["patient_id"].value_counts())),
            "same_patient_found": sum(rows["patient_id"][p.first] == rows["patient_id"][p.second] for p in own),
        }
    ]
    for change, alter in CHANGES.items():
        rng = np.random.default_rng(0)
        changed = list(range(0, len(films), EVERY))
        added = [alter(films[row], rng) for row in changed]
        source = [*range(len(films)), *changed]
        pairs = search([*films, *added], [str(row) for row in range(len(source))])
        after = components(len(source), pairs)
        found = [len(films) + n for n, row in enumerate(changed) if after[row] == after[len(films) + n]]
        wrong = sum(joined[source[pair.first]] != joined[source[pair.second]] for pair in pairs)
        said = {pair.second: pair.kinds for pair in pairs if source[pair.first] == source[pair.second]}
        wanted = set(KINDS.get(change, ()))
        right = sum(set(kinds) - {"cropped", "re-encoded"} == wanted for kinds in said.values())
        lines.append(
            {
                "change": change, "films": len(source), "made": len(added), "found": len(found), "wrong_pairs": wrong,
                "kind_told": len(said), "kind_right": right,
            }
        )  # fmt: skip
    return lines


def search(films: Sequence[Film], digests: Sequence[str]) -> list[Pair]:
    """`find_duplicates` as the stage calls it."""
    thumbnails = np.stack([thumbnail(film).ravel() for film in films])

    def small(rows: Sequence[int]) -> Mapping[int, Film]:
        return {row: confirm.small(films[row]) for row in rows}

    return find_duplicates(digests, thumbnails, small, SETTINGS.min_likeness, SETTINGS.min_correlation)


def components(count: int, pairs: Sequence[Pair]) -> list[int]:
    """The smallest row that each row is joined to."""
    leader = list(range(count))

    def find(row: int) -> int:
        while leader[row] != row:
            row = leader[row]
        return row

    for pair in pairs:
        low, high = sorted((find(pair.first), find(pair.second)))
        leader[high] = low
    return [find(row) for row in range(count)]


def _against_ledger(rows: pd.DataFrame, ledger: pd.DataFrame, joined: Sequence[int]) -> dict[str, int]:
    at = {path: row for row, path in enumerate(rows["path"])}
    twins = ledger[ledger["kind"] == "duplicate_across_patients"]
    pairs = [(at[path], at[twin.removeprefix("export/")]) for path, twin in twins["detail"].items() if path in at]
    return {"planted": len(pairs), "planted_found": sum(joined[one] == joined[other] for one, other in pairs)}


def cost(home: Path, count: int) -> dict[str, float | int]:
    """Descriptors and candidates of made thumbnails, one in a hundred of them a flipped negative of another."""
    real = np.stack([thumbnail(film).ravel() for film in kept_films(home)["film"]]).astype(np.float64)
    films = _made(real, count)
    known = np.arange(int(MADE_SHARE * count))
    films[count - len(known) :] = 255 - films[known].reshape(-1, 32, 32)[:, :, ::-1].reshape(-1, 1024)
    before, held = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    candidates = find_candidates(describe(films), SETTINGS.min_likeness)
    spent = time.process_time() - before
    pairs = {(min(c.larger, c.other), max(c.larger, c.other)) for c in candidates}
    return {
        "films": count,
        "cpu_s": spent,
        "candidates": len(candidates),
        "made": len(known),
        "found": sum((int(row), count - len(known) + int(row)) in pairs for row in known),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "before_mb": held / 1024,
    }


def _made(real: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.uint8]:
    """Thumbnails, shape (count, 1024), drawn from the mean and covariance of `real`."""
    rng = np.random.default_rng(0)
    _, spread, axes = np.linalg.svd(real - real.mean(axis=0), full_matrices=False)
    films = np.empty((count, real.shape[1]), np.uint8)
    for start in range(0, count, 8192):
        block = films[start : start + 8192]
        drawn = rng.standard_normal((len(block), len(spread))) * (spread / np.sqrt(len(real)))
        block[:] = np.rint((real.mean(axis=0) + drawn @ axes).clip(0, 255))
    return films


if __name__ == "__main__":
    main()
