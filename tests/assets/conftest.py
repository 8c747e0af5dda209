"""A path of stages that only writes sound tables, so that the tests of this room are about Dagster alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest
from factories import tiny_home

from pipeline import definitions
from pipeline.base import stages, tables
from pipeline.base.interfaces import StageResult
from pipeline.base.settings import Settings
from pipeline.base.stages import Done
from pipeline.base.storage import Home

PNG = b"\x89PNG plot"


@dataclass
class Stand:
    """Stands in for `stages.execute`: copies tables of a small home, and remembers what it was asked.

    `after` holds, for a stage, what happens when its tables are written; it may break them or raise.
    """

    source: Home
    calls: list[tuple[str, tuple[int, ...] | None]] = field(default_factory=list)
    profiles: set[str] = field(default_factory=set)
    after: dict[str, Callable[[Home], None]] = field(default_factory=dict)

    @property
    def ran(self) -> list[str]:
        return [name for name, _ in self.calls]

    def execute(self, name: str, home: Home, settings: Settings, export: Path | None = None, shards: Sequence[int] | None = None) -> Done:
        self.calls.append((name, None if shards is None else tuple(shards)))
        self.profiles.add(settings.profile)
        for table in stages.BY_NAME[name].writes:
            self._copy(table, home, range(settings.decode.shards) if shards is None else shards)
        if name in self.after:
            self.after[name](home)
        return Done(name, StageResult({"films": 3, "share": float("nan")}, ("look here",), {"levels": PNG}), 0.5, skipped=False)

    def _copy(self, table: str, home: Home, shards: Sequence[int]) -> None:
        if tables.BY_NAME[table].sharded:
            for shard in shards:
                home.write_part(table, shard, self.source.read(table, shard=shard))
        elif table == "split_checks":
            home.write(table, pa.table({"check": ["duplicate", "patient"], "n_violations": [0, 0]}))
        else:
            home.write(table, self.source.read(table) if self.source.exists(table) else tables.empty(table))


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return tiny_home(tmp_path_factory.mktemp("assets") / "source", patients=6)


@pytest.fixture
def stand(source: Home, monkeypatch: pytest.MonkeyPatch) -> Stand:
    made = Stand(source)
    monkeypatch.setattr(stages, "execute", made.execute)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.delenv(definitions.STORAGE_VARIABLE, raising=False)
    return made


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> dg.DagsterInstance:
    """The instance of every `run_path` of the test, in memory."""
    made = dg.DagsterInstance.ephemeral()
    monkeypatch.setattr(definitions, "_instance", lambda home: nullcontext(made))
    return made


@pytest.fixture
def export(tmp_path: Path) -> Path:
    (tmp_path / "export").mkdir()
    return tmp_path / "export"
