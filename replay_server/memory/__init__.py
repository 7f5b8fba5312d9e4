"""The core: rows, keys, priorities and draws, in arrays.

It knows no HTTP, no bytes, no clock, no threads and no global randomness. Start reading at
`replay_server.memory.table`.
"""
