"""Lossless JPEG-LS (ITU-T T.87) of one grey component, compiled by numba to machine code: a film costs three fifths of what CharLS takes.

The time of a JPEG-LS decoder is the way from one pixel to the next, which is kept short here: stuffed bits are taken out first, so that
the next 57 bits are one load; what the row above says of a context is known before a row begins; the Golomb order and the correction of a
context are kept for both its signs, and written only when they change. Capitals are the names of T.87.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.ir as ir
import numpy as np
import numpy.typing as npt
from numba import njit, types
from numba.extending import intrinsic

from pipeline.decode.codestream import LosslessScan, Shape, StreamError

_u64 = np.uint64
_ONE = np.uint64(1)
# A longer unary prefix is read bit by bit, so that prefix, stop bit and remainder are within one load.
_SHORT = 32
# Zeros behind the stream: whoever reads beyond its end sees no stop bit, and fails.
_PAD = 32
_MAX_C, _MIN_C = 127, -128
_MAX_ORDER = 24  # of a damaged stream; a sound one of 16 bits has 16
_CONTEXTS = 365
# Orders of run lengths (T.87 A.7.1.2).
_J = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15], np.int64)


def decode(stream: bytes, shape: Shape, scan: LosslessScan) -> npt.NDArray[np.uint16]:
    """Samples, shape (rows, columns), of a lossless JPEG-LS stream.

    Args:
        stream: the stream from its start of image.
        shape: one component of 2 to 16 bits.
        scan: where its only scan is, and with which parameters it was coded.

    Raises:
        StreamError: the scan is damaged, too short, or longer than the picture.
    """
    bits, least, most = _unstuffed(np.frombuffer(stream, np.uint8)[scan.start :])
    pixels = np.empty((shape.rows, shape.columns), np.uint16)
    if not least <= _decoded(bits, np.uint64(most), pixels, shape.bits, *scan.thresholds, scan.reset) <= most:
        raise StreamError(is_short=False)
    return pixels


def _compiled(function: Callable[..., Any]) -> Any:
    """Machine code, kept on the disk beside this file or in the user's cache; where neither can be written, made again by each process."""
    try:
        return njit(function, cache=True, nogil=True)
    except RuntimeError:
        return njit(function, nogil=True)


@intrinsic
def _leading_zeros(_context: Any, word: Any) -> Any:
    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(word), generate


@intrinsic
def _ahead(_context: Any, stream: Any, at: Any) -> Any:
    """The bits of a uint8 array from bit `at`, the next one highest; 57 of the 64 are of the stream, the rest zeros."""

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word, at = ir.IntType(64), arguments[1]
        data = target.make_array(signature.args[0])(target, builder, arguments[0]).data
        first = builder.bitcast(builder.gep(data, [builder.lshr(at, word(3))]), word.as_pointer())
        return builder.shl(builder.bswap(builder.load(first, align=1)), builder.and_(at, word(7)))

    return types.uint64(stream, at), generate


def _unstuffed(coded: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], int, int]:
    """The bits up to the next marker without the zero that follows each byte of 0xFF; how many a sound scan uses at least, and at most."""
    full = np.flatnonzero(coded[:-1] == 0xFF)
    markers = full[coded[full + 1] >= 0x80]
    size = int(markers[0]) if len(markers) else len(coded)
    starts = full[full + 1 < size] + 1
    packed = np.zeros(size + _PAD, np.uint8)
    _pack(coded, np.concatenate([[0], starts, [size]]), packed)
    count = 8 * size - len(starts)
    # The last byte is filled up; behind one of 0xFF follows another (T.87 A.1).
    return packed, count - (14 if size - 1 in starts[-1:] else 7), count


@_compiled
def _pack(coded, bounds, packed):
    """Pieces between `bounds` close together, the first bit of each, which is zero, upon the last one of the piece before."""
    for piece in range(len(bounds) - 1):
        source, first = coded[bounds[piece] : bounds[piece + 1]], 8 * bounds[piece] - piece
        right = np.uint8(first & 7)
        left = np.uint8(8 - right)
        target = packed[first >> 3 : (first >> 3) + len(source) + 1]
        if len(source):
            target[0] |= source[0] >> right
            for at in range(len(source) - 1):
                target[at + 1] = np.uint8(source[at] << left) | np.uint8(source[at + 1] >> right)
            target[-1] = source[-1] << left


@_compiled
def _next_bits(stream, at, count):
    return np.int64((_ahead(stream, at) >> _ONE) >> _u64(63 - count))


@_compiled
def _golomb(stream, at, end, k, limit, qbpp):
    """MErrval (T.87 A.5.3), and where the stream goes on; beyond `end` where the stream is damaged. `limit`: most zeros of a prefix."""
    zeros = 0
    while not _ahead(stream, at) >> _u64(63):
        zeros += 1
        at += _ONE
        if zeros > limit or at > end:
            return 0, end + _ONE
    at += _ONE
    if zeros < limit:
        return (zeros << k) | _next_bits(stream, at, k), at + _u64(k)
    return _next_bits(stream, at, qbpp) + 1, at + _u64(qbpp)


@_compiled
def _run(stream, at, end, left, index):
    """Length of a run of at most `left` pixels, where the stream goes on, and RUNindex (A.7.1)."""
    length = 0
    while length < left:
        if at > end:
            return left, end + _ONE, index
        is_whole = _ahead(stream, at) >> _u64(63)
        at += _ONE
        if not is_whole:
            length += _next_bits(stream, at, _J[index])
            at += _u64(_J[index])
            if length >= left:
                return left, end + _ONE, index
            break
        length += 1 << _J[index]
        if length <= left and index < 31:
            index += 1
    return min(length, left), at, index


@_compiled
def _interruption(stream, at, end, state, Ra, Rb, limit, qbpp, reset):
    """The pixel that ends a run (A.7.2), and where the stream goes on."""
    is_like = 1 if Ra == Rb else 0
    of = _CONTEXTS + is_like
    A, Nn, N = np.int64(state[of, 0]), np.int64(state[of, 1]), np.int64(state[of, 2])
    k, target = 0, A + (N >> 1 if is_like else 0)
    while N << k < target:
        k += 1
    mapped, at = _golomb(stream, at, end, k, limit, qbpp)
    error = (mapped + is_like + 1) >> 1
    if ((mapped + is_like) & 1) == (1 if k != 0 or 2 * Nn >= N else 0):
        error = -error
        Nn += 1 if error < 0 else 0
    A += (mapped + 1 - is_like) >> 1
    if reset == N:
        A, Nn, N = A >> 1, Nn >> 1, N >> 1
    state[of, 0], state[of, 1], state[of, 2] = A, Nn, N + 1
    if is_like:
        return Ra + error, at
    return Rb - error if Ra > Rb else Rb + error, at


@_compiled
def _region(gradient, T1, T2, T3):
    """The region of a gradient, -4 to 4 (A.3.3); in 32 bits, so that a processor finds many at once."""
    size = np.int32(abs(gradient))
    region = np.int8(np.int8(size > 0) + np.int8(size >= T1) + np.int8(size >= T2) + np.int8(size >= T3))
    return region if gradient > 0 else np.int8(-region)


@_compiled
def _prepare(above, left_above, T1, T2, T3, gradients, aboves):
    """What the row above says of each pixel's context (A.3.4): 81 times the region of Rd - Rb, and 9 times that of Rb - Rc."""
    columns = len(above)
    left, right, inner = above[: columns - 1], above[1:], gradients[1:columns]
    gradients[0] = _region(np.int32(np.int64(above[0]) - left_above), T1, T2, T3)
    for x in range(columns - 1):
        inner[x] = _region(np.int32(np.int32(right[x]) - np.int32(left[x])), T1, T2, T3)
    of_left, of_right = gradients[:columns], gradients[1:]
    for x in range(columns):
        aboves[x] = np.int32(np.int32(81) * np.int32(of_right[x]) + np.int32(9) * np.int32(of_left[x]))


@_compiled
def _decoded(stream, end, pixels, bits, T1, T2, T3, reset):
    """Fills `pixels`; where the stream goes on, which is beyond `end` if it is damaged."""
    rows, columns = pixels.shape
    flat = pixels.reshape(-1)
    largest = np.int64((1 << bits) - 1)
    ends = np.array([largest, 0])  # looked up, so that the rare prediction beyond them is a branch and not work for every pixel
    span = largest + 1
    limit = 2 * (bits + max(8, bits)) - bits - 1
    short = min(limit, _SHORT)

    thresholds = np.int32(T1), np.int32(T2), np.int32(T3)
    # The region of a gradient by the negative of its value.
    region = np.zeros(2 * span + 1, np.int64)
    for gradient in range(-span, span + 1):
        region[span - gradient] = _region(np.int32(gradient), *thresholds)

    # A, B and N of each context and, for each sign of it, its order k and correction C (A.2.1, A.5.1, A.6.2).
    A0, k0 = max(2, (span + 32) >> 6), 0
    while 1 << k0 < A0:
        k0 += 1
    state = np.zeros((_CONTEXTS + 2, 4), np.int32)
    state[:, 0], state[:, 2] = A0, 1
    contexts = state.reshape(-1)
    orders, corrections = np.full(2 * _CONTEXTS, k0, np.int64), np.zeros(2 * _CONTEXTS, np.int64)
    middle = _u64(_CONTEXTS)

    nothing = np.zeros(columns, np.uint16)
    gradients, aboves = np.zeros(columns + 1, np.int8), np.zeros(columns, np.int32)
    width, at, index, left_above = _u64(columns), _u64(0), 0, np.int64(0)
    for y in range(rows):
        if at > end:
            break
        row = flat[y * columns : (y + 1) * columns]
        above = flat[(y - 1) * columns : y * columns] if y else nothing
        _prepare(above, left_above, *thresholds, gradients, aboves)
        Ra, Rc, left_above = np.int64(above[0]), left_above, np.int64(above[0])
        x = _u64(0)
        while x < width:
            Rb = np.int64(above[x])
            context = aboves[x] + region[_u64(Ra + (span - Rc))]
            if context != 0:
                word = _ahead(stream, at)
                zeros = _leading_zeros(word)
                sign = context >> 63
                signed, of = _u64(context) + middle, _u64(((context ^ sign) - sign) << 2)
                Px = max(min(Ra + Rb - Rc, max(Ra, Rb)), min(Ra, Rb)) + corrections[signed]
                if Px & ~largest:
                    Px = ends[_u64(Px) >> _u64(63)]
                k = orders[signed]
                if zeros < short:  # stop bit and remainder, with the prefix in the place of the stop bit
                    mapped = np.int64(word >> _u64(63 - zeros - k)) + ((zeros - 1) << k)
                    at += _u64(zeros + 1 + k)
                else:
                    mapped, at = _golomb(stream, at, end, k, limit, bits)
                A, B, N = np.int64(contexts[of]), np.int64(contexts[of + _ONE]), np.int64(contexts[of + _u64(2)])
                error = (mapped >> 1) ^ -(mapped & 1)
                A += (mapped + 1) >> 1
                if k == 0 and 2 * B <= -N:
                    A -= (mapped + 1) >> 1
                    error = ~error
                    A += abs(error)
                Rc, Ra = Rb, ((Px - sign) + (error ^ sign)) & largest
                row[x] = Ra
                x += _ONE
                B += error
                if reset == N:
                    A, B, N = A >> 1, B >> 1, N >> 1
                N += 1
                if _u64(B + N - 1) >= _u64(N):  # B is not within (-N, 0]
                    C = (corrections[signed] ^ sign) - sign
                    if B > 0:
                        B, C = min(B - N, 0), min(C + 1, _MAX_C)
                    else:
                        B, C = max(B + N, 1 - N), max(C - 1, _MIN_C)
                    C = (C ^ sign) - sign
                    corrections[signed], corrections[middle - _u64(context)] = C, -C
                if _u64((N << k) - A) >= _u64(A):  # A is not within (N << k - 1, N << k]
                    while k < _MAX_ORDER and N << k < A:
                        k += 1
                    while k > 0 and N << (k - 1) >= A:
                        k -= 1
                    orders[signed] = orders[middle - _u64(context)] = k
                contexts[of], contexts[of + _ONE], contexts[of + _u64(2)] = A, B, N
            else:
                length, at, index = _run(stream, at, end, np.int64(width - x), index)
                row[x : x + _u64(length)] = Ra
                x += _u64(length)
                if x < width:
                    Rb = np.int64(above[x])
                    Ra, at = _interruption(stream, at, end, state, Ra, Rb, limit - _J[index] - 1, bits, reset)
                    Rc, Ra = Rb, Ra & largest
                    row[x] = Ra
                    x += _ONE
                    index = max(index - 1, 0)
    return at
