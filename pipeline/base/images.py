"""A film as an array and as PNG or JPEG bytes. What the grey values mean is decided by `decode`; here they are only carried."""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.base.errors import TableError

Film = npt.NDArray[np.uint8]
Codec = Literal["png", "jpeg"]
SUFFIXES: dict[str, str] = {"png": ".png", "jpeg": ".jpg"}
# 65535 / 257 = 255: the exact scale between 16 and 8 bits. An odd divisor leaves no ties to round.
_EIGHT = ((np.arange(65536) + 128) // 257).astype(np.uint8)
# Runs of a Sub-filtered film: as small as zlib's level 5 on films, in 40 % of its time.
_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE)


def encode(film: npt.NDArray[Any], codec: Codec = "png", jpeg_quality: int = 95) -> bytes:
    """A greyscale PNG (lossless) or JPEG of an array of shape (height, width), uint8, or uint16 as PNG.

    Raises:
        TableError: the array cannot be encoded so.
    """
    if film.ndim != 2 or film.dtype not in ((np.uint8, np.uint16) if codec == "png" else (np.uint8,)):
        raise TableError(
            f"a film of shape {film.shape} and type {film.dtype} is no greyscale {codec}", "report this: decode made an odd array"
        )
    done, buffer = cv2.imencode(SUFFIXES[codec], film, _PNG if codec == "png" else (cv2.IMWRITE_JPEG_QUALITY, jpeg_quality))
    if not done:
        raise TableError(f"a film of shape {film.shape} cannot be encoded", "report this: decode made an odd array")
    return buffer.tobytes()


def decode(pixels: bytes) -> npt.NDArray[Any]:
    """The array, shape (height, width), uint8 or uint16, of a stored film.

    Raises:
        TableError: the bytes are no picture.
    """
    film = cv2.imdecode(np.frombuffer(pixels, np.uint8), cv2.IMREAD_UNCHANGED)
    if film is None or film.ndim != 2:
        raise TableError("a stored film is no greyscale picture", "delete HOME/tables/images and run again")
    return np.asarray(film)


def eight_bits(film: npt.NDArray[Any]) -> Film:
    """Grey levels 0-255 of a film of 8 or 16 bits."""
    return np.asarray(film if film.dtype == np.uint8 else cv2.LUT(film, _EIGHT), np.uint8)


def decode_eight_bits(pixels: bytes) -> Film:
    """`decode` and `eight_bits`: what training and people look at, whatever depth is stored."""
    return eight_bits(decode(pixels))


def resize_square(film: Film, size_px: int) -> Film:
    """Stretch to (size_px, size_px) by area averaging, as training sees it."""
    return np.asarray(cv2.resize(film, (size_px, size_px), interpolation=cv2.INTER_AREA), np.uint8)
