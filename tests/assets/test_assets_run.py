"""Running the path through Dagster: order, events, the lock, shards, and what stops a run."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from assets._partitions import SHARDS_ASSET
from assets._resources import CuratorResource, forget_old_runs
from pipeline.base import stages, tables
from pipeline.base.errors import CxrError, ExportError, HomeError, SettingsError, TableError
from pipeline.base.storage import Home
from pipeline.definitions import build_defs, run_path

SECRET = "MRN-0815/DOE_JOHN.dcm"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def _resource(tmp_path: Path, export: Path, **more: Any) -> CuratorResource:
    return CuratorResource(export=str(export), home=str(tmp_path / "home"), **more)


def _run_shards(tmp_path: Path, export: Path, tags: dict[str, str], **more: Any) -> tuple[dg.ExecuteInProcessResult, dg.DagsterInstance]:
    instance = dg.DagsterInstance.ephemeral()
    job = build_defs(resources={"curator": _resource(tmp_path, export, **more)}).resolve_job_def("decode_shards")
    return job.execute_in_process(instance=instance, tags=tags, run_config=QUIET), instance


def _metadata(instance: dg.DagsterInstance, table: str) -> dict[str, Any]:
    event = instance.get_latest_materialization_event(dg.AssetKey(table))
    assert event
    assert event.asset_materialization
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def test_the_whole_path(stand: Any, instance: dg.DagsterInstance, tmp_path: Path, export: Path) -> None:
    done = run_path(tmp_path / "home", export, "tiny")
    assert tuple(stand.ran) == stages.NAMES
    assert tuple(step.stage for step in done) == stages.NAMES
    assert {key.to_user_string() for key in instance.all_asset_keys()} == {table.name for table in tables.PUBLISHED} | {SHARDS_ASSET}
    home = Home(tmp_path / "home")
    told = _metadata(instance, "files")
    assert told["dagster/row_count"] == home.read("files").num_rows > 0
    assert told["digest"] == home.table_digest("files")
    assert told["films"] == 3
    assert told["share"] == "not estimable"
    assert told["warnings"] == "- look here"
    assert told["plot: levels"].startswith("![plot](data:image/png;base64,")
    assert set(_metadata(instance, "instances")) == {"dagster/row_count", "digest"}
    assert instance.get_materialized_partitions(dg.AssetKey(SHARDS_ASSET)) == {f"shard-{shard:03d}" for shard in range(8)}
    checked = instance.get_records_for_run(instance.get_runs()[0].run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    assert len(checked) == len(build_defs().resolve_asset_graph().asset_check_keys)
    assert all(record.event_log_entry.asset_check_evaluation.passed for record in checked)


def test_until_stops_there(stand: Any, instance: dg.DagsterInstance, tmp_path: Path, export: Path) -> None:
    done = run_path(tmp_path / "home", export, until="decode")
    assert [step.stage for step in done] == stand.ran == ["collect", "decode"]


def test_the_home_is_held_for_the_length_of_a_run(stand: Any, instance: dg.DagsterInstance, tmp_path: Path, export: Path) -> None:
    def intrude(home: Home) -> None:
        with Home(home.root).locked():
            raise AssertionError("two runs hold one home")

    stand.after["collect"] = intrude
    with pytest.raises(HomeError, match="another run"):
        run_path(tmp_path / "home", export, until="collect")
    with Home(tmp_path / "home").locked():
        stand.after.clear()
        with pytest.raises(HomeError, match="another run"):
            run_path(tmp_path / "home", export, until="collect")


def test_the_error_of_a_stage_reaches_the_caller_and_stops_the_path(
    stand: Any, instance: dg.DagsterInstance, tmp_path: Path, export: Path
) -> None:
    original = ExportError("the export holds no DICOM", "give another folder")

    def fail(home: Home) -> None:
        raise original from FileNotFoundError(SECRET)

    stand.after["collect"] = fail
    with pytest.raises(ExportError) as caught:
        run_path(tmp_path / "home", export, until="decode")
    assert caught.value is original
    assert stand.ran == ["collect"]


def test_a_crash_leaves_its_words_in_private_alone(stand: Any, tmp_path: Path, export: Path) -> None:
    def crash(home: Home) -> None:
        raise ValueError(SECRET)

    def fail(home: Home) -> None:
        raise ExportError("no DICOM", "another folder") from OSError(SECRET)

    for broken in (crash, fail):
        stand.after["collect"] = broken
        with pytest.raises(CxrError):
            run_path(tmp_path / "home", export, until="collect")
    found = subprocess.run(["grep", "-rlaF", SECRET, str(tmp_path / "home")], capture_output=True, text=True, check=False)
    assert found.stdout.split() == [str(tmp_path / "home" / "private" / "crash-collect.txt")]
    assert len(list((tmp_path / "home" / "dagster" / "history" / "runs").glob("*-*.db"))) == 2
    assert (tmp_path / "home" / "dagster").stat().st_mode & 0o077 == 0


def test_a_broken_contract_stops_what_follows(stand: Any, instance: dg.DagsterInstance, tmp_path: Path, export: Path) -> None:
    stand.after["collect"] = lambda home: home.write("files", tables.empty("files"))
    with pytest.raises(TableError, match=r"instances.file_id: \d+ rows are not in files.file_id"):
        run_path(tmp_path / "home", export, until="decode")
    assert stand.ran == ["collect"]


def test_a_leak_stops_the_release(stand: Any, instance: dg.DagsterInstance, tmp_path: Path, export: Path) -> None:
    leaks = pa.table({"check": ["duplicate", "patient"], "n_violations": [0, 2]})
    stand.after["split"] = lambda home: home.write("split_checks", leaks)
    with pytest.raises(TableError, match="table splits: patient: 2 violations"):
        run_path(tmp_path / "home", export)
    assert "split" in stand.ran
    assert not {"validate", "write"} & set(stand.ran)


def test_an_interrupt_is_an_interrupt(stand: Any, instance: dg.DagsterInstance, tmp_path: Path, export: Path) -> None:
    def interrupt(home: Home) -> None:
        raise KeyboardInterrupt

    stand.after["collect"] = interrupt
    with pytest.raises(KeyboardInterrupt):
        run_path(tmp_path / "home", export, until="decode")
    assert stand.ran == ["collect"]
    assert all(run.is_finished for run in instance.get_runs())
    stand.after.clear()
    assert len(run_path(tmp_path / "home", export, until="decode")) == 2


def test_a_missing_export_leaves_no_home_behind(stand: Any, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="is not a folder"):
        run_path(tmp_path / "home", tmp_path / "nowhere")
    assert not (tmp_path / "home").exists()


def test_the_instance_of_dagster_home_is_used(stand: Any, tmp_path: Path, export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "dagster.yaml").write_bytes((Path(__file__).resolve().parents[2] / "dagster.yaml").read_bytes())
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "shared"))
    run_path(tmp_path / "home", export, until="collect")
    assert list((tmp_path / "shared" / ".dagster" / "history" / "runs").glob("*-*.db"))
    assert not (tmp_path / "home" / "dagster").exists()


@pytest.mark.parametrize(
    ("tags", "shards"),
    [
        ({"dagster/partition": "shard-002"}, (2,)),
        ({"dagster/asset_partition_range_start": "shard-001", "dagster/asset_partition_range_end": "shard-003"}, (1, 2, 3)),
    ],
)
def test_a_run_with_partitions_does_these_shards(
    stand: Any, tmp_path: Path, export: Path, tags: dict[str, str], shards: tuple[int, ...]
) -> None:
    _, instance = _run_shards(tmp_path, export, tags)
    assert stand.calls == [("decode", shards)]
    assert instance.get_materialized_partitions(dg.AssetKey(SHARDS_ASSET)) == {f"shard-{shard:03d}" for shard in shards}
    told = [record.asset_materialization for record in instance.fetch_materializations(dg.AssetKey(SHARDS_ASSET), limit=9).records]
    assert {event.partition: event.metadata["images rows"].value for event in told} == {
        f"shard-{shard:03d}": stand.source.read("images", shard=shard).num_rows for shard in shards
    }


def test_a_shard_the_home_does_not_have(stand: Any, tmp_path: Path, export: Path) -> None:
    with pytest.raises(SettingsError, match="this home has 2 shards, but the run asks for shard-005"):
        _run_shards(tmp_path, export, {"dagster/partition": "shard-005"}, overrides=["decode.shards=2"])
    assert stand.calls == []


@pytest.mark.parametrize(("job", "given", "used"), [("tiny", None, "tiny"), ("labels_only", None, "full"), ("tiny", "full", "full")])
def test_a_job_named_after_a_profile_uses_it(stand: Any, tmp_path: Path, export: Path, job: str, given: str | None, used: str) -> None:
    defs = build_defs(resources={"curator": _resource(tmp_path, export, profile=given)})
    defs.resolve_job_def(job).execute_in_process(
        run_config=QUIET, asset_selection=[dg.AssetKey(t) for t in stages.BY_NAME["collect"].writes]
    )
    assert stand.profiles == {used}


def test_old_runs_are_forgotten_but_for_those_the_assets_stand_on(
    stand: Any, instance: dg.DagsterInstance, tmp_path: Path, export: Path
) -> None:
    run_path(tmp_path / "home", export, until="collect")
    needed = instance.get_runs()[0].run_id
    for _ in range(4):
        instance.create_run_for_job(build_defs().resolve_job_def("labels_only"), status=dg.DagsterRunStatus.FAILURE)
    newest = [run.run_id for run in instance.get_runs()[:2]]
    assert forget_old_runs(instance, keep=2) == 2
    assert {run.run_id for run in instance.get_runs()} == {needed, *newest}
