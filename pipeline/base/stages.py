"""The eleven stages in the order of the data, and how one is run: skipped when nothing it reads has changed.

A stage package offers `run(home, settings) -> StageResult`; `collect` also takes the export, `decode` the shards.
"""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.base import provenance, tables
from pipeline.base.interfaces import StageResult
from pipeline.base.settings import Settings
from pipeline.base.storage import Home, atomic_bytes


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage.

    Attributes:
        reads: tables it reads; what it writes is declared in `tables`.
        settings: sections of the settings that shape its tables.
        always: True for a stage that looks at the outside world and decides itself what is new.
        private: files below HOME/private that it reads besides, as patterns.
    """

    name: str
    doc: str
    reads: tuple[str, ...]
    settings: tuple[str, ...]
    always: bool = False
    private: tuple[str, ...] = ()

    @property
    def writes(self) -> tuple[str, ...]:
        """Published tables it makes."""
        return tuple(table.name for table in tables.PUBLISHED if table.stage == self.name)


STAGES: tuple[Stage, ...] = (
    Stage("collect", "find files, read headers, de-identify, read reports and published labels", (), ("collect", "decode"), always=True),
    Stage("decode", "pixels: transfer syntaxes, LUTs, polarity, resize, hash", ("files", "instances"), ("decode", "exclude"), always=True),
    Stage("exclude", "what leaves the set and why", ("files", "instances", "reports", "decodings", "images"), ("exclude",)),
    Stage("group", "patients and duplicates that no split may part", ("instances", "images", "exclusions"), ("group",)),
    Stage(
        "label",
        "read reports, gather annotators, reconcile to a posterior",
        ("files", "instances", "reports", "published_labels", "images", "groups"),
        ("label",),
        private=("verdicts/*.parquet",),
    ),
    Stage("predict", "patient-grouped out-of-fold predictions", ("images", "groups", "labels"), ("predict", "train", "models", "seed")),
    Stage(
        "rank",
        "which given labels are probably wrong",
        ("groups", "instances", "labels", "annotations", "mentions", "pred_probs", "published_scores", "embeddings", "training_dynamics"),
        ("rank", "label", "seed"),
    ),
    Stage("review", "human decisions", ("label_issues", "labels"), (), private=("verdicts/*.parquet",)),
    Stage(
        "split",
        "train, validate and test by group",
        ("groups", "instances", "images", "labels"),
        ("split",),
        private=("official_splits.parquet",),
    ),
    Stage(
        "validate",
        "train on given and on cleaned labels, score both on the same truth",
        ("images", "instances", "groups", "annotations", "labels", "label_issues", "splits", "published_scores"),
        ("predict", "train", "validate", "seed"),
    ),
    Stage(
        "write",
        "release: tables, dataset card, metadata, checksums",
        tuple(t.name for t in tables.PUBLISHED if t.stage != "write"),
        tuple(field.alias or name for name, field in Settings.model_fields.items()),
    ),
)
BY_NAME: dict[str, Stage] = {stage.name: stage for stage in STAGES}
NAMES: tuple[str, ...] = tuple(BY_NAME)


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one stage of one run."""

    stage: str
    result: StageResult
    seconds: float
    skipped: bool


def upto(until: str | None) -> tuple[Stage, ...]:
    """The stages from the first to `until`, included."""
    return STAGES if until is None else STAGES[: NAMES.index(until) + 1]


def execute(name: str, home: Home, settings: Settings, export: str | Path | None = None, shards: Sequence[int] | None = None) -> Done:
    """Run one stage, or skip it when its inputs, settings and code are those of its last run and its tables are untouched.

    Args:
        name: the stage.
        home: where its tables lie.
        settings: of the run.
        export: the folder or URL that `collect` reads.
        shards: the shards that `decode` works on; all when None.
    """
    stage, started = BY_NAME[name], time.perf_counter()
    fingerprint = _fingerprint(stage, home, settings)
    if (
        not stage.always
        and (stamp := _stamp(home, stage))
        and stamp["fingerprint"] == fingerprint
        and stamp["outputs"] == _outputs(stage, home)
    ):
        result = StageResult(stamp["counts"], tuple(stamp["warnings"]), _plots(home, stage))
        return Done(name, result, time.perf_counter() - started, skipped=True)
    run: Callable[..., StageResult] = importlib.import_module(f"pipeline.{name}").run
    extra = {"collect": (export,), "decode": (shards,)}.get(name, ())
    result = run(home, settings, *extra)
    seconds = time.perf_counter() - started
    _save(home, stage, fingerprint, result)
    home.publish_catalogue()
    return Done(name, result, seconds, skipped=False)


def _fingerprint(stage: Stage, home: Home, settings: Settings) -> str:
    chosen = settings.model_dump(mode="json", by_alias=True)
    private = sorted(path for pattern in stage.private for path in home.private.glob(pattern))
    return provenance.digest(
        {
            "settings": {key: chosen[key] for key in stage.settings if key in chosen},
            "inputs": {table: home.table_digest(table) for table in stage.reads},
            # Their paths stay when what lies there changes.
            "checkpoints": [provenance.path_stamp(one.checkpoint) for one in settings.models.values()]
            if "models" in stage.settings
            else [],
            "private": [(path.name, provenance.file_sha256(path)) for path in private],
            "code": provenance.code_digest(),
            "versions": provenance.versions(),
        }
    )


def _outputs(stage: Stage, home: Home) -> dict[str, str | None]:
    return {table: home.table_digest(table) for table in stage.writes}


def _folder(home: Home, stage: Stage) -> Path:
    return home.work / "stages" / stage.name


def _stamp(home: Home, stage: Stage) -> dict[str, Any] | None:
    path = _folder(home, stage) / "stamp.json"
    return json.loads(path.read_text()) if path.exists() else None


def _plots(home: Home, stage: Stage) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted(_folder(home, stage).glob("*.png"))}


def _save(home: Home, stage: Stage, fingerprint: str, result: StageResult) -> None:
    folder = _folder(home, stage)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    for name, png in result.plots.items():
        atomic_bytes(folder / f"{name}.png", png)
    facts = asdict(result)
    facts.pop("plots")
    atomic_bytes(
        folder / "stamp.json",
        json.dumps({"fingerprint": fingerprint, "outputs": _outputs(stage, home), **facts}, indent=1, default=str).encode(),
    )
