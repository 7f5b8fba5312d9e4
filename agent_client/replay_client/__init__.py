"""The client of a replay server: each verb of the protocol as a method, NumPy in and out.

    with ReplayClient("http://127.0.0.1:8000") as client:
        client.create_table("experience", {"capacity": 100_000})
        client.insert("experience", {"observation": observations, "reward": rewards})
        batch = client.sample("experience", 256)
        client.update_priorities("experience", batch.keys, new_priorities)

To send from an environment's loop without waiting see `agent_client.writer`; to have batches ready
before they are needed, `agent_client.prefetcher`.
"""

from agent_client.replay_client.client import ReplayClient
from agent_client.replay_client.parameter_verbs import StoredParameters

__all__ = ["ReplayClient", "StoredParameters"]
