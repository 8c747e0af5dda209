"""Train, validate and test by group: stable under growth, official splits kept, leaks refused.

`assign` decides, `memory` keeps what was decided, `leaks` looks for what crosses, `balance` reports.
"""

from __future__ import annotations

import pyarrow as pa

from pipeline.base.errors import TableError
from pipeline.base.interfaces import StageResult
from pipeline.base.settings import Settings, Split
from pipeline.base.storage import Home
from pipeline.base.tables import SPLITS
from pipeline.split import balance, leaks, memory
from pipeline.split.assign import Group, Outcome, assign, check_shares, gather


def run(home: Home, settings: Settings) -> StageResult:
    """Write `splits` and `split_checks`.

    Raises:
        SettingsError: the shares leave nothing to train on.
        TableError: something crosses splits; `split_checks` says what, and `splits` stays as it was.
    """
    shares = check_shares(settings.split)
    kept = home.read("groups", ["image_id", "patient_id", "group_id", "duplicate_of"])
    official = memory.read_official(home)
    earlier, drawn_with = memory.read_memory(home)
    groups = gather(kept.select(["image_id", "patient_id", "group_id"]).to_pylist())
    names = home.pseudonyms()
    outcome = assign(
        groups, lambda group_id: names.number("split", group_id), shares, memory.binding(earlier, drawn_with, shares), official
    )
    table = _table(groups, outcome)
    _refuse_leaks(home, table, kept, official)
    renewed = memory.renewed(earlier, groups, outcome.by_group)
    memory.remember(home, renewed, shares)
    home.write("splits", table)
    moved = sum(one.split != renewed[patient].split for patient, one in earlier.items())
    return _tell(home, groups, outcome, shares, moved, len(set(official) & set(kept.column("image_id").to_pylist())))


def _table(groups: list[Group], outcome: Outcome) -> pa.Table:
    rows = [
        {"image_id": image, "group_id": group.group_id, "split": chosen.split, "assigned_by": chosen.by}
        for group in groups
        for chosen in (outcome.by_group[group.group_id],)
        for image in group.images
    ]
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in ("image_id", "group_id", "split", "assigned_by")]))


def _refuse_leaks(home: Home, table: pa.Table, kept: pa.Table, official: dict[str, str]) -> None:
    images = home.read("images", ["image_id", "file_id", "pixel_digest"])
    instances = home.read("instances", ["file_id", "patient_id", "study_id"])
    found = leaks.violations(table, kept, images, instances, official)
    home.write("split_checks", pa.table({"check": list(found), "n_violations": list(found.values())}))
    if broken := {check: n for check, n in found.items() if n}:
        raise TableError(
            f"the split leaks: {', '.join(f'{check} {n} times' for check, n in broken.items())}",
            'nothing was split; see cxr sql "SELECT * FROM split_checks" and run again from the stage group',
        )


def _tell(home: Home, groups: list[Group], outcome: Outcome, shares: Split, moved: int, n_official: int) -> StageResult:
    counts = balance.sizes(home)
    counts |= {
        "groups": len(groups),
        "official_films": n_official,
        "official_conflicts": outcome.official_conflicts,
        "merged_groups": outcome.merged,
        "patients_moved": moved,
    }
    found = balance.prevalences(home) if home.exists("labels") else []
    if gap := balance.widest_gap(found):
        counts["widest_prevalence_gap"] = f"{gap[0]}: {100 * gap[1]:.1f} points"
    plots = {"prevalence": balance.plot(found)} if found else {}
    return StageResult(counts, _warnings(counts, outcome, shares, moved, bool(found)), plots)


def _warnings(counts: dict[str, int | float | str], outcome: Outcome, shares: Split, moved: int, has_labels: bool) -> tuple[str, ...]:
    wanted = dict(zip(SPLITS, (1 - shares.validate_share - shares.test_share, shares.validate_share, shares.test_share), strict=True))
    found = [
        f"no film fell into {split}: too few groups for its share" for split in SPLITS if wanted[split] and not counts[f"films_{split}"]
    ]
    if outcome.official_conflicts:
        found.append(f"{outcome.official_conflicts} groups hold films of different official splits: test wins, then validate")
    if outcome.merged:
        found.append(f"{outcome.merged} groups join patients that were in different splits before: train wins, then validate")
    if moved:
        found.append(f"{moved} patients moved to another split (joined by a duplicate, an official split, or other shares)")
    if not has_labels:
        found.append("no positive label yet: prevalence in each split is not shown")
    return tuple(found)
