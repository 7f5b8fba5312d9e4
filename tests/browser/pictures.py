"""Make the pictures of the page in docs/pictures: light, dark, and 320 pixels wide.

python -m tests.browser.pictures
"""

from pathlib import Path
from typing import Any

from tests.browser.chromium import chromium, tab
from tests.browser.load import Load, frames
from tests.server_process import ServerProcess

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
HISTORY_MS = 90_000
TABLE, IMAGES = "transitions", "frames"
KINDS: dict[str, dict[str, Any]] = {
    "page-light": {"viewport": {"width": 1180, "height": 900}, "color_scheme": "light"},
    "page-dark": {"viewport": {"width": 1180, "height": 900}, "color_scheme": "dark"},
    "page-narrow": {"viewport": {"width": 320, "height": 900}, "color_scheme": "light"},
}


def main() -> None:
    """Let a run starve, watch it for a while, and take the pictures."""
    server = ServerProcess("--port=0")
    with (
        chromium() as browser,
        Load(server.url, TABLE, actors=3, actor_pause_s=0.12, learner_pause_s=0.0),
        Load(server.url, IMAGES, make=frames, actor_pause_s=0.1, learner_pause_s=0.6),
    ):
        tabs = {name: tab(browser, **kind).open(server.url) for name, kind in KINDS.items()}
        next(iter(tabs.values())).page.wait_for_timeout(HISTORY_MS)
        for name, opened in tabs.items():
            is_dark = name.endswith("dark")
            opened.wait_for_charts(TABLE)
            if is_dark:
                opened.card(TABLE).locator("summary").first.click()
                opened.wait_for_charts(IMAGES)
                opened.card(IMAGES).get_by_text("Items of the highest priority").click()
                opened.card(IMAGES).locator("canvas").first.wait_for()
                opened.page.set_viewport_size({"width": 1180, "height": 1160})
            elif opened.card(IMAGES).evaluate("(card) => card.open"):
                opened.card(IMAGES).locator("summary").first.click()
            opened.page.evaluate("scrollTo(0, 0)")
            opened.page.mouse.move(0, 0)
            opened.page.wait_for_timeout(2_500)
            opened.page.screenshot(path=FOLDER / f"{name}.png")
    server.stop()


if __name__ == "__main__":
    main()
