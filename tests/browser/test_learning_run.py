"""A real run behind the page: an actor and a learner of `agent-client`, and who of them is slow."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.browser.chromium import Tab
from tests.server_process import ServerProcess

pytestmark = pytest.mark.browser

TABLE = "CartPole-v1-dqn"


@contextmanager
def run(server: ServerProcess, folder: Path, samples_per_insert: float) -> Iterator[None]:
    """Let an actor and a learner solve CartPole through a server, for as long as this lasts."""
    common = ("--env=CartPole-v1", f"--server={server.url}")
    learn = (f"--samples-per-insert={samples_per_insert}", "--stop-return=inf", "--tracker=none")
    commands = [
        ("learn", *common, *learn, f"--out={folder / 'run'}"),
        ("act", *common, "--actor-index=0", "--actors=1"),
    ]
    with (folder / "log").open("w") as log:
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "agent_client", *command],
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                stdout=log,
                stderr=log,
            )
            for command in commands
        ]
        try:
            yield
            assert [process.poll() for process in processes] == [None, None], folder / "log"
        finally:
            for process in processes:
                process.kill()
                process.wait()


@pytest.mark.parametrize(
    ("samples_per_insert", "headline", "change"),
    [
        pytest.param(
            0.5, "The actors are slow", "Start more actors", id="hardly any draws allowed"
        ),
        pytest.param(
            512.0, "The learner is slow", "Make the learner faster", id="many draws wanted"
        ),
    ],
)
def test_who_is_slow_can_be_read_off_a_run_that_was_starved_on_purpose(
    own_server: ServerProcess,
    page_tab: Tab,
    tmp_path: Path,
    samples_per_insert: float,
    headline: str,
    change: str,
):
    page_tab.open(own_server.url)  # before there is anything to be seen

    with run(own_server, tmp_path, samples_per_insert):
        verdict = page_tab.card(TABLE).locator(".verdict")
        verdict.get_by_text(headline, exact=True).wait_for(timeout=180_000)
        told = verdict.inner_text()
        page_tab.wait_for_charts(TABLE)
        drawn = page_tab.card(TABLE).get_by_role("img", name="Priorities")
        assert "looked at" in drawn.get_attribute("aria-label")

    assert change in told
    assert f"samples_per_insert (now {samples_per_insert:g})" in told
