"""How a table is spread over many servers: what a gateway and a client that does without agree on.

Nothing here opens a socket: what has to be asked of which shard is said, and what came of it taken.
"""
