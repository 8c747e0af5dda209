"""When and how `decode` runs: pixels, the one stage whose work is per film. What it does is in `pipeline/decode`.

Two ways in, one work (docs/adr/0002-shards-and-dagster.md): the tables `decodings` and `images`, whole, as the jobs need them; and
the asset `shards`, one partition a shard, for a backfill or a look at single shards.
"""

from collections.abc import Iterator
from typing import Any

from dagster import AssetExecutionContext, BackfillPolicy, MaterializeResult, ResourceParam, asset, multi_asset

from assets._checks import stage_checks
from assets._io import first, materialise, perform, rows, specs
from assets._partitions import SHARDS, SHARDS_ASSET, shard_name, shard_numbers
from assets._resources import Curator
from pipeline.base.stages import BY_NAME


@asset(
    name=SHARDS_ASSET,
    partitions_def=SHARDS,
    backfill_policy=BackfillPolicy.single_run(),
    deps=list(BY_NAME["decode"].reads),
    group_name="decode",
    kinds={"parquet", "opencv"},
    op_tags=first("decode"),
)
def shards(context: AssetExecutionContext, curator: ResourceParam[Curator]) -> Iterator[MaterializeResult[Any]]:
    """Films decoded, by shard: a run with partitions works on these shards alone; films decoded before are not decoded again."""
    perform(context, curator, "decode", shard_numbers(context.partition_keys, curator.settings.decode.shards))
    for name in context.partition_keys:
        yield MaterializeResult(metadata={}, tags={})


@multi_asset(specs=specs("decode", "opencv", after=SHARDS_ASSET), op_tags=first("decode"), can_subset=False)
def decode(context: AssetExecutionContext, curator: ResourceParam[Curator]) -> Iterator[MaterializeResult[Any]]:
    """Decode the films that are new, in all shards, and report each shard."""
    yield from materialise(context, curator, "decode")
    for shard in range(curator.settings.decode.shards):
        context.log_event(shard_materialised(curator, shard))


decode_checks = stage_checks("decode")
