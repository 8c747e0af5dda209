"""Where anatomy meets pixels: polygons and strokes in body units on a float canvas.

Here belongs drawing as such. What is drawn (ribs, hearts, tubes) is said elsewhere. Body units: x is half the inner width of the chest,
0 the midline, negative the patient's right (left on the film); y grows downward, -1 is near the apex of the lung, +1 below the diaphragm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]
Lines = Sequence[Points] | Points
Group = tuple[Lines, float, float]
_SUBPIXEL_BITS = 4


@dataclass(frozen=True)
class Canvas:
    """A grid of pixels and the affine map (2, 3) from body units to them.

    Attributes:
        height, width: of the grid, in pixels.
        matrix: body units -> (column, row).
    """

    height: int
    width: int
    matrix: Points

    @classmethod
    def facing(cls, height: int, width: int, scale_px: float, centre: tuple[float, float], degrees: float) -> Canvas:
        """A canvas whose body origin lies at `centre` (fractions of width and height), turned by `degrees`."""
        cosine, sine = np.cos(np.radians(degrees)) * scale_px, np.sin(np.radians(degrees)) * scale_px
        matrix = np.array([[cosine, -sine, centre[0] * width], [sine, cosine, centre[1] * height]])
        return cls(height, width, matrix)

    def shrunk(self, factor: int) -> Canvas:
        """The same view on a grid `factor` times coarser."""
        return Canvas(-(-self.height // factor), -(-self.width // factor), self.matrix / factor)

    @property
    def scale_px(self) -> float:
        """Pixels in one body unit."""
        return float(np.hypot(self.matrix[0, 0], self.matrix[1, 0]))

    @cached_property
    def grid(self) -> tuple[Floats, Floats]:
        """Body x and y of every pixel, each of shape (height, width)."""
        inverse = cv2.invertAffineTransform(self.matrix)
        columns, rows = np.arange(self.width, dtype=np.float32), np.arange(self.height, dtype=np.float32)[:, None]
        x = inverse[0, 0] * columns + inverse[0, 1] * rows + inverse[0, 2]
        y = inverse[1, 0] * columns + inverse[1, 1] * rows + inverse[1, 2]
        return x.astype(np.float32), y.astype(np.float32)

    def blank(self) -> Floats:
        """Zeros."""
        return np.zeros((self.height, self.width), np.float32)

    def _fixed_point(self, points: Points) -> npt.NDArray[np.int32]:
        placed = points @ self.matrix[:, :2].T + self.matrix[:, 2]
        return np.asarray(np.rint(placed * 2**_SUBPIXEL_BITS), np.int32)

    def fill(self, *outlines: Points, blur: float = 0.0) -> Floats:
        """1 inside the outlines (each (n, 2)), 0 outside, with an edge blurred by `blur` body units."""
        mask = np.zeros((self.height, self.width), np.uint8)
        for outline in outlines:
            cv2.fillPoly(mask, [self._fixed_point(outline)], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        return soften(mask.astype(np.float32) / 255, blur * self.scale_px)

    def strokes(self, groups: Sequence[Group], blur: float = 0.0) -> Floats:
        """Groups of lines, each with a width (body units) and a level (0-1); a later group covers an earlier one.

        No line is thinner than a pixel.
        """
        mask = np.zeros((self.height, self.width), np.uint8)
        for lines, width, level in groups:
            placed = list(self._fixed_point(lines)) if isinstance(lines, np.ndarray) else [self._fixed_point(line) for line in lines]
            thick = max(1, round(width * self.scale_px))
            cv2.polylines(mask, placed, False, round(255 * level), thick, cv2.LINE_AA, _SUBPIXEL_BITS)
        return soften(mask.astype(np.float32) / 255, blur * self.scale_px)

    def stroke(self, lines: Lines, width: float, blur: float = 0.0) -> Floats:
        """Lines of one width (body units) at level 1."""
        return self.strokes([(lines, width, 1.0)], blur)

    def blob(self, at: tuple[float, float], radii: tuple[float, float], power: float = 2.0) -> Floats:
        """A bump of height 1 at `at`: exp(-r**power) with r in units of `radii`; a high power has a flat top and a sharp edge.

        Beyond three radii, where it is below 2e-4, it is left at zero.
        """
        bump = self.blank()
        column, row = self.matrix[:, :2] @ np.asarray(at) + self.matrix[:, 2]
        reach = 3 * max(radii) * self.scale_px
        rows = slice(max(0, int(row - reach)), max(0, int(row + reach) + 1))
        columns = slice(max(0, int(column - reach)), max(0, int(column + reach) + 1))
        x, y = self.grid[0][rows, columns], self.grid[1][rows, columns]
        squared = ((x - at[0]) / radii[0]) ** 2 + ((y - at[1]) / radii[1]) ** 2
        bump[rows, columns] = np.exp(-(squared ** (power / 2)))
        return bump


def soften(image: npt.NDArray[Any], sigma_px: float) -> Floats:
    """Gaussian blur; a wide one is taken on a smaller grid, where nothing is lost and much time won."""
    if sigma_px < 0.3:
        return image.astype(np.float32, copy=False)
    if sigma_px > 6:
        height, width = image.shape
        small = cv2.resize(image, (max(width // 4, 1), max(height // 4, 1)), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(soften(small, sigma_px / 4), (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), np.float32)


def curve(*points: tuple[float, float], closed: bool = False, steps: int = 8) -> Points:
    """A smooth line through `points` (Catmull-Rom), `steps` pieces between two of them."""
    knots = np.asarray(points, np.float64)
    padded = np.vstack([knots[-1:], knots, knots[:2]]) if closed else np.vstack([knots[:1], knots, knots[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = []
    for before, start, end, after in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        slope = (end - before) * t + (2 * before - 5 * start + 4 * end - after) * t**2 + (3 * start - before - 3 * end + after) * t**3
        pieces.append(start + slope / 2)
    return np.vstack([*pieces, knots[:1] if closed else knots[-1:]])


def mirrored(points: Points, side: int) -> Points:
    """Points given for the patient's left (x > 0), moved to `side` (-1 right, 1 left)."""
    return np.asarray(points * np.array([side, 1.0]), np.float64)


def pink_noise(rng: np.random.Generator, side: int, exponent: float = 1.0) -> Floats:
    """A tile (side, side) of noise with amplitude 1/f**exponent, mean 0 and deviation 1, that repeats without a seam."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((side, side))) / frequency**exponent
    noise = np.fft.irfft2(spectrum, (side, side))
    return np.asarray(noise / noise.std(), np.float32)


def crop(tile: Floats, height: int, width: int, rng: np.random.Generator) -> Floats:
    """A random window of a seamless tile, mirrored at random."""
    down, right = (int(rng.integers(side)) for side in tile.shape)
    rows, columns = (np.arange(height) + down) % tile.shape[0], (np.arange(width) + right) % tile.shape[1]
    if rng.random() < 0.5:
        columns = columns[::-1]
    return np.ascontiguousarray(tile[rows][:, columns])
