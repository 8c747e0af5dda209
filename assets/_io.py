"""From tables to Dagster and back: asset specs out of `pipeline.base.tables`, events out of what a stage tells.

What a stage does is in `pipeline.<stage>`; what a table must satisfy is in `_checks`.
Nothing here may carry a path below the export, an identifier or a foreign exception's text: Dagster stores every word.
"""

import base64
import math
import traceback
from collections.abc import Iterator
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetMaterialization,
    AssetSpec,
    MaterializeResult,
    MetadataValue,
    TableColumn,
    TableColumnConstraints,
    TableSchema,
)

from assets._partitions import shard_name
from assets._resources import Curator, require_export
from pipeline.base import stages, tables
from pipeline.base.errors import CxrError
from pipeline.base.interfaces import StageResult
from pipeline.base.stages import Done
from pipeline.base.storage import Home, atomic_bytes

GPU_POOL = "gpu"


def specs(stage: str, *kinds: str) -> list[AssetSpec]:
    """One asset for each published table of a stage; the first one carries the stage's counts, warnings and plots.

    Args:
        stage: the stage.
        kinds: badges in the graph beside `parquet`.
    """
    found = stages.BY_NAME[stage]
    return [
        AssetSpec(
            table,
            deps=list(found.reads),
            description=tables.BY_NAME[table].doc,
            group_name=stage,
            kinds={"parquet", *kinds},
            metadata={"dagster/column_schema": column_schema(table), "key": ", ".join(tables.BY_NAME[table].key)},
        )
        for table in found.writes
    ]


def work_spec(name: str, stage: str, description: str, *kinds: str) -> AssetSpec:
    """An asset that is work on the tables of a stage, not a table of its own."""
    return AssetSpec(name, deps=list(stages.BY_NAME[stage].reads), description=description, group_name=stage, kinds={"parquet", *kinds})


def first(stage: str) -> dict[str, str]:
    """Tags that make a single process take the stages in the order of the data wherever the graph leaves a choice."""
    return {"dagster/priority": str(len(stages.NAMES) - stages.NAMES.index(stage))}


def column_schema(table: str) -> TableSchema:
    """The declared columns, in Dagster's words."""
    spec = tables.BY_NAME[table]
    return TableSchema(
        [
            TableColumn(
                column.name,
                str(column.type),
                column.doc,
                TableColumnConstraints(
                    nullable=column.nullable,
                    unique=spec.key == (column.name,),
                    other=[f"one of {', '.join(column.values)}"] if column.values else [],
                ),
            )
            for column in spec.columns
        ]
    )


def perform(context: AssetExecutionContext, curator: Curator, stage: str, shards: list[int] | None = None) -> Done:
    """Run a stage and pass on its warnings.

    Args:
        context: of the step.
        curator: the home.
        stage: the stage.
        shards: the shards to work on, for `decode`; all when None.

    Raises:
        CxrError: the stage failed; a failure that the user cannot mend names the file that holds the traceback.
    """
    done = _run(curator, stage, shards)
    curator.done.append(done)
    curator.tell(done)
    for warning in done.result.warnings:
        context.log.warning(warning)
    return done


def materialise(context: AssetExecutionContext, curator: Curator, stage: str) -> Iterator[MaterializeResult[Any]]:
    """Run a stage and tell Dagster of each table it made.

    Raises:
        CxrError: as `perform`.
    """
    done = perform(context, curator, stage)
    for index, table in enumerate(stages.BY_NAME[stage].writes):
        told = told_by(done) if index == 0 else {}
        yield MaterializeResult(asset_key=table, metadata={**facts(curator.home, table), **told})


def shards_done(curator: Curator, stage: str, asset: str) -> Iterator[AssetMaterialization]:
    """One event a shard, for a run that did them all."""
    for shard in range(curator.settings.decode.shards):
        yield AssetMaterialization(asset, partition=shard_name(shard), metadata=shard_rows(curator, stage, shard))


def shard_rows(curator: Curator, stage: str, shard: int) -> dict[str, int]:
    """Rows of a shard, for each table of a stage."""
    return {f"{table} rows": rows(curator.home, table, shard) for table in stages.BY_NAME[stage].writes}


def facts(home: Home, table: str) -> dict[str, Any]:
    """What is known of a table as it lies on disk: rows and digest."""
    digest = home.table_digest(table)
    if digest is None:
        raise CxrError(
            f"the stage {tables.BY_NAME[table].stage} ended without its table {table}", "mend the stage: it must write every table"
        )
    return {"dagster/row_count": rows(home, table), "digest": digest}


def told_by(done: Done) -> dict[str, Any]:
    """Counts, warnings and plots of a stage as metadata."""
    result: StageResult = done.result
    found: dict[str, Any] = {name: _value(value) for name, value in result.counts.items()}
    found |= {"seconds": round(done.seconds, 3), "unchanged": done.skipped}
    if result.warnings:
        found["warnings"] = MetadataValue.md("\n".join(f"- {warning}" for warning in result.warnings))
    found |= {f"plot: {name}": picture(png) for name, png in result.plots.items()}
    return found


def picture(png: bytes) -> MetadataValue[Any]:
    """A PNG that the UI shows inline."""
    return MetadataValue.md(f"![plot](data:image/png;base64,{base64.b64encode(png).decode()})")


def _value(value: float | str) -> float | str:
    # GraphQL's numbers are JSON's: they know neither NaN nor infinity.
    return "not estimable" if isinstance(value, float) and not math.isfinite(value) else value


def rows(home: Home, table: str, shard: int | None = None) -> int:
    """Rows of a table, or of one shard of it."""
    return len(home.read(table, list(tables.BY_NAME[table].key), shard=shard))


def _run(curator: Curator, stage: str, shards: list[int] | None) -> Done:
    export = require_export(curator.export) if stage == stages.NAMES[0] else None
    try:
        return stages.execute(stage, curator.home, curator.settings, export, shards)
    except CxrError as error:
        # `from None`: the cause may name a file of the export.
        raise error from None
    except Exception as error:
        kept = curator.home.private / f"crash-{stage}.txt"
        atomic_bytes(kept, traceback.format_exc().encode())
        raise CxrError(
            f"the stage {stage} broke down ({type(error).__name__})",
            f"the traceback is in HOME/private/{kept.name}; finished stages are kept",
        ) from None
