"""Union-find: what is linked, directly or through others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

Member = TypeVar("Member", str, int)


def smallest_in_component(members: Iterable[str], links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """For each member the smallest member it is linked to, directly or through others (union-find)."""
    leader = {member: member for member in members}
    for one, other in links:
        join(leader, one, other)
    return {member: root(leader, member) for member in leader}


def join(leader: dict[Member, Member], one: Member, other: Member) -> None:
    """Link two members under the smaller of their roots."""
    low, high = sorted((root(leader, one), root(leader, other)))
    leader[high] = low


def root(leader: dict[Member, Member], member: Member) -> Member:
    """The member that stands for all that are linked to this one; the way there is halved for the next time."""
    while leader[member] != member:
        leader[member] = leader[leader[member]]
        member = leader[member]
    return member
