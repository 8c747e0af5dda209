"""When and how `collect` runs: files, headers, reports and published labels of the export. What it does is in `pipeline/collect`."""

from collections.abc import Iterator
from typing import Any

from dagster import AssetExecutionContext, MaterializeResult, ResourceParam, multi_asset

from assets._checks import stage_checks
from assets._io import first, materialise, specs
from assets._resources import Curator


@multi_asset(specs=specs("collect", "dicom"), op_tags=first("collect"), can_subset=False)
def collect(context: AssetExecutionContext, curator: ResourceParam[Curator]) -> Iterator[MaterializeResult[Any]]:
    """Find files, read headers, de-identify, read reports and the labels that came with the source."""
    yield from materialise(context, curator, "collect")


collect_checks = stage_checks("collect")
