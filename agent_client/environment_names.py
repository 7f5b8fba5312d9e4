"""What a person calls an environment: an id of Gymnasium's, and arguments of its maker after it.

``LunarLander-v3?continuous=true&gravity=-5.0`` is one.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True)
class EnvironmentName:
    """A name taken apart. Equal ones make equal environments, in whatever order arguments come.

    Attributes:
        id: what Gymnasium knows it by.
        arguments: what ``gymnasium.make`` is given beside it, by name.
    """

    id: str
    arguments: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the name in a text.

        Args:
            text: ``ID`` or ``ID?NAME=VALUE&NAME=VALUE``. A value is what JSON makes of it (true,
                3, 0.5, null), else the text itself.

        Raises:
            ValueError: something after the ``?`` is not of the form NAME=VALUE.
        """
        environment_id, _, query = text.partition("?")
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
        return cls(environment_id, {name: _value(value) for name, value in pairs})


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
