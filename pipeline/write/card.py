"""The dataset card: README.md of a release, with a Hugging Face header. Numbers come from `facts`; here are only words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipeline.base.interfaces import RULES
from pipeline.base.settings import Settings
from pipeline.base.tables import BY_NAME, SPLITS, STATE_VALUES
from pipeline.write.facts import Rows, unaccounted

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_ACTIONS = {"exclude": "excluded", "duplicate": "duplicate file", "skip": "not a film"}
_METRICS = {"auroc": "AUROC", "auprc": "AUPRC", "brier": "Brier score", "ece": "expected calibration error"}
_LOWER_IS_BETTER = ("brier", "ece")
_POLICIES = {
    "u_ignore": "an uncertain label is masked out",
    "u_zeros": "an uncertain label counts as 0",
    "u_ones": "an uncertain label counts as 1",
    "u_multiclass": "an uncertain label is a class of its own",
    "u_self_trained": "an uncertain label becomes a probability",
}
_TRUTHS = {
    "verdicts": "reviewers' verdicts on these films",
    "readers": "radiologists' readings of these films",
    "posterior": "the reconciled posterior. It is made from the same reports and label files as the training labels, so these scores say how "
    "well a model learned the labels, not how well it reads films",
    "mixed": "reviewers' verdicts and radiologists' readings where they exist, and the reconciled posterior elsewhere",
}


def render(facts: dict[str, Rows], settings: Settings, table_rows: dict[str, int], release_id: str) -> str:
    """The whole card as Markdown.

    Args:
        facts: of `facts.gather`.
        settings: of the run.
        table_rows: rows of each table of the release.
        release_id: to be named in the text.
    """
    totals = facts["totals"][0]
    parts = [
        _header(totals["kept"]),
        _summary(totals, release_id),
        _tables(table_rows),
        _flow(facts),
        _splits(facts, settings),
        _people(facts),
        _labels(facts),
        _annotators(facts),
        _policies(facts, settings),
        _issues(facts),
        _scores(facts),
        _privacy(totals, settings),
        _use(),
        _limits(facts),
    ]
    return "\n\n".join(parts) + "\n"


def table(heads: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A Markdown table; numbers are written with thousands separators."""
    names = list(heads)
    lines = [f"| {' | '.join(names)} |", f"|{'|'.join('---' for _ in names)}|"]
    return "\n".join([*lines, *(f"| {' | '.join(_text(cell) for cell in row)} |" for row in rows)])


def gain_in_words(metric: str, row: dict[str, Any]) -> str:
    """One sentence on what cleaning did to a score."""
    name, low, high = _METRICS[metric], row["ci_low"], row["ci_high"]
    if row["estimate"] is None or low is None or high is None:
        return f"The effect of cleaning on {name} cannot be estimated on this test set."
    span = f"{row['estimate']:+.3f} (95 % interval {low:+.3f} to {high:+.3f})"
    if low <= 0 <= high:
        return f"Cleaning changed {name} by {span}: the interval includes 0, so no difference is shown."
    better = (low > 0) != (metric in _LOWER_IS_BETTER)
    return f"Cleaning {'improved' if better else 'worsened'} {name}: it changed by {span}."


def _header(kept: int) -> str:
    size = next((name for bound, name in _SIZES if kept < bound), "1M<n<10M")
    return f"""---
pretty_name: Curated chest radiographs
language:
- en
license: other
license_name: set-by-the-owner-of-the-films
task_categories:
- image-classification
task_ids:
- multi-label-image-classification
tags:
- medical
- radiology
- chest-x-ray
- label-noise
- croissant
size_categories:
- {size}
configs:
- config_name: curated
  data_files: tables/curated.parquet
---

# Curated chest radiographs"""


def _summary(totals: dict[str, Any], release_id: str) -> str:
    return f"""Release `{release_id}`: {totals["kept"]:,} frontal chest films of {totals["patients"]:,} patients, with the label each film came with,
a label reconciled over all annotators, a list of labels that are probably wrong, and splits that no patient crosses.

Films are 8-bit PNG inside the Parquet, CheXpert-CSV and WebDataset exports (`cxr export`); this folder holds the tables.
A label is one of four states: {", ".join(STATE_VALUES)}. UNMENTIONED is not NEGATIVE, and UNCERTAIN is kept.
`release.json` has settings, versions and code of this release; check the files with `sha256sum -c SHA256SUMS`."""


def _tables(table_rows: dict[str, int]) -> str:
    docs = {name: BY_NAME[name].doc if name in BY_NAME else "One row a kept film and finding: targets, split and film facts." for name in table_rows}
    return "## Tables\n\n" + table(("table", "rows", "what it holds"), ((f"`{name}`", n, docs[name]) for name, n in table_rows.items()))


def _flow(facts: dict[str, Rows]) -> str:
    totals, kinds = facts["totals"][0], {row["kind"]: row["n"] for row in facts["files"]}
    steps = [("files in the export", totals["files"]), *((f"of these {kind.replace('_', ' ')}", n) for kind, n in kinds.items())]
    steps += [("DICOM headers read", totals["headers"]), ("films decoded", totals["decoded"])]
    steps += [("DICOM files that left the set", sum(row["dicom"] for row in facts["removed"])), ("films kept", totals["kept"])]
    if lost := unaccounted(facts):
        steps.append(("**DICOM files unaccounted for**", lost))
    steps += [(f"in {row['split']}", row["films"]) for row in _by_split(facts)]
    words = {reason: text for _, rule in RULES for reason, text in rule.reasons.items()}
    gone = table(
        ("reason", "", "DICOM files", "other files", "meaning"),
        ((f"`{r['reason']}`", _ACTIONS[r["action"]], r["dicom"], r["other"], words.get(r["reason"], "")) for r in facts["removed"]),
    )
    flags = table(("flag", "films", "meaning"), ((f"`{r['reason']}`", r["n"], words.get(r["reason"], "")) for r in facts["flags"]))
    return f"""## From files to splits

![Flow from files to splits](flow.png)

{table(("step", "n"), steps)}

What left, and why (`exclusions`):

{gone if facts["removed"] else "Nothing left."}

What stays with a flag:

{flags if facts["flags"] else "No film is flagged."}"""


def _by_split(facts: dict[str, Rows]) -> Rows:
    return sorted(facts["splits"], key=lambda row: SPLITS.index(row["split"]))


def _splits(facts: dict[str, Rows], settings: Settings) -> str:
    totals, shares = facts["totals"][0], settings.split
    rows = ((row["split"], row["films"], row["patients"], row["official"]) for row in _by_split(facts))
    return f"""## Splits

{table(("split", "films", "patients", "set by the source"), rows)}

Whole groups are assigned by a keyed hash (validate {shares.validate_share:.0%}, test {shares.test_share:.0%}): {totals["groups"]:,} groups of one patient or of
patients joined by near-identical films ({totals["duplicates"]:,} films repeat an earlier one). New patients never move old ones.
Leak check: {totals["leak_checks"]} rules over patients, studies, groups, duplicates and pixels, {totals["leaks"] or 0} violations."""


def _people(facts: dict[str, Rows]) -> str:
    sexes = table(
        ("PatientSex", "films", "age, years: youngest, median, oldest"),
        ((row["patient_sex"], row["films"], _ages(row)) for row in facts["people"]),
    )
    views = table(("ViewPosition", "films"), ((row["view_position"], row["films"]) for row in facts["views"]))
    return f"## Patients and views\n\n{sexes}\n\nAges over 89 are written as 90.\n\n{views}"


def _ages(row: dict[str, Any]) -> str:
    return "unknown" if row["youngest"] is None else f"{row['youngest']}, {row['median_age']:g}, {row['oldest']}"


def _labels(facts: dict[str, Rows]) -> str:
    states = table(
        ("finding", "POSITIVE", "NEGATIVE", "UNCERTAIN", "UNMENTIONED", "conflicts", "verdicts"),
        (
            [row["finding"], *(f"{row[s]:,} ({row['given_' + s]:,})" for s in ("positive", "negative", "uncertain", "unmentioned"))]
            + [row["conflicts"], row["verdicts"]]
            for row in facts["states"]
        ),
    )
    cells = {(row["finding"], row["split"]): row for row in facts["targets"]}
    targets = table(
        ("finding", *(f"{split}: {kind}" for split in SPLITS for kind in ("given", "cleaned"))),
        ([row["finding"], *_target_cells(cells, row["finding"])] for row in facts["states"]),
    )
    return f"""## Labels

![Label states of each finding](labels.png)

Films in each state: reconciled label, and in brackets the label the film came with. A conflict is one annotator saying POSITIVE and another NEGATIVE.

{states}

Training targets: positive films / films with a target. `given_target` is the given label under its uncertainty policy; `cleaned_target` takes
the reviewers' verdicts and masks out the labels that are probably wrong.

{targets}"""


def _target_cells(cells: dict[tuple[str, str], dict[str, Any]], finding: str) -> list[str]:
    found = []
    for split in SPLITS:
        row = cells.get((finding, split))
        found += [f"{row[f'{kind}_positive']:,} / {row[f'{kind}_known']:,}" if row else "0 / 0" for kind in ("given", "cleaned")]
    return found


def _annotators(facts: dict[str, Rows]) -> str:
    who = table(
        ("annotator", "films", "findings", "labels stated"),
        ((f"`{row['annotator']}`", row["films"], row["findings"], row["stated"]) for row in facts["annotators"]),
    )
    cells = {(row["finding"], row["annotator"], row["state"]): row for row in facts["meanings"]}
    pairs = sorted({(finding, name) for (finding, name, state), row in cells.items() if state != "UNMENTIONED" and row["n"]})
    meaning = table(
        ("finding", "annotator", *STATE_VALUES),
        ([finding, f"`{name}`", *(_meaning(cells.get((finding, name, state))) for state in STATE_VALUES)] for finding, name in pairs),
    )
    return f"""## Annotators and what their states mean

{who}

Estimated probability that the finding is present when the annotator gives the state (number of films): the states of two annotators differ in
meaning, and a film that an annotator does not mention is not free of the finding. Estimated from their agreement, without outside truth.

{meaning}"""


def _meaning(row: dict[str, Any] | None) -> str:
    return f"{row['p_present']:.2f} ({row['n']:,})" if row and row["n"] else ""


def _policies(facts: dict[str, Rows], settings: Settings) -> str:
    chosen: dict[str, list[str]] = {}
    for row in facts["states"]:
        chosen.setdefault(row["policy"], []).append(row["finding"])
    rows = table(("policy", "meaning", "findings"), ((f"`{name}`", _POLICIES[name], ", ".join(sorted(chosen[name]))) for name in sorted(chosen)))
    silence = "counts as 0" if settings.label.unmentioned == "negative" else "is masked out"
    return f"""## Uncertainty policies

{rows}

A finding that a source was asked about and did not mention {silence} in `given_target` (setting `label.unmentioned`); the state stays UNMENTIONED."""


def _issues(facts: dict[str, Rows]) -> str:
    totals = facts["totals"][0]
    found = [row for row in facts["issues"] if row["issues"]]
    rows = table(
        ("finding", "judged", "probably wrong", "of these given POSITIVE"), ((r["finding"], r["judged"], r["issues"], r["doubted_positive"]) for r in found)
    )
    return f"""## Labels that are probably wrong

{totals["issues"]:,} of {totals["judged"]:,} judged labels are flagged (`label_issues`, most suspicious first). Reviewers gave {totals["verdicts"]:,} verdicts that count;
{totals["overturned"]:,} of them overturn the given label. A flag is an opinion of models and annotators: it masks a target and never rewrites a label.

{rows if found else "No label is flagged."}"""


def _scores(facts: dict[str, Rows]) -> str:
    rows = facts["scores"]
    if not rows:
        return "## Does cleaning help?\n\nNo score could be computed: no finding has enough positive and negative films on both sides of the split."
    cells = {(row["metric"], row["finding"], row["trained_on"]): row for row in rows}
    words = [gain_in_words(metric, cells[metric, "macro", "gain"]) for metric in _METRICS if (metric, "macro", "gain") in cells]
    order = sorted({(list(_METRICS).index(row["metric"]), row["finding"] != "macro", row["finding"]) for row in rows})
    lines = [(list(_METRICS)[index], finding) for index, _, finding in order]
    shown = table(
        ("metric", "finding", "positive / negative", "trained on given", "trained on cleaned", "gain"),
        ([_METRICS[m], f, _support(cells, m, f), *(_interval(cells.get((m, f, on)), on == "gain") for on in ("given", "cleaned", "gain"))] for m, f in lines),
    )
    truths = ", and ".join(_TRUTHS[truth] for truth in sorted({row["truth"] for row in rows}))
    groups = table(("subgroup", "macro AUROC, trained on cleaned"), ((f"{r['subgroup']} {r['subgroup_value']}", _interval(r, False)) for r in facts["subgroups"]))
    return f"""## Does cleaning help?

{" ".join(words)}

The same model is trained on given and on cleaned labels with the same {rows[0]["n_seeds"]} seed(s), and scored on the same test films.
Truth: {truths}. Intervals are 95 %, from resampling patients. For Brier score and calibration error lower is better.

{shown}{chr(10) * 2 + groups if facts["subgroups"] else ""}"""


def _support(cells: dict[tuple[str, str, str], dict[str, Any]], metric: str, finding: str) -> str:
    row = next(cells[metric, finding, on] for on in ("cleaned", "given", "gain") if (metric, finding, on) in cells)
    return f"{row['n_positive']:,} / {row['n_negative']:,}"


def _interval(row: dict[str, Any] | None, signed: bool) -> str:
    if row is None or row["estimate"] is None:
        return "not estimable"
    form = "+.3f" if signed else ".3f"
    if row["ci_low"] is None or row["ci_high"] is None:
        return format(row["estimate"], form)
    return f"{row['estimate']:{form}} ({row['ci_low']:{form}} to {row['ci_high']:{form}})"


def _privacy(totals: dict[str, Any], settings: Settings) -> str:
    return f"""## De-identification

- Header fields are taken from an allow-list; every other field is dropped.
- Patient, study, film and report identifiers are keyed pseudonyms (HMAC-SHA-256): without the key they can be neither reversed nor guessed.
- Dates of one patient move together by a secret number of days, at most {settings.collect.date_shift_days}. Ages over 89 are written as 90.
- Reports lose letterhead, names, numbers and dates: {totals["redactions"]:,} redactions in {totals["reports"]:,} reports. Whole reports are not in this release;
  `mentions` has the sentences that name a finding.
- Text burned into pixels is not removed. Look at the films before you pass them on."""


def _use() -> str:
    return """## Intended use

Training and comparing classifiers of frontal chest films, and research on label noise and on report labelling.

**Out of scope:** diagnosis or triage of patients, any use as a medical device, re-identification, and conclusions about populations that the
tables above do not cover."""


def _limits(facts: dict[str, Rows]) -> str:
    posterior = any(row["truth"] == "posterior" for row in facts["scores"])
    items = [
        "Labels come mostly from reports. A report says what its author found worth saying, with earlier films and the history at hand; not all of it can be seen.",
        "The posterior assumes that annotators err independently. Labels copied from the same report do not.",
        "Films are 8-bit and resized as displayed; the exposure and the fine detail of the originals are gone.",
        "`label_issues` ranks suspicion. Wrong labels that the annotators and the model agree on stay unseen.",
        "Near-identical films are found by hash and pixel correlation; two exposures of one patient under two identities are not joined.",
    ]
    if posterior:
        items.append("No outside truth was available for some or all scores: see the section on scores.")
    return "## Known limits\n\n" + "\n".join(f"- {item}" for item in items)


def _text(cell: Any) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
