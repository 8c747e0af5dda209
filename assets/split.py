"""When and how `split` runs: train, validate and test, and the leak check. What it does is in `pipeline/split`."""

from collections.abc import Iterator
from typing import Any

from dagster import AssetExecutionContext, MaterializeResult, ResourceParam, multi_asset

from assets._checks import stage_checks
from assets._io import first, materialise, specs
from assets._resources import Curator


@multi_asset(specs=specs("split"), op_tags=first("split"), can_subset=False)
def split(context: AssetExecutionContext, curator: ResourceParam[Curator]) -> Iterator[MaterializeResult[Any]]:
    """Assign groups to splits by keyed hash."""
    yield from materialise(context, curator, "split")


split_checks = stage_checks("split")
