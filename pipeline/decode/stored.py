"""From a file to its stored values: one greyscale frame, in the sign and at the place that the header gives its bits.

The pixel element is read here and not by pydicom, which copies it twice, searches it for delimiters and inflates whatever it is given.
Compressed frames are decoded by the fastest permissive library for their syntax: libjpeg-turbo (through imagecodecs), OpenJPEG (through
Pillow, which alone can stop at a lower resolution), pylibjpeg-rle. Lossless JPEG-LS is decoded here (`jpegls`), its rare kinds by CharLS.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import imagecodecs
import numpy as np
import numpy.typing as npt
import pydicom
from PIL import Image
from pydicom import uid
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset, read_preamble
from pydicom.tag import BaseTag
from rle.utils import decode_pixel_data

from pipeline.decode.codestream import Shape, StreamError, jpeg2000_shape, jpeg2000_start, jpeg_shape, lossless_scan

Stored = npt.NDArray[Any]
_KEYWORDS = (
    *("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PhotometricInterpretation"),
    *("PixelPaddingValue", "PixelPaddingRangeLimit", "PixelSpacing", "ImagerPixelSpacing", "PresentationLUTShape"),
    *("ModalityLUTSequence", "RescaleIntercept", "RescaleSlope", "RescaleType"),
    *("VOILUTSequence", "WindowCenter", "WindowWidth", "WindowCenterWidthExplanation", "VOILUTFunction", "SpecificCharacterSet"),
)
_TAGS: list[BaseTag | int] = [BaseTag(tag) for keyword in _KEYWORDS if (tag := tag_for_keyword(keyword)) is not None]
_PIXEL_DATA = 0x7FE00010
_PIXELS = (0x7FE00008, 0x7FE00009, _PIXEL_DATA)
_PIXEL_VRS = (b"OB\0\0", b"OW\0\0", b"UN\0\0")
_ITEM, _DELIMITER = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_UNDEFINED = 0xFFFFFFFF
_NATIVE = (uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian)
_ENCAPSULATED = uid.UID("1.2.840.10008.1.2.1.98")  # Encapsulated Uncompressed Explicit VR Little Endian
_MIB = 2**20
_PNG, _PNG_END, _JPEG = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82", b"\xff\xd8\xff"
# Channels of a grey JPEG in colour differ by rounding.
_GREY_WITHIN = 3
# A frame compressed to more than its size, and these bytes, is no compression.
_SLACK = _MIB
_MOST_HEADER = 64 * _MIB
Image.MAX_IMAGE_PIXELS = None  # sizes are checked against the header first


class FilmError(Exception):
    """A file without a usable film; `reason` is its reason code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __reduce__(self) -> tuple[type[FilmError], tuple[str]]:
        return type(self), (self.reason,)


@dataclass(frozen=True, slots=True)
class Source:
    """Stored values, shape (rows, columns) / 2**halvings, and the part of the header that says what they mean."""

    header: Dataset
    stored: Stored
    rows: int
    columns: int
    halvings: int


@dataclass(frozen=True, slots=True)
class _Form:
    """How pixels lie in the file."""

    rows: int
    columns: int
    allocated: int
    bits: int
    shift: int
    is_signed: bool

    @property
    def n_bytes(self) -> int:
        return (self.rows * self.columns * self.allocated + 7) // 8


def read_source(path: Path, max_megapixels: float, least_px: int | None = None) -> Source:
    """The stored values of one single-frame greyscale DICOM file (PS3.5 section 8), or of a PNG or JPEG picture of a public archive.

    Args:
        path: the file, with or without file meta information.
        max_megapixels: a larger declaration is refused before anything is decoded.
        least_px: JPEG 2000 is decoded at the lowest resolution whose longer side has so many pixels; None decodes it in full.

    Raises:
        FilmError: too_large, unsupported_bit_depth, unsupported_transfer_syntax, truncated_pixels, undecodable_pixels, colour_picture.
    """
    with path.open("rb") as file:
        if (start := file.read(len(_PNG))) == _PNG or start.startswith(_JPEG):
            return _picture(start + file.read(int(max_megapixels * 8e6) + _MOST_HEADER), max_megapixels)
        file.seek(0)
        header, stream, syntax = _header(file, int(max_megapixels * 2e6) + _MOST_HEADER)
        form = _form(header, max_megapixels)
        if syntax not in _NATIVE and syntax not in _DECODERS:
            raise FilmError("unsupported_transfer_syntax")
        vr, length = _pixel_element(stream, syntax)
        if (length == _UNDEFINED) != (syntax in _DECODERS):
            raise FilmError("undecodable_pixels")
        if syntax in _NATIVE:
            is_little = syntax != uid.ExplicitVRBigEndian
            return Source(header, _native(stream, form, vr, length, is_little), form.rows, form.columns, 0)
        frame = _frame(stream, 2 * form.n_bytes + _SLACK)
    if "PixelPaddingValue" in header:
        least_px = None  # a lower resolution mixes padding with its neighbours
    try:
        stored, halvings = _DECODERS[syntax](frame, form, least_px)
    except StreamError as error:
        raise FilmError("truncated_pixels" if error.is_short else "undecodable_pixels") from error
    if stored.shape != (-(-form.rows // 2**halvings), -(-form.columns // 2**halvings)):
        raise FilmError("undecodable_pixels")
    return Source(header, stored, form.rows, form.columns, halvings)


def _picture(content: bytes, max_megapixels: float) -> Source:
    """A picture, whose window is all that it can hold; grey in three equal channels is grey."""
    is_png = content.startswith(_PNG)
    if is_png and not content.rstrip(b"\0").endswith(_PNG_END):
        raise FilmError("truncated_pixels")
    try:
        shape = jpeg_shape(content) if not is_png else None
        columns, rows = (shape.columns, shape.rows) if shape else struct.unpack_from(">2I", content, 16)
    except StreamError as error:
        raise FilmError("truncated_pixels" if error.is_short else "undecodable_pixels") from error
    if rows * columns > max_megapixels * 1e6:
        raise FilmError("too_large")
    found = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if found is None or found.shape[:2] != (rows, columns):
        raise FilmError("undecodable_pixels")
    grey = found if found.ndim == 2 else found[..., 0]
    if found.ndim == 3 and int(np.ptp(found[..., :3].astype(np.int32), axis=2).max()) > _GREY_WITHIN:
        raise FilmError("colour_picture")
    bits = 8 * grey.itemsize
    header = Dataset()
    header.PhotometricInterpretation, header.WindowCenter, header.WindowWidth = "MONOCHROME2", 2 ** (bits - 1), 2**bits
    return Source(header, np.ascontiguousarray(grey), rows, columns, 0)


def _header(file: BinaryIO, most: int) -> tuple[Dataset, BinaryIO, uid.UID]:
    """The elements that are needed, the stream at the pixel element, and the transfer syntax; at most `most` bytes are inflated."""
    stream = file
    read_preamble(file, True)
    try:
        syntax = read_dataset(file, False, True, stop_when=lambda tag, _vr, _length: tag >> 16 != 2).get("TransferSyntaxUID")
    except Exception:  # no file meta information, or none that can be read
        syntax = None
    if syntax is None:  # PS3.10 demands it; pydicom guesses from the first element
        file.seek(0)
        guessed = pydicom.dcmread(file, stop_before_pixels=True, force=True, specific_tags=[*_KEYWORDS])
        is_implicit, is_little = guessed.original_encoding
        return guessed, file, _NATIVE[0] if is_implicit else _NATIVE[1] if is_little else _NATIVE[2]
    if syntax == uid.DeflatedExplicitVRLittleEndian:
        stream, syntax = io.BytesIO(_inflated(file.read(), most)), uid.ExplicitVRLittleEndian
    is_implicit, is_little = syntax == uid.ImplicitVRLittleEndian, syntax != uid.ExplicitVRBigEndian
    header = read_dataset(stream, is_implicit, is_little, stop_when=lambda tag, _vr, _length: tag in _PIXELS, specific_tags=_TAGS)
    return header, stream, syntax


def _inflated(packed: bytes, most: int) -> bytes:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    body = inflate.decompress(packed, most)
    if inflate.unconsumed_tail:
        raise FilmError("too_large")
    return body


def _form(header: Dataset, max_megapixels: float) -> _Form:
    rows, columns = int(header.get("Rows") or 0), int(header.get("Columns") or 0)
    if rows < 1 or columns < 1:
        raise FilmError("undecodable_pixels")
    if rows * columns > max_megapixels * 1e6:
        raise FilmError("too_large")
    allocated = int(header.get("BitsAllocated") or 0)
    bits = int(header.get("BitsStored") or allocated)
    if allocated not in (1, 8, 16, 32) or not 1 <= bits <= min(allocated, 16):
        raise FilmError("unsupported_bit_depth")
    high = header.get("HighBit")
    shift = 0 if high in (None, "") else int(high) + 1 - bits
    if not 0 <= shift <= allocated - bits:
        raise FilmError("undecodable_pixels")
    return _Form(rows, columns, allocated, bits, shift, header.get("PixelRepresentation") == 1)


def _pixel_element(stream: BinaryIO, syntax: uid.UID) -> tuple[bytes, int]:
    """VR and length of Pixel Data, the stream at its value.

    Some files are coded otherwise than their transfer syntax says. Letters of a VR tell: as a length they would be odd, which none is
    (PS3.5 7.1.1).
    """
    order = ">" if syntax == uid.ExplicitVRBigEndian else "<"
    start = stream.read(8)
    if len(start) < 8:
        raise FilmError("truncated_pixels")
    group, element = struct.unpack(f"{order}HH", start[:4])
    if (group << 16 | element) != _PIXEL_DATA:  # Float and Double Float Pixel Data
        raise FilmError("unsupported_bit_depth")
    if start[4:] not in _PIXEL_VRS:
        return b"OW", struct.unpack(f"{order}L", start[4:])[0]
    return start[4:6], struct.unpack(f"{order}L", _exactly(stream, 4))[0]


def _exactly(stream: BinaryIO, count: int) -> bytes:
    found = stream.read(count)
    if len(found) < count:
        raise FilmError("truncated_pixels")
    return found


def _native(stream: BinaryIO, form: _Form, vr: bytes, length: int, is_little: bool) -> Stored:
    """Uncompressed pixels (PS3.5 8.1.1); bytes beyond the frame are padding."""
    if length < form.n_bytes:
        raise FilmError("truncated_pixels")
    data = _exactly(stream, min(form.n_bytes + form.n_bytes % 2, length))
    if not is_little and vr == b"OW" and form.allocated <= 8:  # bytes lie in swapped pairs
        data = np.frombuffer(data, ">u2").astype("<u2").tobytes()
    return _uncompressed(data, form, "<" if is_little else ">")


def _uncompressed(data: bytes | bytearray | Stored, form: _Form, order: str = "<") -> Stored:
    if form.allocated == 1:
        bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little", count=form.rows * form.columns)
        return bits.reshape(form.rows, form.columns)
    raw = np.frombuffer(data, f"{order}u{form.allocated // 8}", form.rows * form.columns)
    return _placed(raw.astype(raw.dtype.newbyteorder("="), copy=False).reshape(form.rows, form.columns), form)


def _placed(raw: Stored, form: _Form) -> Stored:
    """Bits Stored below High Bit, the rest masked (it may hold an overlay, PS3.5 8.1.1 before 2004), in the pixels' own sign."""
    values = raw >> form.shift if form.shift else raw
    if form.bits < form.allocated and int(values.max()) >> form.bits:
        values = values & (2**form.bits - 1)
    if form.allocated == 32:
        values = values.astype(np.uint16)
    return _signed(values, form.bits) if form.is_signed else values


def _signed(values: Stored, bits: int) -> Stored:
    """Two's complement of `bits` bits."""
    spare = 8 * values.itemsize - bits
    signed = values.view(values.dtype.str.replace("u", "i"))
    return signed << spare >> spare if spare else signed


def _frame(stream: BinaryIO, most: int) -> bytes:
    """All fragments put together (PS3.5 A.4), found by their lengths: a delimiter may occur inside of one."""
    fragments: list[bytes] = []
    total = -1
    while (start := stream.read(8))[:4] == _ITEM and len(start) == 8:
        length = struct.unpack("<L", start[4:])[0]
        if total < 0:  # the Basic Offset Table
            if length > most:
                raise FilmError("undecodable_pixels")
            _exactly(stream, length)
            total = 0
            continue
        total += length
        if total > most:
            raise FilmError("too_large")
        fragments.append(_exactly(stream, length))
    if total <= 0 or 0 < len(start) < 8:
        raise FilmError("truncated_pixels")
    if start[:4] not in (_DELIMITER, b""):
        raise FilmError("undecodable_pixels")
    return fragments[0] if len(fragments) == 1 else b"".join(fragments)


def _uncoded(frame: bytes, form: _Form, _least_px: int | None) -> tuple[Stored, int]:
    """Encapsulated and yet uncompressed (PS3.5 A.4.11), for frames of more than 4 GiB together."""
    if len(frame) < form.n_bytes:
        raise FilmError("truncated_pixels")
    return _uncompressed(frame, form), 0


def _rle(frame: bytes, form: _Form, _least_px: int | None) -> tuple[Stored, int]:
    """PS3.5 annex G; the decoder is in Rust, which does not read beyond a segment whose offset lies."""
    try:
        layout = {"rows": form.rows, "columns": form.columns, "bits_allocated": form.allocated, "pack_bits": True}
        pixels = decode_pixel_data(frame, None, 2, **layout)
    except ValueError as error:  # segments end before the picture does, or begin beyond them
        raise FilmError("truncated_pixels") from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # of Rust, which is no Exception and cannot leave a worker
            raise FilmError("undecodable_pixels") from None
        raise
    return _uncompressed(pixels, form), 0


def _jpeg(frame: bytes, form: _Form, _least_px: int | None) -> tuple[Stored, int]:
    shape = jpeg_shape(frame)
    _must_agree(shape, form)
    raw = imagecodecs.jpeg8_decode(frame)
    # Lossless JPEG of all 16 bits: those above Bits Stored are an overlay of old.
    return (_placed(raw, form) if shape.bits == form.allocated == 16 > form.bits else _contained(raw, shape, form)), 0


def _jpegls(frame: bytes, form: _Form, _least_px: int | None) -> tuple[Stored, int]:
    shape = jpeg_shape(frame)
    _must_agree(shape, form)
    scan = lossless_scan(frame, shape)
    if scan is None:
        return _contained(imagecodecs.jpegls_decode(frame), shape, form), 0
    from pipeline.decode import jpegls  # half a second, which only films of this syntax need

    return _contained(jpegls.decode(frame, shape, scan), shape, form), 0


def _jpeg2000(frame: bytes, form: _Form, least_px: int | None) -> tuple[Stored, int]:
    stream = frame[jpeg2000_start(frame) :]
    shape = jpeg2000_shape(stream)
    _must_agree(shape, form)
    halvings = _halvings(form, shape.halvings, least_px)
    image: Any = Image.open(io.BytesIO(stream))
    image.reduce = halvings  # of this format alone; elsewhere in Pillow it is a method
    wide = np.array(image)
    # Pillow scales samples to 8 or 16 bits and counts signed ones from the lowest.
    raw = wide >> (8 * wide.itemsize - shape.bits)
    if shape.is_signed:
        raw = raw.astype(np.int32) - 2 ** (shape.bits - 1)
    return _contained(raw, shape, form), halvings


def _halvings(form: _Form, most: int, least_px: int | None) -> int:
    """How often a film can be halved and keep `least_px` on its longer side.

    Of several halvings, only one at which Pillow, which rounds a side, and OpenJPEG, which rounds it up (ITU-T T.800 B-15), agree.
    """
    found = 0
    for halvings in range(1, most + 1 if least_px else 0):
        step = 2**halvings
        if -(-max(form.rows, form.columns) // step) < (least_px or 0):
            break
        if all((side + step // 2) // step == -(-side // step) for side in (form.rows, form.columns)):
            found = halvings
    return found


def _must_agree(shape: Shape, form: _Form) -> None:
    if (shape.rows, shape.columns, shape.samples) != (form.rows, form.columns, 1):
        raise FilmError("undecodable_pixels")
    if shape.bits > 16:
        raise FilmError("unsupported_bit_depth")


def _contained(raw: Stored, shape: Shape, form: _Form) -> Stored:
    """Samples of a codestream as Bits Allocated and Pixel Representation have them; the codestream knows its own bits best.

    The sign is the highest bit of what is stored, or of the codestream where that has more (PS3.5 8.1.1 and 8.2).
    """
    if raw.ndim != 2:
        raise FilmError("undecodable_pixels")
    if shape.is_signed and not form.is_signed:
        raw = raw & (2**shape.bits - 1)
    elif form.is_signed and not shape.is_signed:
        raw = _signed(raw, max(shape.bits, form.bits))
    wide = 8 if max(form.allocated, shape.bits) <= 8 else 16
    return raw.astype(f"{'i' if form.is_signed else 'u'}{wide // 8}", copy=False)


Decoder = Callable[[bytes, _Form, int | None], tuple[Stored, int]]
_DECODERS: dict[str, Decoder] = {
    _ENCAPSULATED: _uncoded,
    uid.RLELossless: _rle,
    **dict.fromkeys((uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLossless, uid.JPEGLosslessSV1), _jpeg),
    **dict.fromkeys((uid.JPEGLSLossless, uid.JPEGLSNearLossless), _jpegls),
    **dict.fromkeys((uid.JPEG2000Lossless, uid.JPEG2000, uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K), _jpeg2000),
}
