"""Lines of letters on a film, by their shapes: small strokes that stand out, of one height, side by side.

What the letters say and whether they may stay belongs to `wording.py`. Found are horizontal and upright lines, light on dark or dark on
light, of at least five glyphs: fewer cannot name a patient, and side markers have one or two.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.base.images import Film

Ints = npt.NDArray[np.int64]
# Glyphs of 6 to 30 px are looked for at each of these lengths of the longer side, so letters of 6 px on the smallest to 30 px on the film.
_SIDES_PX = (512, 1024, 2048)
_STROKE_PX = 11
_STANDS_OUT = 45
_HEIGHT_PX = (6, 30)
_WIDTH_PX = 34
_LEAST_AREA_PX = 6
_FULL = 0.9
LEAST_GLYPHS = 5
# In heights of the taller glyph: the gap to the next, the difference of the middles, and the least height of the smaller.
_GAP, _SHIFT, _SMALLER = 1.3, 0.4, 0.45
# Boxes that share so much of their height belong to one line.
_OVERLAP = 0.6
# Pieces up to so many heights beside a line belong to it.
_BESIDE = 2.0


@dataclass(frozen=True, slots=True)
class Line:
    """A line of letters: pixels `left` to `right` and `top` to `bottom`, ends not included; `is_dark` on light ground.

    An upright line is one of the film's transpose: what is called its left is at the top of the film.
    """

    left: int
    top: int
    right: int
    bottom: int
    is_dark: bool
    is_upright: bool = False


def find_lines(film: Film, least_glyphs: int = LEAST_GLYPHS) -> list[Line]:
    """Lines of so many letters on a film of shape (height, width), from left to right, the upright ones last."""
    longest = max(film.shape)
    if min(film.shape) < _HEIGHT_PX[0]:
        return []
    lines: list[Line] = []
    pieces: list[Line] = []
    for side in _SIDES_PX:
        if side > longest and side != _SIDES_PX[0]:
            break
        scale = min(side / longest, 1.0)
        small = cv2.resize(film, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else film
        for is_dark in (False, True):
            strokes = _strokes(np.asarray(255 - small if is_dark else small, np.uint8))
            for is_upright in (False, True):
                chains, strokes = _chains(strokes)
                for n_glyphs, box in chains:
                    line = _line(box, scale, film.T if is_upright else film, is_dark, is_upright)
                    (lines if n_glyphs >= least_glyphs else pieces).append(line)
                strokes = strokes[:, [1, 0, 3, 2, 4]]
    return [line for is_upright in (False, True) for line in _whole(lines, pieces, is_upright)]


def _whole(lines: list[Line], pieces: list[Line], is_upright: bool) -> list[Line]:
    """Lines of one direction, put together."""
    here, beside = ([one for one in found if one.is_upright == is_upright] for found in (lines, pieces))
    return _merged([_continued(line, beside) for line in _merged(here)])


def _continued(line: Line, pieces: list[Line]) -> Line:
    """The line with the pieces beside it, which are too short to be lines of their own."""
    beside = [piece for piece in pieces if is_beside(line, piece)]
    if not beside:
        return line
    longer = _around([line, *beside], line)
    return longer if longer == line else _continued(longer, pieces)


def is_beside(line: Line, piece: Line, reach: float = _BESIDE, smaller: float = _SMALLER, overlap: float = _OVERLAP) -> bool:
    """Whether a piece stands on a line, up to `reach` heights of it beside it, and shares so much of the lower one's height.

    The height of either is at least `smaller` of the other's.
    """
    height, other = line.bottom - line.top, piece.bottom - piece.top
    high = min(line.bottom, piece.bottom) - max(line.top, piece.top)
    gap = max(line.left, piece.left) - min(line.right, piece.right)
    is_alike = line.is_upright == piece.is_upright and smaller * height < other < height / smaller
    return is_alike and gap < reach * height and high > overlap * min(height, other)


def _merged(lines: list[Line]) -> list[Line]:
    """Lines as found at several sizes, and parts of one line, put together; gaps between letters look like letters of the other shade."""
    done: list[Line] = []
    for line in sorted(lines, key=lambda one: (one.left, one.top, one.right, one.bottom, one.is_dark)):
        joined = [one for one in done if _is_one(one, line)]
        done = [one for one in done if one not in joined]
        largest = max([*joined, line], key=lambda part: (part.right - part.left) * (part.bottom - part.top))
        done.append(_around([*joined, line], largest))
    return done


def _around(parts: list[Line], like: Line) -> Line:
    left, top = min(part.left for part in parts), min(part.top for part in parts)
    return replace(like, left=left, top=top, right=max(part.right for part in parts), bottom=max(part.bottom for part in parts))


def _is_one(one: Line, other: Line) -> bool:
    """Whether two boxes overlap, and by most of the lower one's height."""
    wide = min(one.right, other.right) - max(one.left, other.left)
    high = min(one.bottom, other.bottom) - max(one.top, other.top)
    return wide > 0 and high > _OVERLAP * min(one.bottom - one.top, other.bottom - other.top)


def _line(box: Ints, scale: float, page: Film, is_dark: bool, is_upright: bool) -> Line:
    left, top, right, bottom = (round(float(edge) / scale) for edge in box)
    return Line(left, top, min(right, page.shape[1]), min(bottom, page.shape[0]), is_dark, is_upright)


def _strokes(film: Film) -> Ints:
    """Light strokes: left, top, width, height, area, shape (n, 5)."""
    shown = cv2.morphologyEx(film, cv2.MORPH_TOPHAT, np.ones((_STROKE_PX, _STROKE_PX), np.uint8))
    _, mask = cv2.threshold(shown, _STANDS_OUT, 1, cv2.THRESH_BINARY)
    n_pixels = cv2.countNonZero(mask)
    if n_pixels < LEAST_GLYPHS * _LEAST_AREA_PX:
        return np.zeros((0, 5), np.int64)
    # Small labels are three times as fast, and enough for as many components as pixels.
    labels = cv2.CV_16U if n_pixels < 2**16 else cv2.CV_32S
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=labels)
    return np.asarray(stats[1:], np.int64)


def _chains(strokes: Ints) -> tuple[list[tuple[int, Ints]], Ints]:
    """How many glyphs each chain of neighbours has, and its left, top, right, bottom; and the strokes that are in no line."""
    left, _, width, height, area = strokes.T
    is_glyph = (height >= _HEIGHT_PX[0]) & (height <= _HEIGHT_PX[1]) & (width <= _WIDTH_PX)
    is_glyph &= (area >= _LEAST_AREA_PX) & (area <= _FULL * width * height + _HEIGHT_PX[0])
    places = np.flatnonzero(is_glyph)[np.argsort(left[is_glyph], kind="stable")]
    is_free, found = np.ones(len(strokes), bool), []
    for chain in _rows(strokes[places, :4]):
        box = strokes[places[chain], :4]
        found.append((len(chain), np.concatenate([box[:, :2].min(axis=0), (box[:, :2] + box[:, 2:]).max(axis=0)])))
        is_free[places[chain]] = len(chain) < LEAST_GLYPHS
    return found, strokes[is_free]


def _rows(glyphs: Ints) -> list[list[int]]:
    """Places of the glyphs of each chain of neighbours."""
    following = _following(glyphs)
    is_used = np.zeros(len(glyphs), bool)
    found = []
    for start in range(len(glyphs)):
        chain = []
        at = start
        while at >= 0 and not is_used[at]:
            is_used[at] = True
            chain.append(at)
            at = int(following[at])
        if chain:
            found.append(chain)
    return found


def _following(glyphs: Ints) -> Ints:
    """Place of the next glyph on the line, -1 for none, shape (n,)."""
    left, top, width, height = glyphs.T if len(glyphs) else np.zeros((4, 0), np.int64)
    middle = top + height / 2
    found = np.full(len(glyphs), -1)
    for place in range(len(glyphs) - 1):
        reach = left[place] + width[place] + _GAP * _HEIGHT_PX[1]
        others = np.arange(place + 1, int(np.searchsorted(left, reach, side="right")))
        tallest = np.maximum(height[place], height[others])
        gap = left[others] - left[place] - width[place]
        fits = (gap > -_HEIGHT_PX[0] / 2) & (gap < _GAP * tallest) & (np.abs(middle[others] - middle[place]) < _SHIFT * tallest)
        fits &= np.minimum(height[place], height[others]) > _SMALLER * tallest
        if fits.any():
            found[place] = others[fits][0]
    return found
