"""What fuzzing found, fed to the targets once more; `make fuzz` looks for more of it."""

from collections import Counter
from collections.abc import Iterator

import pytest

from replay_server import activity
from replay_server.memory.table import Table
from replay_server.verdicts import Facts, verdict
from replay_wire.activity import Verdict
from tests.fuzz.corpus import corpus, from_words, in_words
from tests.fuzz.crowd import Crowd
from tests.fuzz.decoders import Decoders, valid_bodies
from tests.fuzz.mutator import Mutator
from tests.fuzz.programs import valid_inputs, valid_programs
from tests.fuzz.requests import BY_LABEL, ENDPOINTS, NAMES, PAGES, Request, pack, parse
from tests.fuzz.server import Server
from tests.fuzz.targets import TARGETS


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def decoders() -> Decoders:
    return Decoders()


def test_every_input_of_the_servers_corpus_leaves_it_sound(server: Server):
    for data in corpus("server"):
        server.feed(data)

    assert 0 < server.refused < server.requests


def test_every_input_of_the_crowds_corpus_leaves_the_server_sound():
    crowd = Crowd()

    for data in corpus("crowd"):
        crowd.feed(data)

    assert 0 < crowd.refused < crowd.requests
    crowd.close()


def test_every_input_of_the_decoders_corpus_is_a_message_or_refused(decoders: Decoders):
    for data in corpus("decoders"):
        decoders.feed(data)

    assert 0 < decoders.refused < decoders.requests


def test_valid_inputs_are_mostly_accepted(server: Server, decoders: Decoders):
    statuses = Counter(status for data in valid_inputs() for status in server.feed(data))

    assert statuses[200] > 0.8 * statuses.total()
    assert all(all(decoders.feed(data)) for data in valid_bodies())


@pytest.mark.parametrize("name", list(TARGETS))
def test_what_mutations_make_of_valid_inputs_does_no_harm(name: str):
    seeds = TARGETS[name].valid_inputs()
    target, mutator = TARGETS[name].make(), Mutator(seeds)

    for seed in range(600):
        target.feed(mutator.mutate(seeds[seed % len(seeds)], 4096, seed))

    target.close()


def test_an_input_does_the_same_whatever_came_before(server: Server):
    inputs = valid_inputs()
    first = [server.feed(data) for data in inputs]

    assert [server.feed(data) for data in reversed(inputs)] == first[::-1]


def test_valid_requests_are_there_in_both_forms_and_of_every_endpoint():
    requests = [request for program in valid_programs() for request in program]
    forms = {request.endpoint.path: set[bool]() for request in requests}
    for request in requests:
        forms[request.endpoint.path].add(request.is_json)

    assert forms.keys() == {endpoint.path for endpoint in ENDPOINTS}
    assert forms["/v1/tables/{table}/insert"] == forms["/v1/sample"] == {True, False}


def test_an_input_in_words_is_the_input():
    request = Request(ENDPOINTS.index(BY_LABEL["SCAN"]), 2, 64, b"\x80\xff")

    words = in_words(pack([request]), "server")

    assert words == '[["SCAN","once",64,"gP8="]]'
    assert from_words(words, "server") == pack([request])


def test_valid_inputs_reach_what_watches_and_copies_on_threads(
    server: Server, monkeypatch: pytest.MonkeyPatch
):
    facts, copies = list[Facts](), list[object]()

    def noted(seen: Facts) -> Verdict:
        facts.append(seen)
        return verdict(seen)

    def begun(reader: object) -> None:
        copies.append(reader)

    monkeypatch.setattr(activity, "verdict", noted)
    monkeypatch.setattr(Table, "tell_of_overwriting", lambda _, tell: begun(tell))
    for data in valid_inputs():
        server.feed(data)

    assert any(seen.draws.per_second is not None for seen in facts)
    assert any(seen.draws.held_share for seen in facts)
    assert copies


def test_pages_are_answered(server: Server):
    name = NAMES.index("page.css")
    pages = [Request(ENDPOINTS.index(page), name, 0) for page in PAGES.values()]

    assert [server.feed(pack([page])) for page in pages] == [[200]] * len(PAGES)


def test_any_bytes_are_requests():
    requests = [Request(1, 2, 3, b"body"), Request(255, 255, 255)]

    assert parse(pack(requests)) == requests
    assert parse(b"") == parse(b"1234") == []
    assert parse(b"\1\2\3\xff\xffrest") == [Request(1, 2, 3, b"rest")]
