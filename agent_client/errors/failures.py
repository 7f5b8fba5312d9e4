"""The base of all errors, and those of a request that got no answer or none that makes sense."""

from typing import Any

__all__ = [
    "InvalidReplyError",
    "NotAReplayServerError",
    "ReplayClientError",
    "ServerUnreachableError",
]


class ReplayClientError(Exception):
    """Base of every error that this package raises, but for misuse (ValueError, TypeError)."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Let the error cross a process boundary with all it bears."""
        return _rebuilt, (type(self), self.args, self.__dict__)


class ServerUnreachableError(ReplayClientError):
    """No answer came.

    Attributes:
        url: what was asked.
        reason: what happened to the connection.
        may_have_happened: false where the request cannot have been acted on.
        retry_after_s: seconds to wait before asking again, where a gateway in between said so.
    """

    def __init__(
        self,
        url: str,
        reason: str,
        *,
        may_have_happened: bool,
        retry_after_s: float | None = None,
    ) -> None:
        """Keep the facts and make a sentence of them."""
        self.retry_after_s = retry_after_s
        self.url = url
        self.reason = reason
        self.may_have_happened = may_have_happened
        super().__init__(f"no answer from {url}: {reason}")


class NotAReplayServerError(ReplayClientError):
    """Who answered speaks another protocol, or another version of it.

    Attributes:
        url: what was asked.
        expected: the version that this client speaks.
        actual: the `x-replay-protocol` that came; None where there was none.
    """

    def __init__(self, url: str, expected: int, actual: str | None, status: int) -> None:
        """Keep the facts and make a sentence of them."""
        self.url = url
        self.expected = expected
        self.actual = actual
        self.status = status
        found = f"version {actual}" if actual else "no x-replay-protocol header"
        super().__init__(
            f"{url} answered {status} with {found}; expected a replay server of protocol "
            f"version {expected}: check the address"
        )


class InvalidReplyError(ReplayClientError):
    """The server's answer is not what the protocol says.

    Attributes:
        url: what was asked.
        reason: what was wrong with the answer.
    """

    def __init__(self, url: str, reason: str) -> None:
        """Keep the facts and make a sentence of them."""
        self.url = url
        self.reason = reason
        super().__init__(f"the answer of {url} can't be read: {reason}")


def _rebuilt(
    error_type: type[ReplayClientError], arguments: tuple[Any, ...], facts: dict[str, Any]
) -> ReplayClientError:
    error = error_type.__new__(error_type, *arguments)
    error.__dict__.update(facts)
    return error
