"""Films to measure on, made here: anatomy-like shapes under noise, so that they compress as radiographs do, in each syntax."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import numpy.typing as npt
import pydicom
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset

SIZES = {5.1: (2496, 2048), 7.5: (3000, 2500), 60.0: (8192, 7324)}
BITS = 12
# Standard deviation of the noise at full exposure, of 4095: JPEG-LS then takes 4 to 5 bits a pixel, as it does of radiographs.
_NOISE = 30.0
Pixels = npt.NDArray[np.uint16]


def phantom(rows: int, columns: int, seed: int = 0) -> Pixels:
    """A chest-like film of 12 bits: two lungs, a heart, ribs, noise that grows with the square root of the level."""
    rng = np.random.default_rng(seed)
    small = np.full((312, 256), 0.55, np.float32)
    for centre in (80, 176):
        cv2.ellipse(small, (centre, 150), (48, 100), 0, 0, 360, 0.2, -1)
    cv2.ellipse(small, (140, 190), (40, 50), 0, 0, 360, 0.75, -1)
    for rib in range(8):
        cv2.ellipse(small, (128, 60 + 28 * rib), (100, 22), 0, 180, 360, 0.5, 2)
    film = cv2.GaussianBlur(cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC), (0, 0), 9)
    noise = cv2.GaussianBlur(rng.standard_normal((rows, columns), dtype=np.float32), (0, 0), 0.7)
    return np.clip(film * 4095 + noise * _NOISE * np.sqrt(film), 0, 4095).astype(np.uint16)


def _jpeg(pixels: Pixels) -> bytes:
    return bytes(imagecodecs.jpeg8_encode((pixels >> 4).astype(np.uint8), 90))


# Name -> transfer syntax, encoder of a frame (None: pydicom's), bits.
SYNTAXES: dict[str, tuple[uid.UID, Callable[[Pixels], bytes] | None, int]] = {
    "raw": (uid.ExplicitVRLittleEndian, None, BITS),
    "RLE": (uid.RLELossless, None, BITS),
    "JPEG lossless": (
        uid.JPEGLosslessSV1,
        lambda pixels: bytes(imagecodecs.jpeg8_encode(pixels, lossless=True, predictor=1, bitspersample=BITS)),
        BITS,
    ),
    "JPEG-LS": (uid.JPEGLSLossless, lambda pixels: bytes(imagecodecs.jpegls_encode(pixels)), BITS),
    "JPEG 2000 lossless": (
        uid.JPEG2000Lossless,
        lambda pixels: bytes(imagecodecs.jpeg2k_encode(pixels, codecformat="J2K", reversible=True, bitspersample=BITS, resolutions=6)),
        BITS,
    ),
    "HTJ2K lossless": (uid.HTJ2KLossless, lambda pixels: bytes(imagecodecs.htj2k_encode(pixels, reversible=True, resolutions=5)), BITS),
    "JPEG 8-bit": (uid.JPEGBaseline8Bit, _jpeg, 8),
}


def write(path: Path, pixels: Pixels, name: str) -> Path:
    """A digital radiograph with a window over its whole range, in one of SYNTAXES."""
    syntax, encode, bits = SYNTAXES[name]
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = uid.DigitalXRayImageStorageForPresentation, "1.2.3.4"
    dataset.file_meta.MediaStorageSOPClassUID, dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    dataset.PatientID, dataset.Modality, dataset.PhotometricInterpretation = "bench", "DX", "MONOCHROME2"
    dataset.SamplesPerPixel, dataset.PixelRepresentation, dataset.Rows, dataset.Columns = 1, 0, *pixels.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8 if bits == 8 else 16, bits, bits - 1
    dataset.WindowCenter, dataset.WindowWidth, dataset.PixelSpacing = 2 ** (bits - 1), 2**bits, [0.14, 0.14]
    dataset.PixelData = pixels.tobytes()
    if encode is not None:
        dataset.PixelData = pydicom.encaps.encapsulate([encode(pixels)])
        dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
        dataset.file_meta.TransferSyntaxUID = syntax
    elif syntax != uid.ExplicitVRLittleEndian:
        dataset.compress(syntax, generate_instance_uid=False)
    dataset.save_as(path, enforce_file_format=True)
    return path
