"""The leak check: what must never be found on two sides. It looks at films as they are, not at how they were assigned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa

UNITS = {
    "patient_in_two_splits": "patient_id",
    "group_in_two_splits": "group_id",
    "study_in_two_splits": "study_id",
    "identical_pixels_in_two_splits": "pixel_digest",
}


def violations(
    splits: pa.Table, groups: pa.Table, images: pa.Table, instances: pa.Table, official: Mapping[str, str] | None = None
) -> dict[str, int]:
    """How often each rule is broken; all 0 for a sound split.

    Args:
        splits: image_id, split.
        groups: image_id, patient_id, group_id, duplicate_of.
        images: image_id, file_id, pixel_digest.
        instances: file_id, patient_id, study_id.
        official: image_id -> split the source published; a film of its test set must not be trained on.

    Returns:
        Check name -> number of units (patients, groups, studies, pixel digests, pairs, films) that break it.
    """
    split = _mapping(splits, "image_id", "split")
    kept = groups.column("image_id").to_pylist()
    files = _mapping(images, "image_id", "file_id")
    study, header = _mapping(instances, "file_id", "study_id"), _mapping(instances, "file_id", "patient_id")
    units = {
        "patient_id": _mapping(groups, "image_id", "patient_id"),
        "group_id": _mapping(groups, "image_id", "group_id"),
        "study_id": {image: study.get(files.get(image)) for image in kept},
        "pixel_digest": _mapping(images, "image_id", "pixel_digest"),
    }
    found = {check: _crossing(split, ((image, units[unit].get(image)) for image in kept)) for check, unit in UNITS.items()}
    found["header_patient_in_two_splits"] = _crossing(split, ((image, header.get(files.get(image))) for image in kept))
    pairs = _mapping(groups, "image_id", "duplicate_of").items()
    found["duplicate_pair_across_splits"] = sum(split.get(a) != split.get(b) for a, b in pairs if b is not None and b in split)
    found["film_without_split"] = len(set(kept) - set(split))
    found["split_of_unknown_film"] = len(set(split) - set(kept))
    found["official_test_film_elsewhere"] = sum(
        wanted == "test" and image in split and split[image] != "test" for image, wanted in (official or {}).items()
    )
    return dict(sorted(found.items()))


def _crossing(split: Mapping[str | None, str | None], members: Iterable[tuple[str, str | None]]) -> int:
    """Units whose films lie in more than one split; a null unit ties nothing together."""
    seen: dict[str, set[str | None]] = {}
    for image, unit in members:
        if unit is not None and image in split:
            seen.setdefault(unit, set()).add(split[image])
    return sum(len(splits) > 1 for splits in seen.values())


def _mapping(table: pa.Table, key: str, value: str) -> dict[str | None, str | None]:
    return dict(zip(table.column(key).to_pylist(), table.column(value).to_pylist(), strict=True))
