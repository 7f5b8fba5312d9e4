"""The verbs of parameters: put, get or wait for a newer version, list, delete."""

from typing import NamedTuple
from urllib.parse import urlencode

from agent_client.transport.channel import Channel
from replay_wire import endpoints
from replay_wire.codec import Buffer
from replay_wire.messages import ParametersEntry

__all__ = ["ParameterVerbs", "StoredParameters"]


class StoredParameters(NamedTuple):
    """One version of parameters.

    Attributes:
        version: from 1 up.
        content: the bytes that were put.
    """

    version: int
    content: bytes


class ParameterVerbs:
    """What a `ReplayClient` does with parameters."""

    _channel: Channel

    def put_parameters(self, name: str, content: Buffer) -> int:
        """Store bytes as the next version of a name; return that version.

        It is not sent again where its answer was lost: it would be a version more.

        Args:
            name: 1 to 64 of A-Z a-z 0-9 . _ - with a letter or digit first.
            content: of a safetensors file, say; must stay as it is until the return.

        Raises:
            TooLargeError: more than the server takes.
            StorageFullError: the version before still stands.
        """
        reply = self._channel.call(endpoints.PUT_PARAMETERS, table=name, message=content)
        version: int = reply.version
        return version

    def get_parameters(
        self, name: str, *, newer_than: int = 0, wait_s: float = 0.0
    ) -> StoredParameters | None:
        """Return what stands under a name, or None where nothing newer does.

        Args:
            name: whose.
            newer_than: the version that the caller has.
            wait_s: seconds to wait on the server for a newer one, or for the name to come.

        Raises:
            UnknownParametersError: nothing stands there, even then.
            TooLargeError: the server lets nobody wait for so long.
        """
        query = f"?{urlencode({'newer_than': newer_than, 'wait': wait_s})}"
        found = self._channel.call(
            endpoints.GET_PARAMETERS, table=name, query=query, repeatable=True, wait_s=wait_s
        )
        if found is None:
            return None
        version, content = found
        return StoredParameters(version, bytes(content))

    def list_parameters(self) -> list[ParametersEntry]:
        """Return name, version and size of all parameters, by name."""
        entries: list[ParametersEntry] = self._channel.call(
            endpoints.LIST_PARAMETERS, repeatable=True
        ).parameters
        return entries

    def delete_parameters(self, name: str) -> None:
        """Delete parameters; versions under the name go on from there.

        Raises:
            UnknownParametersError: there are none.
        """
        self._channel.call(endpoints.DELETE_PARAMETERS, table=name)
