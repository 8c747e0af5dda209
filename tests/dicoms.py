"""Small DICOM files made on the fly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)


def gradient(rows: int = 40, columns: int = 32, top: int = 4095) -> np.ndarray:
    """Values from 0 to `top`, every row and column different."""
    return np.linspace(0, top, rows * columns).reshape(rows, columns).astype(np.uint16)


def make_dicom(path: Path, pixels: np.ndarray | None = None, **fields: Any) -> Path:
    """Write a digital radiograph; `fields` are DICOM keywords (None removes one), `syntax` and `bits` steer the encoding."""
    syntax, bits = fields.pop("syntax", ExplicitVRLittleEndian), fields.pop("bits", 12)
    pixels = gradient() if pixels is None else pixels
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = fields.pop("SOPInstanceUID", generate_uid(entropy_srcs=[str(path)]))
    dataset.file_meta.MediaStorageSOPClassUID, dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    defaults = {
        "StudyInstanceUID": generate_uid(entropy_srcs=["study", str(path)]),
        "SeriesInstanceUID": generate_uid(entropy_srcs=["series", str(path)]),
        "PatientID": "MRN0012345",
        "PatientName": "Featherstone^Zebulon",
        "PatientBirthDate": "19500302",
        "PatientSex": "F",
        "StudyDate": "20200301",
        "AccessionNumber": path.stem,
        "Modality": "DX",
        "BodyPartExamined": "CHEST",
        "ViewPosition": "PA",
        "PhotometricInterpretation": "MONOCHROME2",
        "SamplesPerPixel": 1,
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "BitsAllocated": pixels.dtype.itemsize * 8,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
    }
    for keyword, value in (defaults | fields).items():
        if value is not None:
            setattr(dataset, keyword, value)
    dataset.PixelData = pixels.tobytes()
    if syntax == DeflatedExplicitVRLittleEndian:
        dataset.file_meta.TransferSyntaxUID = syntax
    elif syntax != ExplicitVRLittleEndian:
        dataset.compress(syntax, generate_instance_uid=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path
