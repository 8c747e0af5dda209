"""What a compressed frame says of its own shape, read before it is decoded: a header that lies costs no memory, a short stream is seen.

Two families: the marker segments of JPEG (ITU-T T.81 annex B) and JPEG-LS (T.87 annex C), and those of JPEG 2000 (T.800 annex A).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}  # SOF0 to SOF15 without DHT, JPG and DAC; SOF55 of JPEG-LS
_BARE = frozenset((0x01, *range(0xD0, 0xD9)))  # TEM, RSTn and SOI stand without a length
_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_PADDING = b"\0\xff"
_SIZ = b"\xff\x4f\xff\x51"
_COD, _SOT = 0xFF52, 0xFF90
# A JP2 file header before the codestream, against PS3.5 A.4.4, is a few hundred bytes.
_BOXES = 4096


class StreamError(Exception):
    """A stream without a readable header, or one that breaks off (`is_short`)."""

    def __init__(self, *, is_short: bool) -> None:
        super().__init__("the stream breaks off" if is_short else "the stream has no readable header")
        self.is_short = is_short


@dataclass(frozen=True, slots=True)
class Shape:
    """Rows, columns and samples of a pixel, bits and sign of a sample; `halvings` is how often JPEG 2000 can be halved undecoded."""

    rows: int
    columns: int
    samples: int
    bits: int
    is_signed: bool = False
    halvings: int = 0


def jpeg_shape(stream: bytes) -> Shape:
    """Shape of a JPEG or JPEG-LS stream.

    Raises:
        StreamError: no frame header, or no end of image: libjpeg fills what is missing with grey and says nothing.
    """
    if not stream.startswith(_SOI):
        raise StreamError(is_short=False)
    if not stream.rstrip(_PADDING).endswith(_EOI):
        raise StreamError(is_short=True)
    at = 2
    while at + 10 <= len(stream):
        if stream[at] != 0xFF:
            raise StreamError(is_short=False)
        marker = stream[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _BARE:
            at += 2
        elif marker in _FRAMES:
            bits, rows, columns, samples = struct.unpack_from(">BHHB", stream, at + 4)
            return Shape(rows, columns, samples, bits)
        else:
            at += 2 + struct.unpack_from(">H", stream, at + 2)[0]
    raise StreamError(is_short=False)


def jpeg2000_start(stream: bytes) -> int:
    """Where the codestream begins, behind a JP2 file header if there is one.

    Raises:
        StreamError: there is none.
    """
    start = stream.find(_SIZ, 0, _BOXES)
    if start < 0:
        raise StreamError(is_short=False)
    return start


def jpeg2000_shape(stream: bytes) -> Shape:
    """Shape of a JPEG 2000 or High-Throughput JPEG 2000 codestream.

    Raises:
        StreamError: the main header breaks off or names no coding style.
    """
    try:
        width, height, left, top = struct.unpack_from(">4I", stream, 8)
        samples, depth = struct.unpack_from(">HB", stream, 40)
        at = 4 + struct.unpack_from(">H", stream, 4)[0]
        while (marker := struct.unpack_from(">H", stream, at)[0]) != _COD:
            if marker == _SOT:
                raise StreamError(is_short=False)
            at += 2 + struct.unpack_from(">H", stream, at + 2)[0]
        return Shape(height - top, width - left, samples, (depth & 0x7F) + 1, bool(depth & 0x80), stream[at + 9])
    except (struct.error, IndexError) as error:
        raise StreamError(is_short=True) from error
