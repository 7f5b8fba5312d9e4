"""The site builds without a warning, which a broken link is, and asks nobody else for anything."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents.blocks import ROOT


def build(pages: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet"]
    return subprocess.run(
        [*command, "-d", str(out / ".doctrees"), str(pages), str(out)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    done = build(ROOT / "docs", out)
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.slow  # `make docs` builds it, too
def test_every_page_is_in_the_site(site: Path):
    for page in (ROOT / "docs").rglob("*.md"):
        assert (site / page.relative_to(ROOT / "docs")).with_suffix(".html").exists()


@pytest.mark.slow
def test_a_built_page_loads_nothing_from_elsewhere(site: Path):
    loads = re.compile(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=\"(?:https?:)?//[^\"]+\"")

    for page in site.rglob("*.html"):
        assert not loads.findall(page.read_text()), page
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", style.read_text()), style


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ("[there](nowhere.md)\n", "nowhere.md"),
        ("[there](client.md#no-such-heading)\n", "no-such-heading"),
        ("![picture](pictures/nothing.png)\n", "nothing.png"),
    ],
)
def test_a_broken_link_fails(page: str, fault: str, tmp_path: Path):
    pages = tmp_path / "docs"
    pages.mkdir()
    (pages / "conf.py").write_text('extensions = ["myst_parser"]\nmyst_heading_anchors = 4\n')
    (pages / "client.md").write_text("# Client\n")
    (pages / "index.md").write_text(f"# Index\n\n{page}\n```{{toctree}}\nclient\n```\n")

    done = build(pages, tmp_path / "site")

    assert done.returncode != 0
    assert fault in done.stderr
