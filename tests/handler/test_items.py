"""Records as the items that DynamoDB stores."""

from typing import Any

import pytest

from idempotent_lambda.clock import EpochMillis
from idempotent_lambda.protocol.record import Owner, Record
from idempotent_lambda.store.items import decode_number, decode_record, encode_value


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("7", 7),
        ("1.5", 2),
        ("-1.5", -1),
        ("1E+3", 1_000),
        ("9" * 38, 10**38 - 1),
        ("1e125", 10**125),
        ("1e400", 10**400),
    ],
)
def test_a_number_is_rounded_up(written: str, read: int) -> None:
    """Every number that DynamoDB may write is read, and none becomes smaller."""
    assert decode_number(written) == read


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a", {"S": "a"}),
        ("", {"S": ""}),
        (7, {"N": "7"}),
        (frozenset({"b", "a"}), {"SS": ["a", "b"]}),
    ],
)
def test_a_value_is_written_by_its_type(value: object, written: dict[str, object]) -> None:
    """Texts, numbers and sets of texts are each written as what they are."""
    assert encode_value(value) == written


@pytest.mark.parametrize("item", [None, {}])
def test_no_item_is_no_record(item: dict[str, Any] | None) -> None:
    """Where DynamoDB shows no item, or an empty one, there is no record."""
    assert decode_record(item) is None


def test_a_record_is_read() -> None:
    """Every attribute is read by its type, and one of a newer version is left out."""
    item: dict[str, Any] = {
        "id": {"S": "orders#1"},
        "status": {"S": "PARKED"},
        "owner": {"S": "mine"},
        "created_at": {"N": "5"},
        "copy_tokens": {"SS": ["a", "b"]},
        "colour": {"S": "green"},
    }
    assert decode_record(item) == Record(
        id="orders#1",
        status="PARKED",
        owner=Owner("mine"),
        created_at=EpochMillis(5),
        copy_tokens=frozenset({"a", "b"}),
    )


def test_what_cannot_be_read_stays_as_it_is() -> None:
    """An attribute of another type is kept as it was written, so that no comparison holds."""
    item: dict[str, Any] = {"id": {"S": "orders#1"}, "attempts": {"S": "many"}}
    record = decode_record(item)
    assert record is not None
    assert record.attempts == {"S": "many"}
    assert record.status is None
