"""A plugin for pytest in a mutated copy: writes what came of each test, and fails fast.

A test is not asked again with other parameters once it has failed, and Hypothesis takes the same
examples every time and does not look for a smaller one.
"""

import json

import pytest
from hypothesis import Phase, settings

WRITTEN_TO = "outcomes.json"
_outcomes: dict[str, set[str]] = {}


def pytest_configure(config: pytest.Config) -> None:
    """Choose the profile before any test is imported."""
    settings.register_profile("mutated", derandomize=True, phases=(Phase.generate,), database=None)
    settings.load_profile("mutated")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what has failed before."""
    if "failed" in _outcomes.get(_function(item.nodeid), ()):
        pytest.skip("it has failed before")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Take note: only a call can fail; elsewhere it is an error, as of a server that is none."""
    outcome = report.outcome
    if report.when != "call" and outcome == "failed":
        outcome = "error"
    _outcomes.setdefault(_function(report.nodeid), set()).add(outcome)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write everything down."""
    if not hasattr(session.config, "workerinput"):
        told = {test: sorted(outcomes) for test, outcomes in _outcomes.items()}
        (session.config.rootpath / WRITTEN_TO).write_text(json.dumps(told))


def _function(nodeid: str) -> str:
    return nodeid.partition("[")[0]
