"""What the tests of integrations share."""

import uuid

import pytest


@pytest.fixture
def table() -> str:
    """A table's name that nobody else has."""
    return f"t-{uuid.uuid4().hex}"
