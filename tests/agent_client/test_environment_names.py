"""Names of environments taken apart."""

import pytest

from agent_client.environment_names import EnvironmentName


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        pytest.param("LunarLander-v3", {}, id="id_alone"),
        pytest.param("LunarLander-v3?continuous=true", {"continuous": True}, id="boolean"),
        pytest.param("LunarLander-v3?gravity=-5.5&n=3", {"gravity": -5.5, "n": 3}, id="numbers"),
        pytest.param("LunarLander-v3?map_name=8x8", {"map_name": "8x8"}, id="text"),
        pytest.param("LunarLander-v3?a=%22true%22", {"a": "true"}, id="quoted_text"),
        pytest.param("LunarLander-v3?", {}, id="nothing_after_the_mark"),
    ],
)
def test_arguments_come_after_a_question_mark(text: str, arguments: dict[str, object]) -> None:
    assert EnvironmentName.parse(text) == EnvironmentName("LunarLander-v3", arguments)


def test_order_of_arguments_does_not_matter() -> None:
    assert EnvironmentName.parse("X-v0?a=1&b=2") == EnvironmentName.parse("X-v0?b=2&a=1")


def test_what_is_no_argument_is_refused() -> None:
    with pytest.raises(ValueError, match="continuous"):
        EnvironmentName.parse("LunarLander-v3?continuous")
