"""The folders of shards on a node, and servers that end with who started them."""

import subprocess
import sys
from pathlib import Path

from replay_server.cluster.shard_actor import shard_folder, shards_on_disk, used_numbers


def test_shards_are_found_by_their_folders_and_drained_ones_keep_their_number(tmp_path: Path):
    for name in ("shard-0002", "shard-0011", "retired-0012", "shard-x", "other"):
        (tmp_path / name).mkdir()

    assert shard_folder(str(tmp_path), 2) == str(tmp_path / "shard-0002")
    assert shards_on_disk(str(tmp_path)) == [2, 11]
    assert used_numbers(str(tmp_path)) == [2, 11, 12]
    assert shards_on_disk(str(tmp_path / "nowhere")) == []


def test_a_shard_ends_with_who_started_it():
    with subprocess.Popen(
        [sys.executable, "-m", "replay_server.cluster.shard_process", "--port", "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"replay-server ready on ")

        process.stdin.close()

        assert process.wait(10) != 0
