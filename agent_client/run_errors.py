"""What can go wrong with a run, besides what the replay client raises.

    RunError
    ├── RunRequestError                   what was asked for cannot be done: ask differently
    │   ├── SettingsError                 an option or a hyper-parameter
    │   ├── UnsuitableEnvironmentError    the environment
    │   ├── UnsuitableTableError          the named table
    │   └── RunFolderError                the folder to write to or to read from
    ├── CheckpointError                   a checkpoint is missing or does not fit
    ├── TrackerUnavailableError           a tracker's library is missing
    ├── MissingExtraError                 the libraries of some other extra are missing
    ├── ExportMismatchError               an exported policy acts otherwise than the run's
    ├── EmbeddedServerError               the replay server of its own did not start
    ├── NoRunError                        an actor found no run to take part in
    ├── ForeignWeightsError               what stands under a run's name are not its weights
    └── ServerLostError                   the replay server failed a run that had begun

``agent-client`` ends with exit code 2 for the first kind and with 1 for the others.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class RunError(Exception):
    """Base of every error that a run raises of its own."""


class RunRequestError(RunError):
    """What was asked for cannot be done; asked differently, it could."""


class SettingsError(RunRequestError):
    """A setting that cannot be used; the message is one sentence that says which and why."""


class UnsuitableEnvironmentError(RunRequestError):
    """An environment that does not exist, cannot be made here, or does not suit the agent.

    Attributes:
        environment_id: the name that was asked for.
        reason: what is wrong with it.
    """

    def __init__(self, environment_id: str, reason: str) -> None:
        """Keep the facts and write the sentence."""
        self.environment_id = environment_id
        self.reason = reason
        super().__init__(f"environment {environment_id!r} cannot be used: {reason}")


class UnsuitableTableError(RunRequestError):
    """A named table stands already, with other columns or items than the run works with.

    Attributes:
        table: its name.
        expected: the run's spec of a table.
        actual: the table's, at least its ``columns`` and ``items``.
    """

    def __init__(self, table: str, expected: Mapping[str, Any], actual: Mapping[str, Any]) -> None:
        """Keep the facts and write the sentence."""
        self.table = table
        self.expected = expected
        self.actual = actual
        super().__init__(
            f"table {table!r} stands already and does not fit: this run needs "
            f"{_contents_as_text(expected)}; the table has {_contents_as_text(actual)}"
        )


class RunFolderError(RunRequestError):
    """A folder that cannot be used for what was asked.

    Attributes:
        path: the folder.
        reason: what is wrong with it, and what to do.
    """

    def __init__(self, path: Path, reason: str) -> None:
        """Keep the facts and write the sentence."""
        self.path = path
        self.reason = reason
        super().__init__(f"run folder {str(path)!r} {reason}")


class CheckpointError(RunError):
    """A checkpoint that is missing or does not fit.

    Attributes:
        path: the checkpoint's folder.
        reason: what is wrong with it.
    """

    def __init__(self, path: Path, reason: str) -> None:
        """Keep the facts and write the sentence."""
        self.path = path
        self.reason = reason
        super().__init__(f"checkpoint {str(path)!r} {reason}")


class TrackerUnavailableError(RunError):
    """The library of a tracker is not installed.

    Attributes:
        tracker: name of the tracker.
        package: what to install.
    """

    def __init__(self, tracker: str, package: str) -> None:
        """Keep the facts and write the sentence."""
        self.tracker = tracker
        self.package = package
        super().__init__(
            f"tracker {tracker!r} needs the package {package!r}: install it, "
            "or choose --tracker none"
        )


class MissingExtraError(RunError, ImportError):
    """Libraries are not installed that an extra of this distribution brings.

    Attributes:
        purpose: what needs them.
        extra: its name.
    """

    def __init__(self, purpose: str, extra: str) -> None:
        """Keep the facts and write the sentence."""
        self.purpose = purpose
        self.extra = extra
        super().__init__(
            f"{purpose} needs packages that are not installed: pip install 'replay-server[{extra}]'"
        )


class ExportMismatchError(RunError):
    """An exported policy acts otherwise than the run's own; its file was not kept.

    Attributes:
        differing: observations at which it does.
        compared: observations at which both were asked.
    """

    def __init__(self, differing: int, compared: int) -> None:
        """Keep the facts and write the sentence."""
        self.differing = differing
        self.compared = compared
        super().__init__(
            f"the exported policy acts otherwise at {differing} of {compared} observations; "
            "nothing was written"
        )


class EmbeddedServerError(RunError):
    """The child process did not say that it is ready.

    Attributes:
        reason: what happened instead.
        stderr: the end of what the child wrote to its standard error.
    """

    def __init__(self, reason: str, stderr: str) -> None:
        """Keep the facts and write the sentence."""
        self.reason = reason
        self.stderr = stderr
        said = f"; it wrote:\n{stderr}" if stderr else "; it wrote nothing to standard error"
        super().__init__(f"the embedded replay server {reason}{said}")


class NoRunError(RunError):
    """An actor found no run to take part in.

    Attributes:
        run: its name.
        patience_s: how long it was waited for.
        missing: what there was not.
    """

    def __init__(self, run: str, patience_s: float, missing: str) -> None:
        """Keep the facts and write the sentence."""
        self.run = run
        self.patience_s = patience_s
        self.missing = missing
        super().__init__(f"no run {run!r} within {patience_s:g} seconds: {missing}")


class ForeignWeightsError(RunError):
    """What stands under a run's name among the parameters are not weights of such a run.

    Attributes:
        run: its name.
        reason: what is wrong with them.
    """

    def __init__(self, run: str, reason: str) -> None:
        """Keep the facts and write the sentence."""
        self.run = run
        self.reason = reason
        super().__init__(f"parameters {run!r} cannot be acted with: {reason}")


class ServerLostError(RunError):
    """The replay server stayed away, or refused, while a run was under way.

    Attributes:
        folder: of the run; its checkpoint is of the last step.
        step: environment steps done.
    """

    def __init__(self, folder: Path, step: int, reason: str, command: str = "train") -> None:
        """Keep the facts and write the sentence; ``command`` is what takes the run up again."""
        self.folder = folder
        self.step = step
        super().__init__(
            f"the replay server failed the run at step {step}: {reason}; "
            f"agent-client {command} --resume {folder} goes on from there"
        )


def _contents_as_text(spec: Mapping[str, Any]) -> str:
    columns = ", ".join(
        f"{name} {column['dtype']}{list(column['shape'])}"
        for name, column in spec["columns"].items()
    )
    items = ", ".join(f"{name} {value}" for name, value in spec["items"].items())
    return f"the columns {columns} and the items {items}"
