"""What fuzzing found, fed to the server once more; `make fuzz` looks for more of it."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.fuzz.corpus import corpus
from tests.fuzz.mutator import Mutator
from tests.fuzz.requests import Request, pack, parse, valid_inputs
from tests.fuzz.target import Target


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    made = Target()
    yield made
    made.close()


def test_every_input_of_the_corpus_leaves_the_server_sound(target: Target):
    for data in corpus():
        target.feed(data)

    assert 0 < target.refused < target.requests


def test_valid_inputs_are_mostly_accepted(target: Target):
    statuses = Counter(status for data in valid_inputs() for status in target.feed(data))

    assert statuses[200] > 0.8 * statuses.total()


def test_what_mutations_make_of_valid_inputs_leaves_the_server_sound(target: Target):
    seeds = valid_inputs()
    mutator = Mutator(seeds)

    for seed in range(300):
        target.feed(mutator.mutate(seeds[seed % len(seeds)], 4096, seed))


def test_an_input_does_the_same_whatever_came_before(target: Target):
    data = valid_inputs()[-5]
    first = target.feed(data)
    for other in valid_inputs()[:20]:
        target.feed(other)

    assert target.feed(data) == first


def test_any_bytes_are_requests():
    requests = [Request(1, 2, 3, b"body"), Request(255, 255, 255)]

    assert parse(pack(requests)) == requests
    assert parse(b"") == parse(b"1234") == []
    assert parse(b"\1\2\3\xff\xffrest") == [Request(1, 2, 3, b"rest")]
