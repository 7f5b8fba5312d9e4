"""Random actions that are held for a while."""

import numpy as np
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st

from agent_client.sac.actor import Actor
from agent_client.sac.config import SACConfig
from agent_client.sac.stretches import RandomStretches
from tests.agent_client.sac.test_actor import BOX, OBSERVATION, actor

STEPS = 20


def acted(stretches: RandomStretches, steps: range) -> list[list[float] | None]:
    actions = [stretches.action(step) for step in steps]
    return [None if action is None else action.tolist() for action in actions]


def test_an_action_is_held_from_the_beginning_of_its_stretch_and_no_longer_than_it() -> None:
    told = acted(RandomStretches(BOX, 1.0, STEPS, key=3), range(200 * STEPS))

    lengths = []
    for start in range(0, len(told), STEPS):
        stretch = told[start : start + STEPS]
        held = [action for action in stretch if action is not None]
        assert stretch == held + [None] * (STEPS - len(held))
        assert held == [stretch[0]] * len(held)
        lengths.append(len(held))
    assert min(lengths) == 1
    assert max(lengths) == STEPS


def test_such_a_part_of_the_stretches_begins_with_one_and_its_actions_fill_the_space() -> None:
    stretches = RandomStretches(BOX, 0.25, 1, key=0)

    actions = [action for step in range(4_000) if (action := stretches.action(step)) is not None]

    # 1,000 of 4,000 with a standard deviation of 27: beyond five of them once in 1.7 million keys.
    assert abs(len(actions) - 1_000) < 137
    whole = np.array(actions)
    assert whole.dtype == np.float32
    assert spaces.Box(BOX.low, BOX.high).contains(whole.min(axis=0))
    assert np.abs(whole.mean(axis=0) - (BOX.low + BOX.high) / 2).max() < 0.5
    assert np.ptp(whole, axis=0).min() > 0.9 * (BOX.high - BOX.low).min()


@given(st.integers(0, 10 * STEPS))
def test_who_comes_in_midst_of_a_run_acts_as_the_one_who_was_there_from_the_start(
    start: int,
) -> None:
    whole = acted(RandomStretches(BOX, 0.5, STEPS, key=7), range(12 * STEPS))
    late = acted(RandomStretches(BOX, 0.5, STEPS, key=7), range(start, 12 * STEPS))

    assert late == whole[start:]


def test_an_actor_holds_them_after_its_first_steps_only_and_else_asks_the_policy() -> None:
    plain = actor(random_steps=5)
    config = SACConfig(random_steps=5, stretch_probability=1.0, stretch_steps=STEPS)
    holding = Actor.build(plain._policy, BOX, config, np.random.default_rng(0))
    told = acted(RandomStretches.of(config, BOX, np.random.default_rng(0)), range(STEPS))  # type: ignore[arg-type]
    assert told[5] is not None

    actions = [holding.act(OBSERVATION, step).tolist() for step in range(STEPS)]

    assert actions[0] != actions[1]
    for step in range(5, STEPS):
        assert (actions[step] == told[step]) == (told[step] is not None)
    assert told[-1] is None


def test_without_a_probability_there_are_none() -> None:
    assert RandomStretches.of(SACConfig(), BOX, np.random.default_rng(0)) is None
