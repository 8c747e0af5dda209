"""A film as an array and as PNG bytes. What the grey values mean is decided by `decode`; here they are only carried."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.base.errors import TableError

Film = npt.NDArray[np.uint8]


def encode_png(film: Film) -> bytes:
    """Lossless 8-bit greyscale PNG of an array of shape (height, width).

    Raises:
        TableError: the array cannot be encoded.
    """
    done, buffer = cv2.imencode(".png", film, [cv2.IMWRITE_PNG_COMPRESSION, 4])
    if not done:
        raise TableError(f"a film of shape {film.shape} cannot be encoded", "report this: decode made an odd array")
    return buffer.tobytes()


def decode_png(png: bytes) -> Film:
    """The array, shape (height, width), of a stored film.

    Raises:
        TableError: the bytes are not a PNG.
    """
    film = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    if film is None:
        raise TableError("a stored film is not a PNG", "delete HOME/tables/images and run again")
    return np.asarray(film, np.uint8)


def resize_square(film: Film, size_px: int) -> Film:
    """Stretch to (size_px, size_px) by area averaging, as training sees it."""
    return np.asarray(cv2.resize(film, (size_px, size_px), interpolation=cv2.INTER_AREA), np.uint8)
