"""Makes the data directory that later versions have to open: `python -m ...make_kept`.

It writes `kept/format-N.tar.gz`, a directory as a server left it that was killed, and
`kept/format-N.json`, what that server told before, and what one answers that goes on from there.
Run it when a format has been made; what stands there of an older one is never made again.
"""

import json
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from tests.contract.peer import Peer, TablePeer, array
from tests.contract.steps import StepPeer, episode, onward
from tests.server_process import ServerProcess

KEPT = Path(__file__).with_name("kept")
FORMAT = 1
SAMPLER = {"kind": "prioritized", "alpha": 0.6, "beta": 0.4}


def write_down(data: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make a data directory; return what is told of it, and what comes after that."""
    server = ServerProcess("--port=0", f"--data-dir={data}")
    with Peer(server.url) as peer:
        _make(peer)
    assert server.stop() == 0  # its index is in files; what follows is in the journal
    server = ServerProcess("--port=0", f"--data-dir={data}")
    with Peer(server.url) as peer:
        _change(peer)
        told = describe(peer)
    server.kill()
    _pack(data)
    server = ServerProcess("--port=0", f"--data-dir={data}")
    with Peer(server.url) as peer:
        later = go_on(peer)
    server.stop()
    return told, later


def _make(peer: Peer) -> None:
    rows = TablePeer(peer, "rows").make(capacity=12, sampler=SAMPLER, seed=7)
    rows.insert(range(8), [1.0] * 8, writer={"id": "actor", "sequence": 1})
    rows.sample(4)
    steps = StepPeer(peer, "steps")
    window = {"kind": "transition", "n_step": 2, "frame_stack": 2, "discount": 0.5}
    steps.make(capacity=30, items=window, seed=8)
    steps.store(episode(range(5), [1.0] * 5), writer={"id": "actor", "sequence": 1})
    steps.store(episode(range(10, 14), end="open"), streams=[3] * 4)
    queue = TablePeer(peer, "queue")
    queue.make(capacity=20, rate_limiter={"kind": "queue", "size": 20}, seed=9)
    queue.fill(range(6))
    gone = TablePeer(peer, "gone").make()
    gone.fill(range(5))
    peer.send("PUT", "/v1/parameters/policy", b"the first")
    assert peer.json("POST", "/v1/checkpoints", {"name": "early"}).status == 201


def _change(peer: Peer) -> None:
    rows = TablePeer(peer, "rows")
    keys = rows.insert(range(8, 20), writer={"id": "actor", "sequence": 2}).array("keys").tolist()
    rows.update(keys[:3], [2.0, 0.0, 5.5])
    rows.delete(keys[4:6])
    rows.sample(4)
    steps = StepPeer(peer, "steps")
    steps.store(onward(range(14, 17), end="truncated"), streams=[3] * 3)
    TablePeer(peer, "queue").sample(2)
    peer.send("DELETE", "/v1/tables/gone")
    TablePeer(peer, "changed").make(capacity=9, sampler={"kind": "lifo"}).fill([5])
    peer.json("PATCH", "/v1/tables/changed", {"max_times_sampled": 3})
    peer.send("PUT", "/v1/parameters/policy", b"the second")
    peer.send("PUT", "/v1/parameters/other", bytes(range(256)))
    peer.send("DELETE", "/v1/parameters/other")


def describe(peer: Peer) -> dict[str, Any]:
    """Return all that a server tells, as JSON."""
    documents = peer.get("/v1/tables", accept="application/json").document["tables"]
    for each in documents:
        del each["stats"]["bytes"]  # is of the version that serves
    return {
        "tables": documents,
        "rows": {each["name"]: rows_of(peer, each["name"]) for each in documents},
        "parameters": peer.get("/v1/parameters", accept="application/json").document,
        "policy": peer.get("/v1/parameters/policy").body.decode(),
        "checkpoints": peer.get("/v1/checkpoints", accept="application/json").document,
    }


def rows_of(peer: Peer, table: str) -> Any:
    """Return the rows of a table, as JSON."""
    answer = peer.json("POST", f"/v1/tables/{table}/scan", {})
    assert answer.status == 200
    return answer.document


def go_on(peer: Peer) -> dict[str, Any]:
    """Return what a server answers that goes on: from its generators, writers, streams, keys."""
    steps = StepPeer(peer, "steps")
    last = {"columns": {"x": array("<i8", [0])}, "writer": {"id": "actor", "sequence": 2}}
    again = TablePeer(peer, "rows").post("insert", last)
    steps.store(onward([20, 21], end="open"), streams=[3] * 2)
    draws = {
        name: [
            peer.json("POST", f"/v1/tables/{name}/sample", {"batch_size": 2}).document
            for _ in range(3)
        ]
        for name in ("rows", "steps", "queue", "changed")
    }
    repeated = [again.document["duplicate"], again.array("keys").tolist()]
    made_again = TablePeer(peer, "gone").make().fill([1])
    version = peer.json("PUT", "/v1/parameters/other", {}).document["version"]
    assert peer.json("POST", "/v1/checkpoints/early/restore", {}).status == 200
    restored = {name: rows_of(peer, name) for name in ("rows", "steps", "queue", "gone")}
    return {
        "draws": draws,
        "repeated": repeated,
        "made again": made_again,
        "version": version,
        "restored": restored,
        "restored policy": peer.get("/v1/parameters/policy").body.decode(),
    }


def _pack(data: Path) -> None:
    with tarfile.open(KEPT / f"format-{FORMAT}.tar.gz", "w:gz", compresslevel=9) as archive:
        archive.add(data, "data", filter=_plain)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


def main() -> None:
    """Make both files."""
    KEPT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        told, later = write_down(Path(folder) / "data")
    document = json.dumps({"told": told, "later": later}, indent=1)
    (KEPT / f"format-{FORMAT}.json").write_text(document + "\n")


if __name__ == "__main__":
    main()
