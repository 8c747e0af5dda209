"""What must be true of a table after its stage: its contract and no leak stop the run; drift only warns.

The contracts themselves are declared in `pipeline.base.tables`. One step checks all tables of a stage.
"""

import json
import math
from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as pq
from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    ResourceParam,
    multi_asset_check,
)

from assets._io import first
from assets._resources import Curator
from pipeline.base import stages, tables
from pipeline.base.storage import Home, atomic_bytes

MAX_COUNT_CHANGE = 0.20
MAX_SHARE_CHANGE = 0.05
_STANDARD_ERRORS = 3.0

# Table -> query for (measure, value, n): n films, files or cells behind a share; a count of things has no n.
DRIFT: dict[str, str] = {
    "exclusions": """
        SELECT action || ': ' || reason AS measure, count(*) / any_value(f.n) AS value, any_value(f.n) AS n
        FROM exclusions, (SELECT count(*) AS n FROM files) f GROUP BY 1""",
    "groups": "SELECT 'kept films' AS measure, count(*)::DOUBLE AS value, NULL::BIGINT AS n FROM groups",
    "labels": "SELECT finding AS measure, avg((state = 'POSITIVE')::INT) AS value, count(*) AS n FROM labels GROUP BY 1",
    "label_issues": "SELECT finding AS measure, avg(is_label_issue::INT) AS value, count(*) AS n FROM label_issues GROUP BY 1",
    "splits": """
        SELECT split AS measure, count(*) / any_value(s.n) AS value, any_value(s.n) AS n
        FROM splits, (SELECT count(*) AS n FROM splits) s GROUP BY 1""",
}
Measures = dict[str, tuple[float, int | None]]


def check_specs(stage: str) -> list[AssetCheckSpec]:
    """Checks of every table of a stage."""
    found = []
    for table in stages.BY_NAME[stage].writes:
        found.append(AssetCheckSpec("contract", asset=table, blocking=True, description="columns, types, values, keys and foreign keys"))
        if table == "splits":
            found.append(AssetCheckSpec("leak", asset=table, blocking=True, description="no patient or duplicate crosses splits"))
        if table in DRIFT:
            found.append(AssetCheckSpec("drift", asset=table, description="against the table before its last change"))
    return found


def stage_checks(stage: str) -> AssetChecksDefinition:
    """The step that checks the tables of a stage."""

    @multi_asset_check(name=f"{stage}_checks", specs=check_specs(stage), can_subset=True, op_tags=first(stage))
    def checks(context: AssetCheckExecutionContext, curator: ResourceParam[Curator]) -> Iterator[AssetCheckResult]:
        for key in sorted(context.selected_asset_check_keys, key=lambda key: key.to_user_string()):
            table = key.asset_key.to_user_string()
            found = CHECKS[key.name](curator.home, table)
            if key.name != "drift":
                curator.broken += [f"table {table}: {sentence}" for sentence in found]
            yield AssetCheckResult(
                passed=not found,
                asset_key=key.asset_key,
                check_name=key.name,
                severity=AssetCheckSeverity.WARN if key.name == "drift" else AssetCheckSeverity.ERROR,
                description="; ".join(found) or None,
                metadata={"violations": len(found)},
            )

    return checks


def contract(home: Home, table: str) -> list[str]:
    """How a table on disk breaks its declaration, one sentence a violation; foreign keys are asked of sound columns only."""
    found = _parts(home, table) if tables.BY_NAME[table].sharded else tables.check(table, home.read(table))
    return found or home.check_foreign(table)


def _parts(home: Home, table: str) -> list[str]:
    found: list[str] = []
    for part in home.parts(table):
        # By part: pixels of all films at once may not fit in memory.
        found += tables.check(table, pq.read_table(part, partitioning=None))
    key = list(tables.BY_NAME[table].key)
    keys = home.read(table, key)
    if repeats := keys.num_rows - keys.group_by(key).aggregate([]).num_rows:
        found.append(f"key {tuple(key)} repeats in {repeats} rows across parts")
    return found


def leak(home: Home, table: str) -> list[str]:
    """What crosses splits, one sentence a kind."""
    del table
    rows = home.read("split_checks").to_pylist()
    if not rows:
        return ["split_checks is empty: nothing was checked"]
    return [f"{row['check']}: {row['n_violations']} violations" for row in rows if row["n_violations"]]


def drift(home: Home, table: str) -> list[str]:
    """Measures of a table that moved since the table last changed, one sentence each; empty the first time.

    The last two states are kept in HOME/work/drift, so that asking again gives the same answer until the table changes again.
    """
    path = home.work / "drift" / f"{table}.json"
    state: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    digest = home.table_digest(table)
    if state.get("digest") != digest:
        now = {row["measure"]: (row["value"], row["n"]) for row in home.sql(DRIFT[table]).to_pylist()}
        state = {"digest": digest, "now": now, "before": state.get("now")}
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_bytes(path, json.dumps(state, sort_keys=True).encode())
    return [] if state["before"] is None else moved(state["before"], state["now"])


def moved(before: Measures, now: Measures) -> list[str]:
    """Measures that moved further than they may.

    A count may change by MAX_COUNT_CHANGE of itself. A share may change by MAX_SHARE_CHANGE, and by chance: three standard
    errors of the difference of two shares.
    """
    found = []
    for name in sorted({*before, *now}):
        (old, n_old), (new, n_new) = before.get(name, (0.0, None)), now.get(name, (0.0, None))
        is_share = n_old is not None or n_new is not None
        if is_share and abs(new - old) > max(MAX_SHARE_CHANGE, _STANDARD_ERRORS * _standard_error(old, n_old, new, n_new)):
            found.append(f"{name}: {old:.1%} before, {new:.1%} now")
        elif not is_share and abs(new - old) > MAX_COUNT_CHANGE * max(old, 1.0):
            found.append(f"{name}: {old:.0f} before, {new:.0f} now")
    return found


def _standard_error(old: float, n_old: int | None, new: float, n_new: int | None) -> float:
    # A measure that is new or gone has the other side's films behind it.
    return math.sqrt(old * (1 - old) / (n_old or n_new or 1) + new * (1 - new) / (n_new or n_old or 1))


CHECKS = {"contract": contract, "leak": leak, "drift": drift}
