"""Lossless JPEG-LS bit for bit: against an encoder that follows the standard's text, and against CharLS."""

from __future__ import annotations

import struct
import subprocess
import sys

import imagecodecs
import numpy as np
import pytest
from dicoms import textured
from hypothesis import given, settings
from hypothesis import strategies as st
from jpegls_encoder import DEFAULTS, encode
from numba import njit

from pipeline.decode import jpegls
from pipeline.decode.codestream import StreamError, jpeg_shape, lossless_scan


def decoded(stream: bytes) -> np.ndarray:
    shape = jpeg_shape(stream)
    scan = lossless_scan(stream, shape)
    assert scan is not None
    return jpegls.decode(stream, shape, scan)


def film(kind: str, bits: int, rows: int, columns: int, seed: int) -> np.ndarray:
    random, top = np.random.default_rng(seed), 2**bits - 1
    values = {
        "noise": random.integers(0, top + 1, (rows, columns)),
        "walk": np.cumsum(random.integers(-2, 3, (rows, columns)), axis=1) % (top + 1),
        "specks": (random.random((rows, columns)) < 0.05) * top,
        "grain": np.clip(top // 2 + random.normal(0, top / 50, (rows, columns)), 0, top),
        "flat": np.full((rows, columns), top // 3),
    }[kind]
    return values.astype(np.uint8 if bits <= 8 else np.uint16)


@st.composite
def presets(draw: st.DrawFn, bits: int) -> tuple[int, int, int, int]:
    if draw(st.booleans()):
        return DEFAULTS
    first, second, third = sorted(draw(st.tuples(*[st.integers(1, 2**bits - 1)] * 3)))
    return first, second, third, draw(st.integers(3, 255))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_film_of_any_depth_size_and_preset_is_what_was_coded(data: st.DataObject) -> None:
    bits = data.draw(st.integers(2, 16))
    kind = data.draw(st.sampled_from(["noise", "walk", "specks", "grain", "flat"]))
    pixels = film(kind, bits, data.draw(st.integers(1, 30)), data.draw(st.integers(1, 30)), data.draw(st.integers(0, 2**16)))
    stream = encode(pixels, bits, data.draw(presets(bits)))
    np.testing.assert_array_equal(imagecodecs.jpegls_decode(stream), pixels)
    np.testing.assert_array_equal(decoded(stream), pixels)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", ["noise", "walk", "specks", "grain"])
def test_a_large_film_is_what_charls_coded(bits: int, kind: str) -> None:
    """Contexts are halved, runs fill rows, prefixes reach their limit."""
    pixels = np.vstack([film(kind, bits, 200, 700, 1) // 5, film(kind, bits, 200, 700, 2), textured(100, 700, bits)])
    np.testing.assert_array_equal(decoded(imagecodecs.jpegls_encode(pixels)), pixels)


def test_a_scan_too_short_too_long_or_without_a_bit_of_sense_is_refused() -> None:
    pixels = textured(60, 50)
    whole = encode(pixels, 12)
    start = len(whole) - len(whole.split(b"\xff\xda", 1)[1]) + 8
    for cut in (start, start + 1, (start + len(whole)) // 2, len(whole) - 4):
        with pytest.raises(StreamError):
            decoded(whole[:cut] + b"\xff\xd9")
    with pytest.raises(StreamError):
        decoded(whole[:-2] + b"\x5a\x5a\xff\xd9")
    with pytest.raises(StreamError):
        decoded(whole[:start] + bytes(4000) + b"\xff\xd9")


def test_damage_ends_as_a_film_of_its_size_or_as_an_error() -> None:
    """Whatever the bits, nothing beyond the stream or the film is touched."""
    random = np.random.default_rng(0)
    refused = 0
    for turn in range(400):
        bits = int(random.integers(2, 17))
        stream = bytearray(encode(film("grain", bits, 9, 11, turn), bits))
        start = stream.rindex(b"\xff\xda") + 10
        for at in random.integers(start, len(stream) - 2, random.integers(1, 40)):
            stream[at] = random.choice([0, 1, 0x7F, 0xFF, random.integers(256)])
        try:
            assert decoded(bytes(stream)).shape == (9, 11)
        except StreamError:
            refused += 1
    assert 200 < refused < 400


def test_streams_that_are_not_plain_are_left_to_charls() -> None:
    pixels = textured(20, 30, 8)
    near, plain = imagecodecs.jpegls_encode(pixels, 2), encode(pixels, 8)
    at = plain.index(b"\xff\xda")
    odd = [
        bytes(near),
        plain[:at] + b"\xff\xdd" + struct.pack(">HH", 4, 10) + plain[at:],  # restart intervals
        plain[:at] + b"\xff\xf8" + struct.pack(">HBBB", 5, 2, 1, 1) + plain[at:],  # a mapping table
        plain[:at] + b"\xff\xf8" + struct.pack(">HBHHHHH", 13, 1, 200, 0, 0, 0, 0) + plain[at:],  # MAXVAL
        plain[:at] + b"\xff\xf8" + struct.pack(">HBHHHHH", 13, 1, 0, 9, 5, 7, 0) + plain[at:],  # thresholds out of order
    ]
    assert lossless_scan(plain, jpeg_shape(plain)) is not None
    assert [lossless_scan(stream, jpeg_shape(stream)) for stream in odd] == [None] * len(odd)


def test_a_stream_without_a_scan_has_no_readable_header() -> None:
    plain = encode(textured(20, 30), 12)
    stream = plain[: plain.index(b"\xff\xda")] + b"\xff\xd9"
    with pytest.raises(StreamError):
        lossless_scan(stream, jpeg_shape(stream))


def test_where_machine_code_cannot_be_kept_it_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def nowhere(function: object, cache: bool = False, **options: bool) -> object:
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(function, **options)

    monkeypatch.setattr(jpegls, "njit", nowhere)
    assert jpegls._compiled(lambda value: value + 1)(2) == 3
    assert asked == [True, False]


def test_only_films_of_this_syntax_wait_for_the_compiler() -> None:
    code = "import sys, pipeline.decode; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
