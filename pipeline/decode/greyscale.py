"""From stored values to what a viewer shows: the grey scale pipeline of DICOM PS3.3 C.11 and PS3.4 N.2, as one lookup table.

All steps before the resize act on single pixels, so they are evaluated once for every stored value and applied by indexing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut

Floats = npt.NDArray[np.float64]
FULL = 65535


def display_table(dataset: Dataset, lowest: int, highest: int) -> npt.NDArray[np.uint16]:
    """What each stored value from `lowest` to `highest` looks like.

    Args:
        dataset: header with the modality and VOI transformations.
        lowest: smallest stored value, in the pixels' own sign.
        highest: largest stored value.

    Returns:
        Shape (highest - lowest + 1,), 0 black to 65535 white; MONOCHROME1 is turned round (C.7.6.3.1.2).
    """
    stored = np.arange(lowest, highest + 1)
    shown = voi(dataset, np.asarray(apply_modality_lut(stored, dataset), np.float64))
    if str(dataset.get("PhotometricInterpretation", "")).strip().upper() == "MONOCHROME1":
        shown = 1.0 - shown
    return np.asarray(np.rint(shown * FULL), np.uint16)


def voi(dataset: Dataset, values: Floats) -> Floats:
    """VOI LUT, else the first window, else the full range of `values` (C.11.2), to 0-1."""
    luts = dataset.get("VOILUTSequence")
    if luts:
        return _lut(luts[0], values)
    centre, width = _first(dataset.get("WindowCenter")), _first(dataset.get("WindowWidth"))
    if centre is not None and width is not None and np.isfinite([centre, width]).all() and width > 0:
        return window(values, centre, width, str(dataset.get("VOILUTFunction") or "LINEAR").strip().upper())
    return window(values, *_full_range(values), "LINEAR_EXACT")


def window(values: Floats, centre: float, width: float, function: str) -> Floats:
    """C.11.2.1.2 (LINEAR) and C.11.2.1.3 (SIGMOID, LINEAR_EXACT), to 0-1."""
    if function == "SIGMOID":
        return np.asarray(1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - centre) / width, -700, 700))), np.float64)
    if function == "LINEAR" and width > 1:
        return np.asarray(np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0.0, 1.0), np.float64)
    if function == "LINEAR":  # width 1 is a threshold
        return np.asarray(values > centre - 0.5, np.float64)
    return np.asarray(np.clip((values - centre) / width + 0.5, 0.0, 1.0), np.float64)


def _lut(item: Dataset, values: Floats) -> Floats:
    """C.11.2.1.1: values below the first mapped one take the first entry, values above the last the last."""
    entries, first, bits = (int(value) for value in item.LUTDescriptor)
    entries = entries or 2**16
    table = np.asarray(_words(item.LUTData, entries, bits), np.float64)
    if np.any(values < 0) and first > 2**15 - 1:  # a US descriptor of signed values
        first -= 2**16
    index = np.clip(np.rint(values).astype(np.int64) - first, 0, len(table) - 1)
    return np.asarray(table[index] / (2**bits - 1), np.float64).clip(0.0, 1.0)


def _words(data: Any, entries: int, bits: int) -> Any:
    if isinstance(data, bytes):
        return np.frombuffer(data, "<u2" if len(data) >= 2 * entries else "u1")[:entries]
    return list(data)[:entries]


def _full_range(values: Floats) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (low + high) / 2, max(high - low, 1.0)


def _first(value: Any) -> float | None:
    if value is None or value == "":
        return None
    try:
        return float(value[0] if hasattr(value, "__len__") and not isinstance(value, str) else value)
    except (TypeError, ValueError, IndexError):
        return None
