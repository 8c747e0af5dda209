"""When and how `label` runs: what reports and annotators say, reconciled. What it does is in `pipeline/label`."""

from collections.abc import Iterator
from typing import Any

from dagster import AssetExecutionContext, MaterializeResult, ResourceParam, multi_asset

from assets._checks import stage_checks
from assets._io import first, materialise, specs
from assets._resources import Curator


@multi_asset(specs=specs("label"), op_tags=first("label"), can_subset=False)
def label(context: AssetExecutionContext, curator: ResourceParam[Curator]) -> Iterator[MaterializeResult[Any]]:
    """Read reports, gather annotators, reconcile them to a posterior for each film and finding."""
    yield from materialise(context, curator, "label")


label_checks = stage_checks("label")
