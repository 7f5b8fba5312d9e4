"""`export` and `import` as people run them: real processes, a real server, kills in the middle."""

import itertools
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest

from tests.contract.peer import Peer, TablePeer, array, values_of
from tests.contract.steps import columns_of, episode
from tests.server_process import ServerProcess

_numbers = itertools.count()
FORMS = ["minari", "parquet", "npz"]


@pytest.fixture
def peer(server_url: str) -> Iterator[Peer]:
    with Peer(server_url) as connection:
        yield connection


@pytest.fixture
def names(peer: Peer) -> Iterator[list[str]]:
    """Names of tables that nobody else has, and that go with the test."""
    own = [f"dataset-{next(_numbers)}" for _ in range(3)]
    yield own
    for name in own:
        peer.send("DELETE", f"/v1/tables/{name}")


def command(server_url: str, *arguments: object) -> list[str]:
    shown = [str(argument) for argument in arguments]
    return [sys.executable, "-m", "replay_server", *shown, "--server", server_url]


def run(server_url: str, *arguments: object, code: int = 0) -> tuple[str, str]:
    """What a command writes to stdout and to stderr."""
    done = subprocess.run(command(server_url, *arguments), capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout.strip(), done.stderr.strip()


def scanned(peer: Peer, name: str) -> dict[str, Any]:
    """Every row of a table: priorities, columns, and the place of the step before."""
    found: dict[str, list[np.ndarray]] = {}
    after = -1
    while True:
        answer = TablePeer(peer, name).post("scan", {"after": after, "limit": 5000})
        assert answer.status == 200, answer.document
        document = answer.document
        for column, wired in (*document["columns"].items(), ("", document["priorities"]),
                              (".keys", document["keys"]),
                              *([(".before", document["previous"])]
                                if "previous" in document else [])):  # fmt: skip
            found.setdefault(column, []).append(values_of(wired))
        if not document["more"]:
            break
        after = int(values_of(document["keys"])[-1])
    whole = {column: np.concatenate(parts) for column, parts in found.items()}
    keys = whole.pop(".keys")
    if ".before" in whole:
        places = {key: place for place, key in enumerate(keys.tolist())}
        whole[".before"] = np.array([places.get(k, -1) for k in whole[".before"].tolist()])
    return whole


def assert_same(peer: Peer, first: str, second: str) -> None:
    expected, found = scanned(peer, first), scanned(peer, second)
    assert set(found) == set(expected)
    for column, values in expected.items():
        assert found[column].dtype == values.dtype
        assert np.array_equal(found[column], values), column


def fill_steps(peer: Peer, name: str, rows: int = 0) -> None:
    """Two streams by turns, then `rows` more in episodes of 100."""
    table = TablePeer(peer, name)
    spec = {"items": {"kind": "transition", "n_step": 2}, "sampler": {"kind": "uniform"}}
    assert table.put(**spec, capacity=rows + 1000).status == 201
    one, two = episode(range(6)), episode(range(50, 56), end="truncated")
    steps = [step for pair in zip(one, two, strict=True) for step in pair]
    document = {
        "columns": columns_of(steps),
        "streams": array("<i8", [7, 3] * 6),
        "priorities": array("<f8", np.arange(12) / 16),
    }
    for column in ("reward", "action"):  # of an episode's last row they mean nothing
        values_of_last(document["columns"], column)
    assert table.post("insert", document).status == 200
    for first in range(0, rows, 10_000):
        x = np.arange(first, min(first + 10_000, rows))
        last = x % 100 == 99
        answer = table.post("insert", {"columns": {
            "observation": array("<f4", np.stack([x, -x], 1)),
            "action": array("<i8", np.where(last, 0, x % 4)),
            "reward": array("<f8", np.where(last, 0, x / 8)),
            "is_first": array("|b1", x % 100 == 0),
            "is_last": array("|b1", last),
            "is_terminal": array("|b1", last & (x % 200 == 199)),
        }, "priorities": array("<f8", x % 1024)})  # fmt: skip
        assert answer.status == 200, answer.document


def values_of_last(columns: dict[str, Any], column: str) -> None:
    values = values_of(columns[column]).copy()
    values[values_of(columns["is_last"]).astype(bool)] = 0
    columns[column] = array(columns[column]["dtype"], values)


def fill_rows(peer: Peer, name: str, rows: int) -> None:
    table = TablePeer(peer, name)
    assert table.put(capacity=rows, remover={"kind": "min_heap"}, sampler={"kind": "max_heap"},
                     seed=4).status == 201  # fmt: skip
    for first in range(0, rows, 2000):
        x = np.arange(first, min(first + 2000, rows))
        answer = table.post("insert", {"columns": {
            "x": array("<i8", x), "part/of": array("|u1", np.tile(x % 256, (512, 1)).T),
            "half": array("<f2", x / 4), "flag": array("|b1", np.stack([x % 2, x % 3], 1) > 0),
        }, "priorities": array("<f8", (x * 7) % 13)})  # fmt: skip
        assert answer.status == 200, answer.document


@pytest.mark.parametrize("form", FORMS)
def test_a_table_of_steps_goes_out_and_comes_back_equal(
    peer: Peer, server_url: str, names: list[str], tmp_path: Path, form: str
):
    first, second, _ = names
    fill_steps(peer, first)
    out = tmp_path / "out"

    told = run(server_url, "export", "--table", first, "--format", form, out)
    again = run(server_url, "import", "--table", second, out)

    assert told == (f"{out}: 12 rows of {first}", "")
    assert again == (f"{second}: 12 rows of {out}", "")
    assert_same(peer, first, second)
    specs = [peer.get(f"/v1/tables/{name}").document["spec"] for name in (first, second)]
    assert specs[0] == specs[1]
    assert not (tmp_path / "out.partial").exists()


@pytest.mark.parametrize("form", ["parquet", "npz"])
def test_a_table_of_rows_goes_out_and_comes_back_equal(
    peer: Peer, server_url: str, names: list[str], tmp_path: Path, form: str
):
    first, second, _ = names
    fill_rows(peer, first, 3000)
    out = tmp_path / f"out.{form}"

    run(server_url, "export", "--table", first, out)
    run(server_url, "import", "--table", second, out)

    assert_same(peer, first, second)
    again = run(server_url, "import", "--table", second, out)[0]
    assert again == f"{second}: 0 rows of {out}; 3,000 were in already"
    assert len(scanned(peer, second)["x"]) == 3000


def test_npz_is_read_by_numpy_and_parquet_by_pyarrow_as_rlds(
    peer: Peer, server_url: str, names: list[str], tmp_path: Path
):
    import pyarrow.parquet as pq

    fill_steps(peer, names[0])

    run(server_url, "export", "--table", names[0], tmp_path / "t.npz")
    run(server_url, "export", "--table", names[0], tmp_path / "t.parquet")

    with np.load(tmp_path / "t.npz") as loaded:
        assert loaded["observation"][:3].tolist() == [[0, 0], [50, -50], [1, -1]]
        assert loaded["replay.stream"].tolist() == [0, 1] * 6
    read = pq.read_table(tmp_path / "t.parquet")
    assert read["is_first"].to_pylist() == [True, True] + [False] * 10
    # The step before the one that is terminal; the other stream was truncated.
    assert read["discount"].to_pylist() == [1.0] * 8 + [0.0] + [1.0] * 3
    assert read["observation"].combine_chunks().to_numpy_ndarray()[1].tolist() == [50, -50]


@pytest.mark.parametrize("form", FORMS)
def test_an_export_killed_in_the_middle_goes_on_where_it_stopped(
    peer: Peer, server_url: str, names: list[str], tmp_path: Path, form: str
):
    first, second, _ = names
    fill_steps(peer, first, rows=60_000)
    out, state = tmp_path / "out", tmp_path / "out.partial" / "state.json"
    arguments = ("export", "--table", first, "--format", form, out)

    killed_when(server_url, arguments, lambda: state.exists() and rows_of(state) > 0)
    had = rows_of(state)
    run(server_url, *arguments)
    run(server_url, "import", "--table", second, out)

    assert 0 < had <= 60_012
    assert_same(peer, first, second)


def rows_of(state: Path) -> int:
    rows: int = json.loads(state.read_text())["rows"]
    return rows


@pytest.mark.parametrize("form", FORMS)
def test_an_import_killed_in_the_middle_neither_doubles_nor_loses_a_row(
    peer: Peer, server_url: str, names: list[str], tmp_path: Path, form: str
):
    first, second, _ = names
    fill_steps(peer, first, rows=60_000)
    out = tmp_path / "out"
    run(server_url, "export", "--table", first, "--format", form, out)

    def some_are_in() -> bool:
        answer = peer.get(f"/v1/tables/{second}")
        return bool(answer.status == 200 and answer.document["stats"]["rows"] > 0)

    killed_when(server_url, ("import", "--table", second, out), some_are_in)
    had = peer.get(f"/v1/tables/{second}").document["stats"]["rows"]
    told = run(server_url, "import", "--table", second, out)[0]

    assert 0 < had < 60_012
    assert told == f"{second}: {60_012 - had:,} rows of {out}; {had:,} were in already"
    assert_same(peer, first, second)


def test_an_import_outlasts_a_server_that_is_killed_and_comes_back(tmp_path: Path):
    np.savez(tmp_path / "in.npz", x=np.arange(300_000), wide=np.zeros((300_000, 64), "u1"))
    options = (f"--uds={tmp_path / 's'}", f"--data-dir={tmp_path / 'data'}")
    server = ServerProcess(*options)
    process = subprocess.Popen(command(server.url, "import", "--table", "t", tmp_path / "in.npz"))
    with Peer(server.url) as peer:
        while peer.get("/v1/tables/t").status == 404 or not TablePeer(peer, "t").stats()["rows"]:
            assert process.poll() is None
        server.kill()
    server = ServerProcess(*options)

    assert process.wait() == 0
    with Peer(server.url) as peer:
        assert np.array_equal(scanned(peer, "t")["x"], np.arange(300_000))
    server.stop()


def killed_when(server_url: str, arguments: tuple[Any, ...], is_so: Any) -> None:
    """Start a command, and kill it as soon as something is so."""
    process = subprocess.Popen(command(server_url, *arguments), stderr=subprocess.PIPE)
    try:
        while not is_so():
            assert process.poll() is None, "it ended before anything could be seen of it"
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def test_steps_without_a_whole_episode_are_refused_or_told(
    peer: Peer, server_url: str, names: list[str], tmp_path: Path
):
    steps = TablePeer(peer, names[0])
    assert steps.put(items={"kind": "transition"}).status == 201
    assert steps.post("insert", {"columns": columns_of(episode([1, 2], end="open"))}).status == 200
    arguments = ("export", "--table", names[0], tmp_path / "out")

    refused = run(server_url, *arguments, code=1)[1]
    assert "no whole episode" in refused
    whole = {"columns": columns_of(episode([1, 2])), "streams": array("<i8", [5, 5])}
    assert steps.post("insert", whole).status == 200
    (tmp_path / "out.partial").rename(tmp_path / "away")
    told = run(server_url, *arguments)[1]

    assert told == "replay-server: 2 steps of episodes that are not whole are left out"


def test_what_cannot_be_exported_is_told_in_a_sentence(
    peer: Peer, server_url: str, names: list[str], tmp_path: Path
):
    fill_rows(peer, names[0], 10)
    TablePeer(peer, names[1]).make()
    (tmp_path / "there").touch()

    for table, out, sentence in (
        (names[0], "out", "holds rows, not steps of episodes"),
        (names[1], "out.npz", "has never had a row"),
        (names[2], "out.npz", "there is no table"),
        (names[0], "there", "is there already"),
    ):
        said = run(server_url, "export", "--table", table, tmp_path / out, code=1)[1]
        assert sentence in said
        assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("limiter", "sampler"),
    [
        pytest.param({"kind": "queue", "size": 8}, "fifo", id="queue"),
        pytest.param(
            {"kind": "sample_to_insert_ratio", "samples_per_insert": 1.0, "min_size": 1,
             "error_buffer": 4.0}, "lifo", id="ratio"),
    ],
)  # fmt: skip
def test_an_import_waits_for_the_rate_limiter(
    peer: Peer, server_url: str, names: list[str], tmp_path: Path, limiter: dict[str, Any],
    sampler: str,
):  # fmt: skip
    np.savez(tmp_path / "in.npz", x=np.arange(30))
    table = TablePeer(peer, names[0])
    assert table.put(rate_limiter=limiter, sampler={"kind": sampler}).status == 201

    process = subprocess.Popen(
        command(server_url, "import", "--table", names[0], tmp_path / "in.npz"),
        stdout=subprocess.DEVNULL,
    )
    drawn: list[int] = []
    while process.poll() is None:
        answer = table.post("sample", {"batch_size": 2, "timeout": 0.2})
        assert answer.status in (200, 429), answer.document
        if answer.status == 200:
            drawn += values_of(answer.document["columns"]["x"]).tolist()

    assert process.returncode == 0
    assert table.stats()["inserted_total"] == 30
    if sampler == "fifo":
        assert drawn == list(range(len(drawn)))
        assert len(drawn) >= 30 - 8


def test_foreign_files_make_a_table_of_what_they_hold(
    peer: Peer, server_url: str, names: list[str], tmp_path: Path
):
    import pyarrow as pa
    import pyarrow.parquet as pq

    steps = {"observation": [{"a": [1.0, 2.0], "b": 3}, {"a": [4.0, 5.0], "b": 6}],
             "action": [1, 0], "reward": [0.5, 0.0], "discount": [1.0, 1.0],
             "is_first": [True, False], "is_last": [False, True],
             "is_terminal": [False, True]}  # fmt: skip
    pq.write_table(pa.table(steps), tmp_path / "rlds.parquet")
    np.savez(tmp_path / "rows.npz", x=np.arange(3, dtype=">i4"), **{"part/of": np.eye(3)})

    told = run(server_url, "import", "--table", names[0], tmp_path / "rlds.parquet")[1]
    run(server_url, "import", "--table", names[1], tmp_path / "rows.npz", "--capacity", 7)

    assert "discount is left out" in told
    spec = peer.get(f"/v1/tables/{names[0]}").document["spec"]
    assert spec["items"]["kind"] == "transition"
    assert spec["columns"]["observation/a"] == {"dtype": "<f8", "shape": [2]}
    assert scanned(peer, names[0])["observation/b"].tolist() == [3, 6]
    assert peer.get(f"/v1/tables/{names[1]}").document["spec"]["capacity"] == 7
    assert scanned(peer, names[1])["x"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        pytest.param({"x": np.array(["a"])}, "which no table can hold", id="text"),
        pytest.param({"x": np.zeros(3), "y": np.zeros(4)}, "not of one length", id="lengths"),
        pytest.param({"x": np.float64(1)}, "no axis of rows", id="scalar"),
        pytest.param({"x": np.asfortranarray(np.eye(2, 3))}, "Fortran", id="fortran"),
        pytest.param({}, "holds no arrays", id="empty"),
    ],
)
def test_arrays_that_are_no_rows_are_told(
    server_url: str, tmp_path: Path, arrays: dict[str, np.ndarray], sentence: str
):
    np.savez(tmp_path / "in.npz", **arrays)

    assert sentence in run(server_url, "import", "--table", "t", tmp_path / "in.npz", code=1)[1]


@pytest.mark.parametrize("module", ["minari", "h5py", "pyarrow"])
def test_a_missing_package_is_told_by_its_extra(
    peer: Peer, server_url: str, names: list[str], tmp_path: Path, module: str
):
    fill_steps(peer, names[0])
    extra = "parquet" if module == "pyarrow" else "minari"
    run(server_url, "export", "--table", names[0], "--format", extra, tmp_path / "there")

    for words in (
        ["export", "--format", extra, str(tmp_path / "out")],
        ["import", str(tmp_path / "there")],
    ):
        program = (
            f"import sys; sys.modules[{module!r}] = None\n"
            "from replay_server.__main__ import main\n"
            f"main({[*words, '--table', names[0], '--server', server_url]!r})"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        assert done.returncode == 1
        said = rf"replay-server: .*replay-server\[{extra}\]'\n"
        assert re.fullmatch(said, done.stderr), done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how much memory a process had")
@pytest.mark.parametrize("form", ["parquet", "npz"])
def test_memory_stays_bounded_with_a_table_that_is_larger(
    peer: Peer, server_url: str, names: list[str], tmp_path: Path, form: str
):
    table, size = TablePeer(peer, names[0]), 300 << 20
    assert table.put(capacity=300).status == 201
    for _ in range(15):
        block = {"x": {"dtype": "|u1", "shape": [20, 1 << 20], "data": bytes(20 << 20)}}
        assert peer.send("POST", f"{table.path}/insert", msgpack.packb({"columns": block}),
                         content_type="application/msgpack").status == 200  # fmt: skip
    out = tmp_path / f"out.{form}"

    exported = peak_of(server_url, "export", "--table", names[0], out)
    imported = peak_of(server_url, "import", "--table", names[1], out)

    assert max(exported, imported) < size * 0.9, (exported, imported)
    assert TablePeer(peer, names[1]).stats()["rows"] == 300


def peak_of(server_url: str, *arguments: object) -> int:
    """The most bytes that a command had in memory."""
    program = (  # ru_maxrss would be that of this process, if it is more
        "import re, sys\nfrom pathlib import Path\nfrom replay_server.__main__ import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    shown = command(server_url, *arguments)[3:]
    done = subprocess.run([sys.executable, "-c", program, *shown], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.splitlines()[-1]) * 1024
