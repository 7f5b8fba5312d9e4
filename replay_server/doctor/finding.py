"""What was found: a line, and where something is wrong, another one that says what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

__all__ = ["Finding", "WrongError"]

_WRONG: Final = "WRONG"
_INDENT: Final = " " * 19


@dataclass(frozen=True)
class Finding:
    """What was found of one thing.

    Attributes:
        of: what was looked at.
        told: what was found.
        advice: what to do; None where there is nothing.
        mark: "ok", "WRONG", or "-" where it was not found out.
    """

    of: str
    told: str
    advice: str | None = None
    mark: str = "ok"

    @property
    def is_wrong(self) -> bool:
        """Whether something is wrong."""
        return self.mark == _WRONG

    @classmethod
    def wrong(cls, of: str, told: str, advice: str) -> Self:
        """Return one of something wrong."""
        return cls(of, told, advice, _WRONG)

    def text(self) -> str:
        """Return it in one line or two."""
        line = f"{self.mark:<6} {self.of:<11} {self.told}"
        return line if self.advice is None else f"{line}\n{_INDENT}-> {self.advice}"


class WrongError(Exception):
    """Something is wrong, so that there is no use in going on.

    Attributes:
        finding: what.
    """

    def __init__(self, of: str, told: str, advice: str) -> None:
        """Keep what was found."""
        self.finding = Finding.wrong(of, told, advice)
        super().__init__(told)
