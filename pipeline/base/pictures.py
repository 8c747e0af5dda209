"""Plots as bytes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def png(figure: Figure, **options: Any) -> bytes:
    """A figure as PNG, the same bytes for the same figure: no version and no time is written into it.

    Args:
        figure: what is drawn.
        options: of `Figure.savefig`.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None}, **options)
    return buffer.getvalue()
