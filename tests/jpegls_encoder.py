"""A lossless JPEG-LS encoder that follows the text of ITU-T T.87 annex A step by step, for any depth, thresholds and RESET.

Encoders at hand write 8 or 16 bits and default parameters alone. Its streams are held against CharLS in `test_decode_jpegls`.
"""

from __future__ import annotations

import struct

import numpy as np

J = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15]
DEFAULTS = (0, 0, 0, 0)


def encode(pixels: np.ndarray, bits: int, given: tuple[int, int, int, int] = DEFAULTS) -> bytes:
    """A stream of one component; `given` are T1, T2, T3 and RESET, zeros stand for the defaults."""
    rows, columns = pixels.shape
    start = b"\xff\xd8\xff\xf7" + struct.pack(">HBHHBBBB", 11, bits, rows, columns, 1, 1, 0x11, 0)
    preset = b"\xff\xf8" + struct.pack(">HBHHHHH", 13, 1, 0, *given) if any(given) else b""
    scan = b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, 1, 0, 0, 0, 0)
    return (
        start
        + preset
        + scan
        + _stuffed(_Scan(bits, *(one or default for one, default in zip(given, defaults(bits), strict=True))).coded(pixels))
        + b"\xff\xd9"
    )


def defaults(bits: int) -> tuple[int, int, int, int]:
    """C.2.4.1.1.1 for NEAR = 0."""
    largest = 2**bits - 1

    def clamp(value: int, lowest: int) -> int:
        return lowest if value > largest or value < lowest else value

    if largest >= 128:
        factor = (min(largest, 4095) + 128) // 256
        t1, t2, t3 = factor * (3 - 2) + 2, factor * (7 - 3) + 3, factor * (21 - 4) + 4
    else:
        factor = 256 // (largest + 1)
        t1, t2, t3 = max(2, 3 // factor), max(3, 7 // factor), max(4, 21 // factor)
    t1 = clamp(t1, 1)
    t2 = clamp(t2, t1)
    return t1, t2, clamp(t3, t2), 64


def _stuffed(bits: list[int]) -> bytes:
    """Bytes with a zero bit behind each one of 0xFF (A.1)."""
    found, at = bytearray(), 0
    while at < len(bits) or found[-1:] == b"\xff":
        width = 7 if found[-1:] == b"\xff" else 8
        piece = bits[at : at + width]
        found.append(int("".join(map(str, piece + [0] * (width - len(piece)))), 2))
        at += width
    return bytes(found)


class _Scan:
    def __init__(self, bits: int, t1: int, t2: int, t3: int, reset: int) -> None:
        self.span, self.qbpp, self.limit, self.reset = 2**bits, bits, 2 * (bits + max(8, bits)), reset
        self.thresholds = (t1, t2, t3)
        self.A = [max(2, (self.span + 32) // 64)] * 367
        self.B, self.C, self.N, self.Nn = [0] * 365, [0] * 365, [1] * 367, [0, 0]
        self.index, self.out = 0, list[int]()

    def coded(self, pixels: np.ndarray) -> list[int]:
        rows, columns = pixels.shape
        film = np.zeros((rows + 1, columns + 2), np.int64)  # a row above, a column on either side
        film[1:, 1:-1] = pixels
        for y in range(1, rows + 1):
            film[y, 0], film[y - 1, -1] = film[y - 1, 1], film[y - 1, -2]
            x = 1
            while x <= columns:
                x = self._pixel(film, y, x, columns)
        return self.out

    def _pixel(self, film: np.ndarray, y: int, x: int, columns: int) -> int:
        a, b, c, d = (int(film[at]) for at in ((y, x - 1), (y - 1, x), (y - 1, x - 1), (y - 1, x + 1)))
        if a == b == c == d:
            return self._run(film, y, x, columns, a)
        context = 0
        for gradient in (d - b, b - c, c - a):
            context = 9 * context + self._region(gradient)
        sign = -1 if context < 0 else 1
        self._regular(int(film[y, x]), a, b, c, abs(context), sign)
        return x + 1

    def _region(self, gradient: int) -> int:
        size = sum(abs(gradient) >= threshold for threshold in (1, *self.thresholds))
        return size if gradient > 0 else -size

    def _regular(self, value: int, a: int, b: int, c: int, q: int, sign: int) -> None:
        predicted = min(a, b) if c >= max(a, b) else max(a, b) if c <= min(a, b) else a + b - c
        predicted = min(max(predicted + sign * self.C[q], 0), self.span - 1)
        error = self._modulo(sign * (value - predicted))
        k = 0
        while self.N[q] << k < self.A[q]:
            k += 1
        if k == 0 and 2 * self.B[q] <= -self.N[q]:
            mapped = 2 * error + 1 if error >= 0 else -2 * (error + 1)
        else:
            mapped = 2 * error if error >= 0 else -2 * error - 1
        self._golomb(mapped, k, self.limit)
        self.B[q] += error
        self.A[q] += abs(error)
        if self.N[q] == self.reset:
            self.A[q] >>= 1
            self.B[q] = self.B[q] >> 1 if self.B[q] >= 0 else -((1 - self.B[q]) >> 1)
            self.N[q] >>= 1
        self.N[q] += 1
        if self.B[q] <= -self.N[q]:
            self.B[q] = max(self.B[q] + self.N[q], 1 - self.N[q])
            self.C[q] = max(self.C[q] - 1, -128)
        elif self.B[q] > 0:
            self.B[q] = min(self.B[q] - self.N[q], 0)
            self.C[q] = min(self.C[q] + 1, 127)

    def _run(self, film: np.ndarray, y: int, x: int, columns: int, a: int) -> int:
        length = 0
        while x + length <= columns and film[y, x + length] == a:
            length += 1
        left, is_end = length, x + length > columns
        while left >= 1 << J[self.index]:
            self.out.append(1)
            left -= 1 << J[self.index]
            self.index = min(self.index + 1, 31)
        if is_end:
            if left:
                self.out.append(1)
            return x + length
        self.out.append(0)
        self._append(left, J[self.index])
        self._interruption(int(film[y, x + length]), a, int(film[y - 1, x + length]))
        self.index = max(self.index - 1, 0)
        return x + length + 1

    def _interruption(self, value: int, a: int, b: int) -> None:
        kind = int(a == b)
        q = 365 + kind
        error = value - (a if kind else b)
        if not kind and a > b:
            error = -error
        error = self._modulo(error)
        k, target = 0, self.A[q] + (self.N[q] >> 1 if kind else 0)
        while self.N[q] << k < target:
            k += 1
        is_mapped = (k == 0 and error > 0 and 2 * self.Nn[kind] < self.N[q]) or (error < 0 and (k != 0 or 2 * self.Nn[kind] >= self.N[q]))
        mapped = 2 * abs(error) - kind - int(is_mapped)
        self._golomb(mapped, k, self.limit - J[self.index] - 1)
        self.Nn[kind] += int(error < 0)
        self.A[q] += (mapped + 1 - kind) >> 1
        if self.N[q] == self.reset:
            self.A[q], self.N[q], self.Nn[kind] = self.A[q] >> 1, self.N[q] >> 1, self.Nn[kind] >> 1
        self.N[q] += 1

    def _modulo(self, error: int) -> int:
        error += self.span if error < 0 else 0
        return error - self.span if error >= (self.span + 1) // 2 else error

    def _golomb(self, mapped: int, k: int, limit: int) -> None:
        most = limit - self.qbpp - 1
        if mapped >> k < most:
            self.out += [0] * (mapped >> k) + [1]
            self._append(mapped & ((1 << k) - 1), k)
        else:
            self.out += [0] * most + [1]
            self._append(mapped - 1, self.qbpp)

    def _append(self, value: int, count: int) -> None:
        self.out += [value >> at & 1 for at in reversed(range(count))]
