"""How work per film is cut: by shard, the keyed hash of the patient that `collect` wrote into `instances.shard`.

Never by study or file: Dagster keeps a row for each partition, and hundreds are what its storage is made for.
The number of shards is read once, when the code location loads, from the settings of the default home.
"""

from dagster import AssetExecutionContext, StaticPartitionsDefinition

from assets._resources import default_home
from pipeline.base.errors import SettingsError
from pipeline.base.settings import load


def shard_name(shard: int) -> str:
    """Partition key of a shard, as its folder is called: `shard-007`."""
    return f"shard-{shard:03d}"


def shard_number(name: str) -> int:
    """The shard that a partition key names."""
    return int(name.removeprefix("shard-"))


SHARDS = StaticPartitionsDefinition([shard_name(shard) for shard in range(load(default_home()).decode.shards)])


def chosen(context: AssetExecutionContext, shards: int) -> list[int] | None:
    """The shards a run was asked for, or None when it was asked for none in particular and does them all.

    Args:
        context: of the step.
        shards: number of shards of the home.

    Raises:
        SettingsError: the home has no such shard.
    """
    if not (context.has_partition_key or context.has_partition_key_range):
        return None
    found = [shard_number(key) for key in context.partition_keys]
    if max(found) >= shards:
        raise SettingsError(
            f"this home has {shards} shards, but the run asks for {shard_name(max(found))}",
            "set CXR_HOME to this home and reload the code location, so that its shards are offered",
        )
    return found
