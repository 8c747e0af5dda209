"""One file to one film: stored values, grey scale, resize, letters, codec, hash. Runs in a worker process, knows nothing of tables."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import xxhash
from pydicom.dataset import Dataset

from pipeline.base.errors import TableError
from pipeline.base.images import Film, eight_bits, encode
from pipeline.base.settings import Decode
from pipeline.decode import wording
from pipeline.decode.field import Field, exposed_field
from pipeline.decode.greyscale import GreyScale, grey_scale
from pipeline.decode.stored import FilmError, Source, Stored, read_source

__all__ = ["DECODER_VERSION", "Decoded", "FilmError", "decode_film", "difference_hash", "read_film"]
DECODER_VERSION = "5"
THUMBNAIL_PX = 32
_SAMPLE_STRIDE = 4
# Letters that can be read on the stored film can be found on one so many times as long.
_LEGIBLE = 2
# Contrast-limited adaptive histogram equalisation (Pizer et al. 1987; Zuiderveld 1994): slope of a tile's histogram, and tiles a side.
_CLAHE_LIMIT, _CLAHE_TILES = 2.0, 8
Shown = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Decoded:
    """A film as it will be stored; `pixel_digest` is of the source pixels and not yet keyed, levels are on the scale 0-255."""

    pixels: bytes
    width_px: int
    height_px: int
    source_width_px: int
    source_height_px: int
    pixel_spacing_mm: float | None
    range_from: str
    halvings: int
    pixel_digest: bytes
    thumbnail: bytes
    difference_hash: int
    mean_level: float
    std_level: float
    source_levels: int
    n_text_lines: int
    field: Field


def decode_film(path: Path, settings: Decode, in_full: bool = False) -> Decoded:
    """Decode one single-frame greyscale DICOM file, or a picture of a public archive.

    Args:
        path: the file.
        settings: size, grey scale, depth, codec and the largest film.
        in_full: JPEG 2000 is decoded at its full resolution whatever the settings say, so that its pixels can be compared.

    Raises:
        FilmError: text_remains, and all that `read_source` raises.
    """
    is_reduced = settings.reduced_resolution and settings.size_px and not in_full
    with _reading():
        source = read_source(path, settings.max_megapixels, _LEGIBLE * settings.size_px if is_reduced else None)
        scale = grey_scale(source.header, source.stored, settings.intensity, settings.window)
    try:
        return _film(source, scale, settings)
    except (MemoryError, TableError) as error:  # or a side that the codec does not take
        raise FilmError("too_large") from error
    except cv2.error as error:  # a film of a shape that OpenCV does not take, or no memory for it
        raise FilmError("too_large" if error.code == cv2.Error.StsNoMem else "undecodable_pixels") from error


def read_film(path: Path, settings: Decode) -> Film:
    """The film of one file at its full size in 8 bits, as it is shown to a model at once: nothing is stored, and letters stay.

    Args:
        path: DICOM, PNG or JPEG.
        settings: grey scale, and the largest film. A picture's grey values are its own.

    Raises:
        FilmError: as `decode_film`.
    """
    with _reading():
        source = read_source(path, settings.max_megapixels)
        return eight_bits(grey_scale(source.header, source.stored, settings.intensity, settings.window).apply(source.stored))


@contextmanager
def _reading() -> Iterator[None]:
    """Whatever goes wrong with a file as a FilmError, and no warnings."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except FilmError:
        raise
    except OSError as error:
        # A decoder tells of a broken stream by an OSError too, but only the system numbers its errors.
        raise FilmError("undecodable_pixels" if error.errno is None else "unreadable_now") from error
    except MemoryError as error:
        raise FilmError("too_large") from error
    # Untrusted bytes can make a parser fail in any way; all of them mean the same for the run.
    except Exception as error:
        raise FilmError("undecodable_pixels") from error


def _film(source: Source, scale: GreyScale, settings: Decode) -> Decoded:
    small, large = (_fitted(source.rows, source.columns, times * settings.size_px) for times in (1, _LEGIBLE))
    larger = _shrink(scale.apply(source.stored), large)
    shown, n_text_lines = _without_text(_shrink(larger, small), larger)
    if settings.intensity == "clahe":
        shown = np.asarray(cv2.createCLAHE(_CLAHE_LIMIT, (_CLAHE_TILES, _CLAHE_TILES)).apply(shown), np.uint16)
    film = eight_bits(shown)
    thumbnail = cv2.resize(film, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA)
    return Decoded(
        pixels=encode(shown if settings.depth_bits == 16 else film, settings.codec, settings.jpeg_quality),
        width_px=film.shape[1],
        height_px=film.shape[0],
        source_width_px=source.columns,
        source_height_px=source.rows,
        pixel_spacing_mm=_spacing(source.header, source.rows / film.shape[0]),
        range_from=scale.range_from,
        halvings=source.halvings,
        pixel_digest=_digest(source),
        thumbnail=np.asarray(thumbnail, np.uint8).tobytes(),
        difference_hash=difference_hash(film),
        mean_level=float(film.mean()),
        std_level=float(film.std()),
        source_levels=_levels(source.stored),
        n_text_lines=n_text_lines,
        field=exposed_field(film),
    )


def difference_hash(film: Film) -> int:
    """64-bit dHash: is each of 8 x 8 cells darker than its right neighbour (Krawetz 2013)."""
    cells = cv2.resize(film, (9, 8), interpolation=cv2.INTER_AREA).astype(np.int16)
    return int.from_bytes(np.packbits(cells[:, :-1] < cells[:, 1:]).tobytes(), "big")


def _digest(source: Source) -> bytes:
    """128 bits of XXH3, eight times as fast as SHA-256: it tells equal pixels, and is keyed before it is stored."""
    stored = np.ascontiguousarray(source.stored)
    whole = xxhash.xxh3_128(f"{stored.dtype.str}{stored.shape}".encode())
    whole.update(stored.data)
    return whole.digest()


def _levels(stored: Stored) -> int:
    sample = stored[::_SAMPLE_STRIDE, ::_SAMPLE_STRIDE].ravel()
    return int(np.count_nonzero(np.bincount(sample.astype(np.int64) - int(sample.min()))))


def _without_text(film: Shown, larger: Shown) -> tuple[Shown, int]:
    """The film without lines of letters that are no markers, and how many there were; they are looked for on a larger one."""
    searched = eight_bits(larger)
    lines = wording.unwanted_lines(searched)
    if not lines:
        return film, 0
    if wording.unwanted_lines(wording.cover(searched, lines, 1.0)):
        raise FilmError("text_remains")
    return wording.cover(film, lines, max(larger.shape) / max(film.shape)), len(lines)


def _fitted(rows: int, columns: int, size_px: int) -> tuple[int, int]:
    """Rows and columns with `size_px` on the longer side; as they are for 0 and where that is no less."""
    longest = max(rows, columns)
    if not size_px or longest <= size_px:
        return rows, columns
    return max(round(rows * size_px / longest), 1), max(round(columns * size_px / longest), 1)


def _shrink(shown: Shown, target: tuple[int, int]) -> Shown:
    """To `target` rows and columns by area averaging; halving is exact and eight times as fast, so it comes first."""
    while all(side % 2 == 0 and side >= 2 * wanted for side, wanted in zip(shown.shape, target, strict=True)):
        shown = np.asarray(cv2.resize(shown, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint16)
    if shown.shape == target:
        return shown
    return np.asarray(cv2.resize(shown, target[::-1], interpolation=cv2.INTER_AREA), np.uint16)


def _spacing(header: Dataset, shrink: float) -> float | None:
    """Row spacing (PS3.3 10.7.1.3), following the resize; None where the header has none that makes sense."""
    try:
        value: Any = header.get("PixelSpacing") or header.get("ImagerPixelSpacing")
        spacing = float(value[0]) * shrink if value else None
    except Exception:  # pydicom reads a value when it is asked for, and fails in many ways on a wrong one
        return None
    return spacing if spacing and np.isfinite(spacing) and spacing > 0 else None
