"""Stage decode: pixels to Parquet, shard by shard. A file that was decoded with these settings is not decoded again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow.parquet as pq

from pipeline.base.errors import HomeError
from pipeline.base.interfaces import StageResult
from pipeline.base.locations import is_there, located
from pipeline.base.provenance import digest
from pipeline.base.settings import Settings
from pipeline.base.storage import Home
from pipeline.decode import wording
from pipeline.decode.film import DECODER_VERSION
from pipeline.decode.shards import Candidate, update_shard
from pipeline.decode.workers import open_pool

__all__ = ["run"]
_CHOICES = {"size_px", "intensity", "window", "depth_bits", "codec", "jpeg_quality", "reduced_resolution", "max_megapixels"}
_NO_TESSERACT = (
    "tesseract is not installed, so markers on films cannot be read and are painted over like all letters (Debian: tesseract-ocr)"
)


def run(home: Home, settings: Settings, shards: Sequence[int] | None = None) -> StageResult:
    """Bring `decodings` and `images` up to date with `instances`, in all shards or in some.

    Raises:
        HomeError: the export moved away since `collect`.
    """
    candidates = _candidates(home, settings)
    counts: Counter[str] = Counter()
    _drop_other_shards(home, settings.decode.shards)
    with open_pool(settings.decode) as pool:
        for shard in range(settings.decode.shards) if shards is None else shards:
            counts.update(update_shard(home, pool, settings.decode, shard, candidates.get(shard, [])))
    return StageResult(
        {"candidates": sum(counts[outcome] for outcome in ("decoded", "resent", "conflicting", "failed")), **dict(sorted(counts.items()))},
        () if wording.tesseract() else (_NO_TESSERACT,),
    )


def _fingerprint(settings: Settings, in_full: bool) -> str:
    """Of all that changes a stored film."""
    choices = settings.decode.model_dump(include=_CHOICES)
    return digest(choices | {"version": DECODER_VERSION, "reads_text": wording.tesseract() is not None, "in_full": in_full})[:16]


def _candidates(home: Home, settings: Settings) -> dict[int, list[Candidate]]:
    """Single-frame greyscale radiographs by shard, by path: the first file of a film is the film.

    A film that several files hold is decoded in full, so that pixels of different transfer syntaxes can be compared.
    """
    export = (home.private / "export").read_text()
    paths = dict(zip(*(column.to_pylist() for column in pq.read_table(home.private / "paths.parquet").columns), strict=True))
    digests = dict(zip(*(column.to_pylist() for column in home.read("files", ["file_id", "content_digest"]).columns), strict=True))
    rows = [row for row in home.read("instances").to_pylist() if _is_film(row, settings)]
    copies = Counter(row["image_id"] for row in rows)
    can_reduce = settings.decode.reduced_resolution and settings.decode.size_px > 0
    fingerprints = {in_full: _fingerprint(settings, in_full) for in_full in (False, True)}
    found: dict[int, list[Candidate]] = {}
    for row in rows:
        file_id, image_id = row["file_id"], row["image_id"]
        in_full = can_reduce and copies[image_id] > 1
        path = paths[file_id]
        candidate = Candidate(
            file_id, image_id, digests[file_id], path, located(export, settings.collect.source, path), in_full, fingerprints[in_full]
        )
        found.setdefault(row["shard"], []).append(candidate)
    if not is_there(export):
        raise HomeError("the export folder is no longer where collect found it", "run again with the folder's present place")
    return {shard: sorted(rows, key=lambda row: row.relative) for shard, rows in found.items()}


def _is_film(row: dict[str, Any], settings: Settings) -> bool:
    single = row["number_of_frames"] == 1 and row["samples_per_pixel"] in (1, None)
    grey = row["photometric_interpretation"] in (None, "MONOCHROME1", "MONOCHROME2")
    # A film that admits to a name in its pixels leaves the set, and its pixels are not stored at all.
    named = row["burned_in_annotation"] == "YES"
    return bool(single and grey and not named and row["has_pixel_data"] and row["modality"] in settings.exclude.modalities)


def _drop_other_shards(home: Home, shards: int) -> None:
    """After `decode.shards` was lowered, films live elsewhere."""
    wanted = {f"shard-{shard:03d}" for shard in range(shards)}
    for name in ("images", "decodings"):
        for part in home.parts(name):
            if part.parent.name not in wanted:
                part.unlink()
