"""Stage exclude: what leaves the set, what is flagged, and the private ledger of every path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.base import tables
from pipeline.base.interfaces import RULES, StageResult
from pipeline.base.reports import READ_SECTIONS
from pipeline.base.settings import Settings
from pipeline.base.storage import Home
from pipeline.exclude.decide import apply_rules, ledger
from pipeline.exclude.film_checks import check_films
from pipeline.exclude.manifest import write_manifest

__all__ = ["run"]
_BATCH = 4_096
_FIELD = ("field_left", "field_top", "field_right", "field_bottom")


def run(home: Home, settings: Settings) -> StageResult:
    """Check the pixels, apply every rule, and write `film_checks`, `exclusions`, `manifest` and HOME/private/files.parquet."""
    files = facts(home)
    is_checked = files["positive"].notna()
    home.write("film_checks", pa.Table.from_pandas(files.loc[is_checked, list(tables.BY_NAME["film_checks"].names)], preserve_index=False))
    exclusions = apply_rules(files, dict(RULES), settings)
    home.write("exclusions", pa.Table.from_pandas(exclusions, preserve_index=False))
    paths = pq.read_table(home.private / "paths.parquet").to_pandas()
    private = ledger(files, exclusions, paths)
    home.write("private_files", pa.Table.from_pandas(private, preserve_index=False))
    write_manifest(home, private)
    removed = exclusions[exclusions["action"] != "flag"]
    flagged = exclusions[exclusions["action"] == "flag"]
    return StageResult(
        {
            "kept_films": int((private["disposition"] == "image").sum()),
            **{f"removed_{reason}": count for reason, count in sorted(Counter(removed["reason"]).items())},
            **{f"flagged_{reason}": count for reason, count in sorted(Counter(flagged["reason"]).items())},
        }
    )


def facts(home: Home) -> pd.DataFrame:
    """One row a file: `files`, with header, decoding, film, pixel and report facts joined; absent facts are null."""
    words = pd.DataFrame(_words(home), columns=["study_id", "report_words"]).drop_duplicates("study_id")
    instances = home.read("instances").to_pandas().drop(columns="image_id")
    decodings = home.read("decodings", ["file_id", "outcome", "reason"]).to_pandas().rename(columns={"reason": "decode_reason"})
    films = home.read("images", ["file_id", "std_level", "source_levels", "n_text_lines", "thumbnail", *_FIELD]).to_pandas()
    files: pd.DataFrame = home.read("files").to_pandas()
    for other in (instances.assign(has_header=True), decodings, films):
        files = files.merge(other, on="file_id", how="left")
    files = files.merge(words, on="study_id", how="left")
    files["has_header"] = files["has_header"].eq(True)
    files["is_film"] = files["outcome"].eq("decoded")
    return files.join(check_films(files[files["is_film"] & files["std_level"].gt(0)]))


def _words(home: Home) -> Iterator[tuple[str, int]]:
    """Study and number of words in the sections that are read, of each report; few reports are Python objects at a time."""
    for batch in home.read("reports", ["study_id", "text", "sections"]).to_batches(_BATCH):
        for row in batch.to_pylist():
            if row["study_id"]:
                read = (row["text"][s["start"] : s["end"]] for s in row["sections"] if s["name"] in READ_SECTIONS)
                yield row["study_id"], sum(len(text.split()) for text in read)
