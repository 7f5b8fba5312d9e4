"""Short names of tests, for tables that refer to them.

`module.name` is `test_name` in `tests/contract/test_module.py`; `folder/module.name` is one in
`tests/folder/test_module.py`.
"""

import re
from pathlib import Path

TESTS = Path(__file__).parent


def file_of(test: str) -> Path:
    """Return the file that a test stands in."""
    path, _, _ = test.rpartition(".")
    folder, _, module = path.rpartition("/")
    return TESTS / (folder or "contract") / f"test_{module}.py"


def function_of(test: str) -> str:
    """Return the name of its function."""
    return f"test_{test.rpartition('.')[2]}"


def exists(test: str) -> bool:
    """Return whether it does."""
    file = file_of(test)
    defined = rf"^def {function_of(test)}\("
    return file.exists() and bool(re.search(defined, file.read_text(), re.MULTILINE))
