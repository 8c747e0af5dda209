"""What zero-shot models are asked for each finding of the vocabulary. The words are in `prompts.toml`; here is how they are put together.

What a network makes of a prompt belongs to its adapter.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from pipeline.base import findings
from pipeline.base.errors import InputError
from pipeline.base.interfaces import ModelOptions

Style = Literal["chexzero", "biovil", "report"]
Asking = Literal["chexagent", "plain"]
Grid = Literal["gloria", "medclip"]

# `random.seed(6)` when gloria is imported, then one draw of five for each class in turn.
_GLORIA_SEED, _GLORIA_DRAWN = 6, 5


@dataclass(frozen=True, slots=True)
class Contrast:
    """Prompts for a finding that is there, and for one that is not."""

    positive: tuple[str, ...]
    negative: tuple[str, ...]


class ZeroShotOptions(ModelOptions):
    """What a zero-shot model is asked for; any finding of the vocabulary, in any archive's spelling."""

    findings: tuple[str, ...] = Field(default=findings.CHEXPERT_14, description="findings to score, of docs/findings.md")

    @field_validator("findings", mode="before")
    @classmethod
    def _listed(cls, asked: object) -> object:
        """`--set findings=Edema,Pneumonia` is a list too."""
        return tuple(name.strip() for name in asked.split(",")) if isinstance(asked, str) else asked

    @field_validator("findings")
    @classmethod
    def _known(cls, asked: tuple[str, ...]) -> tuple[str, ...]:
        names = tuple(findings.canonical(name) for name in asked)
        if not names or len(set(names)) < len(names):
            raise InputError(f"findings names {len(names)} findings, {len(set(names))} different ones", "name each finding once")
        return names


class ContrastOptions(ZeroShotOptions):
    """As `ZeroShotOptions`, for a model that weighs prompts for against prompts against a finding."""

    prompts: Path | None = Field(
        default=None, description='TOML file in place of the built-in prompts: ["Pleural Effusion"] positive = [...] negative = [...]'
    )


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("prompts.toml").read_text(encoding="utf-8"))


def phrase(finding: str) -> str:
    """The finding as words of a report that may follow "no"."""
    return str(_table()["phrases"][finding])


def contrasts(asked: Sequence[str], style: Style, own: Path | None) -> list[Contrast]:
    """Prompts for each finding in order: the user's own where the file names it, otherwise those of the style.

    Raises:
        InputError: the file cannot be read, names an unknown finding, or lacks prompts.
    """
    given = _read(own) if own else {}
    return [given.get(finding) or _contrast(finding, style) for finding in asked]


def upstream_contrast(finding: str, style: Style) -> Contrast:
    """Templates filled without regard to sense, as upstream fills them: "no No Finding"."""
    words = finding if style == "chexzero" and finding in findings.CHEXPERT_14 else phrase(finding)
    template = _table()["templates"][style]
    positive, negative = (tuple(text.format(words) for text in template[side]) for side in ("positive", "negative"))
    return Contrast(positive, negative)


def question(finding: str, asking: Asking) -> str:
    """A question about the finding that is answered with yes or no. CheXagent is asked for CheXpert's label as it is written."""
    exact = _table()["exact_questions"].get(finding)
    words = finding if asking == "chexagent" else phrase(finding)
    return str(exact[asking] if exact else _table()["questions"][asking].format(words))


def grid(finding: str, upstream: Grid) -> tuple[str, ...]:
    """Every prompt for a finding that is there, as GLoRIA and MedCLIP combine them; our own sentences where they have none.

    GLoRIA drops a sentence of one word, so that none of ours is one.
    """
    grids = _table()["grids"]
    parts = grids["gloria"].get(finding) or (grids["medclip"].get(finding) if upstream == "medclip" else None)
    if parts:
        return tuple(" ".join(words) for words in product(*parts.values()))
    return tuple(text for text in _contrast(finding, "report").positive if " " in text)


def gloria_draw(asked: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Finding -> the five prompts that GLoRIA draws of its grid in a fresh process; all of ours for a finding it does not know.

    The draws follow one another, so that all five classes are drawn whatever is asked.
    """
    draw = random.Random(_GLORIA_SEED)
    drawn = {finding: tuple(draw.sample(grid(finding, "gloria"), _GLORIA_DRAWN)) for finding in _table()["grids"]["gloria"]}
    return {finding: drawn.get(finding) or grid(finding, "gloria") for finding in asked}


def _contrast(finding: str, style: Style) -> Contrast:
    if exact := _table()["exact"].get(finding):
        return Contrast(tuple(exact["positive"]), tuple(exact["negative"]))
    # "This opacity can represent" is said of opacities alone.
    is_opacity = "Lung Opacity" in findings.ancestors(finding)
    return upstream_contrast(finding, "report" if style == "biovil" and not is_opacity else style)


def _read(path: Path) -> dict[str, Contrast]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            f"the prompts {path.name} are no TOML that can be read", 'write ["Edema"], positive = [...], negative = [...]'
        ) from error
    return {findings.canonical(name): _checked(path, name, sides) for name, sides in table.items()}


def _checked(path: Path, name: str, sides: object) -> Contrast:
    if isinstance(sides, Mapping) and set(sides) == {"positive", "negative"}:
        texts = [tuple(sides[side]) if isinstance(sides[side], list) else () for side in ("positive", "negative")]
        if all(texts) and all(isinstance(text, str) and text.strip() for text in (*texts[0], *texts[1])):
            return Contrast(*texts)
    raise InputError(
        f"{path.name}: {name!r} needs positive and negative, each a list of at least one text, and nothing else",
        'write for example ["Edema"], positive = ["pulmonary edema"], negative = ["no pulmonary edema"]',
    )
