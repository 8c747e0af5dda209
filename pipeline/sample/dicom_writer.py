"""A film as a DICOM file: header, grey scale and transfer syntax, varied as hospitals vary them.

Here belongs the format. Defects are planted in `defects`. A film shown by the rules of PS3.3 C.11 looks as it was drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any

import gdcm
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from pipeline.base.errors import PluginError
from pipeline.sample.canvas import Floats
from pipeline.sample.people import Study, hospital, names

Stored = npt.NDArray[np.unsignedinteger[Any]]
IMPLEMENTATION_UID = UID("2.25.188253690275811206487613590416281541027")
SYNTAXES: dict[str, UID] = {
    "explicit": ExplicitVRLittleEndian,
    "implicit": ImplicitVRLittleEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
    "rle": RLELossless,
    "jpeg_lossless": JPEGLosslessSV1,
    "jpeg_ls": JPEGLSLossless,
    "jpeg_2000": JPEG2000Lossless,
}
_COMMON = {"explicit": 5, "implicit": 3, "deflated": 2, "rle": 2, "jpeg_lossless": 4, "jpeg_ls": 3, "jpeg_2000": 2}
SHOWN = ("full", "window", "rescale", "voi_lut")


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the pixels are kept.

    Attributes:
        syntax: a key of `SYNTAXES`.
        bits: stored, 8, 10 or 12.
        is_inverted: MONOCHROME1.
        shown: full range, window, window over rescaled values, or VOI LUT.
        centre, width: the window as shares of the stored range.
        gamma: of the VOI LUT.
    """

    syntax: str
    bits: int
    is_inverted: bool
    shown: str
    centre: float = 0.5
    width: float = 1.0
    gamma: float = 1.0


def draw_encoding(rng: np.random.Generator) -> Encoding:
    """An encoding at random."""
    weights = np.array(list(_COMMON.values()), np.float64)
    width = float(rng.uniform(0.6, 0.95))
    return Encoding(
        syntax=str(rng.choice(list(_COMMON), p=weights / weights.sum())),
        bits=int(rng.choice([8, 10, 12], p=[0.4, 0.2, 0.4])),
        is_inverted=bool(rng.random() < 0.27),
        shown=str(rng.choice(SHOWN, p=[0.35, 0.35, 0.15, 0.15])),
        centre=float(0.5 + (1 - width) * rng.uniform(-0.45, 0.45)),
        width=width,
        gamma=float(rng.uniform(0.7, 1.5)),
    )


def stored_values(film: Floats, encoding: Encoding) -> Stored:
    """Pixels that the grey scale of `encoding` shows as `film` (0 black to 1 white)."""
    highest = 2**encoding.bits - 1
    seen = np.clip(1 - film if encoding.is_inverted else film, 0, 1)
    if encoding.shown in ("window", "rescale"):
        seen = (seen - 0.5) * encoding.width + encoding.centre
    elif encoding.shown == "voi_lut":
        seen = seen ** (1 / encoding.gamma)
    return np.asarray(np.clip(np.rint(seen * highest), 0, highest), np.uint8 if encoding.bits == 8 else np.uint16)


def header(study: Study) -> Dataset:
    """Patient, study and equipment attributes of a study's frontal film."""
    found = Dataset()
    found.SpecificCharacterSet = "ISO_IR 192"
    is_portable = study.technique.view == "AP"
    found.Modality = "CR" if is_portable else "DX"
    found.SOPClassUID = ComputedRadiographyImageStorage if is_portable else DigitalXRayImageStorageForPresentation
    found.SOPInstanceUID, found.StudyInstanceUID, found.SeriesInstanceUID = study.sop_uid, study.study_uid, study.series_uid
    found.PatientName = f"{study.patient.family}^{study.patient.given}"
    found.PatientID, found.PatientBirthDate = study.patient.mrn, study.patient.birth.strftime("%Y%m%d")
    found.PatientSex, found.PatientAge = "F" if study.patient.body.is_female else "M", f"{study.age:03d}Y"
    found.StudyDate = found.SeriesDate = found.AcquisitionDate = found.ContentDate = study.day.strftime("%Y%m%d")
    found.StudyTime = f"{study.seed % 24:02d}{study.seed // 24 % 60:02d}{study.seed // 1440 % 60:02d}"
    found.AccessionNumber, found.StudyID = study.accession, study.accession[-4:]
    found.SeriesNumber = found.InstanceNumber = 1
    lists = names()
    found.Manufacturer = lists["makers"][study.seed % len(lists["makers"])]
    found.InstitutionName = hospital(study.patient).title()
    found.ReferringPhysicianName = study.referrer.replace(" ", "^")
    found.StudyDescription = "XR CHEST PORTABLE" if is_portable else "XR CHEST PA"
    found.BodyPartExamined, found.ViewPosition, found.BurnedInAnnotation = "CHEST", study.technique.view, "NO"
    return found


def add_pixels(dataset: Dataset, stored: Stored, encoding: Encoding) -> None:
    """Image pixel, modality LUT and VOI LUT attributes (PS3.3 C.7.6.3, C.11.1, C.11.2), uncompressed."""
    dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, 0
    dataset.Rows, dataset.Columns = stored.shape
    dataset.PhotometricInterpretation = "MONOCHROME1" if encoding.is_inverted else "MONOCHROME2"
    dataset.BitsAllocated = 8 if encoding.bits == 8 else 16
    dataset.BitsStored, dataset.HighBit = encoding.bits, encoding.bits - 1
    dataset.ImagerPixelSpacing = [0.7, 0.7]
    highest = 2**encoding.bits - 1
    slope, intercept = (2, -1024) if encoding.shown == "rescale" else (1, 0)
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = str(slope), str(intercept), "US"
    if encoding.shown in ("window", "rescale"):
        width = encoding.width * highest * slope
        dataset.WindowCenter = f"{encoding.centre * highest * slope + intercept + 0.5:.2f}"
        dataset.WindowWidth = f"{width + 1:.2f}"
    elif encoding.shown == "voi_lut":
        dataset.VOILUTSequence = [_lut(encoding)]
    dataset.PixelData = stored.astype("<u2" if encoding.bits > 8 else "u1").tobytes()
    dataset["PixelData"].VR = "OW" if encoding.bits > 8 else "OB"
    if len(dataset.PixelData) % 2:
        dataset.PixelData += b"\0"


def _lut(encoding: Encoding) -> Dataset:
    entries = 2**encoding.bits
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [entries, 0, 16])
    item.LUTExplanation = "CHEST"
    table = np.rint(65535 * np.linspace(0, 1, entries) ** encoding.gamma).astype("<u2")
    item.add_new("LUTData", "OW", table.tobytes())
    return item


def file_bytes(dataset: Dataset, encoding: Encoding) -> bytes:
    """The DICOM file (PS3.10) of a dataset with uncompressed pixels, in the transfer syntax of `encoding`."""
    syntax = SYNTAXES[encoding.syntax]
    found = FileDataset("", dataset, file_meta=FileMetaDataset(), preamble=b"\0" * 128)
    meta = found.file_meta
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID, meta.ImplementationVersionName = IMPLEMENTATION_UID, "CXR_SAMPLE"
    if encoding.syntax == "jpeg_2000":
        found.compress(JPEG2000Lossless, encoding_plugin="pylibjpeg", generate_instance_uid=False)
    elif encoding.syntax in ("rle", "jpeg_lossless", "jpeg_ls"):
        found.PixelData = encapsulate([_gdcm_frame(found, syntax)])
        found["PixelData"].VR, found["PixelData"].is_undefined_length = "OB", True
    meta.TransferSyntaxUID = syntax
    out = BytesIO()
    dcmwrite(out, found, enforce_file_format=True)
    return out.getvalue()


def _gdcm_frame(dataset: Dataset, syntax: UID) -> bytes:
    """One compressed frame.

    Raises:
        PluginError: the installed GDCM cannot write this transfer syntax, or the film has an odd number of bytes, at which it aborts.
    """
    if int(dataset.Rows) * int(dataset.Columns) * int(dataset.BitsAllocated) // 8 % 2:
        raise PluginError("GDCM aborts on a frame of an odd number of bytes", "draw the film with an even number of rows or columns")
    writer = gdcm.ImageWriter()  # owns the image: GDCM counts references and aborts on one made alone
    image: Any = writer.GetImage()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((int(dataset.Columns), int(dataset.Rows), 1))
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2))
    image.SetPixelFormat(gdcm.PixelFormat(1, int(dataset.BitsAllocated), int(dataset.BitsStored), int(dataset.HighBit), 0))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.ExplicitVRLittleEndian))
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetByteStringValue(bytes(dataset.PixelData))
    image.SetDataElement(element)
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
    change.SetInput(image)
    if not change.Change():
        raise PluginError(f"GDCM could not write transfer syntax {syntax}", "reinstall python-gdcm at the pinned version")
    frame = change.GetOutput().GetDataElement().GetSequenceOfFragments().GetFragment(0).GetByteValue().GetBuffer()
    return frame.encode("utf-8", "surrogateescape") if isinstance(frame, str) else bytes(frame)
