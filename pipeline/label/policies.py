"""What each uncertainty policy makes of the same labels: who trains, and at which target. Scores of trainings belong to `validate`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.base.interfaces import POLICIES, TABLE
from pipeline.base.labels import STATES
from pipeline.base.settings import Settings
from pipeline.base.storage import Home
from pipeline.label import matrix, priors, reconcile, state_files, together

COLUMNS = ("finding", "policy", "labels", "uncertain", "positive_share", "masked_share", "mean_target")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Labelled:
    """Given labels of one finding: items, codes as `matrix.MISSING` and positions in `STATES`, and the posterior; (n,) each."""

    finding: str
    items: npt.NDArray[np.object_]
    given: matrix.Codes
    p_positive: Floats


def of_home(home: Home) -> list[Labelled]:
    """The given labels of a home, with the posterior over its annotators."""
    labels = home.read("labels", ["image_id", "finding", "given_label", "given_annotator", "p_annotators"]).to_pandas()
    codes = pd.Index([str(state) for state in STATES]).get_indexer(pd.Index(labels["given_label"])).astype(np.int8)
    labels = labels.assign(code=np.where(labels["given_annotator"].isna(), matrix.MISSING, codes).astype(np.int8))
    return [
        Labelled(str(finding), part["image_id"].to_numpy(object), part["code"].to_numpy(np.int8), part["p_annotators"].to_numpy(np.float64))
        for finding, part in labels.groupby("finding", sort=False)
    ]


def of_file(path: Path, settings: Settings) -> list[Labelled]:
    """The labels of a file, whose posterior is what a report labeler's states are worth.

    Raises:
        InputError: it is no label file.
    """
    states = state_files.read(path)
    items = states.ids.to_numpy(object)
    silent = np.zeros((len(items), 1), bool)
    matrices = [
        matrix.LabelMatrix(finding, items, (TABLE,), states.codes[:, [column]], silent) for column, finding in enumerate(states.findings)
    ]
    fits = together.fits(matrices, priors.load(), np.random.default_rng(settings.seed), implications=settings.label.implications)
    return [Labelled(one.finding, items, one.codes[:, 0], fit.p_positive) for one, fit in zip(matrices, fits, strict=True)]


def targets(labelled: Sequence[Labelled], policies: Sequence[str], settings: Settings) -> pd.DataFrame:
    """One row an item and finding: image_id, finding, and the target under each policy, NaN where masked out."""
    unmentioned = settings.label.unmentioned
    rows = [
        pd.DataFrame(
            {"image_id": one.items, "finding": one.finding}
            | {name: reconcile.targets(one.given, one.p_positive, POLICIES.get(name), unmentioned) for name in policies}
        )
        for one in labelled
    ]
    return pd.concat(rows, ignore_index=True)


def prevalence(labelled: Sequence[Labelled], policies: Sequence[str], settings: Settings) -> pd.DataFrame:
    """COLUMNS, one row a finding and policy.

    `labels` are items somebody was asked about, `masked_share` is of those; `positive_share` (targets above 0.5) and `mean_target` are of
    what trains, NaN where nothing does.
    """
    return pd.DataFrame(_rows(labelled, policies, settings), columns=list(COLUMNS))


def _rows(labelled: Sequence[Labelled], policies: Sequence[str], settings: Settings) -> Iterator[tuple[object, ...]]:
    for one in labelled:
        asked = one.given != matrix.MISSING
        n, uncertain = int(asked.sum()), int((one.given == matrix.UNCERTAIN).sum())
        for name in policies:
            made = reconcile.targets(one.given, one.p_positive, POLICIES.get(name), settings.label.unmentioned)[asked]
            trains = made[np.isfinite(made)]
            shares = (float((trains > 0.5).mean()), float(trains.mean())) if len(trains) else (np.nan, np.nan)
            yield one.finding, name, n, uncertain, shares[0], 1 - len(trains) / n if n else np.nan, shares[1]
