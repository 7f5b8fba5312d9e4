"""Section 6: the indexed layout, in which each row crosses the wire once."""

import numpy as np
import pytest

from tests.contract.peer import Answer, TablePeer, values_of
from tests.contract.steps import StepPeer, episode, sequences, transitions


def rows_of(answer: Answer) -> dict[str, np.ndarray]:
    rows = answer.document["columns"]["rows"]
    return {name: values_of(column) for name, column in rows.items()}


@pytest.mark.parametrize("frames", [1, 3])
def test_observations_are_rows_and_indices_into_them(steps: StepPeer, frames: int):
    steps.make(**transitions(frame_stack=frames, n_step=2))
    steps.store(episode([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]))

    stacked, indexed = steps.sample(4, batches=2), steps.sample(4, batches=2, layout="indexed")

    rows = rows_of(indexed)
    assert set(rows) == {"observation"}
    assert sorted(rows["observation"][:, 0].tolist()) == [1, 2, 3, 4, 5]  # each once
    for name in ("observation", "next_observation"):
        wired = indexed.document["columns"][f"{name}_index"]
        assert wired["dtype"] == "<i4"
        assert wired["shape"] == ([2, 4] if frames == 1 else [2, 4, frames])
        assert (rows["observation"][values_of(wired)] == stacked.column(name)).all()
        assert name not in indexed.document["columns"]
    for name in ("action", "reward", "discount", "is_first", "is_last", "is_terminal"):
        assert (indexed.column(name) == stacked.column(name)).all()


def test_sequences_are_rows_and_indices_of_every_column(steps: StepPeer):
    steps.make(**sequences(4, period=2))
    steps.store(episode([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]))

    stacked, indexed = steps.sample(2), steps.sample(2, layout="indexed")

    rows = rows_of(indexed)
    assert set(indexed.document["columns"]) == {"rows", "sequence_index", "mask"}
    index, mask = indexed.column("sequence_index"), indexed.column("mask")
    assert indexed.document["columns"]["sequence_index"]["dtype"] == "<i4"
    assert (index.shape, index[~mask].tolist()) == ((2, 4), [0])
    assert (mask == stacked.column("mask")).all()
    assert len(rows["action"]) == 5
    assert set(rows) == set(stacked.document["columns"]) - {"mask"}
    for name, column in rows.items():
        assert (column[index][mask] == stacked.column(name)[mask]).all()


@pytest.mark.parametrize(
    ("columns", "rows", "others"),
    [
        ([], set(), set()),
        (["action"], set(), {"action"}),
        (["observation"], {"observation"}, set()),
        (["next_observation", "reward"], {"observation"}, {"reward"}),
    ],
)
def test_indices_come_whatever_columns_are_asked_for(
    steps: StepPeer, columns: list[str], rows: set[str], others: set[str]
):
    steps.make(**transitions())
    steps.store(episode([1, 2, 3]))

    answer = steps.sample(2, layout="indexed", columns=columns)

    assert set(rows_of(answer)) == rows
    indices = {"observation_index", "next_observation_index"}
    assert set(answer.document["columns"]) == {"rows", *indices, *others}


def test_masks_and_indices_of_sequences_come_always(steps: StepPeer):
    steps.make(**sequences(2))
    steps.store(episode([1, 2, 3]))

    answer = steps.sample(1, layout="indexed", columns=["reward"])

    assert set(answer.document["columns"]) == {"rows", "sequence_index", "mask"}
    assert set(rows_of(answer)) == {"reward"}


def test_rows_have_no_indexed_layout(table: TablePeer):
    table.make()
    table.fill([1])

    answer = table.sample(1, layout="indexed")

    assert (answer.status, answer.document["field"]) == (422, "layout")
    assert table.stats()["sampled_total"] == 0


def test_windows_beyond_the_limit_are_refused_before_memory_is_taken(steps: StepPeer):
    steps.make(**transitions(n_step=9_000), capacity=10_000)
    steps.store(episode([1, 2, 3]))

    answer = steps.sample(1_000_000, columns=["action"])

    assert (answer.status, answer.code) == (413, "too_large")
