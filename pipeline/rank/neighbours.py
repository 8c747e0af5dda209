"""What films that look alike are labelled: the mean probability of a finding over the nearest films of other patients.

Looking alike is the cosine of feature vectors (`embeddings`), which are comparable within one fold alone. Found with faiss (Douze et al.
2024, arXiv:2401.08281): all pairs up to some thousand films, beyond that an inverted file over the leading directions of the vectors. Its
lists are as long in a large archive as in a small one and as many of them are searched, so the cost grows with the archive and no faster.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.rank.cells import KEY

N_NEIGHBOURS = 15
# Films of the patient among the nearest are passed over, so more are looked up than count.
_LOOKED_UP = 30
_ALL_PAIRS = 5000
# Films in a list, lists searched, and directions kept: 15 nearest of 30 found are found to .96 among 50,000 films.
_LISTED, _PROBED, _DIRECTIONS = 100, 100, 64
# Rounds and films of k-means for each list: the lists need not be perfect.
_ROUNDS, _LEARNT_FROM = 10, 40
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def with_neighbours(cells: pd.DataFrame, embeddings: pd.DataFrame, patients: pd.Series[str]) -> pd.DataFrame:
    """Add `neighbour_p`, the mean of `p_annotators` over the nearest films of other patients; null where a film has no vector.

    Args:
        cells: image_id, finding, p_annotators.
        embeddings: image_id, model, fold, vector; the first model counts.
        patients: patient_id by image_id.
    """
    if embeddings.empty:
        return cells.assign(neighbour_p=np.nan)
    wide = cells.pivot(index="image_id", columns="finding", values="p_annotators")
    first = embeddings[(embeddings["model"] == embeddings["model"].min()) & embeddings["image_id"].isin(wide.index)]
    parts = [_of_fold(part, wide, patients) for _, part in first.sort_values("image_id").groupby("fold", sort=True)]
    means = pd.concat(parts).rename_axis(index="image_id").reset_index().melt("image_id", var_name="finding", value_name="neighbour_p")
    return cells.merge(means, on=KEY, how="left", validate="one_to_one").set_axis(cells.index)


def _of_fold(part: pd.DataFrame, wide: pd.DataFrame, patients: pd.Series[str]) -> pd.DataFrame:
    items = pd.Index(part["image_id"])
    vectors = np.stack(part["vector"].to_list()).astype(np.float32)
    near = nearest(vectors, _LOOKED_UP)
    owner = patients.reindex(items).to_numpy(object)
    known = wide.reindex(items).to_numpy(np.float64)
    counts = (near >= 0) & (owner[near] != owner[:, None])
    # The nearest N_NEIGHBOURS that count.
    counts &= np.cumsum(counts, axis=1) <= N_NEIGHBOURS
    values = np.where(counts[:, :, None], known[near], np.nan)
    total, number = np.nansum(values, axis=1), np.isfinite(values).sum(axis=1)
    return pd.DataFrame(np.where(number > 0, total / np.maximum(number, 1), np.nan), items, wide.columns)


def nearest(vectors: Floats, k: int) -> Ints:
    """The k nearest other films by cosine, nearest first.

    Args:
        vectors: shape (n, d).
        k: how many.

    Returns:
        Positions, shape (n, k); -1 where there are not so many.
    """
    import faiss

    unit = np.ascontiguousarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))
    n, d = unit.shape
    reduced = f"PCA{_DIRECTIONS},L2norm," if d > _DIRECTIONS else ""
    kind = "Flat" if n <= _ALL_PAIRS else f"{reduced}IVF{n // _LISTED},Flat"
    index = faiss.index_factory(d, kind, faiss.METRIC_INNER_PRODUCT)
    if n > _ALL_PAIRS:
        lists = faiss.extract_index_ivf(index)
        # Faiss draws the sample that lists are trained on with a seed of its own, always the same.
        lists.nprobe, lists.cp.niter, lists.cp.max_points_per_centroid = _PROBED, _ROUNDS, _LEARNT_FROM
    index.train(unit)
    index.add(unit)
    _, found = index.search(unit, k + 1)
    is_other = found != np.arange(n)[:, None]
    # One of the k + 1 is the film itself, or a copy of it in its place; the last goes where it is not.
    is_other[is_other.all(axis=1), -1] = False
    return np.asarray(found[is_other].reshape(n, k), np.int64)
