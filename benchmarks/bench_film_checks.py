"""What the checks of the pixels catch, and how many films they flag that are as they should be.

    python benchmarks/bench_film_checks.py NAME=HOME[,TRUTH] [NAME=HOME[,TRUTH] ...]

HOME is a home after `cxr run EXPORT --home HOME --until group`; TRUTH the folder of the ledger of its export. Films without a planted
problem are checked as they are and changed in memory; changed films are judged one by one among the unchanged. Planted films are told by
kind. A film may be rightly flagged though nothing was planted in it: see which with
`cxr sql "SELECT * FROM exclusions WHERE evidence IS NOT NULL"`.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.films import CHANGES, facts, kept_films, planted
from benchmarks.record import record
from pipeline.exclude.film_checks import check_films

# Kinds of the ledger that say nothing about how the pixels look.
HARMLESS = (
    *("report_swapped", "report_missing", "report_empty", "report_without_headings", "missing_view_position", "missing_patient_id"),
    *("phi_in_image_comments", "phi_in_private_tag", "multibyte_name", "duplicate_across_patients", "wrong_body_part_header", "paediatric"),
)
EXPECTED = {
    "lying_photometric": ("inverted",), "lateral_tagged_pa": ("lateral",), "ct_slice_tagged_cr": ("unlike",),
}  # fmt: skip
CHANGED = {
    "inverted": "inverted", "rotated by 90 degrees": "rotated", "rotated by 270 degrees": "rotated", "rotated by 180 degrees": "rotated",
    "flipped top to bottom": "rotated",
}  # fmt: skip


def main() -> None:
    """One line a home and change."""
    run = datetime.now(UTC).isoformat(timespec="seconds")
    for named in sys.argv[1:]:
        name, _, places = named.partition("=")
        home, _, truth = places.partition(",")
        for line in checked(kept_films(Path(home)), planted(Path(truth) if truth else None)):
            record("film_checks", {"run": run, "films_of": name, **line})


def checked(rows: pd.DataFrame, ledger: pd.DataFrame) -> list[dict[str, float | int | str]]:
    """Films as they are by check, planted films by kind, changed films by change."""
    kinds = rows["path"].map(ledger["kind"]).fillna("")
    kinds = kinds.where(~kinds.isin(HARMLESS), "")
    usual = facts(list(rows["film"]))
    scored = check_films(usual)
    said = answers(scored)
    clean = kinds == ""
    lines: list[dict[str, float | int | str]] = [
        {"change": "as they are", "expected": answer, "films": int(clean.sum()), "flagged": int(said[clean].eq(answer).sum())}
        for answer in ("inverted", "rotated", "lateral", "unlike")
    ]
    for kind, wanted in EXPECTED.items():
        here = kinds == kind
        if here.any():
            found = int(said[here].isin(wanted).sum())
            lines.append({"change": f"planted: {kind}", "expected": wanted[0], "films": int(here.sum()), "flagged": found})
    changes = {**CHANGES, "rotated by 270 degrees": lambda film, rng: np.rot90(film, 3).copy()}
    own = rows["film"][clean]
    for change, wanted_answer in CHANGED.items():
        found = answers(check_films(facts([changes[change](film, np.random.default_rng(0)) for film in own])))
        lines.append(
            {
                "change": change,
                "expected": wanted_answer,
                "films": len(own),
                "flagged": int(found.eq(wanted_answer).sum()),
                "otherwise": int((found.ne(wanted_answer) & found.ne("")).sum()),
            }
        )
    mirrored = check_films(facts([film[:, ::-1].copy() for film in own]))["not_mirrored"].to_numpy()
    straight = scored["not_mirrored"][clean].to_numpy()
    auroc = roc_auc_score(np.r_[np.ones(len(own)), np.zeros(len(own))], np.r_[straight, mirrored])
    bound = np.quantile(straight, 0.005)
    lines.append(
        {
            "change": "flipped left to right",
            "expected": "no flag",
            "films": len(own),
            "flagged": int((mirrored < bound).sum()),
            "auroc": float(auroc),
        }
    )
    return lines


def answers(scored: pd.DataFrame) -> pd.Series:
    """The one answer of each film; a rotated negative is both and counts as rotated."""
    answer = pd.Series("", scored.index)
    for name, is_so in (
        ("unlike", scored["is_unlike"]), ("lateral", scored["is_lateral"]), ("inverted", scored["is_inverted"]),
        ("rotated", scored["turned_degrees"] > 0),
    ):  # fmt: skip
        answer[is_so] = name
    return answer


if __name__ == "__main__":
    main()
