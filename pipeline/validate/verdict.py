"""What the scores say of cleaning, in words: a gain only where its interval leaves out zero."""

from __future__ import annotations

from pipeline.validate.certificate import BETTER, NOT_ESTIMABLE, WORDS
from pipeline.validate.scores import ALL, GAIN, MACRO, Score


def counts(made: list[Score]) -> dict[str, int | float | str]:
    """Macro AUROC of both trainings, the gain with its interval, and the word for it."""
    macro = {row.trained_on: row for row in made if _is_headline(row)}
    gain = macro[GAIN]
    numbers = {
        "auroc_macro_given": macro["given"].estimate,
        "auroc_macro_cleaned": macro["cleaned"].estimate,
        "gain_auroc_macro": gain.estimate,
        "gain_auroc_macro_low": gain.ci_low,
        "gain_auroc_macro_high": gain.ci_high,
    }
    known = {name: round(value, 4) for name, value in numbers.items() if value is not None}
    words = [row.certificate for row in made if (row.trained_on, row.metric, row.subgroup) == (GAIN, "auroc", ALL) and row.finding != MACRO]
    by_finding = {f"findings_with_{word.replace(' ', '_')}": words.count(word) for word in WORDS}
    return {"cells_scored": gain.n_positive + gain.n_negative, **known, "verdict": gain.certificate or NOT_ESTIMABLE, **by_finding}


def warnings(made: list[Score]) -> tuple[str, ...]:
    """The verdict where it is not a gain, and findings without a score."""
    gain = next(row for row in made if _is_headline(row) and row.trained_on == GAIN)
    word = gain.certificate or NOT_ESTIMABLE
    found = []
    if word == NOT_ESTIMABLE:
        found.append("the gain of cleaning cannot be estimated: too few positive or negative films with a known truth in the test split")
    elif word != BETTER:
        ends = f"{gain.estimate:+.3f} macro AUROC, 95 % interval {gain.ci_low:+.3f} to {gain.ci_high:+.3f}"
        found.append(f"{word} from cleaning: {ends}, {gain.n_positive} positive cells")
    if gain.n_seeds == 1:
        found.append(
            "one training on each set of labels: intervals hold for other patients, not for other seeds; set validate.seeds higher"
        )
    unscored = sorted({row.finding for row in made if row.subgroup == ALL and row.estimate is None and row.finding != MACRO})
    if unscored:
        found.append(f"not estimable in the test split: {', '.join(unscored)}")
    return tuple(found)


def _is_headline(row: Score) -> bool:
    return (row.finding, row.metric, row.subgroup) == (MACRO, "auroc", ALL)
