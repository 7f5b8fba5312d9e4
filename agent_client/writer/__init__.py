"""Rows from actors to a table, in the background and exactly once.

`RowWriter` takes rows as they are: they wait in line (`row_queue`) in blocks (`row_block`) of a
certain size (`batching`), which are sent in order (`delivery`).
`StepWriter` makes rows of environment steps (`step_stream`, `autoreset`) and gives them to a
`RowWriter`.
`HindsightWriter` stores transitions with goals, and each again as if another goal had been meant.
"""

from agent_client.writer.autoreset import Autoreset
from agent_client.writer.delivery import UnsentInsert
from agent_client.writer.hindsight import HindsightWriter
from agent_client.writer.row_writer import RowWriter
from agent_client.writer.step_writer import StepWriter

__all__ = ["Autoreset", "HindsightWriter", "RowWriter", "StepWriter", "UnsentInsert"]
