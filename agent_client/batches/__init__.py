"""What is drawn from a table: draws as they are asked for, and batches as they come.

`draws` makes the requests and reads the replies, `results` holds what a learner gets, and
`indexed_columns` puts rows that came once where they belong. As torch tensors:
`agent_client.tensors`.
"""

from agent_client.batches.draws import Draw, Layout
from agent_client.batches.results import Batch, DeleteResult, InsertResult, ScanResult, UpdateResult

__all__ = [
    "Batch",
    "DeleteResult",
    "Draw",
    "InsertResult",
    "Layout",
    "ScanResult",
    "UpdateResult",
]
