"""One number of `cxr score`: what was measured of whom, beside whom, on which items, and how sure it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from pipeline.validate.delong import holm
from pipeline.validate.scores import ALL


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        model: whose score; "reader:NAME" for a reader.
        compared_with: another model, a reader, `readers` for their mean, or `others` for the items outside the subgroup: then `estimate`
            is a difference, model less the other. Empty for a score.
        finding: or `macro`, the mean over findings, or `micro`, all their cells pooled.
        metric: name of the score.
        subgroup: and `subgroup_value`, `all` for everybody.
        assumption: of bounds under noisy labels: then `ci_low` and `ci_high` are bounds. Empty otherwise.
        estimate: None where not estimable.
        ci_low: 2.5 % point over resamples of patients.
        ci_high: 97.5 % point.
        p_value: of no difference; DeLong's for AUROC of one finding, else Wald's by the spread over resamples.
        p_holm: adjusted for the differences of its family.
        n_positive: cells scored with the finding.
        n_negative: cells scored without.
    """

    model: str
    compared_with: str
    finding: str
    metric: str
    subgroup: str = ALL
    subgroup_value: str = ALL
    assumption: str = ""
    estimate: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p_value: float | None = None
    p_holm: float | None = None
    n_positive: int = 0
    n_negative: int = 0

    def cells(self) -> tuple[str | float | int | None, ...]:
        """Values in the order of COLUMNS."""
        return tuple(getattr(self, name) for name in COLUMNS)


COLUMNS = tuple(field.name for field in fields(Row))


def adjusted(family: Iterable[Row]) -> list[Row]:
    """Rows of one family with `p_holm`; those without a p-value stay as they are and count for nothing."""
    rows = list(family)
    p_holm = iter(holm([row.p_value for row in rows if row.p_value is not None]))
    return [row if row.p_value is None else replace(row, p_holm=next(p_holm)) for row in rows]
