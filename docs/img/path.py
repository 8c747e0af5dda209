"""The picture of the path, drawn from the declared stages and tables: `make docs` writes docs/img/path.svg."""

from __future__ import annotations

from html import escape

from pipeline.base import stages

_WIDTH, _TOP, _LEFT, _GAP = 172, 34, 20, 18
_ROW_GAP, _LINE = 46, 15
_COLUMNS = 6
_WORDS = 25
_INK, _PAPER, _BOX, _EDGE, _SOFT = "#1c2733", "#ffffff", "#eef3f8", "#4c6a92", "#5b6b7b"


def _wrap(words: str, width: int) -> list[str]:
    lines = [""]
    for word in words.split():
        if len(lines[-1]) + len(word) + 1 > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


# Room for the words and tables of the fullest box.
_HEIGHT = 52 + _LINE * max(len(_wrap(stage.doc, _WORDS)) + len(stage.writes) for stage in stages.STAGES)


def svg() -> str:
    """Two rows of boxes, one a stage, with the tables it makes; an arrow where the data goes."""
    width = _LEFT * 2 + _COLUMNS * _WIDTH + (_COLUMNS - 1) * _GAP
    height = _TOP * 2 + 2 * _HEIGHT + _ROW_GAP - 14
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="Helvetica, Arial, sans-serif">',
        "<title>The eleven stages and the tables they make</title>",
        f'<rect width="{width}" height="{height}" fill="{_PAPER}"/>',
        _text(_LEFT, _TOP - 13, "DICOM files, reports, label files in", 13, _SOFT),
    ]
    parts += [part for index in range(len(stages.STAGES)) for part in (*_box(index), *_arrow(index))]
    x, y = _corner(len(stages.STAGES))
    parts += [
        _text(x, y + 22 + line * 19, words, 13, _SOFT)
        for line, words in enumerate(("release,", "exports for training,", "SQL over every table"))
    ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _corner(index: int) -> tuple[int, int]:
    row, column = divmod(index, _COLUMNS)
    return _LEFT + column * (_WIDTH + _GAP), _TOP + row * (_HEIGHT + _ROW_GAP)


def _box(index: int) -> list[str]:
    stage = stages.STAGES[index]
    x, y = _corner(index)
    lines = [f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="7" fill="{_BOX}" stroke="{_EDGE}"/>']
    lines.append(_text(x + 12, y + 24, f"{index + 1}  {stage.name}", 17, _INK, "bold"))
    words = _wrap(stage.doc, _WORDS)
    lines += [_text(x + 12, y + 43 + line * _LINE, text, 11.5, _SOFT) for line, text in enumerate(words)]
    start = y + _HEIGHT - 9 - (len(stage.writes) - 1) * _LINE
    return lines + [_text(x + 12, start + line * _LINE, name, 12, _EDGE, family="monospace") for line, name in enumerate(stage.writes)]


def _arrow(index: int) -> list[str]:
    if index + 1 == len(stages.STAGES):
        return []
    (x, y), (to_x, to_y) = _corner(index), _corner(index + 1)
    if y == to_y:
        return [_line(f"M{x + _WIDTH + 2} {y + _HEIGHT // 2} H{to_x - 5}"), _head(to_x - 1, y + _HEIGHT // 2, 0)]
    middle = y + _HEIGHT + _ROW_GAP // 2
    return [_line(f"M{x + _WIDTH // 2} {y + _HEIGHT} V{middle} H{to_x + _WIDTH // 2} V{to_y - 5}"), _head(to_x + _WIDTH // 2, to_y - 1, 90)]


def _line(path: str) -> str:
    return f'<path d="{path}" fill="none" stroke="{_EDGE}" stroke-width="1.6"/>'


def _head(x: int, y: int, turned: int) -> str:
    return f'<path d="M-8 -4.5 L0 0 L-8 4.5 Z" fill="{_EDGE}" transform="translate({x} {y}) rotate({turned})"/>'


def _text(x: float, y: float, words: str, size: float, color: str, weight: str = "normal", family: str = "") -> str:
    font = f' font-family="{family}"' if family else ""
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{color}" font-weight="{weight}"{font}>{escape(words)}</text>'
