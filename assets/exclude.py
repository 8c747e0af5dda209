"""When and how `exclude` runs: what leaves the set and why. What it does is in `pipeline/exclude`."""

from collections.abc import Iterator
from typing import Any

from dagster import AssetExecutionContext, MaterializeResult, ResourceParam, multi_asset

from assets._checks import stage_checks
from assets._io import first, materialise, specs
from assets._resources import Curator


@multi_asset(specs=specs("exclude", "duckdb"), op_tags=first("exclude"), can_subset=False)
def exclude(context: AssetExecutionContext, curator: ResourceParam[Curator]) -> Iterator[MaterializeResult[Any]]:
    """Give every file that leaves the set, or is flagged, a row with a reason."""
    yield from materialise(context, curator, "exclude")


exclude_checks = stage_checks("exclude")
