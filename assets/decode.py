"""When and how `decode` runs: pixels, by shard: the one stage whose work is per film. What it does is in `pipeline/decode`."""

from collections.abc import Iterator
from typing import Any

from dagster import AssetExecutionContext, BackfillPolicy, MaterializeResult, ResourceParam, multi_asset

from assets._checks import stage_checks
from assets._io import first, materialise, specs
from assets._partitions import SHARDS
from assets._resources import Curator


@multi_asset(
    specs=specs("decode", "opencv"),
    op_tags=first("decode"),
    can_subset=False,
    partitions_def=SHARDS,
    backfill_policy=BackfillPolicy.single_run(),
)
def decode(context: AssetExecutionContext, curator: ResourceParam[Curator]) -> Iterator[MaterializeResult[Any]]:
    """Decode the films of the run's shards, or of all shards when the run names none."""
    yield from materialise(context, curator, "decode")


decode_checks = stage_checks("decode")
