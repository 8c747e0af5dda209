"""Words of coded header fields, which people write freely: "CHEST PA", "L-LAT"."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd


def has_word(values: pd.Series, words: Collection[str]) -> pd.Series:
    """Whether one of `words` is a word of each value; an absent value has none."""
    return ~values.fillna("").str.split(r"[^A-Z]+", regex=True).map(set(words).isdisjoint).astype(bool)
