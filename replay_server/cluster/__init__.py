"""A cluster: the same tables over many replay servers, the shards, behind a gateway.

`shards` says which there are, `gateway` makes the application that speaks the protocol for all of
them. `launch` has Ray start and supervise all of it (`supervisor`); the rest knows nothing of Ray.
"""

from replay_server.cluster.gateway import create_gateway_app
from replay_server.cluster.shards import Shard, ShardDirectory

__all__ = ["Shard", "ShardDirectory", "create_gateway_app"]
