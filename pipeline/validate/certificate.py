"""The gain certificate: what a difference between two trainings is allowed to be called, by its 95 % interval alone."""

from __future__ import annotations

NO_GAIN, BETTER, WORSE, NOT_ESTIMABLE = "no measurable gain", "gain", "harm", "not estimable"
WORDS = (BETTER, NO_GAIN, WORSE)
LOWER_IS_BETTER = ("brier", "ece")


def decide(low: float | None, high: float | None, metric: str = "auroc") -> str:
    """The word for a difference in a metric with this interval; a gain or harm only where the interval leaves out 0."""
    if low is None or high is None:
        return NOT_ESTIMABLE
    if low <= 0 <= high:
        return NO_GAIN
    return BETTER if (low > 0) != (metric in LOWER_IS_BETTER) else WORSE
