"""Films as bytes and back, at both depths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base import images
from pipeline.base.errors import TableError


@given(st.integers(0, 65535))
def test_eight_bits_are_the_nearest_of_sixteen(level: int) -> None:
    film = np.full((2, 2), level, np.uint16)
    assert images.eight_bits(film)[0, 0] == round(level / 257)
    assert images.decode_eight_bits(images.encode(film))[0, 0] == round(level / 257)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_keeps_every_level(dtype: type) -> None:
    film = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (33, 47)).astype(dtype)
    found = images.decode(images.encode(film))
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, film)


def test_what_is_no_film_is_refused() -> None:
    with pytest.raises(TableError, match="greyscale jpeg"):
        images.encode(np.zeros((4, 4), np.uint16), "jpeg")
    with pytest.raises(TableError, match="no greyscale picture"):
        images.decode(b"no picture")
