"""Stage decode: pixels to Parquet, shard by shard. A file that was decoded with these settings is not decoded again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import reduce
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.base.errors import ExportError, HomeError
from pipeline.base.interfaces import StageResult
from pipeline.base.locations import is_there, located
from pipeline.base.provenance import digest
from pipeline.base.settings import Settings
from pipeline.base.storage import ROW_GROUP, Home, parquet_pieces, put_down, side_by_side
from pipeline.decode import wording
from pipeline.decode.film import DECODER_VERSION
from pipeline.decode.shards import Candidate, update_shard
from pipeline.decode.workers import open_pool

__all__ = ["run"]
_CHOICES = {"size_px", "intensity", "window", "depth_bits", "codec", "jpeg_quality", "reduced_resolution", "max_megapixels"}
_DECIDING = ("number_of_frames", "samples_per_pixel", "photometric_interpretation", "burned_in_annotation", "has_pixel_data", "modality")
_BY_SHARD = """
    SELECT f.*, c.n > 1 AS is_copied FROM films f JOIN (SELECT image_id, count(*) AS n FROM films GROUP BY image_id) c USING (image_id)
    ORDER BY f.shard, f.path
"""
_NO_TESSERACT = (
    "tesseract is not installed, so markers on films cannot be read and are painted over like all letters (Debian: tesseract-ocr)"
)


def run(home: Home, settings: Settings, shards: Sequence[int] | None = None) -> StageResult:
    """Bring `decodings` and `images` up to date with `instances`, in all shards or in some.

    Raises:
        HomeError: the export moved away since `collect`.
        ExportError: not one film could be decoded.
    """
    if not is_there((home.private / "export").read_text()):
        raise HomeError("the export folder is no longer where collect found it", "run again with the folder's present place")
    counts: Counter[str] = Counter()
    _drop_other_shards(home, settings.decode.shards)
    with home.scratch() as scratch:
        films = _films(home, settings, scratch)
        with open_pool(settings.decode) as pool:
            for shard in range(settings.decode.shards) if shards is None else shards:
                counts.update(update_shard(home, pool, settings.decode, shard, _candidates(home, settings, films, shard)))
    if shards is None and not home.parts("images"):
        reasons = ", ".join(f"{name} {n}" for name, n in sorted(counts.items())) or "no file is a single-frame greyscale radiograph"
        raise ExportError(f"no film of this export could be decoded: {reasons}", "HOME/tables/decodings has the reason of each file")
    return StageResult(
        {"candidates": sum(counts[outcome] for outcome in ("decoded", "resent", "conflicting", "failed")), **dict(sorted(counts.items()))},
        () if wording.tesseract() else (_NO_TESSERACT,),
    )


def _fingerprint(settings: Settings, in_full: bool) -> str:
    """Of all that changes a stored film."""
    choices = settings.decode.model_dump(include=_CHOICES)
    return digest(choices | {"version": DECODER_VERSION, "reads_text": wording.tesseract() is not None, "in_full": in_full})[:16]


def _films(home: Home, settings: Settings, scratch: Path) -> Path:
    """Single-frame greyscale radiographs as a Parquet file, sorted by shard and path; few of them are in memory at a time.

    Returns:
        Of file_id, image_id, shard, content_digest, path, and whether another file holds the same film.
    """
    instances = home.pieces("instances", ["file_id", "image_id", "shard", *_DECIDING], ROW_GROUP)
    files = home.pieces("files", ["file_id", "content_digest"], ROW_GROUP)
    paths = parquet_pieces(home.private / "paths.parquet", ROW_GROUP)
    joined = (
        headers.filter(_is_film(headers, settings)).drop_columns(list(_DECIDING)).join(digests, "file_id").join(named, "file_id")
        for headers, digests, named in side_by_side("file_id", instances, files, paths)
    )
    films = put_down(joined, scratch / "films.parquet")
    return put_down(home.stream(_BY_SHARD, (), ROW_GROUP, beside={"films": films}), scratch / "by_shard.parquet")


def _is_film(instances: pa.Table, settings: Settings) -> pa.Array:
    single = pc.and_(pc.equal(instances["number_of_frames"], 1), pc.equal(pc.fill_null(instances["samples_per_pixel"], 1), 1))
    grey = pc.is_in(instances["photometric_interpretation"], pa.array([None, "MONOCHROME1", "MONOCHROME2"]))
    # A film that admits to a name in its pixels leaves the set, and its pixels are not stored at all.
    named = pc.equal(pc.fill_null(instances["burned_in_annotation"], "NO"), "YES")
    of_modality = pc.is_in(instances["modality"], pa.array(settings.exclude.modalities, pa.string()))
    return reduce(pc.and_, (single, grey, pc.invert(named), instances["has_pixel_data"], of_modality))


def _candidates(home: Home, settings: Settings, films: Path, shard: int) -> list[Candidate]:
    """Candidates of a shard by path: the first file of a film is the film.

    A film that several files hold is decoded in full, so that pixels of different transfer syntaxes can be compared.
    """
    export = (home.private / "export").read_text()
    can_reduce = settings.decode.reduced_resolution and settings.decode.size_px > 0
    fingerprints = {in_full: _fingerprint(settings, in_full) for in_full in (False, True)}
    found = []
    for row in pq.read_table(films, filters=pc.equal(pc.field("shard"), shard)).to_pylist():
        path, in_full = row["path"], can_reduce and row["is_copied"]
        place = located(export, settings.collect.source, path)
        found.append(Candidate(row["file_id"], row["image_id"], row["content_digest"], path, place, in_full, fingerprints[in_full]))
    return found


def _drop_other_shards(home: Home, shards: int) -> None:
    """After `decode.shards` was lowered, films live elsewhere."""
    wanted = {f"shard-{shard:03d}" for shard in range(shards)}
    for name in ("images", "decodings"):
        for part in home.parts(name):
            if part.parent.name not in wanted:
                part.unlink()
