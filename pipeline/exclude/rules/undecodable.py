"""Films whose pixels could not be decoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import RULES
from pipeline.base.settings import Settings


@RULES.add("undecodable")
class Undecodable:
    """The reason is the one `decode` met."""

    action: ClassVar[str] = "exclude"
    order: ClassVar[int] = 60
    reasons: ClassVar[Mapping[str, str]] = {
        "truncated_pixels": "Fewer pixels than the header declares.",
        "undecodable_pixels": "The decoder could not make sense of the pixels.",
        "unsupported_bit_depth": "Pixels are not whole numbers of 1 to 16 bits.",
        "colour_picture": "The channels of a PNG or JPEG file differ.",
        "unsupported_transfer_syntax": "No decoder for the transfer syntax is installed.",
        "too_large": "More megapixels than decode.max_megapixels, or more memory than decode.memory_mb.",
        "text_remains": "Letters in the pixels that may name the patient could not be painted over.",
        "unreadable_now": "The file could not be read when its turn came; the next run tries again.",
        "decode_timeout": "Decoding took longer than decode.timeout_s; the next run tries again.",
        "decoder_crashed": "The decoding process died on this file; the next run tries again.",
    }

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """The reason of failed decodings."""
        return files["decode_reason"].where(files["outcome"] == "failed")
