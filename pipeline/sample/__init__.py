"""The sample hospital: phantom chest films, reports, noisy published labels, defects, and the ledger of all of it.

It is the demo's input and the tests' fixture. Here belongs making it; nothing in the path from collect to write reads the ledger.
"""

from __future__ import annotations

from pipeline.sample.hospital import SampleSummary, make

__all__ = ["SampleSummary", "make"]
