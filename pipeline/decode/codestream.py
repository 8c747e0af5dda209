"""What a compressed frame says of its own shape, read before it is decoded: a header that lies costs no memory, a short stream is seen.

Two families: the marker segments of JPEG (ITU-T T.81 annex B) and JPEG-LS (T.87 annex C), and those of JPEG 2000 (T.800 annex A).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}  # SOF0 to SOF15 without DHT, JPG and DAC; SOF55 of JPEG-LS
_BARE = frozenset((0x01, *range(0xD0, 0xD9)))  # TEM, RSTn and SOI stand without a length
_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
# Archives pad a stream with a few bytes of any kind.
_BEHIND = 16
_SIZ = b"\xff\x4f\xff\x51"
_COD, _SOT = 0xFF52, 0xFF90
_SOS, _DRI, _LSE = 0xDA, 0xDD, 0xF8
_DEFAULT_RESET, _LARGEST_RESET = 64, 255
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
    if _EOI not in stream[-_BEHIND:]:
        raise StreamError(is_short=True)
    for marker, at in _segments(stream):
        if marker in _FRAMES and at + 8 <= len(stream):
            bits, rows, columns, samples = struct.unpack_from(">BHHB", stream, at + 2)
            return Shape(rows, columns, samples, bits)
    raise StreamError(is_short=False)


def _segments(stream: bytes) -> Iterator[tuple[int, int]]:
    """Markers with a length, and where that is.

    Raises:
        StreamError: there is no marker where one must be.
    """
    at = 2
    while at + 4 <= len(stream):
        if stream[at] != 0xFF:
            raise StreamError(is_short=False)
        marker = stream[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _BARE:
            at += 2
        else:
            yield marker, at + 2
            at += 2 + struct.unpack_from(">H", stream, at + 2)[0]


@dataclass(frozen=True, slots=True)
class LosslessScan:
    """Where the coded bytes of a JPEG-LS scan start, the thresholds T1 to T3 of its gradients, and RESET (T.87 C.2.4.1)."""

    start: int
    thresholds: tuple[int, int, int]
    reset: int


def lossless_scan(stream: bytes, shape: Shape) -> LosslessScan | None:
    """The scan of a JPEG-LS stream; None if it is no plain lossless one: near-lossless, restart intervals, tables, an odd MAXVAL.

    Raises:
        StreamError: there is no scan.
    """
    largest = 2**shape.bits - 1
    given = (0,) * 5
    for marker, at in _segments(stream):
        length = struct.unpack_from(">H", stream, at)[0]
        if marker == _LSE and length == 13 and at + length <= len(stream) and stream[at + 2] == 1:
            given = struct.unpack_from(">5H", stream, at + 3)
        elif marker in (_LSE, _DRI):
            return None
        elif marker == _SOS:
            thresholds, reset = _thresholds(largest, given[1:4]), given[4] or _DEFAULT_RESET
            # One component; mapping table, NEAR, interleave mode and point transform are zero
            is_plain = stream[at + 2 : at + 3] == b"\1" and stream[at + 4 : at + 8] == bytes(4) and length == 8
            is_sound = 1 <= thresholds[0] <= thresholds[1] <= thresholds[2] <= largest and 3 <= reset <= _LARGEST_RESET
            if is_plain and is_sound and given[0] in (0, largest) and 2 <= shape.bits <= 16:
                return LosslessScan(at + length, thresholds, reset)
            return None
    raise StreamError(is_short=False)


def _thresholds(largest: int, given: tuple[int, ...]) -> tuple[int, int, int]:
    """T1 to T3: the given ones, and in the place of zeros the defaults of T.87 C.2.4.1.1.1."""
    found: list[int] = []
    for at, (basic, least) in enumerate(((3, 2), (7, 3), (21, 4))):
        if largest >= 128:
            default = (min(largest, 4095) + 128) // 256 * (basic - least) + least
        else:
            default = max(least, basic // (256 // (largest + 1)))
        lowest = found[-1] if found else 1
        found.append(given[at] or (default if lowest <= default <= largest else lowest))
    return found[0], found[1], found[2]


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
