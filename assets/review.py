"""When and how `review` runs: human decisions, as they stand. What it does is in `pipeline/review`."""

from collections.abc import Iterator
from typing import Any

from dagster import AssetExecutionContext, MaterializeResult, ResourceParam, multi_asset

from assets._checks import stage_checks
from assets._io import first, materialise, specs
from assets._resources import Curator


@multi_asset(specs=specs("review"), op_tags=first("review"), can_subset=False)
def review(context: AssetExecutionContext, curator: ResourceParam[Curator]) -> Iterator[MaterializeResult[Any]]:
    """Publish the imported verdicts; they count in the next run's labels."""
    yield from materialise(context, curator, "review")


review_checks = stage_checks("review")
