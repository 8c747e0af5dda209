"""Every number the dataset card and its plots show, counted from the published tables in one place."""

from __future__ import annotations

from typing import Any

from pipeline.base.storage import Home
from pipeline.base.tables import STATE_VALUES

Rows = list[dict[str, Any]]
_COUNTS = ", ".join(
    f"count(*) FILTER (WHERE {column} = '{state}') AS {prefix}{state.lower()}"
    for column, prefix in (("state", ""), ("given_label", "given_"))
    for state in STATE_VALUES
)

QUERIES: dict[str, str] = {
    "files": "SELECT file_kind AS kind, count(*) AS n FROM files GROUP BY 1 ORDER BY 1",
    "totals": """
        SELECT (SELECT count(*) FROM files) AS files,
               (SELECT count(*) FROM files WHERE file_kind = 'dicom') AS dicom,
               (SELECT count(*) FROM instances) AS headers,
               (SELECT count(*) FROM decodings WHERE outcome = 'decoded') AS decoded,
               (SELECT count(*) FROM groups) AS kept,
               (SELECT count(DISTINCT patient_id) FROM groups) AS patients,
               (SELECT count(DISTINCT group_id) FROM groups) AS groups,
               (SELECT count(*) FROM groups WHERE duplicate_of IS NOT NULL) AS duplicates,
               (SELECT count(*) FROM reports) AS reports,
               (SELECT coalesce(sum(n_redactions), 0)::BIGINT FROM reports) AS redactions,
               (SELECT count(*) FROM label_issues) AS judged,
               (SELECT count(*) FROM label_issues WHERE is_label_issue) AS issues,
               (SELECT count(*) FROM verdicts WHERE is_current) AS verdicts,
               (SELECT count(*) FROM verdicts WHERE is_current AND given_label <> verdict) AS overturned,
               (SELECT sum(n_violations)::BIGINT FROM split_checks) AS leaks,
               (SELECT count(*) FROM split_checks) AS leak_checks""",
    "removed": """
        SELECT e.action, e.reason, count(*) FILTER (WHERE f.file_kind = 'dicom') AS dicom,
               count(*) FILTER (WHERE f.file_kind <> 'dicom') AS other
        FROM exclusions e JOIN files f USING (file_id) WHERE e.action <> 'flag' GROUP BY 1, 2 ORDER BY dicom DESC, other DESC, reason""",
    "flags": "SELECT reason, count(*) AS n FROM exclusions WHERE action = 'flag' GROUP BY 1 ORDER BY n DESC, reason",
    "splits": """
        SELECT split, count(*) AS films, count(DISTINCT g.patient_id) AS patients,
               count(*) FILTER (WHERE assigned_by = 'official') AS official
        FROM splits JOIN groups g USING (image_id) GROUP BY 1""",
    "people": """
        SELECT coalesce(patient_sex, 'unknown') AS patient_sex, count(*) AS films, min(patient_age_years) AS youngest,
               median(patient_age_years) AS median_age, max(patient_age_years) AS oldest
        FROM groups JOIN images m USING (image_id) JOIN instances i ON i.file_id = m.file_id GROUP BY 1 ORDER BY films DESC, 1""",
    "views": """
        SELECT coalesce(view_position, 'unknown') AS view_position, count(*) AS films
        FROM groups JOIN images m USING (image_id) JOIN instances i ON i.file_id = m.file_id GROUP BY 1 ORDER BY films DESC, 1""",
    "states": f"""
        SELECT finding, policy, {_COUNTS},
               count(*) FILTER (WHERE is_conflict) AS conflicts, count(verdict) AS verdicts
        FROM labels GROUP BY 1, 2 ORDER BY positive DESC, finding""",
    "targets": """
        SELECT finding, split, count(*) FILTER (WHERE given_target >= 0.5) AS given_positive, count(given_target) AS given_known,
               count(*) FILTER (WHERE cleaned_target >= 0.5) AS cleaned_positive, count(cleaned_target) AS cleaned_known
        FROM curated GROUP BY 1, 2 ORDER BY 1, 2""",
    "issues": """
        SELECT finding, count(*) AS judged, count(*) FILTER (WHERE is_label_issue) AS issues,
               count(*) FILTER (WHERE is_label_issue AND given_label = 'POSITIVE') AS doubted_positive
        FROM label_issues GROUP BY 1 ORDER BY issues DESC, finding""",
    "annotators": """
        SELECT annotator, count(DISTINCT image_id) AS films, count(DISTINCT finding) AS findings,
               count(*) FILTER (WHERE state <> 'UNMENTIONED') AS stated
        FROM annotations GROUP BY 1 ORDER BY 1""",
    "meanings": """
        SELECT finding, annotator, CASE WHEN grade = 'weak' THEN 'UNCERTAIN, weak' ELSE state END AS state, n, p_present
        FROM annotator_states ORDER BY ALL""",
    "scores": """
        SELECT finding, metric, trained_on, estimate, ci_low, ci_high, n_positive, n_negative, truth, n_seeds
        FROM scores WHERE subgroup = 'all' ORDER BY metric, finding, trained_on""",
    "published_models": """
        SELECT model, score_kind, checkpoint_sha256, metric, finding, estimate, ci_low, ci_high, n_positive, n_negative
        FROM published_model_scores WHERE subgroup = 'all' AND metric IN ('auroc', 'auprc') ORDER BY model, metric, finding""",
    "subgroups": """
        SELECT subgroup, subgroup_value, trained_on, estimate, ci_low, ci_high FROM scores
        WHERE subgroup <> 'all' AND finding = 'macro' AND metric = 'auroc' AND trained_on = 'cleaned' ORDER BY 1, 2""",
}
NEEDS = (
    "files", "instances", "reports", "decodings", "images", "exclusions", "groups", "mentions", "annotations", "labels", "annotator_states",
    "agreement", "reliability", "pred_probs", "label_issues", "verdicts", "splits", "split_checks", "scores", "subgroup_gaps",
    "published_model_scores",
)  # fmt: skip


def gather(home: Home) -> dict[str, Rows]:
    """Rows of every query by its name."""
    return {name: home.sql(query).to_pylist() for name, query in QUERIES.items()}


def unaccounted(facts: dict[str, Rows]) -> int:
    """DICOM files that are neither kept films nor in `exclusions`; 0 in a sound home."""
    totals = facts["totals"][0]
    return int(totals["dicom"] - totals["kept"] - sum(row["dicom"] for row in facts["removed"]))
