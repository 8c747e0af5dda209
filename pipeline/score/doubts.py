"""What the scores leave open because the truth itself is in doubt: text-mined labels with known errors, and uncertain labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from pipeline.base.targets import equivalent_counts
from pipeline.score.compare import Table, Whole
from pipeline.score.given import Given
from pipeline.score.rows import Row
from pipeline.validate import bounds as noisy
from pipeline.validate import ranking
from pipeline.validate.metrics import Array, auroc, estimate
from pipeline.validate.scores import MIN_FILMS_OF_A_KIND

INDEPENDENT, ANY = "label errors independent of scores", "any label errors"
# What -1 becomes; U-Ignore, the reference, leaves it out.
POLICIES = {"u_ignore": np.nan, "u_zeros": 0.0, "u_ones": 1.0}


def bounds(table: Table, whole: Whole) -> Iterator[Row]:
    """Bounds on AUROC, sensitivity and specificity against the truth behind labels whose error rates are known."""
    for column, finding in enumerate(table.given.findings):
        if finding not in table.given.errors:
            continue
        errors, rows = table.given.errors[finding], table.scored[:, column]
        labels = table.given.truth[rows, column]
        for model, scores in table.given.models.items():
            prob, calls, one = scores[rows, column], table.called[model][rows, column], whole[finding]["auroc"]
            observed = np.nanquantile(one.draws[model], [0.025, 0.975]) if np.isfinite(one.estimate(model)) else None
            if observed is None or not np.isfinite(calls).all():
                continue
            found = {
                INDEPENDENT: (
                    noisy.independent_auroc((float(observed[0]), float(observed[1])), float(labels.mean()), errors),
                    *noisy.independent_calls(labels, calls, errors),
                ),
                ANY: (noisy.any_auroc(labels, prob, errors), *noisy.any_calls(labels, calls, errors)),
            }
            for assumption, several in found.items():
                for metric, ends in zip(("auroc", "sensitivity", "specificity"), several, strict=True):
                    low, high = ends or (None, None)
                    support = table.support(finding, np.ones(len(rows), np.bool_))
                    yield Row(
                        model,
                        "",
                        finding,
                        metric,
                        assumption=assumption,
                        ci_low=low,
                        ci_high=high,
                        n_positive=support[0],
                        n_negative=support[1],
                    )


def policies(given: Given) -> pd.DataFrame:
    """Macro AUROC and rank of every model under each reading of uncertain labels.

    Returns:
        policy, model, auroc, rank, and tau: Kendall's rank correlation of the policy's order with U-Ignore's. No rows without -1 in the
        truth, or with one model.
    """
    made: list[tuple[str, str, float, float, float]] = []
    if (given.truth == -1).any() and len(given.models) > 1:
        truths = {name: np.where(given.truth == -1, value, given.truth) for name, value in POLICIES.items()}
        means = {name: _macro(given, truth, _estimable(given, truths)) for name, truth in truths.items()}
        for name, values in means.items():
            tau, ranks = ranking.agreement(means["u_ignore"], values), ranking.ranks(values)
            made += [(name, model, *numbers, tau) for model, *numbers in zip(given.models, values.tolist(), ranks.tolist(), strict=True)]
    return pd.DataFrame(made, columns=["policy", "model", "auroc", "rank", "tau"])


def _estimable(given: Given, truths: Mapping[str, Array]) -> list[int]:
    """Columns of findings with enough items of both kinds under every reading, so that all means are over the same."""
    counts = [equivalent_counts(np.where(given.scored(truth), truth, np.nan)) for truth in truths.values()]
    return np.flatnonzero((np.min(counts, axis=0) >= MIN_FILMS_OF_A_KIND).all(axis=0)).tolist()


def _macro(given: Given, truth: Array, columns: list[int]) -> Array:
    """Mean AUROC of each model over findings; NaN without any."""
    if not columns:
        return np.full(len(given.models), np.nan)
    scored, found = given.scored(truth), []
    for scores in given.models.values():
        areas = [estimate(auroc, truth[scored[:, at], at], scores[scored[:, at], at]) for at in columns]
        found.append(np.mean([area for area in areas if area is not None]))
    return np.array(found, np.float64)
