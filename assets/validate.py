"""When and how `validate` runs: what cleaning is worth; shares the GPU pool. What it does is in `pipeline/validate`."""

from collections.abc import Iterator
from typing import Any

from dagster import AssetExecutionContext, MaterializeResult, ResourceParam, multi_asset

from assets._checks import stage_checks
from assets._io import GPU_POOL, first, materialise, specs
from assets._resources import Curator


@multi_asset(specs=specs("validate", "pytorch"), op_tags=first("validate"), can_subset=False, pool=GPU_POOL)
def validate(context: AssetExecutionContext, curator: ResourceParam[Curator]) -> Iterator[MaterializeResult[Any]]:
    """Train on given and on cleaned labels and score both on the same held-out truth."""
    yield from materialise(context, curator, "validate")


validate_checks = stage_checks("validate")
