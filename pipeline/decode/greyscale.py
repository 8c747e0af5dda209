"""From stored values to grey levels, as one lookup table: the pipeline of DICOM PS3.3 C.11 and PS3.4 N.2, or one made for training.

All steps before the resize act on single pixels, so they are evaluated once for every stored value and applied by indexing. Overlays are
another plane of the object (C.9.2) and are never drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Stored = npt.NDArray[Any]
Intensity = Literal["as_displayed", "robust", "clahe", "hist_equalised"]
FULL = 65535
ROBUST_PERCENTILES = (0.5, 99.5)
_SAMPLE_STRIDE = 4
_CHUNK_ROWS = 256
_LEVELS = 256


@dataclass(frozen=True, slots=True)
class GreyScale:
    """`table[i]` is what stored value `lowest + i` looks like, 0 black to 65535 white; `range_from` says where its range is from."""

    lowest: int
    table: npt.NDArray[np.uint16]
    range_from: str

    def apply(self, stored: Stored) -> npt.NDArray[np.uint16]:
        """Grey levels of stored values, 8 or 16 bits, all of them at least `lowest`; same shape."""
        size = 2 ** (8 * stored.itemsize)
        whole = np.zeros(size, np.uint16)
        whole[np.arange(self.lowest, self.lowest + len(self.table)) % size] = self.table
        return np.asarray(cv2.LUT(stored.view(f"u{stored.itemsize}"), whole), np.uint16)


def grey_scale(header: Dataset, stored: Stored, intensity: Intensity, window_name: str = "") -> GreyScale:
    """The table of one film.

    Args:
        header: with the modality and VOI transformations, polarity and padding.
        stored: values, shape (rows, columns).
        intensity: `as_displayed`: the VOI LUT or window of the header, else the full range. `robust`, and `clahe` before its local step:
            percentiles 0.5 to 99.5 of the modality values of every fourth pixel of every fourth row. `hist_equalised`: the full range in
            256 levels, equalised, as MIMIC-CXR-JPG was made (Johnson et al. 2019, arXiv 1901.07042).
        window_name: explanation of the window or VOI LUT to take where the header has several; the first one otherwise.

    Returns:
        Padding (C.7.5.1.1.2) is black and counts for no range; MONOCHROME1 and Presentation LUT Shape INVERSE are turned round.
    """
    lowest, counts = _histogram(header, stored, intensity)
    values = modality_values(header, lowest, lowest + len(counts) - 1)
    padding = _padding(header, lowest, len(counts))
    seen = counts * ~padding
    if not seen.any():  # a film of padding alone
        seen = counts
    if intensity == "as_displayed":
        levels, range_from = voi(header, values, seen > 0, window_name)
    elif intensity == "hist_equalised":
        levels, range_from = _stretched(values, *_range(values, seen > 0)), "full_range"
    else:
        levels, range_from = _stretched(values, *_robust_range(values, seen)), "percentiles"
    if intensity == "hist_equalised":
        levels = _equalised(levels, seen, is_inverted(header))
    elif is_inverted(header):
        levels = 1.0 - levels
    table = np.asarray(np.rint(levels * FULL), np.uint16)
    table[padding] = 0
    return GreyScale(lowest, table, range_from)


def modality_values(header: Dataset, lowest: int, highest: int) -> Floats:
    """Modality LUT or rescale (C.11.1) of every stored value from `lowest` to `highest`, as pydicom applies it."""
    stored = np.arange(lowest, highest + 1)
    scale = [_number(header.get(keyword), 0) for keyword in ("RescaleSlope", "RescaleIntercept")]
    if "ModalityLUTSequence" not in header and None in scale:  # absent, empty or no number: there is no rescale
        return stored.astype(np.float64)
    return np.asarray(apply_modality_lut(stored, header), np.float64)


def voi(header: Dataset, values: Floats, seen: npt.NDArray[np.bool_], window_name: str = "") -> tuple[Floats, str]:
    """VOI LUT, else window, else the full range of the `seen` values (C.11.2), to 0-1, and which of them."""
    luts = header.get("VOILUTSequence")
    if luts:
        named = [lut for lut in luts if window_name and str(lut.get("LUTExplanation", "")).strip() == window_name]
        return _lut((named or luts)[0], values, ">" if header.original_encoding[1] is False else "<"), "voi_lut"
    centre, width = _chosen_window(header, window_name)
    if centre is not None and width is not None and np.isfinite([centre, width]).all() and width > 0:
        return window(values, centre, width, str(header.get("VOILUTFunction") or "LINEAR").strip().upper()), "window"
    return _stretched(values, *_range(values, seen)), "full_range"


def window(values: Floats, centre: float, width: float, function: str) -> Floats:
    """C.11.2.1.2 (LINEAR) and C.11.2.1.3 (SIGMOID, LINEAR_EXACT), to 0-1."""
    if function == "SIGMOID":
        return np.asarray(1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - centre) / width, -700, 700))), np.float64)
    if function == "LINEAR" and width > 1:
        return np.asarray(np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0.0, 1.0), np.float64)
    if function == "LINEAR":  # width 1 is a threshold
        return np.asarray(values > centre - 0.5, np.float64)
    return np.asarray(np.clip((values - centre) / width + 0.5, 0.0, 1.0), np.float64)


def is_inverted(header: Dataset) -> bool:
    """Whether the lowest value is white: MONOCHROME1 (C.7.6.3.1.2) or Presentation LUT Shape INVERSE (C.11.6), which say the same thing."""
    polarity, shape = (str(header.get(keyword, "")).strip().upper() for keyword in ("PhotometricInterpretation", "PresentationLUTShape"))
    return polarity == "MONOCHROME1" or shape == "INVERSE"


def _histogram(header: Dataset, stored: Stored, intensity: Intensity) -> tuple[int, Counts]:
    """Lowest stored value, and how many pixels have it and each following one; of a sample, or of the ends alone, where that is enough."""
    lowest, highest = (int(end) for end in cv2.minMaxLoc(stored)[:2])
    counts = np.zeros(highest - lowest + 1, np.int64)
    if intensity == "as_displayed" and "PixelPaddingValue" not in header and "ModalityLUTSequence" not in header:
        counts[[0, -1]] = 1
        return lowest, counts
    pixels = stored[::_SAMPLE_STRIDE, ::_SAMPLE_STRIDE] if intensity in ("robust", "clahe") else stored
    for start in range(0, len(pixels), _CHUNK_ROWS):  # bincount takes 8 bytes a pixel
        chunk = pixels[start : start + _CHUNK_ROWS].astype(np.int64) - lowest
        counts += np.bincount(chunk.ravel(), minlength=len(counts))
    return lowest, counts


def _padding(header: Dataset, lowest: int, count: int) -> npt.NDArray[np.bool_]:
    """Which of the stored values from `lowest` are Pixel Padding Value, or between it and Pixel Padding Range Limit."""
    value = _padding_value(header, "PixelPaddingValue")
    if value is None:
        return np.zeros(count, bool)
    limit = _padding_value(header, "PixelPaddingRangeLimit")
    low, high = sorted((value, value if limit is None else limit))
    stored = np.arange(lowest, lowest + count)
    return np.asarray((stored >= low) & (stored <= high), bool)


def _padding_value(header: Dataset, keyword: str) -> int | None:
    """A padding value in the pixels' own sign: some write -2000 as US, 63536."""
    number = _number(header.get(keyword), 0)
    if number is None:
        return None
    return int(number) - 2**16 if header.get("PixelRepresentation") == 1 and number >= 2**15 else int(number)


def _range(values: Floats, seen: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Lowest and highest of the values that occur."""
    return float(values[seen].min()), float(values[seen].max())


def _robust_range(values: Floats, seen: Counts) -> tuple[float, float]:
    order = np.argsort(values, kind="stable")
    shares = np.cumsum(seen[order]) / seen.sum() * 100
    low, high = (float(values[order][np.searchsorted(shares, percentile)]) for percentile in ROBUST_PERCENTILES)
    return low, high


def _stretched(values: Floats, low: float, high: float) -> Floats:
    return np.asarray(np.clip((values - low) / max(high - low, 1.0), 0.0, 1.0), np.float64)


def _equalised(levels: Floats, seen: Counts, inverted: bool) -> Floats:
    """Histogram equalisation of levels 0-1 in 256 steps, as OpenCV's equalizeHist does it for 8-bit pictures."""
    steps = (levels * (_LEVELS - 1)).astype(np.int64)
    steps = _LEVELS - 1 - steps if inverted else steps
    counts = np.bincount(steps, weights=seen, minlength=_LEVELS)
    first = int(np.flatnonzero(counts)[0])
    rest = counts.sum() - counts[first]
    if rest == 0:
        return np.asarray(steps / (_LEVELS - 1), np.float64)
    counts[first] = 0
    scale = np.float32(_LEVELS - 1) / np.float32(rest)
    return np.asarray(np.rint(np.cumsum(counts).astype(np.float32) * scale)[steps] / (_LEVELS - 1), np.float64)


def _lut(item: Dataset, values: Floats, order: str) -> Floats:
    """C.11.2.1.1: values below the first mapped one take the first entry, values above the last the last."""
    entries, first, bits = (int(value) for value in item.LUTDescriptor)
    entries = entries or 2**16
    table = np.asarray(_words(item.LUTData, entries, order), np.float64)
    if np.any(values < 0) and first > 2**15 - 1:  # a US descriptor of signed values
        first -= 2**16
    index = np.clip(np.rint(values).astype(np.int64) - first, 0, len(table) - 1)
    return np.asarray(table[index] / (2**bits - 1), np.float64).clip(0.0, 1.0)


def _words(data: Any, entries: int, order: str) -> Any:
    """LUT Data of VR US as pydicom has it, of VR OW in the byte order of its file, or a byte each."""
    if isinstance(data, bytes):
        return np.frombuffer(data, f"{order}u2" if len(data) >= 2 * entries else "u1")[:entries]
    return list(data)[:entries]


def _chosen_window(header: Dataset, name: str) -> tuple[float | None, float | None]:
    """Centre and width of the window so explained, of the first one otherwise."""
    names = [str(one).strip() for one in _several(header.get("WindowCenterWidthExplanation"))]
    at = names.index(name) if name and name in names else 0
    centre, width = (_number(header.get(keyword), at) for keyword in ("WindowCenter", "WindowWidth"))
    return centre, width


def _several(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str) or not hasattr(value, "__len__") else list(value)


def _number(value: Any, at: int) -> float | None:
    try:
        return float(_several(value)[at])
    except (TypeError, ValueError, IndexError):
        return None
