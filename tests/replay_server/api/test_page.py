"""The page's shell and what it loads; what a browser makes of them is in tests/browser."""

import gzip
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
import zstandard

import replay_server.page
from tests.contract.peer import Answer, Peer

FOLDER = Path(replay_server.page.__file__).parent
ASSETS = sorted({path.name for path in FOLDER.iterdir() if path.suffix in (".js", ".css", ".svg")})


@pytest.fixture
def peer(server_url: str) -> Iterator[Peer]:
    with Peer(server_url) as connection:
        yield connection


class Markup(HTMLParser):
    """What of a page counts for its safety.

    Attributes:
        loaded: what scripts, links and images name.
        inline: scripts, styles and handlers within the markup.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inline: list[str] = []
        self._within = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._within = tag
        for name, value in attrs:
            if (tag, name) in {("script", "src"), ("link", "href"), ("img", "src")}:
                self.loaded.append(value or "")
            if name == "style" or name.startswith("on"):
                self.inline.append(name)

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within in ("script", "style") and data.strip():
            self.inline.append(data)


def policy(answer: Answer) -> dict[str, str]:
    directives = answer.headers["content-security-policy"].split("; ")
    return dict(directive.split(" ", 1) for directive in directives)


def test_the_page_is_served_at_the_root(peer: Peer):
    answer = peer.get("/")

    assert (answer.status, answer.form) == (200, "text/html; charset=utf-8")
    assert b"<title>replay-server</title>" in answer.body
    assert peer.send("HEAD", "/").status == 200


def test_its_policy_lets_in_nothing_from_elsewhere_and_nothing_inline(peer: Peer):
    found = policy(peer.get("/"))

    assert found["default-src"] == "'none'"
    for kind in ("script-src", "style-src", "img-src", "connect-src"):
        assert found[kind] == "'self'"
    for kind in ("base-uri", "form-action", "frame-ancestors"):
        assert found[kind] == "'none'"


def test_all_that_it_loads_is_served_by_this_server_and_nothing_is_inline(peer: Peer):
    markup = Markup(peer.get("/").body.decode())
    modules = [f"assets/{name}" for name in ASSETS if name.endswith(".js")]
    imported = {
        f"assets/{name}"
        for module in modules
        for name in re.findall(r'from "\./([\w.]+)"', peer.get(f"/{module}").body.decode())
    }

    assert markup.inline == []
    assert "assets/main.js" in markup.loaded
    assert "assets/dom.js" in imported
    for path in {*markup.loaded, *imported, "assets/plotly.min.js"}:
        assert peer.get(f"/{path}").status == 200, path


@pytest.mark.parametrize("name", ASSETS)
def test_an_asset_has_its_type_and_names_no_other_host(peer: Peer, name: str):
    answer = peer.get(f"/assets/{name}")

    kinds = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
    assert answer.form == f"{kinds[Path(name).suffix]}; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    hosts = re.findall(rb"https?://[^\s\"']+", answer.body)
    assert set(hosts) <= {b"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("name", ASSETS)
def test_what_comes_from_the_server_never_becomes_markup(name: str):
    text = (FOLDER / name).read_text()

    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "srcdoc",
    ):
        assert way not in text


def test_the_shell_is_the_same_whatever_the_server_holds(peer: Peer):
    before = peer.get("/").body
    peer.json("PUT", "/v1/tables/seen-on-the-page", {"capacity": 3})

    assert peer.get("/").body == before
    assert b"seen-on-the-page" not in before
    peer.send("DELETE", "/v1/tables/seen-on-the-page")


def test_a_browser_that_has_it_is_told_so(peer: Peer):
    tag = peer.get("/assets/main.js").headers["etag"]

    again = peer.get("/assets/main.js", if_none_match=tag)

    assert (again.status, again.body) == (304, b"")
    assert peer.get("/assets/main.js", if_none_match='"another"').status == 200


def test_it_is_compressed_where_that_is_asked_for(peer: Peer):
    plain = peer.get("/assets/plotly.min.js")
    zipped = peer.get("/assets/plotly.min.js", accept_encoding="gzip, deflate, br")
    packed = peer.get("/assets/plotly.min.js", accept_encoding="zstd, gzip;q=0.5")

    assert "content-encoding" not in plain.headers
    assert gzip.decompress(zipped.body) == plain.body
    assert zstandard.ZstdDecompressor().decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 2
    tags = {answer.headers["etag"] for answer in (plain, zipped, packed)}
    assert len(tags) == 3


@pytest.mark.parametrize("path", ["/assets", "/assets/", "/assets/page.html", "/assets/none.js"])
def test_nothing_else_is_served(peer: Peer, path: str):
    assert peer.get(path).code == "not_found"


def test_charts_are_served_without_being_imported():
    import replay_server.api.app

    assert replay_server.api.app
    assert "plotly" not in sys.modules
