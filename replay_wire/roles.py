"""Who may call what: the roles that a token can have, and whom an endpoint lets in.

Docs: section 9 of docs/protocol.md. Each line of `replay_wire.endpoints` bears its `Access`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

__all__ = [
    "ACTORS",
    "ACTORS_AND_LEARNERS",
    "ADMINS",
    "EVERY_ROLE",
    "LEARNERS",
    "PUBLIC",
    "Access",
    "Role",
]


class Role(StrEnum):
    """What a token may."""

    ADMIN = "admin"
    ACTOR = "actor"
    LEARNER = "learner"
    VIEWER = "viewer"


@dataclass(frozen=True)
class Access:
    """Whom an endpoint lets in where authentication is on.

    Attributes:
        roles: those whose tokens it takes; `admin` is always among them.
        is_public: whether it asks for no token at all.
    """

    roles: frozenset[Role]
    is_public: bool = False

    @classmethod
    def of(cls, *roles: Role) -> Self:
        """Return the access of these roles, and of `admin`."""
        return cls(frozenset((Role.ADMIN, *roles)))


PUBLIC: Final = Access(frozenset(Role), is_public=True)
EVERY_ROLE: Final = Access.of(*Role)
ACTORS: Final = Access.of(Role.ACTOR)
LEARNERS: Final = Access.of(Role.LEARNER)
ACTORS_AND_LEARNERS: Final = Access.of(Role.ACTOR, Role.LEARNER)
ADMINS: Final = Access.of()
