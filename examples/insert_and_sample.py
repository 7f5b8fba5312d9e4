"""Rows in, batches out, priorities back: all that an agent needs of a replay server.

    replay-server serve --port 8000 &
    python examples/insert_and_sample.py http://127.0.0.1:8000

What is learned here is a table of means, one for each of four kinds of row: the error of a guess
is the row's next priority, so that what is badly known is drawn more often.
"""

import sys

import numpy as np

from agent_client.replay_client import ReplayClient

TABLE = "insert-and-sample"
TRUE_MEANS = np.array([1.0, -2.0, 4.0, 8.0])


def main(url: str) -> None:
    """Fill a table, then learn from it."""
    generator = np.random.default_rng(0)
    kinds = generator.choice(4, size=2000, p=[0.7, 0.2, 0.08, 0.02])
    values = TRUE_MEANS[kinds] + generator.normal(0.0, 0.1, size=2000)
    guesses = np.zeros(4)

    with ReplayClient(url) as client:
        client.create_table(TABLE, {"capacity": 10_000, "sampler": {"alpha": 0.8}, "seed": 1})
        client.insert(TABLE, {"kind": kinds, "value": values.astype(np.float32)})

        for step in range(201):
            batch = client.sample(TABLE, 64, beta=step / 200)
            kind, value = batch.columns["kind"], batch.columns["value"]
            errors = value - guesses[kind]
            np.add.at(guesses, kind, 0.05 * batch.weights * errors)
            client.update_priorities(TABLE, batch.keys, np.abs(errors) + 1e-3)
            if step % 50 == 0:
                print(f"step {step:3}: guesses {guesses.round(2)}, of {TRUE_MEANS}")

        print(client.describe_table(TABLE)["stats"])
        client.delete_table(TABLE)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000")
