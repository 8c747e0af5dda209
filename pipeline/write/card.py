"""The dataset card: README.md of a release. Words are in `card_template.md`, numbers in `facts`; here are the tables between."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from string import Template
from typing import Any

from pipeline.base.interfaces import POLICIES, RULES
from pipeline.base.settings import Settings
from pipeline.base.tables import BY_NAME, SPLITS, STATE_VALUES, VIEWS
from pipeline.write import scores
from pipeline.write.facts import Rows, unaccounted
from pipeline.write.markdown import table

TEMPLATE = Path(__file__).with_name("card_template.md")
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_ACTIONS = {"exclude": "excluded", "duplicate": "duplicate file", "skip": "not a film"}
_STATES = tuple(state.lower() for state in STATE_VALUES)
_WORDS = (*STATE_VALUES, "UNCERTAIN, weak")


def render(facts: dict[str, Rows], settings: Settings, table_rows: dict[str, int], release_id: str) -> str:
    """The whole card as Markdown with a Hugging Face header.

    Args:
        facts: of `facts.gather`.
        settings: of the run.
        table_rows: rows of each table of the release.
        release_id: to be named in the text.
    """
    totals = {f"n_{name}" if name == "issues" else name: f"{value or 0:,}" for name, value in facts["totals"][0].items()}
    posterior = any(row["truth"] == "posterior" for row in facts["scores"])
    words = {
        "release_id": release_id,
        "size": _size(facts["totals"][0]["kept"]),
        "state_names": ", ".join(STATE_VALUES),
        "tables": table(("table", "rows", "what it holds"), ((f"`{name}`", n, _doc(name)) for name, n in table_rows.items())),
        "silence": "counts as 0" if settings.label.unmentioned == "negative" else "is masked out",
        "validate_share": f"{settings.split.validate_share:.0%}",
        "test_share": f"{settings.split.test_share:.0%}",
        "date_shift_days": str(settings.collect.date_shift_days),
        "scores": scores.section(facts),
        "limits": "- No outside truth was at hand for the scores: they compare models with labels, not with disease.\n"
        if posterior
        else "",
    }
    sections = _flow(facts) | _labels(facts) | _annotators(facts) | _people(facts) | _issues(facts)
    text = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(totals | words | sections)
    return text.rstrip("\n") + "\n"


def _size(kept: int) -> str:
    return next((name for bound, name in _SIZES if kept < bound), "1M<n<10M")


def _doc(name: str) -> str:
    return BY_NAME[name].doc if name in BY_NAME else VIEWS[name][0]


def _flow(facts: dict[str, Rows]) -> dict[str, str]:
    words = {reason: text for _, rule in RULES for reason, text in rule.reasons.items()}
    removed = [(f"`{r['reason']}`", _ACTIONS[r["action"]], r["dicom"], r["other"], words.get(r["reason"], "")) for r in facts["removed"]]
    flags = [(f"`{row['reason']}`", row["n"], words.get(row["reason"], "")) for row in facts["flags"]]
    splits = sorted(facts["splits"], key=lambda row: SPLITS.index(row["split"]))
    return {
        "steps": table(("step", "n"), _steps(facts, splits)),
        "removed": table(("reason", "", "DICOM files", "other files", "meaning"), removed) if removed else "Nothing left it.",
        "flags": table(("flag", "films", "meaning"), flags) if flags else "No film is flagged.",
        "splits": table(
            ("split", "films", "patients", "set by the source"), ((r["split"], r["films"], r["patients"], r["official"]) for r in splits)
        ),
    }


def _steps(facts: dict[str, Rows], splits: Rows) -> list[tuple[str, int]]:
    totals = facts["totals"][0]
    steps = [("files in the export", totals["files"])]
    steps += [(f"of these {row['kind'].replace('_', ' ')}", row["n"]) for row in facts["files"]]
    steps += [("DICOM headers read", totals["headers"]), ("films decoded", totals["decoded"])]
    steps += [("DICOM files that left the set", sum(row["dicom"] for row in facts["removed"])), ("films kept", totals["kept"])]
    if lost := unaccounted(facts):
        steps.append(("**DICOM files unaccounted for**", lost))
    return [*steps, *((f"in {row['split']}", row["films"]) for row in splits)]


def _people(facts: dict[str, Rows]) -> dict[str, str]:
    heads = ("PatientSex", "films", "youngest, years", "median", "oldest")
    people = [(r["patient_sex"], r["films"], *(_age(r[name]) for name in ("youngest", "median_age", "oldest"))) for r in facts["people"]]
    return {
        "people": table(heads, people),
        "views": table(("ViewPosition", "films"), ((row["view_position"], row["films"]) for row in facts["views"])),
    }


def _age(years: float | None) -> str:
    return "unknown" if years is None else f"{years:g}"


def _labels(facts: dict[str, Rows]) -> dict[str, str]:
    states = [
        (row["finding"], *(f"{row[state]:,} ({row[f'given_{state}']:,})" for state in _STATES), row["conflicts"], row["verdicts"])
        for row in facts["states"]
    ]
    cells = {(row["finding"], row["split"]): row for row in facts["targets"]}
    heads = ("finding", *(f"{split}: {kind}" for split in SPLITS for kind in ("given", "cleaned")))
    chosen: dict[str, list[str]] = {}
    for row in facts["states"]:
        chosen.setdefault(row["policy"], []).append(row["finding"])
    policies = [(f"`{name}`", POLICIES.describe(name), ", ".join(sorted(chosen[name]))) for name in sorted(chosen)]
    return {
        "states": table(("finding", *STATE_VALUES, "conflicts", "verdicts"), states),
        "targets": table(heads, ((row["finding"], *_targets(cells, row["finding"])) for row in facts["states"])),
        "policies": table(("policy", "meaning", "findings"), policies),
    }


def _targets(cells: dict[tuple[str, str], dict[str, Any]], finding: str) -> Iterable[str]:
    for split in SPLITS:
        row = cells.get((finding, split))
        for kind in ("given", "cleaned"):
            yield f"{row[f'{kind}_positive']:,} / {row[f'{kind}_known']:,}" if row else "0 / 0"


def _annotators(facts: dict[str, Rows]) -> dict[str, str]:
    who = [(f"`{row['annotator']}`", row["films"], row["findings"], row["stated"]) for row in facts["annotators"]]
    cells = {(row["finding"], row["annotator"], row["state"]): row for row in facts["meanings"] if row["n"]}
    pairs = sorted({(finding, name) for finding, name, state in cells if state != "UNMENTIONED"})
    meanings = [(finding, f"`{name}`", *(_meaning(cells.get((finding, name, word))) for word in _WORDS)) for finding, name in pairs]
    return {
        "annotators": table(("annotator", "films", "findings", "labels stated"), who),
        "meanings": table(("finding", "annotator", *_WORDS), meanings),
    }


def _meaning(row: dict[str, Any] | None) -> str:
    return f"{row['p_present']:.2f} ({row['n']:,})" if row else ""


def _issues(facts: dict[str, Rows]) -> dict[str, str]:
    heads = ("finding", "judged", "probably wrong", "of these given POSITIVE")
    rows = [(row["finding"], row["judged"], row["issues"], row["doubted_positive"]) for row in facts["issues"] if row["issues"]]
    return {"issues": table(heads, rows) if rows else "No label is flagged."}
