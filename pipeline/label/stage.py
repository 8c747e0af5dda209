"""The stage as a whole: read reports, gather every annotator, reconcile them to one posterior a film and finding, write the tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from pipeline.base import tables, verdicts
from pipeline.base.interfaces import POLICIES, StageResult
from pipeline.base.labels import CONTRADICTED, STATES
from pipeline.base.reports import Report, Section
from pipeline.base.settings import Settings, policy_of
from pipeline.base.storage import Home
from pipeline.label import agreement, gather, matrix, meanings, plots, posterior, priors, reading, reconcile, together


@dataclass(frozen=True, slots=True)
class _Read:
    """What the annotators said: all annotations, their names in the order of given labels, and reports read."""

    annotations: pd.DataFrame
    annotators: tuple[str, ...]
    n_mentions: int
    n_contradicted: int
    n_reports: int
    n_unread: int


def run(home: Home, settings: Settings) -> StageResult:
    """Write `mentions`, `annotations`, `annotator_states`, `agreement`, `reliability` and `labels`.

    Raises:
        LabelerError: a labeler crashed on a report.
        PluginError: a labeler is unknown or lacks a package.
    """
    films = kept_films(home)
    read = _read(home, settings, films)
    matrices = matrix.build(read.annotations, list(films["image_id"]), settings.label.findings, read.annotators)
    rng = np.random.default_rng(settings.seed)
    fits = together.fits(matrices, priors.load(), rng, implications=settings.label.implications)
    meant = meanings.annotator_states(matrices, fits)
    home.write("annotator_states", _arrow("annotator_states", meant))
    home.write("agreement", _arrow("agreement", meanings.agreements(matrices, rng)))
    home.write("reliability", _arrow("reliability", meanings.reliability(matrices, rng)))
    labels = _labels(home, settings, matrices, fits)
    home.write("labels", _arrow("labels", labels))
    return _result(read, films, matrices, labels, meant)


def kept_films(home: Home) -> pd.DataFrame:
    """Kept films with their study: image_id, study_id, sorted by image_id."""
    groups = home.read("groups", ["image_id"]).to_pandas()
    images = home.read("images", ["image_id", "file_id"]).to_pandas()
    instances = home.read("instances", ["file_id", "study_id"]).to_pandas()
    films: pd.DataFrame = groups.merge(images, on="image_id").merge(instances, on="file_id")
    return films[["image_id", "study_id"]].sort_values("image_id")


def _read(home: Home, settings: Settings, films: pd.DataFrame) -> _Read:
    reports = home.read("reports", ["report_id", "study_id", "text", "sections"])
    readers = [reading.reader(name, settings.label.options.get(name, {})) for name in settings.label.labelers]
    given = [_report(row) for row in reports.to_pylist()]
    mentions, states = reading.read_reports(given, readers, home.private / "labelers")
    home.write("mentions", pa.Table.from_pylist(mentions, schema=tables.BY_NAME["mentions"].types))
    frame = pd.DataFrame(states, columns=["report_id", *gather.SAID])
    studies = reports.select(["report_id", "study_id"]).to_pandas()
    from_reports = gather.broadcast(frame, studies, films, settings.label.findings)
    from_files = gather.published(home.read("published_labels").to_pandas(), films, settings.label.findings)
    found = pd.concat([from_files, from_reports], ignore_index=True)
    home.write("annotations", _arrow("annotations", found))
    annotators = (*sorted(from_files["annotator"].unique()), *settings.label.labelers)
    n_read = int(frame["report_id"].nunique())
    n_contradicted = len({row["report_id"] for row in mentions if CONTRADICTED in row["attributes"]})
    return _Read(found, annotators, len(mentions), n_contradicted, n_read, len(given) - n_read)


def _report(row: dict[str, Any]) -> Report:
    return Report(row["report_id"], row["text"], tuple(Section(part["name"], part["start"], part["end"]) for part in row["sections"]))


def _labels(home: Home, settings: Settings, matrices: list[matrix.LabelMatrix], fits: list[posterior.Posterior]) -> pd.DataFrame:
    decided = verdicts.current(home).to_pandas()
    rows = [
        reconcile.label_rows(
            one,
            fit,
            _verdicts_of(one, decided),
            (name := policy_of(settings, one.finding), POLICIES.get(name)),
            settings.label.unmentioned,
            priors.load().reader_error,
        )
        for one, fit in zip(matrices, fits, strict=True)
    ]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=tables.BY_NAME["labels"].names)


def _verdicts_of(one: matrix.LabelMatrix, decided: pd.DataFrame) -> npt.NDArray[np.object_]:
    mine = decided[decided["finding"] == one.finding]
    by_film = dict(zip(mine["image_id"], mine["verdict"], strict=True))
    return np.array([by_film.get(item) for item in one.items], object)


def _result(read: _Read, films: pd.DataFrame, matrices: list[matrix.LabelMatrix], labels: pd.DataFrame, meant: pd.DataFrame) -> StageResult:
    breaks, implied = agreement.contradictions(matrices), agreement.broken_implications(matrices)
    counts: dict[str, int | float | str] = {
        "films": len(films),
        "reports_read": read.n_reports,
        "reports_without_a_reading": read.n_unread,
        "mentions": read.n_mentions,
        "reports_called_normal_that_name_a_finding": read.n_contradicted,
        "annotations": len(read.annotations),
        "labels": len(labels),
        "conflicts": int(labels["is_conflict"].sum()),
        "verdicts": int(labels["verdict"].notna().sum()),
    }
    counts |= {f"state_{state.lower()}": int((labels["state"] == str(state)).sum()) for state in STATES}
    counts |= {f"kappa {one} / {other}": round(kappa, 3) for (one, other), kappa in agreement.pairwise_kappa(matrices).items()}
    warnings = tuple(
        f'{annotator} calls {count} films "No Finding" together with a finding; both labels are kept' for annotator, count in breaks.items()
    )
    warnings += tuple(
        f"{annotator} calls a finding present and denies what it implies on {count} films; both labels are kept"
        for annotator, count in implied.items()
    )
    counts["no_finding_contradictions"], counts["broken_implications"] = sum(breaks.values()), sum(implied.values())
    return StageResult(counts, warnings, {"states": plots.states(labels), "meanings": plots.meanings(meant)} if len(labels) else {})


def _arrow(name: str, frame: pd.DataFrame) -> pa.Table:
    spec = tables.BY_NAME[name]
    return pa.Table.from_pandas(frame[list(spec.names)], schema=spec.types, preserve_index=False)
