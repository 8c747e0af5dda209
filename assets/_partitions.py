"""How work per film is cut: by shard, the keyed hash of the patient that `collect` wrote into `instances.shard`.

Never by study or file: Dagster keeps a row for each partition, and hundreds are what its storage is made for.
The number of shards is read once, when the code location loads, from the settings of the default home.
"""

from collections.abc import Sequence

from dagster import StaticPartitionsDefinition

from assets._resources import default_home
from pipeline.base.errors import SettingsError
from pipeline.base.settings import load

SHARDS_ASSET = "shards"


def shard_name(shard: int) -> str:
    """Partition key of a shard, as its folder is called: `shard-007`."""
    return f"shard-{shard:03d}"


SHARDS = StaticPartitionsDefinition([shard_name(shard) for shard in range(load(default_home()).decode.shards)])


def shard_numbers(keys: Sequence[str], shards: int) -> list[int]:
    """The shards that partition keys name.

    Args:
        keys: partition keys of a run.
        shards: number of shards of the home.

    Raises:
        SettingsError: the home has no such shard.
    """
    found = [int(key.removeprefix("shard-")) for key in keys]
    if max(found) >= shards:
        raise SettingsError(
            f"this home has {shards} shards, but the run asks for {shard_name(max(found))}",
            "set CXR_HOME to this home and reload the code location, so that its own shards are offered",
        )
    return found
