"""What a label's surroundings say: other findings of the film, other films of the patient, and the wording of the report.

Each function adds one column of evidence to the cells on trial, null where there is nothing to hold the label against. Detectors judge.
"""

from __future__ import annotations

import pandas as pd

from pipeline.base.findings import BY_NAME, NAMES, NO_FINDING, SUPPORT_DEVICES, ancestors
from pipeline.base.labels import INDIRECT, LabelState
from pipeline.rank.cells import KEY

# Days to the film before and to the film after.
_SEASON = pd.Timedelta(days=90)
_FAINT = frozenset({INDIRECT, "severity:borderline", "severity:minimal"})


def with_findings(cells: pd.DataFrame) -> pd.DataFrame:
    """Add `n_findings_against`: labels of the same film that cannot hold beside this one.

    A finding that is there while what it implies is denied (an edema without any opacity), and "No Finding" beside a finding; devices are
    no disease. Silence contradicts nothing.
    """
    positive = cells.loc[cells["given_label"] == LabelState.POSITIVE, KEY]
    denied = cells.loc[cells["given_label"] == LabelState.NEGATIVE, KEY].rename(columns={"finding": "other"})
    implied = pd.DataFrame([(name, above) for name in NAMES for above in ancestors(name)], columns=["finding", "other"])
    normal = positive.loc[positive["finding"] == NO_FINDING].rename(columns={"finding": "other"})
    ill = positive[~positive["finding"].isin([NO_FINDING, SUPPORT_DEVICES])]
    pairs = pd.concat([positive.merge(implied, on="finding").merge(denied, on=["image_id", "other"]), ill.merge(normal, on="image_id")])
    turned = pairs.rename(columns={"finding": "other", "other": "finding"})
    return _counted(cells, pd.concat([pairs, turned]), "n_findings_against")


def with_films(cells: pd.DataFrame, films: pd.DataFrame) -> pd.DataFrame:
    """Add `n_films_against`: other films that show the same and are labelled the other way; null where a film has no such films.

    The same film filed twice, other films of its study, and for findings that last the films before and after within a season, where both
    differ from it.

    Args:
        cells: cells on trial, with `given`.
        films: image_id, patient_id, study_id, study_date, duplicate_of.
    """
    pairs = pd.concat([_same(films), _follow_ups(films)])
    known = cells[["image_id", "finding", "given"]]
    held = known.merge(pairs, on="image_id").merge(known, left_on=["other", "finding"], right_on=KEY, suffixes=("", "_other"))
    held = held[held["is_same"] | held["finding"].isin([name for name in NAMES if BY_NAME[name].is_lasting])]
    against = held.assign(n=held["given"] != held["given_other"]).groupby([*KEY, "is_same"])["n"].agg(["sum", "size"]).reset_index()
    # One film that differs from its neighbours in time is odd; two that differ from each other say nothing.
    against["n_films_against"] = (
        against["sum"].where(against["is_same"] | ((against["size"] == 2) & (against["sum"] == 2)), 0).astype(float)
    )
    counts = against.groupby(KEY)["n_films_against"].sum().reset_index()
    return cells.merge(counts, on=KEY, how="left", validate="one_to_one").set_axis(cells.index)


def _same(films: pd.DataFrame) -> pd.DataFrame:
    """Both directions of every pair that shows one film or one moment."""
    twins = films.loc[films["duplicate_of"].notna(), ["image_id", "duplicate_of"]].rename(columns={"duplicate_of": "other"})
    of_study = films.loc[films["study_id"].notna(), ["image_id", "study_id"]]
    mates = of_study.merge(of_study.rename(columns={"image_id": "other"}), on="study_id").query("image_id != other")[["image_id", "other"]]
    pairs = pd.concat([twins, twins.rename(columns={"image_id": "other", "other": "image_id"}), mates]).drop_duplicates()
    return pairs.assign(is_same=True)


def _follow_ups(films: pd.DataFrame) -> pd.DataFrame:
    """Every film with the film before and the film after it, if there are both within a season."""
    dated = films[films["study_date"].notna()].assign(study_date=lambda frame: pd.to_datetime(frame["study_date"]))
    dated = dated.sort_values(["patient_id", "study_date", "image_id"]).drop_duplicates(["patient_id", "study_date"])
    by_patient = dated.groupby("patient_id", sort=False)
    found = []
    for step in (1, -1):
        other, day = by_patient["image_id"].shift(step), by_patient["study_date"].shift(step)
        near = (dated["study_date"] - day).abs() <= _SEASON
        found.append(dated.loc[near, ["image_id"]].assign(other=other[near], is_same=False))
    return pd.concat(found)


def with_wording(cells: pd.DataFrame, annotations: pd.DataFrame, mentions: pd.DataFrame) -> pd.DataFrame:
    """Add `is_faint`: 1 where all that the report says of the finding is hedged weakly, borderline, minimal or indirect, else 0.

    Null where no report names the finding as present or possible.

    Args:
        cells: cells on trial.
        annotations: image_id, finding, mention_ids.
        mentions: mention_id, state, grade, attributes.
    """
    named = mentions[mentions["state"] != LabelState.NEGATIVE]
    faint = (named["grade"] == "weak") | named["attributes"].map(lambda words: not _FAINT.isdisjoint(words)).astype(bool)
    said = (
        annotations[[*KEY, "mention_ids"]]
        .explode("mention_ids")
        .merge(named.assign(is_faint=faint)[["mention_id", "is_faint"]], left_on="mention_ids", right_on="mention_id")
    )
    worst = said.groupby(KEY, observed=True)["is_faint"].min().astype(float).reset_index()
    return cells.merge(worst, on=KEY, how="left", validate="one_to_one").set_axis(cells.index)


def _counted(cells: pd.DataFrame, pairs: pd.DataFrame, name: str) -> pd.DataFrame:
    counts = pairs.groupby(KEY, observed=True).size().rename(name).reset_index()
    joined = cells.merge(counts, on=KEY, how="left", validate="one_to_one").set_axis(cells.index)
    return joined.assign(**{name: joined[name].fillna(0).astype(float)})
