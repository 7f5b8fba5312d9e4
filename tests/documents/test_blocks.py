"""Every block of code in a document is run, or held against what is there; none is overlooked."""

import re

import pytest

from tests.documents.blocks import KINDS, ROOT, Block, blocks, documents
from tests.documents.commands import mistakes, parse

ALL = [block for document in documents() for block in blocks(document)]
COMMANDS = [b for b in ALL if b.kind == "indented" or b.kind.startswith("sh")]
DATA = [block for block in ALL if block.kind in ("json", "toml", "yaml")]


@pytest.mark.parametrize("block", [b for b in ALL if b.kind != "indented"], ids=str)
def test_a_fenced_block_says_what_becomes_of_it(block: Block):
    assert block.kind in KINDS


@pytest.mark.parametrize("block", COMMANDS, ids=str)
def test_the_commands_of_a_block_exist(block: Block):
    saved = {other.file for other in ALL if other.page == block.page}

    assert list(mistakes(block.code, saved)) == []


@pytest.mark.parametrize("block", DATA, ids=str)
def test_data_in_a_block_can_be_read(block: Block):
    parse(block.kind, block.code)


def test_every_target_of_make_that_is_announced_has_a_rule():
    makefile = (ROOT / "Makefile").read_text()
    announced = re.findall(r"^\.PHONY:(.*)$", makefile, re.MULTILINE)[0].split()

    assert [t for t in announced if not re.search(rf"^{t}:", makefile, re.MULTILINE)] == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("agent-client trian --env X", "no command trian"),
        ("agent-client train --enviroment X", "no --enviroment"),
        ("FOO=1 replay-server serve --hots 0.0.0.0   # why", "no --hots"),
        ("python -m benchmarks.bench_nothing", "no benchmarks.bench_nothing"),
        ("python examples/freshness.py --seads 1", "no --seads"),
        ("make tset", "no target tset"),
        ("pip install -e '.[agnet]'", "no extra agnet"),
        ("docker compose -f docker/nothing.yml up", "no docker/nothing.yml"),
        ("docker compose --profile monitorng up", "profile monitorng"),
        ("docker compose up --scale actr=4 learner", "no service actr"),
        ("docker compose up lerner", "no service lerner"),
        ("curl localhost:8000/v1/tabels", "no /v1/tabels"),
    ],
)
def test_a_mistake_in_a_command_is_noticed(line: str, wrong: str):
    assert any(wrong in told for told in mistakes(line))
