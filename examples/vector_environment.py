"""Steps of a vector environment to a server, and three-step transitions back.

    replay-server serve                      # in another terminal
    python examples/vector_environment.py    # or with the server's URL as its argument

Each environment's episodes are a stream of their own, and each observation is stored once: returns,
discounts and the observation three steps later are reckoned by the server when it draws.
"""

import sys

import gymnasium

from agent_client import ReplayClient, RowWriter, StepWriter
from agent_client.step_tables import step_table_spec

TABLE = "example-steps"


def main(url: str) -> None:
    """Act at random in four environments, then draw."""
    environment = gymnasium.make_vec("CartPole-v1", num_envs=4, vectorization_mode="sync")
    spec = step_table_spec(
        environment.single_observation_space,
        environment.single_action_space,
        capacity=10_000,
        n_step=3,
        discount=0.99,
    )
    with ReplayClient(url) as client:
        client.create_table(TABLE, spec)
        with RowWriter(client, TABLE) as rows:
            steps = StepWriter.for_environment(rows, environment)
            observation, _ = environment.reset(seed=0)
            steps.begin(observation)
            for _ in range(500):
                action = environment.action_space.sample()
                observation, reward, terminated, truncated, info = environment.step(action)
                steps.append(action, observation, reward, terminated, truncated, info)
        batch = client.sample(TABLE, 4)
        for name in ("observation", "action", "reward", "discount", "next_observation"):
            print(name, batch.columns[name].tolist())
        client.delete_table(TABLE)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000")
