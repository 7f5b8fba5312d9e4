"""What the pages tell a reader to do works when it is done, in the order in which it stands."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.documents.blocks import ROOT, Block, blocks, documents
from tests.documents.reader import Reader

RUN = ("python", "sh", "sh server", "text printed")
_ALL = {document.relative_to(ROOT).as_posix(): blocks(document) for document in documents()}
PAGES = {
    page: found
    for page, found in _ALL.items()
    if any(block.kind in (*RUN, "sh slow") for block in found)
}


def follow(page: Sequence[Block], kinds: Sequence[str], folder: Path) -> None:
    reader = Reader(folder)
    try:
        for block in page:
            if block.kind in kinds or block.file:
                reader.follow(block)
    finally:
        reader.leave()


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_page_can_be_followed(page: str, tmp_path: Path):
    follow(PAGES[page], RUN, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", sorted(p for p, found in PAGES.items() if any(b.kind == "sh slow" for b in found))
)
def test_a_page_can_be_followed_with_all_that_takes_minutes(page: str, tmp_path: Path):
    follow(PAGES[page], (*RUN, "sh slow"), tmp_path)
