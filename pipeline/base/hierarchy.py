"""What findings imply of each other, as bounds on their probabilities.

A finding implies what stands above it in CheXpert's hierarchy (Irvin et al. 2019, figure 1), and No Finding excludes them all. So what
stands above is at least as probable as whatever implies it, and No Finding at most as probable as the absence of the most probable one
(Frechet's bounds, which hold however findings hang together). Labels seldom honour this: a report that tells of an edema does not go on to
say that there is an opacity.

A film that radiologists judged for a finding is taken at their word: some tell what stands above a finding from what it is a kind of, and
name the most exact finding alone (VinDr-CXR, Nguyen et al. 2022).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from pipeline.base.findings import NO_FINDING, SUPPORT_DEVICES, ancestors

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
# Devices are no disease: a normal chest may hold some.
_HARMLESS = (NO_FINDING, SUPPORT_DEVICES)


def coherent(p_positive: Mapping[str, Floats], is_read: Mapping[str, Flags]) -> dict[str, Floats]:
    """Probabilities that keep to what findings imply.

    Args:
        p_positive: of each finding, shape (n,); NaN where nothing is known.
        is_read: whether radiologists judged the film for the finding, shape (n,); there its probability stays as it is.

    Returns:
        As `p_positive`.
    """
    made = {}
    for finding, own in p_positive.items():
        implying = [p for name, p in p_positive.items() if finding in ancestors(name)]
        raised = np.fmax.reduce([own, *implying])
        made[finding] = np.where(is_read[finding] | np.isnan(own), own, raised)
    diseases = [p for name, p in made.items() if name not in _HARMLESS]
    if NO_FINDING in made and diseases:
        own = made[NO_FINDING]
        lowered = np.fmin(own, 1 - np.fmax.reduce(diseases))
        made[NO_FINDING] = np.where(is_read[NO_FINDING] | np.isnan(own), own, lowered)
    return made


def coherent_interval(
    low: Mapping[str, Floats], high: Mapping[str, Floats], is_read: Mapping[str, Flags]
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Both ends of intervals of such probabilities. The low end of No Finding is where all others have their high ones."""
    ends = coherent(low, is_read), coherent(high, is_read)
    if NO_FINDING not in is_read:
        return ends
    others = ends[1], ends[0]
    bounds = [coherent({**other, NO_FINDING: own[NO_FINDING]}, is_read)[NO_FINDING] for own, other in zip((low, high), others, strict=True)]
    for end, bound in zip(ends, bounds, strict=True):
        end[NO_FINDING] = bound
    return ends
