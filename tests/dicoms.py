"""Small DICOM files made on the fly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    generate_uid,
)

Encoder = Callable[[np.ndarray, int], bytes]


def _jpeg_lossless(predictor: int) -> Encoder:
    return lambda pixels, bits: imagecodecs.jpeg8_encode(pixels, lossless=True, predictor=predictor, bitspersample=bits)


def _jpeg2000(pixels: np.ndarray, bits: int) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(pixels, codecformat="J2K", reversible=True, bitspersample=bits, resolutions=5))


# What is encoded here and not by pydicom: name -> (transfer syntax, encoder of pixels with so many bits).
LOSSLESS: dict[str, tuple[pydicom.uid.UID, Encoder]] = {
    **{f"JPEG lossless, selection value {value}": (JPEGLossless, _jpeg_lossless(value)) for value in range(1, 8)},
    "JPEG lossless SV1": (JPEGLosslessSV1, _jpeg_lossless(1)),
    "JPEG-LS": (JPEGLSLossless, lambda pixels, bits: imagecodecs.jpegls_encode(pixels)),
    "JPEG 2000": (JPEG2000Lossless, _jpeg2000),
    "HTJ2K": (HTJ2KLossless, lambda pixels, bits: imagecodecs.htj2k_encode(pixels, reversible=True, resolutions=4)),
}
LOSSY: dict[str, tuple[pydicom.uid.UID, Encoder]] = {
    "JPEG baseline": (JPEGBaseline8Bit, lambda pixels, bits: imagecodecs.jpeg8_encode(pixels, 95)),
    "JPEG extended": (JPEGExtended12Bit, lambda pixels, bits: imagecodecs.jpeg8_encode(pixels, 95, bitspersample=bits)),
    "JPEG-LS near-lossless": (JPEGLSNearLossless, lambda pixels, bits: imagecodecs.jpegls_encode(pixels, 2)),
    "JPEG 2000 lossy": (JPEG2000, lambda pixels, bits: imagecodecs.jpeg2k_encode(pixels, 60, codecformat="J2K", bitspersample=bits)),
}


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


def make_encapsulated(path: Path, pixels: np.ndarray, syntax: pydicom.uid.UID, frame: bytes, **fields: Any) -> Path:
    """`make_dicom` with a compressed frame in place of its pixels; `fragments` splits it."""
    fragments = fields.pop("fragments", 1)
    dataset = pydicom.dcmread(make_dicom(path, pixels, **fields))
    dataset.PixelData = pydicom.encaps.encapsulate([bytes(frame)], fragments_per_frame=fragments)
    dataset["PixelData"].is_undefined_length, dataset["PixelData"].VR = True, "OB"
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(path)
    return path


def textured(rows: int = 48, columns: int = 40, bits: int = 12, seed: int = 0) -> np.ndarray:
    """A gradient with noise over the whole range of so many bits, both ends included."""
    top = 2**bits - 1
    noise = np.random.default_rng(seed).normal(0, top / 40, (rows, columns))
    film = np.clip(gradient(rows, columns, top) + noise, 0, top)
    film[0, 0], film[-1, -1] = 0, top
    return film.astype(np.uint8 if bits <= 8 else np.uint16)
