"""The squashed Gaussian: its density, its bounds, and its NumPy twin."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch.distributions import Independent, Normal, TanhTransform, TransformedDistribution

from agent_client.sac.policy import NumpyPolicy, SquashedGaussianPolicy, log_density

BOX = spaces.Box(np.array([-2.0, 0.0], np.float32), np.array([2.0, 10.0], np.float32))
OBSERVATION = np.array([0.3, -1.2, 0.7], np.float32)


def constant_policy(mean: list[float], std: list[float]) -> SquashedGaussianPolicy:
    """Return a policy of one distribution of u wherever it is."""
    policy = SquashedGaussianPolicy(3, BOX, ())
    (layer,) = policy.layers
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor([*mean, *np.log(std)]))
    return policy


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        pytest.param(0.0, 0.5, id="in_the_middle"),
        pytest.param(1.5, 0.3, id="near_a_bound"),
        pytest.param(-0.4, 2.0, id="at_both_bounds"),
    ],
)
def test_density_integrates_to_one_over_the_actions(mean: float, std: float) -> None:
    # Equal steps of u, wide enough for the Gaussian; each is worth (1 - a^2) du of action.
    unsquashed = torch.linspace(mean - 8 * std, mean + 8 * std, 20_001, dtype=torch.float64)[
        :, None
    ]
    log_std = torch.full_like(unsquashed, np.log(std))

    density = log_density((unsquashed - mean) / std, log_std, unsquashed).exp().numpy()

    actions = np.tanh(unsquashed[:, 0].numpy())
    assert np.trapezoid(density, actions) == pytest.approx(1.0, abs=1e-4)


def test_density_is_that_of_a_transformed_normal_distribution() -> None:
    mean, log_std = torch.tensor([[0.2, -0.9]]), torch.tensor([[-0.5, 0.3]])
    noise = torch.tensor([[1.1, -0.4], [-2.0, 0.0]])
    unsquashed = mean + log_std.exp() * noise
    reference = TransformedDistribution(
        Independent(Normal(mean, log_std.exp()), 1), [TanhTransform(cache_size=1)]
    )

    densities = log_density(noise, log_std.expand(2, 2), unsquashed)

    expected = reference.log_prob(unsquashed.tanh())
    torch.testing.assert_close(densities, expected, rtol=1e-4, atol=1e-4)


def test_density_stays_finite_where_tanh_rounds_to_one() -> None:
    unsquashed = torch.tensor([[40.0], [-40.0]], requires_grad=True)

    densities = log_density(torch.zeros(2, 1), torch.zeros(2, 1), unsquashed)
    densities.sum().backward()

    # log N(0; 0, 1) - log(4 e^-80), and the same on the other side.
    expected = -0.5 * np.log(2 * np.pi) - np.log(4.0) + 80.0
    assert densities.tolist() == pytest.approx([expected, expected])
    assert unsquashed.grad is not None
    assert unsquashed.grad.flatten().tolist() == pytest.approx([2.0, -2.0])


def test_mean_action_is_scaled_to_the_bounds() -> None:
    policy = constant_policy([0.0, np.arctanh(0.5)], [1.0, 1.0])

    action = NumpyPolicy(policy).action(OBSERVATION)

    assert action.dtype == np.float32
    assert action.tolist() == pytest.approx([0.0, 7.5])  # 5 + 5 * 0.5
    assert NumpyPolicy(constant_policy([99.0, -99.0], [1.0, 1.0])).action(OBSERVATION).tolist() == [
        2.0, 0.0
    ]  # fmt: skip


def test_actions_of_the_environment_are_scaled_back() -> None:
    policy = constant_policy([0.0, 0.0], [1.0, 1.0])

    scaled = policy.scaled(torch.tensor([[-2.0, 10.0], [1.0, 5.0]]))

    assert scaled.tolist() == [[-1.0, 1.0], [0.5, 0.0]]


def test_samples_in_numpy_are_of_the_policys_distribution() -> None:
    policy = NumpyPolicy(constant_policy([0.4, -1.0], [0.5, 0.2]))
    generator = np.random.default_rng(0)

    actions = np.array([policy.sample(OBSERVATION, generator) for _ in range(4_000)])

    assert actions.dtype == np.float32
    unsquashed = np.arctanh((actions - [0.0, 5.0]) / [2.0, 5.0])
    # Five standard errors: a false alarm in two million.
    np.testing.assert_array_less(
        np.abs(unsquashed.mean(axis=0) - [0.4, -1.0]), 5 * np.array([0.5, 0.2]) / 4_000**0.5
    )
    np.testing.assert_array_less(
        np.abs(unsquashed.std(axis=0) - [0.5, 0.2]), 5 * np.array([0.5, 0.2]) / 8_000**0.5
    )


def test_samples_in_torch_are_of_the_policys_distribution() -> None:
    torch.manual_seed(0)
    policy = constant_policy([0.4, -1.0], [0.5, 0.2])

    actions, densities = policy.sample(torch.zeros(4_000, 3))

    unsquashed = actions.atanh()
    assert actions.shape == (4_000, 2)
    assert densities.shape == (4_000,)
    assert unsquashed.mean(dim=0).tolist() == pytest.approx([0.4, -1.0], abs=0.04)
    assert unsquashed.std(dim=0).tolist() == pytest.approx([0.5, 0.2], abs=0.03)


def test_numpy_and_torch_say_the_same_and_follow_the_weights() -> None:
    torch.manual_seed(0)
    network = SquashedGaussianPolicy(3, BOX, (8, 6))
    policy = NumpyPolicy(network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(2.0)

    action = policy.action(OBSERVATION)

    with torch.no_grad():
        expected = network(torch.from_numpy(OBSERVATION)[None])[0].numpy()
    np.testing.assert_allclose(action, expected, rtol=1e-5)


def test_actions_keep_the_shape_of_the_space() -> None:
    box = spaces.Box(-1.0, 1.0, (2, 3), np.float32)
    network = SquashedGaussianPolicy(3, box, (4,))

    assert NumpyPolicy(network).action(OBSERVATION).shape == (2, 3)
    assert network(torch.zeros(5, 3)).shape == (5, 2, 3)
    assert network.scaled(torch.zeros(5, 2, 3)).shape == (5, 6)


def test_parts_of_an_observation_are_taken_in_the_order_of_their_names() -> None:
    torch.manual_seed(0)
    network = SquashedGaussianPolicy(3, BOX, (4,))
    parts = {"joints": OBSERVATION[1:], "hand": OBSERVATION[:1]}

    action = NumpyPolicy(network).action(parts)

    assert action.tolist() == NumpyPolicy(network).action(OBSERVATION).tolist()
    in_torch = network({name: torch.from_numpy(part)[None] for name, part in parts.items()})
    assert in_torch[0].tolist() == pytest.approx(action.tolist(), rel=1e-5)
