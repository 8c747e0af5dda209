"""What the checks of the pixels catch, and how many films they flag that are as they should be.

    python benchmarks/bench_film_checks.py [--trained-on NAME] NAME=HOME[,TRUTH] [NAME=HOME[,TRUTH] ...]

HOME is a home after `cxr run EXPORT --home HOME --until group`; TRUTH the folder of the ledger of its export. Films without a planted
problem are checked as they are and changed in memory; changed films are judged one by one among the unchanged. Planted films are told by
kind. A film may be rightly flagged though nothing was planted in it: see which with
`cxr sql "SELECT * FROM exclusions WHERE evidence IS NOT NULL"`.

NAME after --trained-on is a home whose films trained the shipped weights: side and build of its films are judged by weights that never saw
the patient, from ten folds that are trained anew.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.films import CHANGES, facts, kept_films, planted
from benchmarks.record import record
from benchmarks.train_film_checks import PATIENTS, SEED, Seen, held_out, in_path_order, made_films, phantoms, see
from pipeline.base.images import Film
from pipeline.base.storage import Home
from pipeline.exclude.film_checks import ADULT_ABOVE, CHILD_BELOW, MIRRORED_BELOW, Floats, adult, check_films, not_mirrored

# Kinds of the ledger that say nothing about how the pixels look.
HARMLESS = (
    *("report_swapped", "report_missing", "report_empty", "report_without_headings", "missing_view_position", "missing_patient_id"),
    *("phi_in_image_comments", "phi_in_private_tag", "multibyte_name", "duplicate_across_patients", "wrong_body_part_header", "paediatric"),
)
EXPECTED = {
    "lying_photometric": ("inverted",), "lateral_tagged_pa": ("lateral",), "ct_slice_tagged_cr": ("unlike",),
    "mirrored_film": ("mirrored",),
}  # fmt: skip
CHANGED = {
    "inverted": "inverted", "rotated by 90 degrees": "rotated", "rotated by 270 degrees": "rotated", "rotated by 180 degrees": "rotated",
    "flipped top to bottom": "rotated",
}  # fmt: skip
Line = dict[str, float | int | str]
Judge = Callable[[Seen], tuple[Floats, Floats]]
CHILD, YOUNG, ADULT = 11, 16, 18


def main() -> None:
    """One line a home and change."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trained-on", action="append", default=[], metavar="NAME")
    parser.add_argument("homes", nargs="+", metavar="NAME=HOME[,TRUTH]")
    chosen = parser.parse_args()
    run = datetime.now(UTC).isoformat(timespec="seconds")
    for named in chosen.homes:
        name, _, places = named.partition("=")
        home, _, truth = places.partition(",")
        rows, ledger = kept_films(Path(home)), planted(Path(truth) if truth else None)
        headers = Home(Path(home)).read("instances", ["image_id", "patient_age_years"]).to_pandas().drop_duplicates("image_id")
        rows = rows.merge(headers, on="image_id", how="left")
        for line in (*checked(rows, ledger), *whose(rows, ledger, name in chosen.trained_on)):
            record("film_checks", {"run": run, "films_of": name, **line})


def whose(rows: pd.DataFrame, ledger: pd.DataFrame, is_trained_on: bool) -> Iterator[Line]:
    """Side and build: films as they are and flipped, and ages that are right against ages that could have been wrong."""
    kinds = rows["path"].map(ledger["kind"]).fillna("")
    rows = in_path_order(rows[kinds.isin(("", *HARMLESS))])
    is_lie = rows["path"].map(ledger["kind"]).eq("paediatric")
    told = rows["patient_age_years"].astype(float)
    years = told.where(~is_lie).to_numpy()
    patients = list(rows["patient"])
    films, flipped = list(rows["film"]), [film[:, ::-1].copy() for film in rows["film"]]
    usual, usual_flipped = _usual(films), _usual(flipped)
    seen = see(films, patients, list(told))
    judge = _unseen(seen, usual) if is_trained_on else _shipped
    straight, build = judge(seen)
    mirrored, _ = judge(see(flipped, patients, list(told)))
    how = {"held_out": int(is_trained_on)}
    yield {
        "change": "as they are",
        "expected": "mirrored",
        "films": len(rows),
        "flagged": int((usual & (straight < MIRRORED_BELOW)).sum()),
    } | how
    found = int((usual_flipped & (mirrored < MIRRORED_BELOW)).sum())
    areas = _area(np.r_[straight, mirrored], np.repeat([1, 0], len(rows)), patients * 2)
    yield {"change": "flipped left to right", "expected": "mirrored", "films": len(rows), "flagged": found} | areas | how
    is_child, is_adult = usual & (build < CHILD_BELOW), usual & (build > ADULT_ABOVE)
    for change, here, flag in (
        ("adult's age, right", years >= ADULT, is_child),
        (f"age under {CHILD}, right", years < CHILD, is_adult),
        (f"film of a child under {CHILD}, as if an adult's", years < CHILD, is_child),
        (f"film of a child of {CHILD} to {YOUNG - 1}, as if an adult's", (years >= CHILD) & (years < YOUNG), is_child),
        (f"film of an adult, as if of a child under {CHILD}", years >= ADULT, is_adult),
        ("planted: paediatric", (is_lie & told.lt(CHILD)).to_numpy(), is_adult),
    ):
        if here.any():
            yield {"change": change, "expected": "age", "films": int(here.sum()), "flagged": int((here & flag).sum())} | how
    for below in (CHILD, YOUNG):
        here = (years < below) | (years >= ADULT)
        if (years < below).any():
            owners = [patient for patient, is_here in zip(patients, here, strict=True) if is_here]
            areas = _area(build[here], (years[here] >= ADULT).astype(int), owners)
            yield {"change": f"under {below} against adults", "expected": "age", "films": int(here.sum())} | areas | how


def _usual(films: list[Film]) -> npt.NDArray[np.bool_]:
    """Whether side and build are judged at all, shape (n,)."""
    scored = check_films(facts(films))
    return np.asarray(~scored["is_inverted"] & scored["turned_degrees"].eq(0) & ~scored["is_lateral"])


def _shipped(seen: Seen) -> tuple[Floats, Floats]:
    """Log odds of the right side and of an adult's build, shapes (n,)."""
    return not_mirrored(seen.fields), adult(seen.wholes)


def _unseen(trained_on: Seen, usual: npt.NDArray[np.bool_]) -> Judge:
    """The same by weights that are trained on the other patients among the usual films, and on the phantoms of the training."""
    made = made_films(phantoms(PATIENTS, SEED)[0])
    folds = list(held_out(trained_on, made, usual))

    def judge(seen: Seen) -> tuple[Floats, Floats]:
        sides, builds = np.zeros(len(seen.years)), np.zeros(len(seen.years))
        for here, network, weights in folds:
            sides[here] = not_mirrored(seen.fields[here], network)
            builds[here] = seen.wholes[here] @ weights[1:] + weights[0]
        return sides, builds

    return judge


def _area(values: Floats, is_so: npt.NDArray[np.int64], patients: list[str]) -> dict[str, float]:
    """AUROC with a 95 % interval from 1,000 draws of patients."""
    rng, rows = np.random.default_rng(0), pd.Series(range(len(patients))).groupby(patients).apply(list).tolist()
    drawn = []
    for _ in range(1000):
        at = np.concatenate([rows[one] for one in rng.integers(len(rows), size=len(rows))])
        if 0 < is_so[at].sum() < len(at):
            drawn.append(roc_auc_score(is_so[at], values[at]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"auroc": round(float(roc_auc_score(is_so, values)), 4), "auroc_low": round(float(low), 4), "auroc_high": round(float(high), 4)}


def checked(rows: pd.DataFrame, ledger: pd.DataFrame) -> list[Line]:
    """Films as they are by check, planted films by kind, changed films by change."""
    kinds = rows["path"].map(ledger["kind"]).fillna("")
    kinds = kinds.where(~kinds.isin(HARMLESS), "")
    usual = facts(list(rows["film"]))
    scored = check_films(usual)
    said = answers(scored)
    clean = kinds == ""
    lines: list[Line] = [
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
    return lines


def answers(scored: pd.DataFrame) -> pd.Series:
    """The one answer of each film; a rotated negative is both and counts as rotated."""
    answer = pd.Series("", scored.index)
    for name, is_so in (
        ("mirrored", scored["is_mirrored"]), ("unlike", scored["is_unlike"]), ("lateral", scored["is_lateral"]),
        ("inverted", scored["is_inverted"]), ("rotated", scored["turned_degrees"] > 0),
    ):  # fmt: skip
        answer[is_so] = name
    return answer


if __name__ == "__main__":
    main()
