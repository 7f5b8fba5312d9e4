"""The calls of docs/other_languages.md, run by a real curl."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "other_languages.md"
ADDRESS = "http://127.0.0.1:8000"  # of the page
CALL = re.compile(r"```sh\n(.*?)```\n(?:```json\n(.*?)```\n)?", re.DOTALL)
_S = "--silent --show-error --max-time 60"


def missing(expected: Any, found: Any, where: str = "") -> list[str]:
    """Where an answer does not hold what the page says of it."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return [
            fault
            for name, value in expected.items()
            for fault in missing(value, found.get(name), f"{where}.{name}")
        ]
    return [] if expected == found else [f"{where}: expected {expected}, got {found}"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on the path")
def test_every_call_of_the_page_is_answered_as_it_says(server_url: str):
    calls = CALL.findall(PAGE.read_text())
    answers = []
    for call, _ in calls:
        here = call.replace(ADDRESS, server_url).replace("curl ", f"curl {_S} ")
        done = subprocess.run(
            ["sh", "-e", "-c", here],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        answers.append(done.stdout)

    assert len(calls) == 9
    for (call, expected), answer in zip(calls, answers, strict=True):
        if not expected:
            assert answer == "", call
            continue
        assert missing(json.loads(expected), json.loads(answer)) == [], call
