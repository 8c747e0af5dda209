"""From rules to rows: the first rule that removes a file names its reason; flags add up on films that stay."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from pipeline.base.errors import TableError
from pipeline.base.interfaces import ExclusionRule
from pipeline.base.settings import Settings

_DISPOSITIONS = {"exclude": "excluded", "duplicate": "duplicate", "skip": "skipped"}
_COLUMNS = ["file_id", "image_id", "action", "reason", "rule", "evidence"]


def apply_rules(files: pd.DataFrame, rules: Mapping[str, ExclusionRule], settings: Settings) -> pd.DataFrame:
    """Rows of `exclusions`.

    Args:
        files: facts, one row a file.
        rules: registered rules by name.
        settings: of the run; a flag named in `exclude.exclude_flags` excludes.

    Raises:
        TableError: a rule answers with a reason it does not declare, or a file that is no film is left without a row.
    """
    removed = pd.Series(False, files.index)
    found: list[pd.DataFrame] = []
    for name, rule in sorted(rules.items(), key=lambda item: (item[1].order, item[0])):
        reasons = _answers(name, rule, files, settings)
        promoted = reasons.isin(settings.exclude.exclude_flags) & (rule.action == "flag")
        hits = files[["file_id", "image_id"]].assign(action=rule.action, reason=reasons, rule=name)[reasons.notna() & ~removed]
        hits.loc[promoted.reindex(hits.index), "action"] = "exclude"
        hits["evidence"] = _evidence(rule, files, hits["reason"])
        removed[hits.index[hits["action"] != "flag"]] = True
        found.append(hits)
    rows = pd.concat(found, ignore_index=True)[_COLUMNS]
    gone = rows.loc[rows["action"] != "flag", "file_id"]
    rows = rows[(rows["action"] != "flag") | ~rows["file_id"].isin(gone)]
    _all_accounted_for(files, set(gone))
    return rows.astype(object).where(rows.notna(), None)


def ledger(files: pd.DataFrame, exclusions: pd.DataFrame, paths: pd.DataFrame) -> pd.DataFrame:
    """Rows of `private_files`: every path with its disposition."""
    removals = exclusions[exclusions["action"] != "flag"].set_index("file_id")
    flags = exclusions[exclusions["action"] == "flag"].groupby("file_id")["reason"].apply(lambda reasons: sorted(reasons))
    rows = files[["file_id", "file_kind", "image_id"]].merge(paths, on="file_id", validate="one_to_one")
    kept = rows["file_kind"].map({"report": "report"}).fillna("image")
    rows["disposition"] = rows["file_id"].map(removals["action"].map(_DISPOSITIONS)).astype(object).fillna(kept)
    rows["reason"] = rows["file_id"].map(removals["reason"]).astype(object).fillna("")
    rows["flags"] = pd.Series([flags.get(file_id, []) for file_id in rows["file_id"]], rows.index, dtype=object)
    rows["image_id"] = rows["image_id"].where(rows["disposition"] == "image", "")
    return rows[["path", "file_id", "disposition", "reason", "flags", "image_id"]]


def _answers(name: str, rule: ExclusionRule, files: pd.DataFrame, settings: Settings) -> pd.Series:
    reasons = rule(files, settings).astype(object)
    reasons = reasons.where(reasons.notna(), None)
    if undeclared := set(reasons.dropna()) - set(rule.reasons):
        raise TableError(f"the rule {name} gives reasons it does not declare: {sorted(undeclared)}", "declare them in the rule's `reasons`")
    return reasons


class _Unknown:
    """Stands in a template for what a file does not say."""

    def __format__(self, spec: str) -> str:
        return "nothing"


def _evidence(rule: ExclusionRule, files: pd.DataFrame, reasons: pd.Series) -> pd.Series:
    """The rule's templates filled with what is known of each file; null where it has none."""
    templates: Mapping[str, str] = getattr(rule, "evidence", {})
    told = reasons[reasons.isin(list(templates))]
    rows = files.loc[told.index].to_dict("records")
    said = [templates[reason].format_map(_known(row)) for reason, row in zip(told, rows, strict=True)]
    return pd.Series(said, told.index, dtype=object).reindex(reasons.index)


def _known(row: Mapping[Hashable, Any]) -> dict[str, Any]:
    return {str(name): _Unknown() if value is None or value is pd.NA or value != value else value for name, value in row.items()}


def _all_accounted_for(files: pd.DataFrame, gone: set[str]) -> None:
    lost = files[~files["is_film"] & (files["file_kind"] != "report") & ~files["file_id"].isin(gone)]
    if len(lost):
        raise TableError(
            f"{len(lost)} files are neither films nor reports, and no rule removed them", "add a rule that names why they leave"
        )
