"""When and how `rank` runs: labels that are probably wrong. What it does is in `pipeline/rank`."""

from collections.abc import Iterator
from typing import Any

from dagster import AssetExecutionContext, MaterializeResult, ResourceParam, multi_asset

from assets._checks import stage_checks
from assets._io import first, materialise, specs
from assets._resources import Curator


@multi_asset(specs=specs("rank", "cleanlab"), op_tags=first("rank"), can_subset=False)
def rank(context: AssetExecutionContext, curator: ResourceParam[Curator]) -> Iterator[MaterializeResult[Any]]:
    """Order the given labels by how suspicious they are."""
    yield from materialise(context, curator, "rank")


rank_checks = stage_checks("rank")
