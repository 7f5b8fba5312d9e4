"""CartPole seen by a camera: what it shows, and that it is the same task."""

import gymnasium
import numpy as np
import pytest

from agent_client.environments import make_environment
from agent_client.tasks.camera_cart_pole import HEIGHT, WIDTH, CameraCartPole, picture


def test_an_upright_pole_stands_on_the_middle_of_a_cart_in_the_middle() -> None:
    seen = picture(0.0, 0.0)[:, :, 0]

    assert seen.shape == (HEIGHT, WIDTH)
    assert np.array_equal(seen, seen[:, ::-1])
    assert seen[0].max() == 0
    assert seen[1:9, 19:21].min() > 0
    assert seen[1:9, :18].max() == 0
    assert seen[10, 18:22].min() == 255


def test_it_moves_with_the_cart_and_leans_with_the_pole() -> None:
    pixel = 4.8 / WIDTH

    assert np.array_equal(picture(3 * pixel, 0.1)[:, 3:], picture(0.0, 0.1)[:, :-3])
    assert np.array_equal(picture(0.0, 0.1)[:, ::-1], picture(0.0, -0.1))
    upright, leaning = (picture(0.0, angle)[1, :, 0].astype(float) for angle in (0.0, 0.2))
    middle = np.arange(WIDTH)
    assert leaning @ middle / leaning.sum() > upright @ middle / upright.sum() + 1.0


def test_less_than_a_pixel_can_be_told() -> None:
    assert not np.array_equal(picture(0.0, 0.0), picture(0.01, 0.0))
    assert not np.array_equal(picture(0.0, 0.0), picture(0.0, 0.01))


def test_it_is_cartpole_with_other_observations() -> None:
    plain, seen = gymnasium.make("CartPole-v1"), CameraCartPole()
    plain.reset(seed=3)
    observation, _ = seen.reset(seed=3)
    assert seen.observation_space.contains(observation)
    is_over = False
    while not is_over:
        state, reward, is_over, *_ = plain.step(0)
        observation, *rest = seen.step(0)
        assert rest[:2] == [reward, is_over]
        assert observation["joints"].tolist() == state[[1, 3]].tolist()
        assert np.array_equal(observation["camera"], picture(float(state[0]), float(state[2])))


def test_it_is_known_by_its_name_and_ends_after_200_steps() -> None:
    environment = make_environment("Replay/CameraCartPole-v0", seed=0)

    assert environment.spec is not None
    assert environment.spec.max_episode_steps == 200


@pytest.mark.parametrize("angle", [-0.21, 0.0, 0.21])
def test_the_whole_track_is_seen(angle: float) -> None:
    for position in (-2.3, 2.3):
        assert picture(position, angle).max() == 255
