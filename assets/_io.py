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

from assets._partitions import chosen, shard_name
from assets._resources import Curator, require_export
from pipeline.base import stages, tables
from pipeline.base.errors import CxrError
from pipeline.base.interfaces import StageResult
from pipeline.base.stages import Done
from pipeline.base.storage import Home, atomic_bytes

GPU_POOL = "gpu"


def specs(stage: str, *kinds: str) -> list[AssetSpec]:
    """One asset for each published table of a stage; the first one carries the stage's counts, warnings and plots."""
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


def materialise(context: AssetExecutionContext, curator: Curator, stage: str) -> Iterator[MaterializeResult[Any]]:
    """Run a stage and tell Dagster of each table it made.

    A stage that works by shard does the shards of the run's partitions. A run without partitions does them all and reports each.

    Raises:
        CxrError: the stage failed; a failure that the user cannot mend names the file that holds the traceback.
    """
    shards = chosen(context, curator.settings.decode.shards) if context.assets_def.partitions_def else None
    done = _run(curator, stage, shards)
    curator.done.append(done)
    for warning in done.result.warnings:
        context.log.warning(warning)
    for index, table in enumerate(stages.BY_NAME[stage].writes):
        if context.assets_def.partitions_def and shards is None:
            _report_shards(context, curator, table)
        told = told_by(done) if index == 0 else {}
        yield MaterializeResult(asset_key=table, metadata={**facts(curator.home, table), **told})


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


def _report_shards(context: AssetExecutionContext, curator: Curator, table: str) -> None:
    for shard in range(curator.settings.decode.shards):
        found = {"dagster/row_count": rows(curator.home, table, shard)}
        context.log_event(AssetMaterialization(table, partition=shard_name(shard), metadata=found))


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
