import re

import pytest

from replay_wire import errors
from replay_wire.errors import ErrorCode, InvalidMessageError, WireFormatError

# docs/protocol.md, section 9; `internal` is for what nobody foresaw.
SECTION_9 = """
400 malformed
401 unauthenticated
403 forbidden
404 unknown_table unknown_parameters unknown_checkpoint not_found
405 method_not_allowed
408 request_timeout
409 table_exists stale_sequence nothing_to_draw
413 too_large
415 unsupported_media_type
422 invalid_request schema_mismatch bad_priority
429 rate_limited
500 internal
503 unavailable
507 storage_full
"""


def test_each_code_has_the_status_of_the_protocol():
    told = {
        code: int(line.split()[0])
        for line in SECTION_9.strip().splitlines()
        for code in line.split()[1:]
    }

    assert {code.value: code.status for code in ErrorCode} == told


def test_each_code_has_a_title_of_its_own():
    assert len({code.phrase for code in ErrorCode}) == len(ErrorCode)
    assert ErrorCode.NOTHING_TO_DRAW.phrase == "Nothing to draw"
    assert all(re.fullmatch("[a-z_]+", code) for code in ErrorCode)


def test_all_that_can_go_wrong_on_the_wire_is_a_wire_format_error():
    family = {cls for cls in vars(errors).values() if isinstance(cls, type)} & set(
        WireFormatError.__subclasses__()
    )

    assert {cls.__name__ for cls in family} == {
        "MalformedBodyError",
        "InvalidMessageError",
        "TooManyElementsError",
        "UnsupportedArrayError",
    }


@pytest.mark.parametrize(
    ("field", "said"),
    [("", "a number is out of range"), ("keys", "keys: a number is out of range")],
)
def test_an_invalid_message_names_its_field(field, said):
    assert str(InvalidMessageError(field, "a number is out of range")) == said


def test_an_invalid_message_is_told_in_a_few_hundred_characters_whatever_came():
    error = InvalidMessageError("f" * 10**6, "r" * 10**6)

    assert len(str(error)) < 600
    assert len(error.field) <= 200
    assert len(error.reason) <= 300
