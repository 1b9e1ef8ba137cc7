"""Functions that fail or stop, and a table that does."""

import asyncio
import json
import traceback
from dataclasses import replace
from typing import Any

import pytest

from idempotent_lambda import errors
from idempotent_lambda.clock import Millis
from idempotent_lambda_toolkit.testing import ManualClock
from tests.contracts.conftest import DynamoDB, InMemory
from tests.handler.harness import refused, table_unavailable
from tests.handler.test_log import UnspeakableError
from tests.handler.test_parking import HOSTILE_FAILURES

from .shop import Shop


@pytest.mark.parametrize(
    "error", [ValueError("no"), errors.AlreadyInProgressError(1), KeyError(), RecursionError()]
)
def test_raised(shop: Shop, error: Exception) -> None:
    """The caller gets the error that the function raises, and the claim is released."""
    with pytest.raises(type(error)) as caught:
        shop.function(error)("a")
    assert caught.value is error
    assert "charge" in [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert error.__cause__ is error.__context__ is None
    assert shop.record() is None
    assert shop.function("done")("a") == "done"
    assert shop.outcomes() == ["failed", "completed"]


class Falsy(Exception):  # noqa: N818  # a name of the test
    """An error that is false."""

    def __bool__(self) -> bool:
        return False


@pytest.mark.parametrize("error", [Falsy(), StopIteration("x"), UnspeakableError(SystemExit())])
def test_odd_errors(error: Exception, clock: ManualClock) -> None:
    """An error that is false, ends iterations, or has no text is an error too."""
    shop = Shop(InMemory(), "sync", clock)
    with pytest.raises(type(error)) as caught:
        shop.function(error)("a")
    assert caught.value is error
    assert shop.record() is None


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), SystemExit(1), MemoryError(), asyncio.CancelledError()]
)
def test_interrupted(shop: Shop, error: BaseException) -> None:
    """An exception that stops the process passes through, and the claim stays: it may be done."""
    with pytest.raises(type(error)):
        shop.function(error)("a")
    assert shop.status() == "IN_PROGRESS"
    with pytest.raises(errors.AlreadyInProgressError):
        shop.function()("a")
    assert shop.outcomes() == ["interrupted", "in_progress"]
    assert [each.split()[0] for each in shop.store.calls] == ["claim", "claim"]


@pytest.mark.parametrize("hash_keys", [False, True])
def test_busy_names_the_key(shop: Shop, hash_keys: bool) -> None:
    """The error says which key is held and until when, and shows the key as the log does."""
    shop.seed_record(lease=10_000)
    with pytest.raises(
        errors.AlreadyInProgressError, match=f"until {shop.clock.now() + 10_000} "
    ) as caught:
        shop.function(hash_keys=hash_keys)("a")
    (line,) = shop.log()
    assert f"the key {line['key']!r}" in str(caught.value)
    assert ("'a'" in str(caught.value)) is not hash_keys
    assert caught.value.lease_expires_at == shop.clock.now() + 10_000


def test_failed_release(shop: Shop) -> None:
    """A claim that cannot be given back does not hide the error of the function."""
    shop.store.faults["release"] = table_unavailable()
    error = ValueError("no")
    with pytest.raises(ValueError, match="no") as caught:
        shop.function(error)("a")
    assert caught.value is error
    assert [each["type"] for each in shop.log()[0]["errors"]] == [
        "ValueError", "StoreUnavailableError",
    ]  # fmt: skip


def test_permanent_failure(shop: Shop) -> None:
    """A permanent failure comes out as it is, and parks the key until its record is deleted."""
    error = errors.PermanentFailure("card is closed")
    with pytest.raises(errors.PermanentFailure) as caught:
        shop.function(error)("a")
    assert caught.value is error
    record = shop.record()
    assert record is not None
    assert (record.status, record.reason, record.expires_at) == ("PARKED", "card is closed", None)
    shop.clock.advance(Millis(10_000_000))
    for _ in range(2):
        with pytest.raises(errors.ParkedError, match="forget --decorated charge 'a'"):
            shop.function()("a")
    assert len(shop.ran) == 1
    assert shop.outcomes() == ["parked"] * 3


@pytest.mark.parametrize("error", HOSTILE_FAILURES, ids=lambda each: type(each).__name__)
def test_permanent_failure_without_a_reason(shop: Shop, error: errors.PermanentFailure) -> None:
    """A permanent failure that cannot be asked for its reason comes out as it is, and parks."""
    with pytest.raises(type(error)) as caught:
        shop.function(error)("a")
    assert caught.value is error
    record = shop.record()
    assert record is not None
    assert record.status == "PARKED"
    assert type(error).__name__ in str(record.reason)
    assert shop.outcomes() == ["parked"]


def test_parking_that_fails(shop: Shop) -> None:
    """A permanent failure that cannot be parked comes out all the same."""
    shop.store.faults["park"] = refused()
    with pytest.raises(errors.PermanentFailure):
        shop.function(errors.PermanentFailure("x"))("a")
    assert shop.status() == "IN_PROGRESS"


def test_interrupted_is_parked(shop: Shop) -> None:
    """If interrupted work is parked, calls with its key wait for an operator, and then it runs."""
    charge = shop.function("done", park_interrupted=True)
    with pytest.raises(SystemExit):
        shop.function(SystemExit(), park_interrupted=True)("a")
    with pytest.raises(errors.AlreadyInProgressError):
        charge("a")
    shop.clock.advance(Millis(60_000))
    for _ in range(2):
        with pytest.raises(errors.ParkedError):
            charge("a")
    record = shop.record()
    assert record is not None
    assert "interrupted" in str(record.reason)
    assert len(shop.ran) == 1
    if isinstance(shop.engine, DynamoDB):
        shop.engine.client.delete_item(TableName=shop.engine.table, Key={"id": {"S": record.id}})
    else:
        shop.engine.store.records.clear()  # type: ignore[attr-defined]
    assert charge("a") == "done"


def test_late_owner_is_not_parked(shop: Shop) -> None:
    """An owner that completes just before it is parked is replayed."""
    shop.seed_record(lease=0)

    def complete(name: str) -> None:
        if name == "park":
            record = shop.record()
            assert record is not None
            done = {"status": "COMPLETED", "lease_expires_at": None, "attempts": None}
            shop.engine.put(replace(record, **done, result='"late"'))

    shop.store.before = complete
    assert shop.function("done", park_interrupted=True)("a") == "late"
    assert shop.ran == []
    assert shop.outcomes() == ["duplicate"]


def test_store_fails_to_park(shop: Shop) -> None:
    """Interrupted work that cannot be parked is the table's error, and does not run."""
    shop.seed_record(lease=0)
    shop.store.faults["park"] = table_unavailable()
    with pytest.raises(errors.StoreUnavailableError):
        shop.function(park_interrupted=True)("a")
    assert shop.ran == []


@pytest.mark.parametrize(
    "error", [table_unavailable(), table_unavailable(maybe_written=True), refused()]
)
def test_store_down_at_the_claim(shop: Shop, error: errors.StoreError) -> None:
    """If the table does not answer the claim, its error comes out and the function does not run."""
    shop.store.faults["claim"] = shop.store.faults["takeover"] = error
    with pytest.raises(type(error)) as caught:
        shop.function()("a")
    assert caught.value is error
    assert shop.ran == []
    assert shop.outcomes() == ["table_unavailable"]
    released = [each for each in shop.store.calls if each.startswith("release")]
    assert len(released) == error.maybe_written


@pytest.mark.parametrize("result", ["done", object()])
def test_store_down_at_the_completion(shop: Shop, result: object) -> None:
    """If the completion is not confirmed, that is the error, and the claim stays for its lease."""
    shop.store.faults["complete"] = table_unavailable()
    with pytest.raises(errors.StoreUnavailableError):
        shop.function(result)("a")
    assert (len(shop.ran), shop.status()) == (1, "IN_PROGRESS")
    assert shop.outcomes() == ["unconfirmed"]
    with pytest.raises(errors.AlreadyInProgressError):
        shop.function()("a")


@pytest.mark.parametrize("result", ["done", object()])
def test_lost_lease(shop: Shop, result: object) -> None:
    """A call that ends after its lease, when another call has the key, is not a success."""

    def too_long(*_: Any) -> object:
        shop.seed_record(lease=10_000)
        return result

    with pytest.raises(errors.LostLeaseError) as caught:
        shop.function(too_long)("a")
    assert "lease was over before its completion could be recorded" in str(caught.value)
    assert "may have run twice: raise lease_seconds" in str(caught.value)
    record = shop.record()
    assert record is not None
    assert (record.owner, record.status) == ("dead", "IN_PROGRESS")
    assert shop.outcomes() == ["lost_lease"]


class TestCompletedByAnother:
    """Another call completes the key while this one runs on after its lease."""

    @staticmethod
    def function(shop: Shop, value: object = "mine", *, options: Any = (), **record: Any) -> Any:
        """A function that returns a value once the record of its key is another's, completed."""

        def too_long(*_: Any) -> object:
            shop.seed_record(lease=0, status="COMPLETED", lease_expires_at=None, **record)
            return value

        return shop.function(too_long, **dict(options))

    @pytest.mark.parametrize("value", ["mine", object()])
    @pytest.mark.parametrize("theirs", ["theirs", None, 0, []])
    def test_stored(self, shop: Shop, value: object, theirs: object) -> None:
        """The late call returns the stored result, as duplicates do, whatever its own is."""
        charge = self.function(shop, value, result=json.dumps(theirs))
        assert [charge("a"), charge("a")] == [theirs, theirs]
        assert len(shop.ran) == 1
        assert shop.outcomes() == ["lost_lease", "duplicate"]

    @pytest.mark.parametrize("value", ["mine", object()])
    def test_not_stored(self, shop: Shop, value: object) -> None:
        """If the other call's result could not be stored, the late call is not a success."""
        with pytest.raises(errors.LostLeaseError, match="'a'"):
            self.function(shop, value)("a")
        assert shop.outcomes() == ["lost_lease"]

    @pytest.mark.parametrize("result", ["no JSON", "", {"NULL": True}, "[" * 100_000])
    def test_damaged_result(self, shop: Shop, result: Any) -> None:
        """For the late call and for duplicates, a result that cannot be read counts as missing."""
        charge = self.function(shop, result=result)
        with pytest.raises(errors.LostLeaseError, match="'a'"):
            charge("a")
        with pytest.raises(errors.ResultUnavailableError, match="'a'"):
            charge("a")

    @pytest.mark.parametrize("record", [{}, {"result": '"theirs"'}])
    def test_discarded(self, shop: Shop, record: Any) -> None:
        """Where results are discarded the late call returns None, as duplicates do."""
        charge = self.function(shop, options={"results": "discard"}, **record)
        assert [charge("a"), charge("a")] == [None, None]

    def test_other_payload(self, shop: Shop) -> None:
        """If the key has another payload by now, its result is not given to the late call."""
        charge = self.function(
            shop, options={"payload": "amount"}, result='"theirs"', payload_hash="v1:other"
        )
        with pytest.raises(errors.LostLeaseError, match="'a'"):
            charge("a")

    def test_unknown_payload(self, shop: Shop) -> None:
        """A record without a payload hash is not a mismatch for a late call either."""
        charge = self.function(shop, options={"payload": "amount"}, result='"theirs"')
        assert [charge("a"), charge("a")] == ["theirs", "theirs"]

    def test_observed(self, shop: Shop) -> None:
        """In observe mode nothing is replaced."""
        charge = self.function(shop, options={"observe_only": True}, result='"theirs"')
        assert charge("a") == "mine"
