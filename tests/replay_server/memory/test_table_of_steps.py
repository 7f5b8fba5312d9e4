import numpy as np
import pytest

from replay_server.memory.rate_limiters import MinSize
from replay_server.memory.samplers import UniformSampler
from replay_server.memory.table import Table
from replay_server.memory.windows import Sequences, Transitions

GAMMA = 0.9


def columns_of(rows):
    """Rows are (value, is_first, is_last, is_terminal); action and reward follow from the value."""
    values = np.array([row[0] for row in rows], np.float32)
    flags = np.array([row[1:] for row in rows], np.bool_).reshape(len(rows), 3)
    return {
        "observation": np.stack((values, -values), axis=1).astype(np.float32),
        "action": values.astype(np.int64) + 7,
        "reward": values * 2,
        "is_first": flags[:, 0].copy(),
        "is_last": flags[:, 1].copy(),
        "is_terminal": flags[:, 2].copy(),
    }


class AskingLimiter(MinSize):
    """Lets everything pass, after asking how many items an insert would leave."""

    told = -1

    def missing_for_insert(self, size, rows, leaves):
        object.__setattr__(self, "told", leaves())


def make_table(items, capacity=50, sampler=None):
    return Table(
        capacity=capacity,
        sampler=sampler or UniformSampler(0.4, True, "batch"),
        limiter=AskingLimiter(1),
        items=items,
        seed=3,
    )


def item_keys(table):
    """The keys of all items, by a look at the masses."""
    slots = table._occupancy.live_slots(-1)
    return set(table._index.keys[slots[table._priorities.tree.masses[slots] > 0]].tolist())


def draw_columns(table, batch):
    draw = table.draw(batch)
    names = table.layout.names(list(table.signature.columns))
    return draw, table.gathering(draw.slots, names).run()


def episode(first, length, *, terminal=True):
    """Values count up from `first`; the last row holds the final observation."""
    return [
        (first + i, i == 0, i == length - 1, i == length - 1 and terminal) for i in range(length)
    ]


def test_one_step_transitions_of_an_episode():
    table = make_table(Transitions(1, GAMMA, 1))

    table.insert(columns_of(episode(1, 3)))
    draw, drawn = draw_columns(table, 16)

    columns = drawn
    assert table.size == 2
    assert table.rows == 3
    assert set(draw.keys.tolist()) == {0, 1}
    at_first = draw.keys == 0
    assert (columns["observation"][at_first] == [1, -1]).all()
    assert (columns["next_observation"][at_first] == [2, -2]).all()
    assert (columns["reward"][at_first] == 2).all()
    assert (columns["action"][at_first] == 8).all()
    assert columns["discount"][at_first] == pytest.approx(GAMMA)
    assert (columns["discount"][~at_first] == 0).all()
    assert columns["discount"].dtype == np.float32


def test_truncation_keeps_the_discount():
    table = make_table(Transitions(1, GAMMA, 1))

    table.insert(columns_of(episode(1, 3, terminal=False)))
    _, drawn = draw_columns(table, 16)

    assert drawn["discount"] == pytest.approx(np.full(16, GAMMA))


def test_n_step_returns_are_shorter_at_the_end():
    table = make_table(Transitions(3, GAMMA, 1))

    table.insert(columns_of(episode(1, 5, terminal=False)))
    draw, drawn = draw_columns(table, 64)

    rewards = dict(zip(draw.keys.tolist(), drawn["reward"].tolist(), strict=True))
    discounts = dict(zip(draw.keys.tolist(), drawn["discount"].tolist(), strict=True))
    assert rewards == pytest.approx(
        {
            0: 2 + GAMMA * 4 + GAMMA**2 * 6,
            1: 4 + GAMMA * 6 + GAMMA**2 * 8,
            2: 6 + GAMMA * 8,
            3: 8,
        }
    )
    assert discounts == pytest.approx({0: GAMMA**3, 1: GAMMA**3, 2: GAMMA**2, 3: GAMMA})


def test_an_item_waits_for_its_future():
    table = make_table(Transitions(2, GAMMA, 1))

    table.insert(columns_of(episode(1, 9)[:2]))
    assert table.size == 0
    table.insert(columns_of(episode(1, 9)[2:3]))

    assert item_keys(table) == {0}


def test_an_abandoned_episode_leaves_steps_without_items():
    table = make_table(Transitions(2, GAMMA, 1))

    table.insert(columns_of(episode(1, 9)[:4]))
    table.insert(columns_of(episode(50, 3)))

    assert item_keys(table) == {0, 1, 4, 5}


def test_streams_do_not_mix():
    table = make_table(Transitions(1, GAMMA, 1))
    rows = columns_of([(1, True, False, False), (10, True, False, False), (2, False, False, False)])

    table.insert(rows, streams=np.array([0, 1, 0]))
    table.insert(columns_of([(11, False, True, True)]), streams=np.array([1]))
    draw, drawn = draw_columns(table, 32)

    after = dict(zip(draw.keys.tolist(), drawn["next_observation"][:, 0].tolist(), strict=True))
    assert after == {0: 2, 1: 11}


def test_writers_have_streams_of_their_own():
    table = make_table(Transitions(1, GAMMA, 1))

    table.insert(columns_of([(1, True, False, False)]), writer=("a", 0))
    table.insert(columns_of([(2, False, False, False)]), writer=("b", 0))

    assert table.size == 0


def test_overwriting_a_frame_of_its_stack_ends_an_item():
    table = make_table(Transitions(1, GAMMA, 3), capacity=6)

    table.insert(columns_of(episode(0, 20)[:6]))
    assert item_keys(table) == {0, 1, 2, 3, 4}
    table.insert(columns_of(episode(0, 20)[6:7]))

    assert item_keys(table) == {3, 4, 5}  # 1 and 2 need frame 0, which has gone


def test_a_fragment_lacks_its_history():
    table = make_table(Transitions(1, GAMMA, 3))

    table.insert(columns_of([(i, False, False, False) for i in range(5)]))

    assert item_keys(table) == {2, 3}


def test_sequences_are_masked_at_the_end():
    table = make_table(Sequences(length=4, period=2, pad=True))

    table.insert(columns_of(episode(1, 5)))
    draw, drawn = draw_columns(table, 32)

    assert item_keys(table) == {0, 2}
    short = draw.keys == 2
    assert (drawn["mask"][short] == [True, True, True, False]).all()
    assert (drawn["observation"][short][:, :, 0] == [3, 4, 5, 0]).all()
    assert drawn["mask"][~short].all()


def test_sequences_without_padding_are_whole():
    table = make_table(Sequences(length=4, period=1, pad=False))

    table.insert(columns_of(episode(1, 6)))

    assert item_keys(table) == {0, 1, 2}


@pytest.mark.parametrize("items", [Transitions(2, GAMMA, 3), Sequences(4, 2, pad=True)])
def test_the_indexed_layout_says_the_same_with_each_row_once(items):
    table = make_table(items)
    table.insert(columns_of(episode(1, 12)))
    draw = table.draw(8, 3)
    names = table.layout.names(list(table.signature.columns))

    stacked = table.gathering(draw.slots, names).run()
    indexed = table.gathering_indexed(draw.slots, names).run()

    assert len(np.unique(indexed.rows["observation"][:, 0])) == len(indexed.rows["observation"])
    if isinstance(items, Transitions):
        rows = indexed.rows["observation"]
        assert (rows[indexed.columns["observation_index"]] == stacked["observation"]).all()
        following = rows[indexed.columns["next_observation_index"]]
        assert (following == stacked["next_observation"]).all()
        assert (indexed.columns["reward"] == stacked["reward"]).all()
        assert set(indexed.rows) == {"observation"}
    else:
        mask = indexed.columns["mask"]
        assert (mask == stacked["mask"]).all()
        for name, rows in indexed.rows.items():
            assert (rows[indexed.columns["sequence_index"]][mask] == stacked[name][mask]).all()


def test_streams_that_ended_are_forgotten():
    table = make_table(Transitions(1, GAMMA, 1), capacity=20)
    table.insert(columns_of([(1, True, False, False)]), streams=np.array([-1]))
    for stream in range(0, 3000, 10):
        ended = [(x, True, True, False) for x in range(9)]
        streams = np.array([*range(stream, stream + 9), -1])
        table.insert(columns_of([*ended, (5, False, False, False)]), streams=streams)

    assert len(table._occupancy.episodes._streams) <= 64
    assert table.size == 1  # the one stream that went on is known all the while


def test_as_many_streams_as_there_is_room_for_may_go_on_at_once():
    table = make_table(Transitions(1, GAMMA, 1), capacity=200)  # its limiter asks
    for streams in (np.arange(40), np.arange(40, 64)):
        table.insert(columns_of([(x, True, False, False) for x in streams]), streams=streams)

    table.insert(columns_of([(x, False, True, True) for x in range(64)]), streams=np.arange(64))

    assert table.limiter.told == table.size == 64
