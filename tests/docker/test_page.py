"""A run of the compose profile `distributed`, its actors scaled, watched through the page.

Needs a Chromium besides an engine, and the image of Prometheus as test_monitoring.py does.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import Tab, chromium, executable, tab
from tests.docker.test_images import (  # noqa: F401 - a fixture
    BUILD_WITHIN_S,
    Project,
    docker,
    inspect,
    logs,
    project,
)
from tests.docker.test_monitoring import asked, prometheus  # noqa: F401 - a fixture

pytestmark = pytest.mark.docker

TABLE = "CartPole-v1-dqn"
ACTORS = 3
AT_WORK_WITHIN_MS = 300_000
HISTORY_MS = 60_000
LAST_FEW_SECONDS = f'rate(replay_table_inserted_rows_total{{table="{TABLE}"}}[30s]) > 0'
# 64 draws of all that three actors insert are more than a learner makes: the verdict is known.
ENDLESS = {"AGENT_CLIENT_STOP_RETURN": "inf", "AGENT_CLIENT_SAMPLES_PER_INSERT": "64"}


def writers(opened: Tab) -> list[str]:
    names: list[str] = opened.card(TABLE).locator(".writers tbody th").all_inner_texts()
    return sorted(names)


@pytest.fixture
def actors(
    project: Project,  # noqa: F811 - the fixture
    prometheus: str,  # noqa: F811 - the fixture
) -> Iterator[list[str]]:
    """The containers of actors of a run that goes on; their learner, server, Prometheus run too."""
    distributed = ("--profile", "distributed")
    project.compose(
        *distributed, "up", "--build", "--detach", "--scale", f"actor={ACTORS}", "learner", "actor",
        within_s=BUILD_WITHIN_S, **ENDLESS,
    )  # fmt: skip
    try:
        yield project.containers("actor")
    finally:
        project.compose(*distributed, "rm", "--stop", "--force", "learner", "actor")


def test_a_run_of_three_actors_is_watched_through_the_page(
    project: Project,  # noqa: F811 - the fixture
    prometheus: str,  # noqa: F811 - the fixture
    actors: list[str],
    tmp_path: Path,
) -> None:
    if executable() is None:
        pytest.skip("there is no Chromium")
    with chromium() as browser:
        opened = tab(browser, viewport={"width": 1180, "height": 1000}).open(project.url)
        verdict = opened.card(TABLE).locator(".verdict")
        verdict.get_by_text("The learner is slow", exact=True).wait_for(timeout=AT_WORK_WITHIN_MS)
        opened.wait_for_charts(TABLE)
        opened.page.wait_for_timeout(HISTORY_MS)  # for the picture's sake
        for rate in ("Inserts per second", "Draws per second"):
            value = opened.card(TABLE).locator(".tile", has_text=rate).locator(".tile-value")
            value.filter(has_text=re.compile("[1-9]")).wait_for()

        opened.page.evaluate("scrollTo(0, 0)")
        opened.page.screenshot(path=tmp_path / "page.png", full_page=True)
        told, named = verdict.inner_text(), writers(opened)
        tiles = [
            tile.splitlines() for tile in opened.card(TABLE).locator(".tile").all_inner_texts()
        ]

        rows = asked(prometheus, LAST_FEW_SECONDS)
        of_the_table = asked(prometheus, f'{{__name__=~"replay_table_.*",table="{TABLE}"}}')
        seen = [told, *named, *map(str, tiles), *rows, *of_the_table]
        (tmp_path / "page.txt").write_text("\n".join(seen))
    assert "samples_per_insert (now 64)" in told
    hosts = [inspect(actor)["Config"]["Hostname"] for actor in actors]
    assert len(hosts) == ACTORS
    assert [name.split("-")[0] for name in named] == sorted(hosts)
    assert len(rows) == 1
    assert opened.errors == []
    assert opened.hosts == {project.url.removeprefix("http://")}
    for container in (project.container("learner"), *actors):
        assert inspect(container)["State"]["Running"], logs(container)
        assert inspect(container)["RestartCount"] == 0, logs(container)
