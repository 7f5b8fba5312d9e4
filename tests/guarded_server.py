"""A server with tokens, and one token of each role."""

from dataclasses import dataclass, field
from pathlib import Path

from replay_server.token_file import add_token
from replay_wire.roles import Role
from tests.server_process import ServerProcess


@dataclass
class TokenFile:
    """A file of tokens, one of each role under the role's name.

    Attributes:
        path: the file.
        tokens: role -> token.
    """

    path: Path
    tokens: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for role in Role:
            self.tokens[role] = add_token(self.path, role, role)

    def bearer(self, role: str) -> str:
        return f"Bearer {self.tokens[role]}"


class GuardedServer(ServerProcess):
    """A server that asks for the tokens of a file.

    Attributes:
        file: its tokens.
    """

    def __init__(self, file: TokenFile, *options: str) -> None:
        super().__init__("--port=0", f"--tokens={file.path}", *options)
        self.file = file

    def bearer(self, role: str) -> str:
        return self.file.bearer(role)
