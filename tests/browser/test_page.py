"""The page in a real browser: what it shows, to whom, and what it keeps out."""

import re
from typing import Any

import numpy as np
import pytest

from agent_client import ReplayClient
from tests.browser.chromium import Tab, tab
from tests.browser.load import Load, frames
from tests.guarded_server import GuardedServer
from tests.server_process import ServerProcess

pytestmark = pytest.mark.browser

STARVING = {"actor_pause_s": 0.5, "learner_pause_s": 0.0}
FLOODING = {"actor_pause_s": 0.0, "learner_pause_s": 0.5}


def verdict_of(opened: Tab, table: str, *, says: str) -> str:
    """Wait until the card of a table says something at its top; return all of the verdict."""
    verdict = opened.card(table).locator(".verdict")
    verdict.get_by_text(says, exact=True).wait_for()
    text: str = verdict.inner_text()
    return text


# -- who is slow ----------------------------------------------------------------------------------


def test_the_page_tells_who_is_slow_and_what_to_change_without_reloading(
    own_server: ServerProcess, page_tab: Tab
):
    with Load(own_server.url, "starved", **STARVING) as load:
        page_tab.open(own_server.url)

        starved = verdict_of(page_tab, "starved", says="The actors are slow")
        load.actor_pause_s, load.learner_pause_s = 0.0, 0.5
        flooded = verdict_of(page_tab, "starved", says="The learner is slow")

    assert re.search(r"learner waits for actors: \d+% of the time", starved)
    assert "Start more actors" in starved
    assert "raise samples_per_insert (now 8)" in starved
    assert re.search(r"actors wait for the learner: \d+% of the time", flooded)
    assert "fewer actors" in flooded
    assert "lower samples_per_insert (now 8)" in flooded


def test_a_change_of_verdict_is_announced_and_stands_in_the_title(
    own_server: ServerProcess, page_tab: Tab
):
    with Load(own_server.url, "starved", **STARVING):
        page_tab.open(own_server.url)
        page_tab.wait("() => document.title.startsWith('The actors are slow')")

        live = page_tab.page.locator("[aria-live=polite]")
        assert "starved: The actors are slow." in live.inner_text()


def test_who_writes_and_who_waits_is_listed(own_server: ServerProcess, page_tab: Tab):
    with Load(own_server.url, "flooded", **FLOODING):
        page_tab.open(own_server.url)
        page_tab.wait_for_charts("flooded")

        card = page_tab.card("flooded")
        card.locator(".state[data-waits=true]").first.wait_for()
        writers = card.locator("tbody th").all_inner_texts()

    assert sorted(writers) == ["flooded-actor-0", "flooded-actor-1"]


# -- what it shows --------------------------------------------------------------------------------


def test_numbers_and_charts_are_live(own_server: ServerProcess, page_tab: Tab):
    with Load(own_server.url, "live"):
        page_tab.open(own_server.url)
        page_tab.wait_for_charts("live")
        tiles = page_tab.card("live").locator(".tile")
        names = tiles.locator("dt").all_inner_texts()
        before = tiles.first.inner_text()

        page_tab.wait("(before) => document.querySelector('.tile').innerText !== before", before)
        words = re.compile(r"^Inserts per second\. Now \d")
        page_tab.card("live").get_by_role("img", name=words).wait_for()

    assert names == [
        "Fill", "Inserts per second", "Draws per second", "Samples per insert",
        "Sample age, median", "Memory, when full",
    ]  # fmt: skip


def test_tables_come_and_go(own_server: ServerProcess, page_tab: Tab):
    page_tab.open(own_server.url)
    page_tab.page.get_by_text("There are no tables yet").wait_for()

    with ReplayClient(own_server.url) as client:
        for name in ("b", "a"):
            client.create_table(name, {"capacity": 10})
        page_tab.wait("() => document.querySelectorAll('.card').length === 2")
        assert page_tab.page.locator("h2:visible").all_inner_texts() == ["a", "b"]

        client.delete_table("a")
        page_tab.wait("() => document.querySelectorAll('.card').length === 1")


def test_items_are_opened_for_a_look(own_server: ServerProcess, page_tab: Tab):
    with Load(own_server.url, "frames", make=frames, batch_size=16):
        page_tab.open(own_server.url)
        card = page_tab.card("frames")
        page_tab.wait_for_charts("frames")
        card.get_by_text("Items of the highest priority").click()
        item = card.locator(".item").first
        item.wait_for()
        images = item.locator("canvas")
        sizes = images.evaluate_all("all => all.map((one) => [one.width, one.height])")
        corner = images.last.evaluate(
            "one => [...one.getContext('2d').getImageData(83, 0, 1, 1).data]"
        )
        plots = item.locator("svg.vector").count()
        heads = card.locator(".item-head span:first-child").all_inner_texts()

    assert sizes == [[84, 84]] * 5  # four frames, and one in colour
    assert corner == [249, 0, 172, 255]
    assert plots == 1
    priorities = [float(head.removeprefix("Priority ")) for head in heads]
    assert len(priorities) == 6
    assert priorities == sorted(priorities, reverse=True)


def test_vectors_are_small_plots_with_words(own_server: ServerProcess, page_tab: Tab):
    with ReplayClient(own_server.url) as client:
        client.create_table("one", {"capacity": 10})
        columns = {
            "few": np.array([[0.5, -1.0, 0.25]], np.float32),
            "many": np.linspace(0, 1, 500, dtype=np.float32)[None],
            "lost": np.array([np.nan], np.float32),
            "flag": np.array([True]),
        }
        client.insert("one", columns)
    page_tab.open(own_server.url)
    card = page_tab.card("one")
    card.get_by_text("Items of the highest priority").click()

    few = card.get_by_role("img", name="few, shape 3: 0.5, -1, 0.25")
    few.wait_for()
    assert few.locator("rect").count() == 3
    many = card.get_by_role("img", name=re.compile("^many, shape 500"))
    assert many.locator("polyline").count() == 1
    assert card.locator(".number").all_inner_texts() == ["not finite", "true"]


# -- whom it lets in ------------------------------------------------------------------------------


def sign_in(opened: Tab, token: str) -> None:
    opened.page.get_by_label("Token", exact=True).fill(token)
    opened.page.get_by_role("button", name="Watch").click()


@pytest.fixture
def guarded_table(guarded: GuardedServer) -> Any:
    """The name of a table of a server with tokens."""
    with ReplayClient(guarded.url, token=guarded.file.tokens["admin"]) as client:
        client.create_table("secret", {"capacity": 10})
        client.insert("secret", {"x": np.ones((1, 3), np.float32)})
        yield "secret"
        client.delete_table("secret")


def test_without_a_token_the_page_holds_no_data_and_asks_for_one(
    guarded: GuardedServer, guarded_table: str, browser: Any
):
    opened = tab(browser).open(guarded.url)

    opened.page.get_by_label("Token", exact=True).wait_for()
    assert guarded_table not in opened.page.content()
    assert opened.page.evaluate("document.activeElement.id") == "token"
    sign_in(opened, "replay_" + "0" * 43)
    opened.page.get_by_text("this token is not known").wait_for()
    sign_in(opened, "Bearer of bad news ☂")
    opened.page.get_by_text("That is no token").wait_for()
    opened.page.context.close()


def test_a_viewer_sees_all_but_rows(guarded: GuardedServer, guarded_table: str, browser: Any):
    opened = tab(browser).open(guarded.url)
    sign_in(opened, guarded.file.tokens["viewer"])
    opened.wait_for_charts(guarded_table, count=1)
    opened.page.get_by_text("Items of the highest priority").click()
    opened.page.get_by_text("the one you gave sees all the rest").wait_for()

    assert guarded.file.tokens["viewer"] not in opened.page.url
    assert opened.page.evaluate("localStorage.length") == 0
    assert opened.page.context.cookies() == []
    opened.page.reload()
    opened.card(guarded_table).wait_for()  # in the same tab it is still known
    opened.page.get_by_role("button", name="Forget token").click()
    opened.page.get_by_label("Token", exact=True).wait_for()
    assert guarded_table not in opened.page.content()
    sign_in(opened, guarded.file.tokens["viewer"])
    opened.page.locator("[aria-live=polite]").get_by_text(guarded_table).wait_for()  # told anew
    opened.page.get_by_role("button", name="Forget token").click()
    opened.page.reload()
    opened.page.get_by_label("Token", exact=True).wait_for()
    opened.page.context.close()


def test_a_learner_sees_rows_too(guarded: GuardedServer, guarded_table: str, browser: Any):
    opened = tab(browser).open(guarded.url)
    sign_in(opened, guarded.file.tokens["learner"])
    opened.card(guarded_table).get_by_text("Items of the highest priority").click()

    opened.page.get_by_role("img", name="x, shape 3: 1, 1, 1").wait_for()
    opened.page.context.close()


# -- what it keeps out ----------------------------------------------------------------------------


def test_names_are_text_whatever_they_are(own_server: ServerProcess, page_tab: Tab):
    evil = "<img src=x onerror='window.taken=1'><script>window.taken=1</script>"
    with ReplayClient(own_server.url) as client:
        client.create_table("t", {"capacity": 10})
        client.insert("t", {"x": np.ones(1, np.float32)}, writer=(evil, 1))
    page_tab.open(own_server.url)

    page_tab.card("t").locator("tbody th").get_by_text(evil, exact=True).wait_for()
    assert page_tab.page.evaluate("window.taken") is None
    assert page_tab.page.locator("#tables img").count() == 0


def test_nobody_else_is_asked_for_anything(own_server: ServerProcess, page_tab: Tab):
    with Load(own_server.url, "alone"):
        page_tab.open(own_server.url)
        page_tab.wait_for_charts("alone")

    assert page_tab.hosts == {own_server.url.removeprefix("http://")}


def test_a_server_that_goes_away_is_missed_and_found_again(browser: Any):
    server = ServerProcess("--port=0")
    port = server.url.rpartition(":")[2]
    opened = tab(browser).open(server.url)
    opened.page.get_by_text("Live", exact=True).wait_for()

    server.stop()
    opened.page.get_by_text(re.compile(r"no answer for \d+ seconds?")).wait_for()
    again = ServerProcess(f"--port={port}")
    opened.page.get_by_text("Live", exact=True).wait_for()
    again.stop()
    opened.page.context.close()
