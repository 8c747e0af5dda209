"""A path of stages that only writes sound tables, so that the tests of this room are about Dagster alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from factories import tiny_home

from pipeline.base import stages, tables
from pipeline.base.interfaces import StageResult
from pipeline.base.settings import Settings
from pipeline.base.stages import Done
from pipeline.base.storage import Home

PNG = b"\x89PNG plot"


@dataclass
class Path_:
    """What the stages were asked; `spoil` runs after a stage and may break its tables or raise."""

    source: Home
    calls: list[tuple[str, tuple[int, ...] | None]] = field(default_factory=list)
    spoil: dict[str, Callable[[Home], None]] = field(default_factory=dict)

    def execute(self, name: str, home: Home, settings: Settings, export: Path | None = None, shards: Sequence[int] | None = None) -> Done:
        self.calls.append((name, None if shards is None else tuple(shards)))
        for table in stages.BY_NAME[name].writes:
            spec = tables.BY_NAME[table]
            if spec.sharded:
                for shard in range(settings.decode.shards) if shards is None else shards:
                    home.write_part(table, shard, self.source.read(table, shard=shard))
            elif table == "split_checks":
                home.write(table, tables.pa.table({"check": ["patient", "duplicate"], "n_violations": [0, 0]}))
            else:
                home.write(table, self.source.read(table) if self.source.exists(table) else tables.empty(table))
        if name in self.spoil:
            self.spoil[name](home)
        return Done(name, StageResult({"films": 3, "share": float("nan")}, ("look here",), {"levels": PNG}), 0.5, skipped=False)


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return tiny_home(tmp_path_factory.mktemp("assets") / "source", patients=6)


@pytest.fixture
def path(source: Home, monkeypatch: pytest.MonkeyPatch) -> Path_:
    made = Path_(source)
    monkeypatch.setattr(stages, "execute", made.execute)
    return made


@pytest.fixture
def export(tmp_path: Path) -> Path:
    (tmp_path / "export").mkdir()
    return tmp_path / "export"


@pytest.fixture(autouse=True)
def _no_dagster_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for variable in ("DAGSTER_HOME", "CXR_DAGSTER_STORAGE"):
        monkeypatch.delenv(variable, raising=False)
    yield
