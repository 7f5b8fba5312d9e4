"""Shards killed at random under load lose no row; `make test-cluster-kills` does so for longer."""

from pathlib import Path

import pytest

ray = pytest.importorskip("ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # Ray leaves processes and files open
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # of its settings to come
]


def test_no_acknowledged_row_is_lost_twice_or_torn(tmp_path: Path) -> None:
    from tests.system.cluster_kills import on_three_nodes

    report = on_three_nodes(tmp_path, seconds=60.0, every_s=6.0)

    assert report.is_good, report
    assert report.acknowledged == report.appended
    assert all(report.draws)
