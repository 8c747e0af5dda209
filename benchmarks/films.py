"""Decoded films of a home, and what is done to them in memory. Nothing of a film is written anywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from pipeline.base.images import Film, decode_eight_bits
from pipeline.base.storage import Home
from pipeline.decode.field import exposed_field
from pipeline.decode.film import THUMBNAIL_PX

Rng = np.random.Generator


def kept_films(home: Path) -> pd.DataFrame:
    """Rows of the films that stay (image_id, patient_id, pixel_digest, film, path), by image_id."""
    opened = Home(home)
    kept = opened.read("groups", ["image_id", "patient_id"]).to_pandas()
    rows = opened.read("images", ["image_id", "pixel_digest", "pixels"]).to_pandas().merge(kept, on="image_id")
    rows = rows.merge(opened.read("private_files").to_pandas()[["image_id", "path"]], on="image_id")
    rows["film"] = [decode_eight_bits(png) for png in rows.pop("pixels")]
    return rows.sort_values("image_id", ignore_index=True)


def planted(truth: Path | None) -> pd.DataFrame:
    """Kind and detail of each planted path; empty without a ledger."""
    if truth is None:
        return pd.DataFrame({"kind": [], "detail": []})
    rows = pd.read_csv(truth / "planted.csv").fillna("")
    rows["path"] = rows["path"].str.removeprefix("export/")
    return rows.drop_duplicates("path").set_index("path")[["kind", "detail"]]


def thumbnail(film: Film) -> Film:
    """As `decode` makes it."""
    return np.asarray(cv2.resize(film, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA), np.uint8)


def facts(films: list[Film]) -> pd.DataFrame:
    """What `check_films` reads."""
    fields = pd.DataFrame([exposed_field(film)._asdict() for film in films]).add_prefix("field_")
    return fields.assign(thumbnail=[thumbnail(film).tobytes() for film in films])


def jpeg(film: Film, quality: int) -> Film:
    """Through a JPEG file and back."""
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", film, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE), np.uint8)


def cropped(film: Film, most: float, rng: Rng) -> Film:
    """Cut by up to `most` of the side, drawn for each edge."""
    height, width = film.shape
    top, bottom, left, right = (rng.uniform(0, most, 4) * (height, height, width, width)).astype(int)
    return film[top : height - bottom, left : width - right].copy()


def windowed(film: Film, rng: Rng) -> Film:
    """Another window and gamma: up to 12 % of the pixels black and white."""
    low, high = np.percentile(film, [rng.uniform(1, 12), rng.uniform(88, 99)])
    share = np.clip((film - low) / max(high - low, 1), 0, 1) ** rng.uniform(0.6, 1.6)
    return np.asarray(np.rint(255 * share), np.uint8)


def resized(film: Film, share: float) -> Film:
    """Smaller by area averaging."""
    return np.asarray(cv2.resize(film, None, fx=share, fy=share, interpolation=cv2.INTER_AREA), np.uint8)


CHANGES: dict[str, Callable[[Film, Rng], Film]] = {
    "JPEG, quality 20": lambda film, rng: jpeg(film, 20),
    "resized to 45 %": lambda film, rng: resized(film, 0.45),
    "another window": windowed,
    "inverted": lambda film, rng: np.asarray(255 - film, np.uint8),
    "flipped left to right": lambda film, rng: film[:, ::-1].copy(),
    "flipped top to bottom": lambda film, rng: film[::-1].copy(),
    "rotated by 90 degrees": lambda film, rng: np.rot90(film).copy(),
    "rotated by 180 degrees": lambda film, rng: film[::-1, ::-1].copy(),
    "cropped by up to 3 % an edge": lambda film, rng: cropped(film, 0.03, rng),
    "cropped by up to 5 % an edge": lambda film, rng: cropped(film, 0.05, rng),
    "cropped by up to 8 % an edge": lambda film, rng: cropped(film, 0.08, rng),
    "cropped 5 %, window, flipped, inverted, JPEG 30": lambda film, rng: jpeg(
        np.asarray(255 - windowed(cropped(film, 0.05, rng), rng)[:, ::-1], np.uint8), 30
    ),
}
KINDS: dict[str, tuple[str, ...]] = {
    "inverted": ("inverted",),
    "flipped left to right": ("flipped",),
    "flipped top to bottom": ("flipped",),
    "rotated by 90 degrees": ("rotated",),
    "rotated by 180 degrees": ("rotated",),
    "cropped 5 %, window, flipped, inverted, JPEG 30": ("inverted", "flipped"),
}
