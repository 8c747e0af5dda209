"""One file to one film: decode, grey scale, resize, hash. Runs in a worker process, knows nothing of tables."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset

from pipeline.base.images import Film, encode_png
from pipeline.decode import wording
from pipeline.decode.greyscale import display_table

DECODER_VERSION = "2"
THUMBNAIL_PX = 32
_SAMPLE_STRIDE = 4
# Letters that can be read on the stored film can be found on one so many times as long.
_LEGIBLE = 2


@dataclass(frozen=True, slots=True)
class Decoded:
    """A film as it will be stored; `pixel_digest` is of the source pixels and not yet keyed."""

    png: bytes
    width_px: int
    height_px: int
    source_width_px: int
    source_height_px: int
    pixel_spacing_mm: float | None
    pixel_digest: bytes
    thumbnail: bytes
    difference_hash: int
    mean_level: float
    std_level: float
    source_levels: int
    n_text_lines: int


class FilmError(Exception):
    """A file without a usable film; `reason` is its reason code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __reduce__(self) -> tuple[type[FilmError], tuple[str]]:
        return type(self), (self.reason,)


def decode_film(path: Path, size_px: int, max_megapixels: float) -> Decoded:
    """Decode one single-frame greyscale DICOM file.

    Args:
        path: the file.
        size_px: longer side of the stored film; a smaller film is not enlarged.
        max_megapixels: a larger declaration is refused before anything is decoded.

    Raises:
        FilmError: too_large, unsupported_transfer_syntax, truncated_pixels, undecodable_pixels, text_remains.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with path.open("rb") as file:
                dataset = pydicom.dcmread(file, force=True)
            stored = _stored_values(dataset, max_megapixels)
            shown = _shown(dataset, stored)
    except FilmError:
        raise
    except MemoryError as error:
        raise FilmError("too_large") from error
    # Untrusted bytes can make a parser fail in any way; all of them mean the same for the run.
    except Exception as error:
        raise FilmError("undecodable_pixels") from error
    film, n_text_lines = _without_text(_eight_bits(_shrink(shown, size_px)), _eight_bits(_shrink(shown, _LEGIBLE * size_px)))
    thumbnail = cv2.resize(film, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA)
    height, width = stored.shape
    return Decoded(
        png=encode_png(film),
        width_px=film.shape[1],
        height_px=film.shape[0],
        source_width_px=width,
        source_height_px=height,
        pixel_spacing_mm=_spacing(dataset, height / film.shape[0]),
        pixel_digest=hashlib.sha256(f"{stored.dtype.str}{stored.shape}".encode() + np.ascontiguousarray(stored).tobytes()).digest(),
        thumbnail=np.asarray(thumbnail, np.uint8).tobytes(),
        difference_hash=difference_hash(film),
        mean_level=float(film.mean()),
        std_level=float(film.std()),
        source_levels=len(np.unique(stored[::_SAMPLE_STRIDE, ::_SAMPLE_STRIDE])),
        n_text_lines=n_text_lines,
    )


def difference_hash(film: Film) -> int:
    """64-bit dHash: is each of 8 x 8 cells darker than its right neighbour (Krawetz 2013)."""
    cells = cv2.resize(film, (9, 8), interpolation=cv2.INTER_AREA).astype(np.int16)
    return int.from_bytes(np.packbits(cells[:, :-1] < cells[:, 1:]).tobytes(), "big")


def _stored_values(dataset: Dataset, max_megapixels: float) -> npt.NDArray[Any]:
    rows, columns = int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)
    if rows < 1 or columns < 1:
        raise FilmError("undecodable_pixels")
    if rows * columns > max_megapixels * 1e6:
        raise FilmError("too_large")
    syntax = dataset.file_meta.get("TransferSyntaxUID") if hasattr(dataset, "file_meta") else None
    if syntax is None:  # PS3.10 demands it; implicit little endian is the default of PS3.5 section 10
        dataset.ensure_file_meta()
        dataset.file_meta.TransferSyntaxUID = syntax = pydicom.uid.ImplicitVRLittleEndian
    if not dataset.get("PixelData"):
        raise FilmError("truncated_pixels")
    try:
        stored = np.asarray(dataset.pixel_array)
    except NotImplementedError as error:
        raise FilmError("unsupported_transfer_syntax") from error
    except MemoryError:
        raise
    except Exception as error:  # a decoder fails in ways of its own
        raise FilmError("truncated_pixels" if _is_short(dataset, syntax, error) else "undecodable_pixels") from error
    if stored.ndim != 2:
        raise FilmError("undecodable_pixels")
    return stored


def _is_short(dataset: Dataset, syntax: Any, error: Exception) -> bool:
    if not syntax.is_encapsulated:
        expected = int(dataset.Rows) * int(dataset.Columns) * max(int(dataset.get("BitsAllocated") or 8) // 8, 1)
        return len(dataset.get("PixelData") or b"") < expected
    words = str(error).lower()
    return any(word in words for word in ("truncat", "end of", "not enough", "insufficient", "eof", "too short", "actual length"))


def _shown(dataset: Dataset, stored: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
    lowest, highest = int(stored.min()), int(stored.max())
    table = display_table(dataset, lowest, highest)
    shown = table[stored.astype(np.int32) - lowest]
    padding = dataset.get("PixelPaddingValue")
    if padding is not None:
        limit = dataset.get("PixelPaddingRangeLimit", padding)
        low, high = sorted((int(padding), int(limit)))
        shown[(stored >= low) & (stored <= high)] = 0
    return np.asarray(shown, np.uint16)


def _eight_bits(shown: npt.NDArray[np.uint16]) -> Film:
    # 65535 / 257 = 255: the exact scale between 16 and 8 bits.
    return np.asarray(np.rint(shown.astype(np.float64) / 257.0), np.uint8)


def _without_text(film: Film, larger: Film) -> tuple[Film, int]:
    """The film without lines of letters that are no markers, and how many there were; they are looked for on a larger one."""
    lines = wording.unwanted_lines(larger)
    if not lines:
        return film, 0
    if wording.unwanted_lines(wording.cover(larger, lines, 1.0)):
        raise FilmError("text_remains")
    return wording.cover(film, lines, max(larger.shape) / max(film.shape)), len(lines)


def _shrink(shown: npt.NDArray[np.uint16], size_px: int) -> npt.NDArray[np.uint16]:
    height, width = shown.shape
    scale = size_px / max(height, width)
    if scale >= 1:
        return shown
    target = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(shown, target, interpolation=cv2.INTER_AREA), np.uint16)


def _spacing(dataset: Dataset, shrink: float) -> float | None:
    """Row spacing (PS3.3 10.7.1.3), following the resize."""
    value = dataset.get("PixelSpacing") or dataset.get("ImagerPixelSpacing")
    try:
        spacing = float(value[0]) * shrink if value else None
    except (TypeError, ValueError, IndexError):
        return None
    return spacing if spacing and np.isfinite(spacing) and spacing > 0 else None
