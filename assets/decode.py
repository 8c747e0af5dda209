"""When and how `decode` runs: pixels, the one stage whose work is per film. What it does is in `pipeline/decode`.

Two ways in, one work (docs/adr/0002-shards-and-dagster.md): the tables `decodings` and `images`, whole, as the jobs need them; and
the asset `shards`, one partition a shard, for a look at single shards or a backfill of some.
"""

from collections.abc import Iterator
from typing import Any

from dagster import AssetExecutionContext, BackfillPolicy, MaterializeResult, ResourceParam, multi_asset

from assets._checks import stage_checks
from assets._io import first, materialise, perform, shard_rows, shards_done, specs, work_spec
from assets._partitions import SHARDS, SHARDS_ASSET, shard_numbers
from assets._resources import Curator


@multi_asset(
    specs=[work_spec(SHARDS_ASSET, "decode", "Films decoded, by shard: all rows of `decodings` and `images` of that shard.", "opencv")],
    partitions_def=SHARDS,
    backfill_policy=BackfillPolicy.single_run(),
    op_tags=first("decode"),
)
def shards(context: AssetExecutionContext, curator: ResourceParam[Curator]) -> None:
    """Decode the films of the run's shards that are new."""
    chosen = shard_numbers(context.partition_keys, curator.settings.decode.shards)
    perform(context, curator, "decode", chosen)
    for key, shard in zip(context.partition_keys, chosen, strict=True):
        context.add_asset_metadata(shard_rows(curator, "decode", shard), asset_key=SHARDS_ASSET, partition_key=key)


@multi_asset(specs=specs("decode", "opencv"), op_tags=first("decode"), can_subset=False)
def decode(context: AssetExecutionContext, curator: ResourceParam[Curator]) -> Iterator[MaterializeResult[Any]]:
    """Decode the films that are new, of all shards, and report each shard."""
    yield from materialise(context, curator, "decode")
    for event in shards_done(curator, "decode", SHARDS_ASSET):
        context.log_event(event)


decode_checks = stage_checks("decode")
