"""When and how `write` runs: the release. What it does is in `pipeline/write`."""

from collections.abc import Iterator
from typing import Any

from dagster import AssetExecutionContext, MaterializeResult, ResourceParam, multi_asset

from assets._checks import stage_checks
from assets._io import first, materialise, specs
from assets._resources import Curator


@multi_asset(specs=specs("write"), op_tags=first("write"), can_subset=False)
def write(context: AssetExecutionContext, curator: ResourceParam[Curator]) -> Iterator[MaterializeResult[Any]]:
    """Write the release: tables, dataset card, metadata, checksums."""
    yield from materialise(context, curator, "write")


write_checks = stage_checks("write")
