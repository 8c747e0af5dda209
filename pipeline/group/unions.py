"""Connected components of patients that share a film."""

from __future__ import annotations

from collections.abc import Iterable


def smallest_in_component(members: Iterable[str], links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """For each member the smallest member it is linked to, directly or through others (union-find)."""
    leader = {member: member for member in members}

    def find(member: str) -> str:
        while leader[member] != member:
            leader[member] = leader[leader[member]]
            member = leader[member]
        return member

    for one, other in links:
        low, high = sorted((find(one), find(other)))
        leader[high] = low
    return {member: find(member) for member in leader}
