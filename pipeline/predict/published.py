"""Published models' opinions of the kept films. Scored films are remembered by checkpoint and pixels, and not scored again."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.base import provenance, tables
from pipeline.base.images import decode_eight_bits
from pipeline.base.interfaces import ZOO
from pipeline.base.progress import track
from pipeline.base.settings import Published, Settings
from pipeline.base.storage import Home

if TYPE_CHECKING:
    from models.published import Loaded

Arrays = dict[str, npt.NDArray[np.generic]]


def run(home: Home, settings: Settings) -> tuple[dict[str, int], tuple[str, ...]]:
    """Write `published_scores`.

    Returns:
        Counts, and what the user must know of the models that spoke.

    Raises:
        InputError: a checkpoint is missing, unsafe or another model's.
        PluginError: a model is unknown or lacks a package.
        SettingsError: an option or a device is wrong.
    """
    from models.memory import forget_others

    folder, keys = home.work / "published", list[str]()
    kept = frozenset(home.read("groups", ["image_id"])["image_id"].to_pylist())
    found, n_resumed = [tables.empty("published_scores").select(tables.BY_NAME["published_scores"].names)], 0
    for name, chosen in sorted(settings.models.items()):
        made, resumed = _scored(home, kept, name, chosen, folder, keys)
        found, n_resumed = [*found, *made], n_resumed + resumed
    forget_others(folder, keys)
    home.write("published_scores", pa.concat_tables([table.cast(tables.BY_NAME["published_scores"].types) for table in found]))
    if not settings.models:
        return {}, ()
    told = tuple(
        f"{name} gives no second opinion on films it was trained on: {ZOO.get(name).card.trained_on}" for name in sorted(settings.models)
    )
    return {"published_models": len(settings.models), "published_parts_resumed": n_resumed}, told


def _scored(home: Home, kept: frozenset[str], name: str, chosen: Published, folder: Path, keys: list[str]) -> tuple[list[pa.Table], int]:
    """Rows of one model, and how many files of `images` were remembered; its keys are added to `keys`."""
    from models import published
    from models.memory import remembered

    # Options are checked, and the weights' digest taken, even where every score is remembered.
    options = published.options_of(name, chosen.options)
    sha256 = provenance.path_sha256(chosen.checkpoint)

    @cache
    def loaded() -> Loaded:
        return published.load(name, chosen.checkpoint, chosen.options, chosen.device)

    rows, n_resumed = [], 0
    for part in track(home.parts("images"), f"score with {name}", unit=" files"):
        image_ids = [one for one in pq.read_table(part, columns=["image_id"], partitioning=None)["image_id"].to_pylist() if one in kept]
        if not image_ids:
            continue
        # A file of images is named by the digest of its content.
        made_of = [name, sha256, options.model_dump(mode="json"), part.name, image_ids, provenance.code_digest()]
        keys.append(provenance.digest(made_of)[:32])
        arrays, was_there = remembered(folder, keys[-1], partial(_score, loaded, part, frozenset(image_ids), chosen.batch_size))
        rows.append(_rows(arrays, name, sha256))
        n_resumed += was_there
    return rows, n_resumed


def _score(loaded: Callable[[], Loaded], part: Path, wanted: frozenset[str], batch_size: int) -> Arrays:
    from models import published

    table = pq.read_table(part, columns=["image_id", "pixels"], partitioning=None)
    films = (
        (image_id, decode_eight_bits(pixels.as_py()))
        for image_id, pixels in zip(table["image_id"].to_pylist(), table["pixels"], strict=True)
        if image_id in wanted
    )
    model = loaded()
    batches = list(published.score(model, films, batch_size))
    return {
        "image_id": np.array([one for ids, _ in batches for one in ids]),
        "finding": np.array(model.scorer.findings),
        "score_kind": np.array(model.scorer.score_kind),
        "score": np.concatenate([scores for _, scores in batches]),
    }


def _rows(arrays: Arrays, name: str, sha256: str) -> pa.Table:
    scores = pd.DataFrame(arrays["score"].astype(np.float64), index=arrays["image_id"].astype(str), columns=arrays["finding"].astype(str))
    long = scores.rename_axis("image_id").reset_index().melt("image_id", var_name="finding", value_name="score")
    long = long.assign(model=name, score_kind=str(arrays["score_kind"]), checkpoint_sha256=sha256)
    spec = tables.BY_NAME["published_scores"]
    return pa.Table.from_pandas(long[list(spec.names)], schema=spec.types, preserve_index=False)
