"""Films of a folder of pictures, by the name of their file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.base.errors import InputError
from pipeline.base.images import eight_bits

SUFFIXES = (".png", ".jpg", ".jpeg")


def index(folder: Path) -> dict[str, Path]:
    """File name without suffix -> file, for all PNG and JPEG files of a folder and the folders below it.

    Raises:
        InputError: there are none, or two have one name.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not paths:
        raise InputError(f"{folder.name} holds no PNG or JPEG films", "give the folder of pictures that the boxes were drawn on")
    found = {path.stem: path for path in paths}
    if len(found) < len(paths):
        raise InputError(
            f"{len(paths) - len(found)} films of {folder.name} bear the name of another", "keep each film once in the folder that is given"
        )
    return found


def read(path: Path) -> npt.NDArray[np.uint8]:
    """A film as grey levels, uint8 (height, width); colour planes, which some films of ChestX-ray14 have, become one.

    Raises:
        InputError: it is no picture.
    """
    film = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_ANYDEPTH) if path.stat().st_size else None
    if film is None:
        raise InputError(
            f"a film in {path.parent.name} is no picture that can be read", "copy the folder again; a whole file opens in any viewer"
        )
    return eight_bits(film)
