"""Letters on films: found at any size and polarity, markers told from names, names painted over, anatomy left alone."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from dicoms import make_dicom
from factories import phantom
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.font_manager import findfont
from PIL import Image, ImageDraw, ImageFont

from pipeline.base.images import Film, decode_eight_bits
from pipeline.base.settings import Decode
from pipeline.decode import lettering, wording
from pipeline.decode.film import FilmError, decode_film

needs_tesseract = pytest.mark.skipif(not wording.tesseract(), reason="tesseract is not installed: sh .ci/system-packages.sh")
FONTS = ("DejaVu Sans", "DejaVu Sans Mono", "DejaVu Serif")


def film(side: int = 1024) -> Film:
    small = phantom(np.random.default_rng(0), cardiomegaly=False, effusion=False)
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def lettered(
    text: str, height_px: int = 24, at: tuple[float, float] = (0.04, 0.03), side: int = 1024, font: str = FONTS[0], ink: int = 255
) -> Film:
    picture = Image.fromarray(film(side))
    drawn = ImageFont.truetype(findfont(font), height_px)
    ImageDraw.Draw(picture).text((at[0] * side, at[1] * side), text, fill=ink, font=drawn)
    return np.asarray(picture, np.uint8)


def turned(film: Film, quarters: int) -> Film:
    return np.ascontiguousarray(np.rot90(film, quarters))


def covers(lines: list[lettering.Line], text: Film, plain: Film) -> float:
    """Share of the drawn pixels inside the lines."""
    drawn = text != plain
    inside = np.zeros(text.shape, bool)
    for line in lines:
        (inside.T if line.is_upright else inside)[line.top : line.bottom, line.left : line.right] = True
    return float((drawn & inside).sum() / drawn.sum())


def test_a_film_without_letters_has_no_lines() -> None:
    assert lettering.find_lines(film()) == []
    assert lettering.find_lines(np.zeros((1024, 800), np.uint8)) == []


@pytest.mark.parametrize("font", FONTS)
@pytest.mark.parametrize("height_px", [14, 20, 32, 48])
def test_names_are_found_in_any_type_and_size(font: str, height_px: int) -> None:
    text = lettered("ADEYEMI, FLORENCE", height_px, font=font)
    assert covers(lettering.find_lines(text), text, film()) > 0.9


@pytest.mark.parametrize("quarters", [1, 2, 3])
@pytest.mark.parametrize("height_px", [14, 24, 40])
def test_names_are_found_however_the_film_was_turned(height_px: int, quarters: int) -> None:
    text = lettered("ADEYEMI, FLORENCE", height_px)
    lines = lettering.find_lines(turned(text, quarters))
    assert covers(lines, turned(text, quarters), turned(film(), quarters)) > 0.9
    assert {line.is_upright for line in lines} == {quarters != 2}


def test_letters_below_one_another_are_no_upright_line() -> None:
    text = film()
    for row in range(8):
        text = np.maximum(text, lettered("PORTABLE", 24, (0.04, 0.05 + 0.03 * row)))
    assert {line.is_upright for line in lettering.find_lines(text)} == {False}


def test_dark_letters_on_light_ground_are_found() -> None:
    text = lettered("MRN 20481937", 24, (0.4, 0.5), ink=0)
    lines = lettering.find_lines(np.maximum(text, 0))
    light = np.full((600, 600), 200, np.uint8)
    picture = Image.fromarray(light)
    ImageDraw.Draw(picture).text((60, 60), "MRN 20481937", fill=10, font=ImageFont.truetype(findfont(FONTS[0]), 24))
    assert any(line.is_dark for line in lettering.find_lines(np.asarray(picture, np.uint8)))
    assert covers(lines, text, film()) > 0.9


@pytest.mark.parametrize("text", ["PORTABLE", "AP SUPINE 40 in".upper(), "L", "R", "PA CHEST", "ERECT JK 12", "Lateral", "R 08:14"])
def test_markers_are_harmless(text: str) -> None:
    assert wording.is_marker(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "ADEYEMI", "20481937", "DOB 03/02/1950", "PORTABLE ADEYEMI", "12 MARCH", "ST MARY HOSPITAL", "?!"),
        *("WU, ZOE", "LI", "R 03/02/50", "PORTABLE LI WU", "L 6S6T", "AP Zoë"),
    ],
)
def test_anything_else_is_not(text: str) -> None:
    assert not wording.is_marker(text)


@given(st.text(max_size=30))
@settings(max_examples=200)
def test_no_word_of_four_letters_or_number_of_three_digits_passes_unknown(text: str) -> None:
    if wording.is_marker(text):
        words = wording._WORD.findall(text.upper())
        assert all(word in wording._markers() or len(word) < (3 if word.isdigit() else 4) for word in words)
        assert any(word in wording._markers() for word in words)


@needs_tesseract
@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("text", ["PORTABLE", "AP UPRIGHT", "SUPINE"])
def test_markers_stay_on_the_film(text: str, quarters: int) -> None:
    marked = turned(lettered(text, 30), quarters)
    assert lettering.find_lines(marked)
    assert wording.unwanted_lines(marked) == []


@needs_tesseract
@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("text", ["WU, ZOE", "HILL 04/08/1932", "Berg Ada", "MRN 67237793"])
def test_what_names_somebody_goes_however_the_film_was_turned(text: str, quarters: int) -> None:
    named = turned(lettered(text, 30), quarters)
    lines = wording.unwanted_lines(named)
    assert covers(lines, named, turned(film(), quarters)) > 0.9
    assert lettering.find_lines(wording.cover(named, lines, 1.0)) == []


def test_without_tesseract_every_line_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wording, "tesseract", lambda: None)
    assert wording.unwanted_lines(lettered("PORTABLE", 30))


def test_painting_over_takes_the_letters_and_nothing_else() -> None:
    text, plain = lettered("ADEYEMI FLORENCE", 24), film()
    before = text.copy()
    covered = wording.cover(text, lettering.find_lines(text), 1.0)
    assert lettering.find_lines(covered) == []
    assert (text == before).all()
    rows = np.arange(1024) > 100
    assert (covered[rows] == plain[rows]).all()


@pytest.mark.parametrize("inverted", [False, True])
def test_a_name_never_reaches_the_stored_film(tmp_path: Path, inverted: bool) -> None:
    plain, text = film(1600), lettered("ADEYEMI FLORENCE  MRN 20481937", 34, side=1600)
    polarity = "MONOCHROME1" if inverted else "MONOCHROME2"
    header = {"PhotometricInterpretation": polarity, "bits": 8, "WindowCenter": 128, "WindowWidth": 256}
    stored = [np.asarray(255 - one if inverted else one, np.uint8) for one in (plain, text)]
    clean, redacted = (decode_film(make_dicom(tmp_path / f"{at}.dcm", one, **header), Decode()) for at, one in enumerate(stored))
    assert (clean.n_text_lines, redacted.n_text_lines > 0) == (0, True)
    before, after = decode_eight_bits(clean.pixels), decode_eight_bits(redacted.pixels)
    band = slice(0, 60)
    assert lettering.find_lines(after) == []
    assert (before[60:] == after[60:]).all()
    assert np.abs(before[band].astype(int) - after[band]).mean() < 12


def test_letters_that_cannot_be_painted_over_stop_the_film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wording, "cover", lambda film, lines, scale: film)
    path = make_dicom(tmp_path / "a.dcm", lettered("ADEYEMI FLORENCE"), bits=8)
    with pytest.raises(FilmError) as told:
        decode_film(path, Decode())
    assert told.value.reason == "text_remains"


def test_a_long_line_that_cannot_be_read_goes_and_a_short_one_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wording, "_read", lambda film, line, is_turned: "eo")
    assert wording.unwanted_lines(lettered("GERDA ABERNATHY 84-41-64", 16))
    short = lettering.Line(0, 0, 90, 30, is_dark=False)
    assert wording._is_harmless(film(), short)


def test_what_goes_on_a_line_behind_a_gap_goes_with_it() -> None:
    text = lettered("ADEYEMI FLORENCE          ADA", 24)
    lines = wording.unwanted_lines(text)
    assert covers(lines, text, film()) > 0.9
