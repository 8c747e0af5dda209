"""Composition root: stages, checks, jobs, schedule and sensor as one code location, and the run in this process behind `cxr run`.

The only module of the package that knows `assets`. No decisions of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import dagster as dg

from assets._jobs import JOBS, new_files, nightly
from assets._resources import CuratorResource, forget_old_runs, opened
from pipeline.base import stages
from pipeline.base.errors import TableError
from pipeline.base.settings import Profile
from pipeline.base.stages import Done
from pipeline.base.storage import Home, atomic_bytes

STORAGE_VARIABLE = "CXR_DAGSTER_STORAGE"


def build_defs(*, resources: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Everything Dagster is told.

    Args:
        resources: replacements by name; `curator` is the home a run works on.
    """
    modules = [import_module(f"assets.{name}") for name in stages.NAMES]
    return dg.Definitions(
        assets=dg.load_assets_from_modules(modules),
        asset_checks=dg.load_asset_checks_from_modules(modules),
        jobs=JOBS,
        schedules=[nightly],
        sensors=[new_files],
        resources={"curator": CuratorResource(), **(resources or {})},
        executor=dg.in_process_executor,
    )


defs = build_defs()


def run_path(
    home: Path,
    export: str | Path,
    profile: Profile | None = None,
    overrides: tuple[str, ...] = (),
    until: str | None = None,
    tell: Callable[[Done], None] = lambda _: None,
) -> list[Done]:
    """Run the stages up to `until` through Dagster in this process, and tell what became of each.

    The run is recorded in the instance of DAGSTER_HOME, or in HOME/dagster when there is none.

    Args:
        home: folder of the dataset; made when new.
        export: folder of DICOM files and reports, or the URL of a store or service.
        profile: wins over the one in HOME/settings.toml.
        overrides: settings as "section.key=value".
        until: last stage; all when None.
        tell: hears of each stage as it ends.

    Raises:
        CxrError: as the stage raised it, or a table that breaks its contract.
        KeyboardInterrupt: the run was interrupted; finished stages are kept.
    """
    with opened(export, home, profile, overrides) as curator, _instance(curator.home) as instance:
        curator.tell = tell
        name = "tiny" if curator.settings.profile == "tiny" else "full_release"
        try:
            build_defs(resources={"curator": curator}).resolve_job_def(name).execute_in_process(
                instance=instance,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                asset_selection=[dg.AssetKey(table) for stage in stages.upto(until) for table in stage.writes],
                tags={"cxr/profile": curator.settings.profile, "cxr/started_by": "cxr run"},
            )
        except dg.DagsterExecutionInterruptedError:
            raise KeyboardInterrupt from None
        except dg.DagsterError:
            if not curator.broken:
                raise
            raise TableError("; ".join(curator.broken), "the stages after it were not run; mend its stage, then run again") from None
        forget_old_runs(instance)
    return sorted(curator.done, key=lambda done: stages.NAMES.index(done.stage))


def _instance(home: Home) -> dg.DagsterInstance:
    folder = Path(os.environ.get("DAGSTER_HOME") or home.root / "dagster").expanduser().absolute()
    os.environ.setdefault(STORAGE_VARIABLE, str(folder / ".dagster"))
    config = folder / "dagster.yaml"
    if not config.exists():
        folder.mkdir(mode=0o700, exist_ok=True)
        atomic_bytes(config, b"telemetry:\n  enabled: false\n")
    # Captured output would leave the terminal without its progress bars.
    silent = {"compute_logs": {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}}
    return dg.DagsterInstance.local_temp(str(folder), overrides=silent)
