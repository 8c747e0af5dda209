"""Which lines of letters may stay on a film: side, view and position markers. Every other line is painted over, read or not.

Tesseract (Debian: tesseract-ocr) reads the lines; without it no marker is known and all lines are painted over. It is called by its
standard streams, as the crops may show a name: a wrapper that hands over files would leave them on the disk when it is killed. What was
read is decided here and forgotten; it never leaves this module.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.base.images import Film, encode
from pipeline.base.wordlists import words_of
from pipeline.decode.lettering import Line, find_lines, is_beside

Grey = TypeVar("Grey", npt.NDArray[np.uint8], npt.NDArray[np.uint16])
MARKERS = Path(__file__).with_name("markers.txt")
_READ_HEIGHT_PX = 48  # capital letters of 30 to 40 px are read best
# Around a line, above and beside, in heights of it: a first or last letter may have been missed.
_ABOVE, _BESIDE = 0.4, 1.0
_TIMEOUT_S = 20
# Letters of a piece that goes on a line, and how far beside it, in heights.
_FEWEST_LEFT, _REACH = 2, 6.0
_WORD = re.compile(r"\w+")
# What a line may have beside a marker: a technologist's initials, and two numbers of two digits.
_INITIALS, _DIGITS, _NUMBERS = 3, 2, 2
# In heights: five letters, which could be a name, are longer.
_SHORT = 3.5


def unwanted_lines(film: Film) -> list[Line]:
    """Lines of letters that are no markers, and what is left beside them when they are painted over: the rest of a name."""
    lines = [line for line in find_lines(film) if not _is_harmless(film, line)]
    remains = find_lines(cover(film, lines, 1.0), _FEWEST_LEFT) if lines else []
    return [*lines, *(one for one in remains if any(is_beside(line, one, _REACH, 0.5, 0.5) for line in lines))]


def cover(film: Grey, lines: Sequence[Line], scale: float) -> Grey:
    """Paint over lines with the grey level around them.

    Args:
        film: shape (height, width).
        lines: in pixels of a film `scale` times as long.
        scale: longer side of the lines' film over that of `film`.

    Returns:
        A copy.
    """
    covered = film.copy()
    for line in lines:
        page, painted = _page(film, line), _page(covered, line)
        painted[_around(page, line, scale, _ABOVE)] = np.median(page[_around(page, line, scale, 1.0)])
    return covered


def is_marker(text: str) -> bool:
    """Whether a line has a marker and beside it no more than initials and two short numbers."""
    words = _WORD.findall(text.upper())
    others = [word for word in words if word not in _markers()]
    numbers = [word for word in others if word.isdigit()]
    initials = [word for word in others if word not in numbers]
    return (
        len(others) < len(words)
        and len(numbers) <= _NUMBERS
        and all(len(word) <= _DIGITS for word in numbers)
        and len(initials) <= 1
        and all(len(word) <= _INITIALS and word.isascii() and word.isalpha() for word in initials)
    )


def _is_harmless(film: Film, line: Line) -> bool:
    """Whether a line is a marker, read from either side, or too short for more than the few letters that it reads as from both."""
    as_is = _read(film, line, is_turned=False)
    if is_marker(as_is):
        return True
    turned = _read(film, line, is_turned=True)
    is_short = line.right - line.left < _SHORT * (line.bottom - line.top)
    return is_marker(turned) or (is_short and 0 < max(sum(map(len, _WORD.findall(text))) for text in (as_is, turned)) <= _INITIALS)


@cache
def _markers() -> frozenset[str]:
    return words_of(MARKERS)


def _page(film: Grey, line: Line) -> Grey:
    """A view of the film on which the line is horizontal."""
    return film.T if line.is_upright else film


def _around(film: npt.NDArray[Any], line: Line, scale: float, above: float) -> tuple[slice, slice]:
    """Rows and columns of a line, with a margin above and below in heights of it, and _BESIDE beside it."""
    height = line.bottom - line.top
    top, left = (max(int((edge - grown * height) / scale), 0) for edge, grown in ((line.top, above), (line.left, _BESIDE)))
    bottom, right = (int(np.ceil((edge + grown * height) / scale)) for edge, grown in ((line.bottom, above), (line.right, _BESIDE)))
    return slice(top, min(bottom, film.shape[0])), slice(left, min(right, film.shape[1]))


def _read(film: Film, line: Line, is_turned: bool) -> str:
    """What stands there, or does when the film is turned round; empty without tesseract, and where it finds nothing or takes too long."""
    program = tesseract()
    if program is None:
        return ""
    page = _page(film, line)
    crop = page[_around(page, line, 1.0, _ABOVE)]
    crop = np.flip(crop, 0) if line.is_upright else crop  # a transpose is a mirror
    crop = np.rot90(crop, 2) if is_turned else crop
    grow = _READ_HEIGHT_PX / (line.bottom - line.top)
    dark_on_light = crop if line.is_dark else np.asarray(255 - crop, np.uint8)
    large = cv2.resize(dark_on_light, None, fx=grow, fy=grow, interpolation=cv2.INTER_CUBIC)
    try:
        read = subprocess.run(
            [program, "stdin", "stdout", "--psm", "7", "-l", "eng"],
            input=encode(np.asarray(large, np.uint8)),
            capture_output=True,
            timeout=_TIMEOUT_S,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return ""
    return read.stdout.decode("utf-8", "replace") if read.returncode == 0 else ""


@cache
def tesseract() -> str | None:
    """The program, None where it is not installed."""
    return shutil.which("tesseract")
