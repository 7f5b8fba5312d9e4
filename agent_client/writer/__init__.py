"""Rows from actors to a table, in the background and exactly once.

`RowWriter` takes rows as they are: blocks of them (`row_block`) are sent in order (`delivery`).
`StepWriter` makes rows of environment steps (`step_stream`) and gives them to a `RowWriter`.
"""

from agent_client.writer.row_writer import RowWriter
from agent_client.writer.step_writer import Autoreset, StepWriter

__all__ = ["Autoreset", "RowWriter", "StepWriter"]
