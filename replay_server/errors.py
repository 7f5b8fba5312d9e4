"""What the service refuses beyond what the core does.

ReplayError (replay_server.memory.errors)
├── UnknownTableError      no table of that name
├── UnknownParametersError no parameters of that name
├── TableExistsError       one of that name, with another spec
├── TooLargeError          beyond a limit that /v1/info tells
├── InvalidSpecError       a spec that no table could keep
├── UnavailableError       shutting down
├── UnknownCheckpointError no checkpoint of that name
├── NoDataDirectoryError   checkpoints, where the server has nowhere to put them
├── DamagedCheckpointError a checkpoint that can't be restored
├── StorageFullError       disk or memory have no room for what was to be kept
└── OverloadedError        more at once than the server takes on
"""

from __future__ import annotations

from replay_server.memory.errors import ReplayError

__all__ = [
    "DamagedCheckpointError",
    "InvalidSpecError",
    "NoDataDirectoryError",
    "OverloadedError",
    "StorageFullError",
    "TableExistsError",
    "TooLargeError",
    "UnavailableError",
    "UnknownCheckpointError",
    "UnknownParametersError",
    "UnknownTableError",
]


class UnknownTableError(ReplayError):
    """No table of that name.

    Attributes:
        table: the name.
    """

    def __init__(self, table: str) -> None:
        """Keep the name and say how to make one."""
        self.table = table
        super().__init__(f"there is no table {table!r}; PUT /v1/tables/{table} makes one")


class UnknownParametersError(ReplayError):
    """No parameters of that name.

    Attributes:
        parameters: the name.
    """

    def __init__(self, parameters: str) -> None:
        """Keep the name and say how to store some."""
        self.parameters = parameters
        super().__init__(
            f"there are no parameters {parameters!r}; PUT /v1/parameters/{parameters} stores some"
        )


class TableExistsError(ReplayError):
    """A table of that name stands, with another spec.

    Attributes:
        table: the name.
        difference: the first key of the spec that differs.
    """

    def __init__(self, table: str, difference: str) -> None:
        """Keep the facts."""
        self.table, self.difference = table, difference
        super().__init__(
            f"table {table!r} stands with another spec: {difference}; "
            "GET it first, take another name, or delete it"
        )


class TooLargeError(ReplayError):
    """A request goes beyond a limit that /v1/info tells.

    Attributes:
        what: what is too large.
        limit: how much there may be.
        got: how much was asked for.
    """

    def __init__(self, what: str, limit: int | float, got: int | float | str) -> None:
        """Keep the facts."""
        self.what, self.limit, self.got = what, limit, got
        super().__init__(f"{what}: at most {limit}, got {got} (GET /v1/info tells the limits)")


class InvalidSpecError(ReplayError):
    """A spec that no table could keep.

    Attributes:
        field: where in the spec.
        reason: what is wrong with it.
    """

    def __init__(self, field: str, reason: str) -> None:
        """Keep the facts."""
        self.field, self.reason = field, reason
        super().__init__(f"{field}: {reason}")


class UnavailableError(ReplayError):
    """The server is shutting down, or restoring a checkpoint."""

    def __init__(self, what: str = "shutting down") -> None:
        """Say what it is doing."""
        super().__init__(f"the server is {what}; try again once it is back")


class StorageFullError(ReplayError):
    """Disk or memory have no room for what was to be kept, or the disk fails.

    Attributes:
        reason: what the system said.
    """

    def __init__(self, reason: str) -> None:
        """Keep the reason."""
        self.reason = reason
        super().__init__(
            f"there is no room to keep this ({reason}); what was acknowledged is still there. "
            "Free space on the data directory's disk, or delete rows, tables or checkpoints"
        )


class UnknownCheckpointError(ReplayError):
    """No checkpoint of that name.

    Attributes:
        checkpoint: the name.
    """

    def __init__(self, checkpoint: str) -> None:
        """Keep the name and say where to look."""
        self.checkpoint = checkpoint
        super().__init__(
            f"there is no checkpoint {checkpoint!r}; GET /v1/checkpoints lists those there are"
        )


class NoDataDirectoryError(ReplayError):
    """Checkpoints were asked for of a server that has nowhere to put them."""

    field = "data_dir"

    def __init__(self) -> None:
        """Say what is missing."""
        super().__init__("this server was started without --data-dir, so it has no checkpoints")


class DamagedCheckpointError(ReplayError):
    """A checkpoint that can't be restored; nothing has changed."""

    field = "name"


class OverloadedError(ReplayError):
    """There is more under way than a limit that /v1/info tells.

    Attributes:
        reason: what there is too much of.
    """

    def __init__(self, reason: str) -> None:
        """Keep the reason and say what to do."""
        self.reason = reason
        super().__init__(f"{reason}; try again later")
