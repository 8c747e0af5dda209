"""What Dagster is told: every table, its checks, what runs together, and that nothing starts by itself."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from assets._partitions import SHARDS_ASSET
from pipeline.base import stages, tables
from pipeline.definitions import STORAGE_VARIABLE, build_defs, defs

ROOT = Path(__file__).resolve().parents[2]
GRAPH = defs.resolve_asset_graph()
SPECS = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


@pytest.mark.parametrize("table", tables.PUBLISHED, ids=lambda table: table.name)
def test_every_published_table_is_an_asset_with_a_blocking_contract(table: tables.Table) -> None:
    spec = SPECS[table.name]
    assert spec.group_name == table.stage
    assert spec.description == table.doc
    assert {dep.asset_key.to_user_string() for dep in spec.deps} == set(stages.BY_NAME[table.stage].reads)
    schema = spec.metadata["dagster/column_schema"]
    assert tuple((column.name, column.description) for column in schema.columns) == tuple((c.name, c.doc) for c in table.columns)
    checks = {key.name: GRAPH.get_check_spec(key).blocking for key in GRAPH.get(spec.key).check_keys}
    assert checks["contract"] is True


def test_nothing_is_an_asset_but_tables_and_shards() -> None:
    assert set(SPECS) == {table.name for table in tables.PUBLISHED} | {SHARDS_ASSET}


def test_leaks_block_and_drift_does_not() -> None:
    blocking = {key.to_user_string(): GRAPH.get_check_spec(key).blocking for key in GRAPH.asset_check_keys}
    assert blocking["splits:leak"] is True
    drifts = {name: blocks for name, blocks in blocking.items() if name.endswith(":drift")}
    assert {"groups:drift", "labels:drift"} <= set(drifts)
    assert not any(drifts.values())


def test_only_stages_that_train_share_the_gpu() -> None:
    pools = {key.to_user_string(): set(GRAPH.get(key).pools or ()) for key in GRAPH.get_all_asset_keys()}
    assert {stages.BY_NAME[tables.BY_NAME[name].stage].name for name, found in pools.items() if found} == {"predict", "validate"}
    assert all(found <= {"gpu"} for found in pools.values())


@pytest.mark.parametrize(("job", "until"), [("tiny", "write"), ("full_release", "write"), ("labels_only", "label")])
def test_jobs_hold_whole_stages_and_no_partitions(job: str, until: str) -> None:
    found = defs.resolve_job_def(job)
    expected = {table for stage in stages.upto(until) for table in stage.writes}
    assert {key.to_user_string() for key in found.asset_layer.executable_asset_keys} == expected
    # A partitioned job would make the UI ask for partitions and start one whole run for each.
    assert found.partitions_def is None


def test_schedule_and_sensor_are_off() -> None:
    repository = build_defs().get_repository_def()
    assert [(found.name, found.default_status.value) for found in repository.schedule_defs] == [("nightly", "STOPPED")]
    assert [(found.name, found.default_status.value) for found in repository.sensor_defs] == [("new_files", "STOPPED")]


def test_the_graph_is_the_golden_one() -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec
    assert spec.loader
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    golden = (ROOT / "tests" / "golden" / "asset_graph.json").read_text(encoding="utf-8")
    assert generate.asset_graph() == golden, "the asset graph changed: run `make golden` and read the diff"


def test_the_code_location_loads_without_the_heavy_libraries() -> None:
    heavy = ("torch", "torchvision", "cleanlab", "sklearn", "matplotlib", "pydicom", "scipy")
    code = f"import pipeline.definitions, sys; print([name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"


def test_dagster_yaml_keeps_everything_in_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv(STORAGE_VARIABLE, str(tmp_path / ".dagster"))
    with dg.DagsterInstance.get() as instance:
        run = instance.create_run_for_job(defs.resolve_job_def("labels_only"))
        pools = instance.event_log_storage.get_pool_config()
        assert not instance.telemetry_enabled
        assert pools.default_pool_limit == 1
        assert Path(instance.storage_directory()).is_relative_to(tmp_path / ".dagster")
        assert instance.get_run_by_id(run.run_id)
    assert {path.name for path in tmp_path.iterdir()} == {"dagster.yaml", ".dagster"}
