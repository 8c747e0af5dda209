"""What a run holds: an open, locked home, its settings and its export. Nothing here knows a stage.

One run is one process and one lock. The in-process executor gives up running independent stages side by side, which on one
machine would only share the same cores, and gains that a home has a single writer from the first stage to the last.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from dagster import ConfigurableResource, DagsterInstance, DagsterRunStatus, InitResourceContext, RunsFilter
from pydantic import Field

from pipeline.base.errors import ExportError
from pipeline.base.locations import is_there, settled
from pipeline.base.provenance import ROOT
from pipeline.base.settings import PROFILES, Profile, Settings, load
from pipeline.base.stages import Done
from pipeline.base.storage import MARKER, Home

KEEP_RUNS = 200
_ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


def default_export() -> Path:
    """The export that jobs, schedule and sensor use: CXR_EXPORT, else the sample hospital of `make demo`."""
    return Path(os.environ.get("CXR_EXPORT") or ROOT / "demo" / "sample" / "export")


def default_home() -> Path:
    """The home that jobs, schedule and sensor use: CXR_HOME, else that of `make demo`."""
    return Path(os.environ.get("CXR_HOME") or ROOT / "demo" / "home")


@dataclass
class Curator:
    """An open home, what was done to it in this run, and which contracts its tables turned out to break.

    `tell` hears of each stage as it ends.
    """

    home: Home
    settings: Settings
    export: str | Path
    tell: Callable[[Done], None] = lambda _: None
    done: list[Done] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


def require_export(export: str | Path) -> str:
    """Refuse an export that is neither a folder nor a URL.

    Raises:
        ExportError: it is missing, or a file.
    """
    if not is_there(export):
        raise ExportError(
            f"the export {export} is not a folder", "give the folder of DICOM files and reports: cxr run EXPORT, or CXR_EXPORT"
        )
    return settled(export)


@contextmanager
def opened(export: str | Path, home: Path, profile: Profile | None = None, overrides: tuple[str, ...] = ()) -> Iterator[Curator]:
    """Open a home for one run, make it when it is new, and hold its lock.

    Raises:
        ExportError: the home would be new and there is no export to fill it from.
        HomeError: the folder is something else, or another run holds it.
        SettingsError: a setting is unknown or out of range.
    """
    found = Home(home)
    if not (found.root / MARKER).exists():
        require_export(export)
    settings = load(found.root, profile, overrides)
    with found.create().locked():
        yield Curator(found, settings, export)


class CuratorResource(ConfigurableResource[Curator]):
    """The home a run works on; every field can be changed in the launchpad."""

    export: str = Field(default=str(default_export()), description="folder of DICOM files and reports")
    home: str = Field(default=str(default_home()), description="folder of the dataset")
    profile: str | None = Field(
        default=None, description="tiny or full; when empty the one the job is called after, else that of HOME/settings.toml"
    )
    overrides: list[str] = Field(default=[], description='settings as "section.key=value"')

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Iterator[Curator]:
        """Hold the home for the length of the run, then forget the oldest runs."""
        # By the job's name: however a job is launched it keeps its name, while its config and tags reach some launches only.
        named = context.run.job_name if context.run and context.run.job_name in PROFILES else None
        profile = cast("Profile | None", self.profile or named)  # `load` refuses any other word.
        with opened(self.export, Path(self.home), profile, tuple(self.overrides)) as curator:
            yield curator
        if context.instance:
            forget_old_runs(context.instance)


def forget_old_runs(instance: DagsterInstance, keep: int = KEEP_RUNS) -> int:
    """Delete all but the newest ended runs; Dagster itself only retires the ticks of schedules and sensors.

    Runs that hold the latest materialization of an asset are kept, however old.

    Returns:
        Runs deleted.
    """
    ended = instance.get_runs(RunsFilter(statuses=_ENDED))[keep:]
    if not ended:
        return 0
    latest = (instance.get_latest_materialization_event(key) for key in instance.all_asset_keys())
    needed = {event.run_id for event in latest if event}
    old = [run.run_id for run in ended if run.run_id not in needed]
    for run_id in old:
        instance.delete_run(run_id)
    return len(old)
