"""What validate trains and scores on: films with their split, and both sets of targets. Truth is read in `truth`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.base.settings import Settings
from pipeline.base.storage import Home
from pipeline.base.targets import equivalent_counts

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.bool_]

ARMS = ("given", "cleaned")
NOT_STATED = "not stated"
# Upper ends are excluded: 40 belongs to 40-60.
AGE_BANDS = ((0, "<40"), (40, "40-60"), (60, "60-80"), (80, "80+"))
MIN_CALIBRATION_FILMS = 20


@dataclass(frozen=True, slots=True)
class Cast:
    """Films in the order of `image_ids`.

    Attributes:
        image_ids: (n,) sorted.
        group_ids: (n,) whom a resample takes or leaves as one.
        splits: (n,) train, validate, test, or "" where a film has none.
        subgroups: name -> (n,) value.
        findings: those that are trained, sorted.
        targets: arm -> (n, findings) in [0, 1], NaN where unknown.
        left_out: findings with too few films in the train split under one of the label sets.
    """

    image_ids: list[str]
    group_ids: npt.NDArray[np.str_]
    splits: npt.NDArray[np.str_]
    subgroups: dict[str, npt.NDArray[np.str_]]
    findings: tuple[str, ...]
    targets: dict[str, Array]
    left_out: tuple[str, ...]

    @property
    def test(self) -> Rows:
        """The films that are scored."""
        return np.asarray(self.splits == "test", np.bool_)

    @property
    def has_validate(self) -> bool:
        """Whether the validate split is large enough to calibrate on."""
        return int((self.splits == "validate").sum()) >= MIN_CALIBRATION_FILMS

    def counts(self) -> dict[str, int]:
        """Counts for people."""
        sizes = {f"films_{split}": int((self.splits == split).sum()) for split in ("train", "validate", "test")}
        return {**sizes, "findings_trained": len(self.findings), "findings_too_rare": len(self.left_out), "cells_changed": self._changed()}

    def _changed(self) -> int:
        train = self.splits == "train"
        given, cleaned = (self.targets[arm][train] for arm in ARMS)
        return int((~np.isclose(given, cleaned, equal_nan=True)).sum())

    def problem(self, min_positives: int) -> str | None:
        """Why nothing can be trained or scored, and what to do; None when it can."""
        if not self.test.any() or not (self.splits == "train").any():
            return "the train or the test split holds no film: nothing was trained; add films, or raise split.test_share"
        if not self.findings:
            return (
                f"no finding has {min_positives} positive and {min_positives} negative films in the train split: nothing was trained; "
                "add films, or set predict.min_positives lower"
            )
        return None

    def warnings(self) -> tuple[str, ...]:
        """What a reader of the scores should know of the trainings."""
        found = []
        if self.left_out:
            found.append(f"too few train films to score: {', '.join(self.left_out)}")
        if not self.has_validate:
            found.append(f"the validate split has fewer than {MIN_CALIBRATION_FILMS} films: calibrated on patients held out of train")
        if not self._changed():
            found.append("cleaning changed no target of the train split: both trainings are the same")
        return tuple(found)


def read(home: Home, settings: Settings) -> Cast:
    """Read the view `curated`, with both sets of targets."""
    cells = home.sql("SELECT image_id, finding, given_target AS given, cleaned_target AS cleaned FROM curated ORDER BY image_id, finding")
    return cast(home, settings, cells, ARMS)


def cast(home: Home, settings: Settings, cells: pa.Table, arms: Sequence[str]) -> Cast:
    """The films of `curated`, and the findings that can be trained on under the targets of every arm.

    Args:
        home: with `curated`.
        settings: `predict.min_positives`.
        cells: image_id, finding, and one column of targets an arm.
        arms: names of these columns.
    """
    films = home.sql(
        "SELECT c.image_id, any_value(group_id) AS group_id, any_value(split) AS split, any_value(c.patient_sex) AS sex, "
        "any_value(c.patient_age_years) AS age, any_value(c.view_position) AS view, any_value(manufacturer) AS manufacturer, "
        "any_value(site) AS site FROM curated c "
        "JOIN images m ON m.image_id = c.image_id JOIN instances i ON i.file_id = m.file_id GROUP BY c.image_id ORDER BY c.image_id"
    )
    image_ids: list[str] = films["image_id"].to_pylist()
    findings = sorted(set(cells["finding"].to_pylist()))
    targets = {arm: pivot(image_ids, findings, cells, arm) for arm in arms}
    splits = _text(films["split"], "")
    train = splits == "train"
    is_trained = np.logical_and.reduce([enough(targets[arm][train], settings.predict.min_positives) for arm in arms])
    chosen = {name: bool(is_one) for name, is_one in zip(findings, is_trained, strict=True)}
    return Cast(
        image_ids,
        _text(films["group_id"], ""),
        splits,
        {
            "patient_sex": _text(films["sex"], NOT_STATED),
            "age_band": age_bands(films["age"].to_pylist()),
            "view_position": _text(films["view"], NOT_STATED),
            "manufacturer": _text(films["manufacturer"], NOT_STATED),
            "site": _text(films["site"], NOT_STATED),
        },
        tuple(name for name in findings if chosen[name]),
        {arm: matrix[:, is_trained] for arm, matrix in targets.items()},
        tuple(name for name in findings if not chosen[name]),
    )


def pivot(image_ids: list[str], findings: list[str], cells: pa.Table, column: str) -> Array:
    """A column of (image_id, finding) rows as a matrix (images, findings); NaN where there is no row or no value."""
    matrix = np.full((len(image_ids), len(findings)), np.nan)
    rows = np.searchsorted(np.array(image_ids, dtype=str), np.array(cells["image_id"].to_pylist(), dtype=str))
    place = {name: index for index, name in enumerate(findings)}
    columns = np.array([place[name] for name in cells["finding"].to_pylist()], np.int64)
    matrix[rows, columns] = cells[column].cast("float64").fill_null(np.nan).to_numpy()
    return matrix


def enough(targets: Array, least: int) -> Rows:
    """Which columns have at least `least` positive and `least` negative films (`targets.equivalent_counts`)."""
    return np.asarray((equivalent_counts(targets) >= least).all(0), np.bool_)


def age_bands(ages: list[int | None]) -> npt.NDArray[np.str_]:
    """The band of each age in whole years."""
    starts = [start for start, _ in AGE_BANDS]
    names = [NOT_STATED if age is None else AGE_BANDS[int(np.searchsorted(starts, age, side="right")) - 1][1] for age in ages]
    return np.array(names, dtype=str)


def _text(column: pa.ChunkedArray, missing: str) -> npt.NDArray[np.str_]:
    return np.array([missing if value is None or value == "" else value for value in column.to_pylist()], dtype=str)
