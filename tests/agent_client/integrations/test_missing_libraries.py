"""Without its library an integration says what to install."""

from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    ("module", "library", "extra"),
    [("stable_baselines3", "stable_baselines3", "sb3"), ("torchrl", "torchrl", "torchrl")],
)
def test_the_extra_is_named(
    run_python: Callable[[str], str], module: str, library: str, extra: str
) -> None:
    said = run_python(
        f"import sys; sys.modules[{library!r}] = None\n"
        f"try: import agent_client.integrations.{module}\n"
        "except ImportError as error: print(error)"
    )

    assert f"pip install 'replay-server[{extra}]'" in said
