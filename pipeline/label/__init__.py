"""Label: read reports, gather every annotator, and reconcile them to one posterior a film and finding.

`stage` runs it on a home; `labelling` reads report files without one (`cxr label`), `explain` and `compare` show what was read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.base.interfaces import StageResult
    from pipeline.base.settings import Settings
    from pipeline.base.storage import Home


def run(home: Home, settings: Settings) -> StageResult:
    """Write `mentions`, `annotations`, `annotator_states`, `agreement`, `reliability` and `labels`.

    Raises:
        LabelerError: a labeler crashed on a report.
        PluginError: a labeler is unknown, lacks a package, or cannot run here.
        SettingsError: an option that a labeler does not know.
    """
    from pipeline.label import stage

    return stage.run(home, settings)
