"""A model where no film is at hand: each label regressed on the film's other labels, the patient's other films, age, sex and view.

It learns from the given labels alone, in folds that part no patient, as a network would; it never sees the truth.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def out_of_fold(labels: pd.DataFrame, findings: Sequence[str], patients: npt.NDArray[np.str_], facts: pd.DataFrame) -> pd.DataFrame:
    """P(label is 1) of each finding, from everything but that label of that film.

    Args:
        labels: 1 or blank, shape (items, all findings).
        findings: to be predicted.
        patients: shape (items,).
        facts: age, sex, view, followup of each item.
    """
    said = labels.fillna(0.0).to_numpy()
    elsewhere = _of_other_films(said, patients)
    context = np.column_stack([facts["age"], facts["sex"] == "M", facts["view"] == "AP", np.log1p(facts["followup"])]).astype(float)
    made = {}
    for finding in findings:
        place = list(labels.columns).index(finding)
        design = np.column_stack([context, elsewhere, np.delete(said, place, axis=1)])
        learner = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
        made[finding] = cross_val_predict(learner, design, said[:, place], groups=patients, cv=GroupKFold(5), method="predict_proba")[:, 1]
    return pd.DataFrame(made, index=labels.index)


def _of_other_films(said: npt.NDArray[np.float64], patients: npt.NDArray[np.str_]) -> npt.NDArray[np.float64]:
    """Share of the patient's other films with each label, drawn towards the overall share by one film."""
    _, member, sizes = np.unique(patients, return_inverse=True, return_counts=True)
    sums = np.zeros((len(sizes), said.shape[1]))
    np.add.at(sums, member, said)
    return np.asarray((sums[member] - said + said.mean(axis=0)) / sizes[member][:, None])
