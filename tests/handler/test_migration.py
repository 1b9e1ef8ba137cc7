"""The meaning of records from the solution that was in use before."""

import functools
import hashlib
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from idempotent_lambda.clock import Millis
from idempotent_lambda.errors import (
    AlreadyInProgressError,
    ConfigurationError,
    PayloadMismatchError,
    StoreRefusedError,
    UnsupportedKeyError,
)
from idempotent_lambda.migration import CustomTableRecords, PowertoolsRecords
from idempotent_lambda_toolkit.testing import ManualClock

from .harness import START

PREFIX = "orders.app.charge"
NOW = START // 1000
HASH = hashlib.md5(b'"ORDER-1"', usedforsecurity=False).hexdigest()
OTHER_HASH = hashlib.md5(b'"other"', usedforsecurity=False).hexdigest()


def powertools(table: str, clock: ManualClock, **more: Any) -> PowertoolsRecords:
    """Records with the library's defaults."""
    return PowertoolsRecords(table=table, prefix=PREFIX, clock=clock, **more)


def custom_table(table: str, clock: ManualClock, **more: Any) -> CustomTableRecords:
    """Items of a custom check, in a table whose partition key is ``id``."""
    return CustomTableRecords(table=table, key="id", clock=clock, **more)


@functools.cache
def admin() -> Any:
    """A client of the tests' own, made once: that takes longer than a test."""
    return boto3.session.Session().client("dynamodb")


def put(table: str, **attributes: str | int) -> None:
    """Put an item down."""
    item = {
        name: {"S": of} if isinstance(of, str) else {"N": str(of)}
        for name, of in attributes.items()
    }
    admin().put_item(TableName=table, Item=item)


def put_record(table: str, status: str, *, expires_in: int = 60, **more: Any) -> None:
    """Put a record of ORDER-1 down that expires some seconds from now."""
    put(table, id=f"{PREFIX}#{HASH}", status=status, expiration=NOW + expires_in, **more)


def test_nothing_is_known_of_a_new_key(moto_table: str, clock: ManualClock) -> None:
    """Without a record the work is to be run."""
    put_record(moto_table, "COMPLETED")
    assert powertools(moto_table, clock).find_completion("ORDER-2") is None


@pytest.mark.parametrize(
    ("stored", "result"),
    [
        ({"data": '{"charged": 1999}'}, {"charged": 1999}),
        ({"data": "null"}, None),
        ({"data": "[]"}, []),
        ({"data": "false"}, False),
        ({}, None),
    ],
)
def test_a_completed_record(
    moto_table: str, clock: ManualClock, stored: dict[str, str], result: object
) -> None:
    """A completed record counts as done, whatever its result, which is returned unchanged."""
    put_record(moto_table, "COMPLETED", **stored)
    done = powertools(moto_table, clock).find_completion("ORDER-1")
    assert done
    assert done.result == result
    assert type(done.result) is type(result)


def test_a_result_that_is_no_json_hinders_only_who_asks(
    moto_table: str, clock: ManualClock
) -> None:
    """A result that was stored in another way matters only where it is read."""
    put_record(moto_table, "COMPLETED", data="<done/>")
    done = powertools(moto_table, clock).find_completion("ORDER-1")
    assert done
    with pytest.raises(ValueError, match="Expecting value"):
        _ = done.result


@pytest.mark.parametrize(("millis", "is_done"), [(0, True), (60_999, True), (61_000, False)])
def test_a_completed_record_expires(
    moto_table: str, clock: ManualClock, millis: int, is_done: bool
) -> None:
    """It counts through the whole second of its expiry, as in Powertools, and not after it."""
    put_record(moto_table, "COMPLETED")
    clock.advance(Millis(millis))
    assert bool(powertools(moto_table, clock).find_completion("ORDER-1")) is is_done


@pytest.mark.parametrize(
    ("attributes", "ends_in"),
    [
        ({"in_progress_expiration": START + 30_000}, 35_000),
        ({"in_progress_expiration": START + 90_000}, 95_000),
        ({}, 61_000),
    ],
)
def test_work_in_progress_is_given_back_until_it_ends(
    moto_table: str, clock: ManualClock, attributes: dict[str, int], ends_in: int
) -> None:
    """A run excludes others until its own end and a margin, and without one until the expiry."""
    put_record(moto_table, "INPROGRESS", **attributes)
    before = powertools(moto_table, clock)
    clock.advance(Millis(ends_in - 1))
    with pytest.raises(AlreadyInProgressError) as caught:
        before.find_completion("ORDER-1")
    assert caught.value.lease_expires_at == START + ends_in
    clock.advance(Millis(1))
    assert before.find_completion("ORDER-1") is None


@pytest.mark.parametrize("status", ["COMPLETED", "INPROGRESS"])
def test_another_payload(moto_table: str, clock: ManualClock, status: str) -> None:
    """A live record of another payload is an error where the payload is given, and only there."""
    put_record(moto_table, status, validation=OTHER_HASH)
    before = powertools(moto_table, clock)
    with pytest.raises(PayloadMismatchError, match=HASH):
        before.find_completion("ORDER-1", payload="mine")
    if status == "COMPLETED":
        assert before.find_completion("ORDER-1", payload="other")
        assert before.find_completion("ORDER-1")
    clock.advance(Millis(61_000))
    assert before.find_completion("ORDER-1", payload="mine") is None


def test_a_record_without_a_payload_is_no_mismatch(moto_table: str, clock: ManualClock) -> None:
    """A record from before the payload was validated counts for any payload."""
    put_record(moto_table, "COMPLETED")
    assert powertools(moto_table, clock).find_completion("ORDER-1", payload="mine")


@pytest.mark.parametrize(
    "attributes",
    [
        {"status": "EXPIRED", "expiration": NOW + 60},
        {"status": "COMPLETED"},
        {"status": "COMPLETED", "expiration": "tomorrow"},
        {"state": "COMPLETED", "expiration": NOW + 60},
    ],
)
def test_a_strange_record_is_refused(
    moto_table: str, clock: ManualClock, attributes: dict[str, str | int]
) -> None:
    """A record that Powertools does not write is an error that names it, never a guess."""
    put(moto_table, id=f"{PREFIX}#{HASH}", **attributes)
    with pytest.raises(StoreRefusedError, match=f"{PREFIX}#{HASH}"):
        powertools(moto_table, clock).find_completion("ORDER-1")


@pytest.mark.parametrize("data", [None, "", [], {}, [None, None], {"a": None}])
def test_nothing_has_no_record(clock: ManualClock, data: object) -> None:
    """Data without a key, which Powertools runs unprotected, is an error, not an unknown key."""
    with pytest.raises(UnsupportedKeyError, match="event_key_jmespath"):
        powertools("none", clock).find_completion(data)


def test_data_is_not_quoted(clock: ManualClock) -> None:
    """The error about data without a record says of which kind it is, and quotes nothing of it."""
    with pytest.raises(UnsupportedKeyError, match="of a dict that is empty or null") as caught:
        powertools("none", clock).find_completion({"jane.doe@example.org": None})
    assert "jane" not in str(caught.value)


@pytest.mark.parametrize("data", [0, False, [None, 1], {"a": None, "b": ""}])
def test_falsy_keys_are_keys(clock: ManualClock, data: object) -> None:
    """A falsy value that is a key to Powertools has an id."""
    assert powertools("none", clock).id_of(data).startswith(f"{PREFIX}#")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"sort_key_attr": "sk"}, "static_pk_value"),
        ({"hash_function": "md55"}, "'md55' is not a hash function"),
    ],
)
def test_options_that_find_nothing(
    clock: ManualClock, options: dict[str, str], problem: str
) -> None:
    """Options with which no record could be found are refused where they are set."""
    with pytest.raises(ConfigurationError, match=problem):
        powertools("none", clock, **options)


@pytest.mark.parametrize("kind", [powertools, custom_table])
def test_a_table_that_cannot_be_asked(moto_table: str, clock: ManualClock, kind: Any) -> None:
    """Where the table does not answer nothing is guessed: its error is raised."""
    del moto_table
    records = kind("not-there", clock)
    ask = records.find_completion if kind is powertools else records.has_item
    with pytest.raises(ClientError, match="ResourceNotFound"):
        ask("ORDER-1")


def test_reads_are_consistent(moto_table: str, clock: ManualClock) -> None:
    """Each question is one read, and a consistent one, so that it sees the latest writes."""
    for records, ask in (
        (before := powertools(moto_table, clock), before.find_completion),
        (check := custom_table(moto_table, clock), check.has_item),
    ):
        asked: list[tuple[str, bool]] = []

        def note(
            params: Any, model: Any, reported: list[tuple[str, bool]] = asked, **_: Any
        ) -> None:
            reported.append((model.name, params["ConsistentRead"]))

        records._client.meta.events.register("before-parameter-build", note)
        ask("ORDER-1")
        assert asked == [("GetItem", True)]


@pytest.mark.parametrize(("millis", "expiry", "is_seen"), [
    (0, "ttl", True),
    (5_999, "ttl", True),
    (6_000, "ttl", False),
    (6_000, None, True),
])  # fmt: skip
def test_a_record_in_a_custom_table(
    moto_table: str, clock: ManualClock, millis: int, expiry: str | None, is_seen: bool
) -> None:
    """An item counts while it is there, or until its expiry where the check compared that."""
    put(moto_table, id="m-1", ttl=NOW + 5, creationTime=NOW)
    clock.advance(Millis(millis))
    check = custom_table(moto_table, clock, expiry=expiry)
    assert check.has_item("m-1") is is_seen
    assert check.has_item("m-2") is False


def test_a_record_in_a_custom_table_without_its_expiry(moto_table: str, clock: ManualClock) -> None:
    """An item without the attribute that is compared is an error, not a guess."""
    put(moto_table, id="m-1")
    with pytest.raises(KeyError, match="ttl"):
        custom_table(moto_table, clock, expiry="ttl").has_item("m-1")


def test_the_time_is_that_of_the_machine(moto_table: str) -> None:
    """Without a test's clock the machine's clock counts, so that old records are expired."""
    put_record(moto_table, "COMPLETED")
    assert PowertoolsRecords(table=moto_table, prefix=PREFIX).find_completion("ORDER-1") is None
    put_record(moto_table, "COMPLETED", expires_in=100 * 365 * 86400)
    assert PowertoolsRecords(table=moto_table, prefix=PREFIX).find_completion("ORDER-1")
