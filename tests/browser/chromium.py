"""A headless Chromium, and what it had to complain of.

`python -m tests.browser.chromium` installs one where there is none.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = 60_000
WIDE = {"width": 1280, "height": 1000}

# Before anything else in each page: remembers what its policy stopped, wherever that was.
_WATCH_POLICY = """
window.stopped = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.stopped.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""


def executable() -> str | None:
    """Return the path of the system's Chromium, or of playwright's own; None if there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return found or _own_executable()


def _own_executable() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install() -> None:
    """Install a Chromium: Debian's with what it needs, where one may; else playwright's own.

    Raises:
        subprocess.CalledProcessError: it is not to be had.
    """
    if shutil.which("apt-get") is not None and _is_root():
        for command in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
            environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            subprocess.run(["apt-get", "--quiet", *command], check=True, env=environment)
    else:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


@contextmanager
def chromium() -> Iterator[Any]:
    """Start one, and end it."""
    from playwright.sync_api import sync_playwright

    # Chromium has no sandbox of its own for root, who runs the tests in containers.
    arguments = ["--no-sandbox"] if _is_root() else []
    path = executable()
    if path is None:
        raise RuntimeError("there is no Chromium; `python -m tests.browser.chromium` installs one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@dataclass
class Tab:
    """A page in a context of its own, as of another person.

    Attributes:
        page: playwright's.
        errors: what scripts threw, and what the console called errors.
        hosts: whom it asked for anything.
    """

    page: Any
    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.add_init_script(_WATCH_POLICY)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on(
            "console",
            lambda message: message.type == "error" and self.errors.append(message.text),
        )
        self.page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))

    def open(self, url: str) -> "Tab":
        self.page.goto(url)
        return self

    @property
    def stopped(self) -> list[str]:
        """What the page's policy stopped."""
        found: list[str] = self.page.evaluate("window.stopped")
        return found

    def card(self, table: str) -> Any:
        """Return the card of a table."""
        heading = self.page.get_by_role("heading", name=table, exact=True)
        return self.page.locator(".card", has=heading)

    def wait(self, condition: str, argument: Any = None) -> None:
        """Return once a JavaScript function of `argument` returns something true."""
        self.page.wait_for_function(condition, arg=argument, timeout=PATIENCE_MS)

    def wait_for_charts(self, table: str, count: int = 6) -> None:
        """Return once the charts of a table are drawn."""
        self.card(table).scroll_into_view_if_needed()
        self.wait(
            """([table, count]) => {
                const cards = [...document.querySelectorAll(".card")];
                const card = cards.find((each) => each.querySelector("h2").textContent === table);
                const isDrawn = (plot) => plot.querySelector(".js-line, .point") !== null;
                return [...card.querySelectorAll(".plot")].filter(isDrawn).length >= count;
            }""",
            [table, count],
        )

    def width_beyond(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        beyond: int = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        return beyond


def tab(browser: Any, **options: Any) -> Tab:
    """Open one; `options` are those of a context."""
    return Tab(browser.new_context(**{"viewport": WIDE, **options}).new_page())


if __name__ == "__main__" and executable() is None:
    install()
