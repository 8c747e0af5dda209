"""Small valid homes for tests that start in the middle of the path."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa

from pipeline.base import images, tables
from pipeline.base.reports import sections
from pipeline.base.storage import Home

SIDE_PX = 96
PUBLISHED = "published:nih"


def phantom(rng: np.random.Generator, *, cardiomegaly: bool, effusion: bool) -> images.Film:
    """A film of SIDE_PX x SIDE_PX: two lungs, a heart that is wide or not, a white right base or not."""
    film = rng.normal(150, 6, (SIDE_PX, SIDE_PX)).astype(np.float32)
    cv2.ellipse(film, (28, 48), (17, 34), 0, 0, 360, 60, -1)
    cv2.ellipse(film, (68, 48), (17, 34), 0, 0, 360, 60, -1)
    cv2.ellipse(film, (52, 62), (24 if cardiomegaly else 13, 15), 0, 0, 360, 190, -1)
    if effusion:
        cv2.rectangle(film, (12, 64), (40, 84), 200, -1)
    film += rng.normal(0, 12, film.shape)
    return np.clip(cv2.GaussianBlur(film, (0, 0), 1.2), 0, 255).astype(np.uint8)


def tiny_home(path: Path, patients: int = 40, seed: int = 0) -> Home:
    """A home as `group` leaves it: files, instances, reports, published_labels, decodings, images, exclusions, groups.

    Every patient has one or two studies of one film and one report each. Cardiomegaly (35 %) and Pleural Effusion (30 %) are
    visible in the pixels and stated in the report; the published labels are wrong in 15 % of their cells. One film in ten has
    no report. Truth is kept beside the home in `truth.npz` (image_id, cardiomegaly, effusion) for tests alone.
    """
    rng = np.random.default_rng(seed)
    home = Home(path).create()
    names = home.pseudonyms()
    rows: dict[str, list[dict[str, object]]] = {name: [] for name in ("files", "instances", "reports", "published_labels", "groups")}
    shards: dict[int, dict[str, list[dict[str, object]]]] = {}
    truth: list[tuple[str, bool, bool]] = []
    for patient in range(patients):
        patient_id = names.of("patient", f"mrn-{seed}-{patient}")
        shard = names.number("shard", patient_id) % 8
        sex, age, view = str(rng.choice(["F", "M"])), int(rng.integers(20, 90)), str(rng.choice(["PA", "AP"]))
        for study in range(1 + patient % 2):
            tag = f"{seed}-{patient}-{study}"
            image_id, file_id, study_id = names.of("image", tag), names.of("file", tag), names.of("study", tag)
            big, wet = bool(rng.random() < 0.35), bool(rng.random() < 0.30)
            film = phantom(rng, cardiomegaly=big, effusion=wet)
            digest = names.digest(film.tobytes())
            rows["files"].append(
                {"file_id": file_id, "file_kind": "dicom", "size_bytes": film.size, "content_digest": digest, "image_id": image_id}
            )
            rows["instances"].append(_instance(file_id, image_id, study_id, patient_id, shard, sex, age, view))
            _decoded(shards.setdefault(shard, {"decodings": [], "images": []}), file_id, image_id, shard, digest, film)
            rows["groups"].append({"image_id": image_id, "patient_id": patient_id, "group_id": patient_id})
            rows["published_labels"] += _published(image_id, big ^ (rng.random() < 0.15), wet ^ (rng.random() < 0.15))
            if rng.random() >= 0.1:
                _report(rows, names.of("report", tag), names.of("file", f"report-{tag}"), study_id, big, wet)
            truth.append((image_id, big, wet))
    for name, made in rows.items():
        home.write(name, _table(name, made))
    for shard, part in shards.items():
        for name, made in part.items():
            home.write_part(name, shard, _table(name, made))
    home.write("exclusions", tables.empty("exclusions"))
    np.savez(
        path / "truth.npz",
        **{
            key: np.array(list(column))
            for key, column in zip(("image_id", "cardiomegaly", "effusion"), zip(*truth, strict=True), strict=True)
        },
    )
    return home


def _table(name: str, made: list[dict[str, object]]) -> pa.Table:
    schema = pa.schema([pa.field(column.name, column.type) for column in tables.BY_NAME[name].columns])
    return pa.Table.from_pylist(made, schema=schema)


def _instance(file_id: str, image_id: str, study_id: str, patient_id: str, shard: int, sex: str, age: int, view: str) -> dict[str, object]:
    return {
        "file_id": file_id,
        "image_id": image_id,
        "series_id": study_id,
        "study_id": study_id,
        "patient_id": patient_id,
        "accession_id": study_id.replace("s", "a", 1),
        "shard": shard,
        "modality": "DX",
        "body_part_examined": "CHEST",
        "view_position": view,
        "patient_sex": sex,
        "patient_age_years": age,
        "rows": SIDE_PX,
        "columns": SIDE_PX,
        "number_of_frames": 1,
        "has_pixel_data": True,
    }


def _decoded(part: dict[str, list[dict[str, object]]], file_id: str, image_id: str, shard: int, digest: str, film: images.Film) -> None:
    part["decodings"].append(
        {
            "file_id": file_id,
            "image_id": image_id,
            "shard": shard,
            "outcome": "decoded",
            "pixel_digest": digest,
            "content_digest": digest,
            "decode_fingerprint": "factory",
        }
    )
    part["images"].append(
        {
            "image_id": image_id,
            "file_id": file_id,
            "shard": shard,
            "pixels": images.encode(film),
            "codec": "png",
            "depth_bits": 8,
            "width_px": SIDE_PX,
            "height_px": SIDE_PX,
            "source_width_px": SIDE_PX,
            "source_height_px": SIDE_PX,
            "pixel_spacing_mm": 3.0,
            "intensity": "as_displayed",
            "range_from": "window",
            "halvings": 0,
            "pixel_digest": digest,
            "thumbnail": images.resize_square(film, 32).tobytes(),
            "difference_hash": 0,
            "mean_level": float(film.mean()),
            "std_level": float(film.std()),
            "source_levels": 200,
            "n_text_lines": 0,
            "field_left": 0.0,
            "field_top": 0.0,
            "field_right": 1.0,
            "field_bottom": 1.0,
        }
    )


def _published(image_id: str, big: bool, wet: bool) -> list[dict[str, object]]:
    states = {"Cardiomegaly": big, "Pleural Effusion": wet, "No Finding": not (big or wet)}
    return [
        {"image_id": image_id, "finding": finding, "annotator": PUBLISHED, "state": "POSITIVE" if present else "UNMENTIONED"}
        for finding, present in states.items()
    ]


def _report(rows: dict[str, list[dict[str, object]]], report_id: str, file_id: str, study_id: str, big: bool, wet: bool) -> None:
    heart = "The heart is enlarged, consistent with cardiomegaly." if big else "Heart size is normal. No cardiomegaly."
    base = "There is a moderate right pleural effusion." if wet else "No pleural effusion."
    text = f"FINDINGS:\n{heart} {base}\n\nIMPRESSION:\n{'Abnormal chest.' if big or wet else 'No acute disease.'}"
    found = sections(text)
    body = {section.name: text[section.start : section.end] for section in found}
    rows["files"].append(
        {"file_id": file_id, "file_kind": "report", "size_bytes": len(text), "content_digest": file_id, "report_id": report_id}
    )
    rows["reports"].append(
        {
            "report_id": report_id,
            "accession_id": study_id.replace("s", "a", 1),
            "study_id": study_id,
            "text": text,
            "sections": [{"name": section.name, "start": section.start, "end": section.end} for section in found],
            "findings": body.get("findings"),
            "impression": body.get("impression"),
            "n_redactions": 0,
        }
    )
