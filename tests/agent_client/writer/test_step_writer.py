"""StepWriter: the steps of real Gymnasium environments, as the server has and draws them."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from numpy.typing import NDArray

from agent_client import (
    Autoreset,
    ColumnMismatchError,
    ReplayClient,
    RowWriter,
    StepOrderError,
    StepWriter,
    WriterClosedError,
    WriterTimeoutError,
)
from agent_client.step_tables import step_columns, step_table_spec
from tests.agent_client.counting_environment import REWARD_PER_STEP, CountingEnvironment
from tests.agent_client.flaky_server import Fault, FlakyServer

LENGTHS = [(3, 1, 2), (1, 4), (5,), (2, 2, 1)]
VECTOR_STEPS = 40
MODES = pytest.mark.parametrize("mode", list(AutoresetMode), ids=lambda mode: str(mode.value))


class Rows:
    """Keeps the rows that a writer makes."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.room_asked_for: list[int] = []
        self.priorities: list[float | None] = []
        self.streams: list[int] = []

    def append(
        self, row: Mapping[str, Any], priority: float | None = None, stream: int = 0
    ) -> None:
        self.rows.append({name: np.copy(value) for name, value in row.items()})
        self.priorities.append(priority)
        self.streams.append(stream)

    def wait_for_room(self, rows: int) -> None:
        self.room_asked_for.append(rows)

    def flush(self) -> None:
        """Everything is there already."""


@pytest.fixture
def client(server_url: str) -> Iterator[ReplayClient]:
    with ReplayClient(server_url) as client:
        yield client


def vector_environment(mode: AutoresetMode, *, nested: bool = False) -> SyncVectorEnv:
    made: list[Callable[[], gymnasium.Env[Any, Any]]] = [
        partial(CountingEnvironment, number, lengths, nested=nested)
        for number, lengths in enumerate(LENGTHS)
    ]
    return SyncVectorEnv(made, autoreset_mode=mode, copy=False)


def play(environment: SyncVectorEnv, steps: StepWriter, mode: AutoresetMode) -> None:
    """Take random steps, resetting by mask where nobody else does."""
    actions = np.random.default_rng(0)
    observation, _ = environment.reset()
    steps.begin(observation)
    for _ in range(VECTOR_STEPS):
        action = actions.integers(5, size=len(LENGTHS))
        observation, reward, terminated, truncated, info = environment.step(action)
        steps.append(action, observation, reward, terminated, truncated, info)
        is_over = terminated | truncated
        if mode is AutoresetMode.DISABLED and is_over.any():
            observation, _ = environment.reset(options={"reset_mask": is_over})
            steps.begin(observation, is_over)


def make_table(client: ReplayClient, environment: gymnasium.Env[Any, Any], **options: Any) -> str:
    table = f"steps-{uuid.uuid4().hex}"
    spec = step_table_spec(environment.observation_space, environment.action_space, 1000, **options)
    client.create_table(table, spec)
    return table


def assert_rows_are_episodes(
    columns: Mapping[str, NDArray[Any]], name: str = "observation"
) -> None:
    """Every environment's rows are its episodes, each step once and in order, as RLDS has them."""
    for number, lengths in enumerate(LENGTHS):
        mine = {key: values[columns[name][:, 0] == number] for key, values in columns.items()}
        expected = [
            (episode, step)
            for episode in range(VECTOR_STEPS)
            for step in range(lengths[episode % len(lengths)] + 1)
        ]
        found = [(int(episode), int(step)) for _, episode, step in mine[name]]
        assert len(found) > VECTOR_STEPS // 2
        assert found == expected[: len(found)]
        for row, (episode, step) in enumerate(found):
            is_last = step == lengths[episode % len(lengths)]
            assert mine["is_first"][row] == (step == 0)
            assert mine["is_last"][row] == is_last
            assert mine["is_terminal"][row] == (is_last and episode % 2 == 0)
            if not is_last:
                assert mine["reward"][row] == REWARD_PER_STEP * step + mine["action"][row]


# --- vector environments on a real server


@MODES
def test_rows_of_a_vector_environment_are_its_episodes(
    client: ReplayClient, mode: AutoresetMode
) -> None:
    environment = vector_environment(mode)
    table = make_table(client, CountingEnvironment())

    with RowWriter(client, table) as rows:
        play(environment, StepWriter.for_environment(rows, environment), mode)

    assert_rows_are_episodes(client.scan(table).columns)


@MODES
def test_nested_observations_become_columns(client: ReplayClient, mode: AutoresetMode) -> None:
    environment = vector_environment(mode, nested=True)
    table = make_table(client, CountingEnvironment(nested=True))

    with RowWriter(client, table) as rows:
        play(environment, StepWriter(rows, len(LENGTHS), autoreset=mode), mode)

    columns = client.scan(table).columns
    assert_rows_are_episodes(columns, "observation/all")
    np.testing.assert_array_equal(
        columns["observation/where/environment"], columns["observation/all"][:, 0]
    )
    np.testing.assert_array_equal(
        columns["observation/where/time"], columns["observation/all"][:, 1:]
    )


def test_observations_are_compressed_at_rest_where_it_is_asked_for(client: ReplayClient) -> None:
    environment = vector_environment(AutoresetMode.NEXT_STEP, nested=True)
    table = make_table(client, CountingEnvironment(nested=True), compression="zstd")

    with RowWriter(client, table) as rows:
        play(environment, StepWriter(rows, len(LENGTHS)), AutoresetMode.NEXT_STEP)

    columns = client.describe_table(table)["spec"]["columns"]
    compressed = {name for name, column in columns.items() if "compression" in column}
    assert compressed == {name for name in columns if name.startswith("observation/")}
    assert_rows_are_episodes(client.scan(table).columns, "observation/all")


@MODES
def test_draws_are_transitions_within_episodes(client: ReplayClient, mode: AutoresetMode) -> None:
    environment = vector_environment(mode)
    table = make_table(client, CountingEnvironment(), n_step=2, discount=0.5, frame_stack=2)
    with RowWriter(client, table) as rows:
        play(environment, StepWriter.for_environment(rows, environment), mode)

    batch = client.sample(table, 512).columns

    for now, then, reward, discount, action in zip(
        batch["observation"],
        batch["next_observation"],
        batch["reward"],
        batch["discount"],
        batch["action"],
        strict=True,
    ):
        number, episode, step = (int(value) for value in now[-1])
        length = LENGTHS[number][episode % len(LENGTHS[number])]
        taken = min(2, length - step)
        assert now[0].tolist() == [number, episode, max(0, step - 1)]
        assert then[-1].tolist() == [number, episode, step + taken]
        is_terminal = step + taken == length and episode % 2 == 0
        assert discount == (0 if is_terminal else 0.5**taken)
        # The second reward is 10 (step + 1) and an action of 0 to 4, at half its worth.
        second = reward - REWARD_PER_STEP * step - action
        assert 0 <= second - (taken - 1) * 0.5 * REWARD_PER_STEP * (step + 1) <= 2 * (taken - 1)


# --- one environment


def test_one_environment_s_steps_are_its_episodes() -> None:
    rows, environment = Rows(), CountingEnvironment(lengths=(2, 1))
    steps = StepWriter.for_environment(rows, environment)

    for _ in range(2):
        observation, _ = environment.reset()
        steps.begin(observation)
        is_over = False
        while not is_over:
            observation, reward, terminated, truncated, info = environment.step(3)
            steps.append(3, observation, reward, terminated, truncated, info)
            is_over = terminated or truncated

    names = ("action", "reward", "is_first", "is_last", "is_terminal")
    told = [(*row["observation"][1:], *(row[name] for name in names)) for row in rows.rows]
    assert told == [
        (0, 0, 3, 3, True, False, False),
        (0, 1, 3, 13, False, False, False),
        (0, 2, 0, 0, False, True, True),
        (1, 0, 3, 3, True, False, False),
        (1, 1, 0, 0, False, True, False),
    ]
    assert set(rows.streams) == {0}


def test_termination_wins_over_truncation_in_the_same_step() -> None:
    rows = Rows()
    steps = StepWriter(rows)
    steps.begin(0)

    steps.append(0, 1, 0.0, True, True)

    assert rows.rows[-1]["is_terminal"]


def test_observations_are_copied() -> None:
    rows, observation = Rows(), np.zeros(2, np.float32)
    steps = StepWriter(rows)
    steps.begin(observation)
    observation[:] = 1
    steps.append(0, observation, 0.0, False, False)
    observation[:] = 2
    steps.append(0, observation, 0.0, True, False)

    assert [row["observation"].tolist() for row in rows.rows] == [[0, 0], [1, 1], [2, 2]]


def test_further_columns_and_map_actions_are_zero_in_the_final_row() -> None:
    rows = Rows()
    steps = StepWriter(rows)
    steps.begin({"x": [1.0]})

    steps.append(
        {"turn": np.ones(2, np.float32), "fire": True},
        {"x": [2.0]},
        1.0,
        True,
        False,
        further={"log_probability": -0.5},
    )

    first, final = rows.rows
    assert first["action/turn"].tolist() == [1, 1]
    assert first["log_probability"] == -0.5
    assert final["observation/x"].tolist() == [2.0]
    assert final["action/turn"].tolist() == [0, 0]
    assert final["action/turn"].dtype == np.float32
    assert final["action/fire"].dtype == np.bool_
    assert final["log_probability"] == 0


def test_a_reset_by_hand_comes_before_the_one_that_was_due() -> None:
    rows = Rows()
    steps = StepWriter(rows, 1)
    no, yes = np.zeros(1, bool), np.ones(1, bool)
    steps.begin(np.array([0]))
    steps.append(np.zeros(1), np.array([1]), np.zeros(1), yes, no)

    steps.begin(np.array([10]), mask=yes)
    steps.append(np.zeros(1), np.array([11]), np.zeros(1), no, no)
    steps.append(np.zeros(1), np.array([12]), np.zeros(1), no, no)

    assert [int(row["observation"]) for row in rows.rows] == [0, 1, 10, 11]
    assert [bool(row["is_first"]) for row in rows.rows] == [True, False, True, False]


def test_priorities_go_with_their_steps() -> None:
    one, many = Rows(), Rows()
    alone, vector = StepWriter(one), StepWriter(many, 2, autoreset=Autoreset.DISABLED)
    alone.begin(0)
    vector.begin(np.zeros(2))

    alone.append(0, 1, 0.0, True, False, priority=0.5)
    no = np.zeros(2, bool)
    vector.append(np.zeros(2), np.ones(2), np.zeros(2), no, no, priority=[0.25, 4])

    assert one.priorities == [0.5, 0.5]
    assert many.priorities == [0.25, 4.0]
    assert many.streams == [0, 1]


def test_an_episode_begun_before_the_last_one_ended_abandons_that(client: ReplayClient) -> None:
    table = make_table(client, CountingEnvironment())
    with RowWriter(client, table) as rows:
        steps = StepWriter(rows)
        steps.begin(np.array([0, 0, 0], np.float32))
        steps.append(0, np.array([0, 0, 1], np.float32), 0.0, False, False)
        steps.begin(np.array([0, 1, 0], np.float32))
        steps.append(0, np.array([0, 1, 1], np.float32), 0.0, True, False)
        steps.flush()

    stats = client.describe_table(table)["stats"]
    assert stats["rows"] == 3
    assert stats["size"] == 1


def test_the_environment_is_not_kept_waiting_while_inserts_are_refused(
    client: ReplayClient,
) -> None:
    limiter = {
        "kind": "sample_to_insert_ratio",
        "samples_per_insert": 1.0,
        "min_size": 1,
        "error_buffer": 2.0,
    }
    table = make_table(client, CountingEnvironment(), rate_limiter=limiter)
    rows = RowWriter(client, table)
    steps = StepWriter(rows)
    steps.begin(np.zeros(3, np.float32))

    for _ in range(500):
        steps.append(0, np.zeros(3, np.float32), 0.0, False, False)

    assert rows.rows_appended == 500
    assert rows.rows_acknowledged < 100
    with pytest.raises(WriterClosedError):
        rows.close(timeout_s=0.0)


# --- misuse


def test_a_step_before_the_episode_is_refused() -> None:
    with pytest.raises(StepOrderError, match="begin"):
        StepWriter(Rows()).append(0, 1, 0.0, False, False)


def test_a_step_after_the_end_is_refused() -> None:
    rows = Rows()
    steps = StepWriter(rows)
    steps.begin(0)
    steps.append(0, 1, 0.0, False, True)

    with pytest.raises(StepOrderError, match="begin"):
        steps.append(0, 2, 0.0, False, False)

    assert len(rows.rows) == 2


def test_environments_that_nobody_reset_are_named() -> None:
    rows = Rows()
    steps = StepWriter(rows, 3, autoreset=AutoresetMode.DISABLED)
    no = np.zeros(3, bool)
    steps.begin(np.zeros(3), mask=np.array([True, True, False]))

    with pytest.raises(StepOrderError, match="environments 2 ") as raised:
        steps.append(np.zeros(3), np.zeros(3), np.zeros(3), no, no)

    assert raised.value.environments == (2,)
    assert rows.rows == []


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"action": np.zeros(3)}, id="actions"),
        pytest.param({"observation": np.zeros((1, 2))}, id="observations"),
        pytest.param({"reward": 1.0}, id="one_reward"),
        pytest.param({"terminated": np.zeros(3, bool)}, id="terminated"),
        pytest.param({"truncated": False}, id="one_truncated"),
        pytest.param({"terminated": np.zeros(2)}, id="numbers_for_bools"),
        pytest.param({"priority": [1.0]}, id="priorities"),
        pytest.param({"further": {"x": np.zeros(5)}}, id="further_columns"),
    ],
)
def test_a_step_of_another_number_of_environments_is_refused_whole(changed: dict[str, Any]) -> None:
    rows = Rows()
    steps = StepWriter(rows, 2)
    steps.begin(np.zeros((2, 2)))
    step = {
        "action": np.zeros(2),
        "observation": np.zeros((2, 2)),
        "reward": np.zeros(2),
        "terminated": np.zeros(2, bool),
        "truncated": np.zeros(2, bool),
    }

    with pytest.raises(ValueError, match="expected"):
        steps.append(**{**step, **changed})

    assert rows.rows == []


def test_a_vector_step_for_one_environment_is_refused() -> None:
    steps = StepWriter(Rows())
    steps.begin(np.zeros(2))

    with pytest.raises(ValueError, match="vector"):
        steps.append(np.zeros(1), np.zeros(2), [0.0], np.zeros(1, bool), np.zeros(1, bool))
    with pytest.raises(ValueError, match="mask"):
        steps.begin(np.zeros(2), mask=[True])


def test_observations_of_another_number_of_environments_do_not_begin() -> None:
    steps = StepWriter(Rows(), 3)

    with pytest.raises(ValueError, match="3 environments"):
        steps.begin({"x": np.zeros((2, 4))})
    with pytest.raises(ValueError, match="mask"):
        steps.begin(np.zeros(3), mask=[1, 0, 1])


def test_a_reset_in_the_same_step_needs_the_final_observation() -> None:
    steps = StepWriter(Rows(), 1, autoreset="SameStep")
    steps.begin(np.zeros(1))

    with pytest.raises(ValueError, match="final_obs"):
        steps.append(np.zeros(1), np.ones(1), np.zeros(1), np.ones(1, bool), np.zeros(1, bool), {})


def test_final_observations_may_come_with_a_leading_axis() -> None:
    rows = Rows()
    steps = StepWriter(rows, 2, autoreset=Autoreset.SAME_STEP)
    steps.begin({"x": np.zeros(2)})

    steps.append(
        np.zeros(2),
        {"x": np.array([10, 11])},
        np.zeros(2),
        np.array([False, True]),
        np.zeros(2, bool),
        {"final_obs": {"x": np.array([0, 7])}},
    )
    steps.append(np.zeros(2), {"x": np.zeros(2)}, np.zeros(2), np.zeros(2, bool), np.zeros(2, bool))

    assert [int(row["observation/x"]) for row in rows.rows] == [0, 0, 7, 10, 11]


def test_numbers_and_modes_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        StepWriter(Rows(), 0)
    with pytest.raises(ValueError, match="Sometimes"):
        StepWriter(Rows(), 2, autoreset="Sometimes")


def test_an_observation_of_another_shape_is_refused_and_not_taken(client: ReplayClient) -> None:
    table = make_table(client, CountingEnvironment())
    with RowWriter(client, table) as rows:
        steps = StepWriter(rows)
        steps.begin(np.zeros(4, np.float32))
        with pytest.raises(ColumnMismatchError):
            steps.append(0, np.zeros(3, np.float32), 0.0, False, False)

    assert client.describe_table(table)["stats"]["rows"] == 0


# --- specs


def test_columns_of_nested_spaces_have_names_and_dtypes() -> None:
    environment = CountingEnvironment(nested=True)

    columns = step_columns(environment.observation_space, environment.action_space)

    assert {name: (c["dtype"], c["shape"]) for name, c in columns.items()} == {
        "observation/where/environment": ("<i8", []),
        "observation/where/time": ("<f4", [2]),
        "observation/all": ("<f4", [3]),
        "action": ("<i8", []),
        "reward": ("<f4", []),
        "is_first": ("|b1", []),
        "is_last": ("|b1", []),
        "is_terminal": ("|b1", []),
    }


def test_a_spec_says_what_it_was_told(client: ReplayClient) -> None:
    environment = CountingEnvironment()

    table = make_table(
        client,
        environment,
        n_step=3,
        discount=0.9,
        frame_stack=4,
        sampler={"kind": "uniform"},
        rate_limiter={"kind": "min_size", "min_size": 7},
        max_times_sampled=2,
        seed=5,
        further={"log_probability": {"dtype": "<f4", "shape": []}},
    )

    spec = client.describe_table(table)["spec"]
    assert spec["items"] == {"kind": "transition", "n_step": 3, "discount": 0.9, "frame_stack": 4}
    assert spec["sampler"]["kind"] == "uniform"
    assert spec["rate_limiter"]["min_size"] == 7
    assert (spec["max_times_sampled"], spec["seed"]) == (2, 5)
    assert "log_probability" in spec["columns"]


@pytest.mark.parametrize(
    "space",
    [
        pytest.param(gymnasium.spaces.Text(3), id="text"),
        pytest.param(gymnasium.spaces.Tuple([gymnasium.spaces.Discrete(2)]), id="tuple"),
        pytest.param(
            gymnasium.spaces.Dict({"x": gymnasium.spaces.Sequence(gymnasium.spaces.Discrete(2))}),
            id="sequence_within",
        ),
    ],
)
def test_spaces_without_a_dtype_have_no_columns(space: gymnasium.Space[Any]) -> None:
    with pytest.raises(ValueError, match="dtype and shape"):
        step_columns(space, gymnasium.spaces.Discrete(2))


# --- when the writer of rows is full


def test_room_is_asked_for_before_the_first_row_of_a_step() -> None:
    rows = Rows()
    steps = StepWriter(rows, 3, autoreset=Autoreset.SAME_STEP)
    steps.begin(np.zeros(3))
    ends = np.array([True, False, True])

    steps.append(
        np.zeros(3), np.zeros(3), np.zeros(3), ends, ~ends & False, {"final_obs": np.ones(3)}
    )

    assert rows.room_asked_for == [5]
    assert len(rows.rows) == 5


def test_a_step_that_found_no_room_was_not_taken_and_may_be_given_again() -> None:
    flag = {"dtype": "|b1", "shape": []}
    number = {"dtype": "<i8", "shape": []}
    columns = {
        **dict.fromkeys(("observation", "action", "reward"), number),
        **dict.fromkeys(("is_first", "is_last", "is_terminal"), flag),
    }
    with FlakyServer([Fault.DROP_BEFORE] * 100, columns) as away, ReplayClient(away.url) as client:
        away.proceed.clear()
        rows = RowWriter(client, "t", max_buffered_rows=8, append_timeout_s=0.05)
        steps = StepWriter(rows, 3)
        steps.begin(np.zeros(3, np.int64))
        step = partial(steps.append, *np.zeros((3, 3), np.int64), *np.zeros((2, 3), np.bool_))
        step()
        step()
        for _ in range(2):
            with pytest.raises(WriterTimeoutError):
                step()
        assert rows.rows_appended == 6

        with pytest.raises(WriterClosedError):
            rows.close(0.0)
        away.proceed.set()
