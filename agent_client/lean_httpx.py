"""httpx without its command line, which it imports at once where rich is there to draw it.

That costs as much as the rest of it, at each start of an actor. This module comes before whatever
else imports httpx here, and leaves alone one that is loaded already. `httpx.main` works as ever: it
imports the command line when it is called.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Final

_COMMAND_LINE: Final = "httpx._main"


def main() -> None:
    """Run httpx's command line."""
    import_module(_COMMAND_LINE).main()


def _import_without_command_line() -> None:
    sys.modules[_COMMAND_LINE] = stand_in = ModuleType(_COMMAND_LINE)
    stand_in.__dict__["main"] = main
    try:
        import_module("httpx")
    finally:
        del sys.modules[_COMMAND_LINE]


if "httpx" not in sys.modules:
    _import_without_command_line()
