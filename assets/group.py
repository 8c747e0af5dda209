"""When and how `group` runs: the films that no split may part. What it does is in `pipeline/group`."""

from collections.abc import Iterator
from typing import Any

from dagster import AssetExecutionContext, MaterializeResult, ResourceParam, multi_asset

from assets._checks import stage_checks
from assets._io import first, materialise, specs
from assets._resources import Curator


@multi_asset(specs=specs("group", "duckdb"), op_tags=first("group"), can_subset=False)
def group(context: AssetExecutionContext, curator: ResourceParam[Curator]) -> Iterator[MaterializeResult[Any]]:
    """Join the films of a patient, and near-duplicates of different patients."""
    yield from materialise(context, curator, "group")


group_checks = stage_checks("group")
