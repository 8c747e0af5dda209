"""Films that lie on their side or stand on their head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import RULES
from pipeline.base.settings import Settings


@RULES.add("rotation")
class Rotation:
    """A film that scores as a chest turned by 90 or 180 degrees; no header field says how the pixels lie."""

    action: ClassVar[str] = "flag"
    order: ClassVar[int] = 242
    reasons: ClassVar[Mapping[str, str]] = {"rotated_film": "The pixels look like a chest turned by 90 or 180 degrees."}
    evidence: ClassVar[Mapping[str, str]] = {
        "rotated_film": "pixels: turned by {turned_degrees:.0f} degrees; upright {upright:+.2f}, not turned left {not_turned_left:+.2f}, "
        "right {not_turned_right:+.2f}"
    }

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """By the pixels alone."""
        return files["turned_degrees"].gt(0).map({True: "rotated_film"})
