"""The store on DynamoDB, many requests together: reading the records that stand in the way."""

from typing import Any

import pytest

from idempotent_lambda.clock import Deadline
from idempotent_lambda.errors import StoreRefusedError, StoreUnavailableError
from idempotent_lambda.protocol.claims import Duplicate, Stale

from .conftest import Lab
from .harness import (
    NO_CONNECTION,
    READ_TIMEOUT,
    START,
    ConsumerHarness,
    Fault,
    answered,
    broken,
    lost,
)
from .statement_faults import (
    INTERNAL,
    READ,
    STATEMENTS,
    THROTTLED,
    TRIO,
    UPDATE,
    claimed,
    claims,
    clear,
    error,
    leaving_unread,
    only,
    owner_of,
    requests,
    traffic,
)

pytestmark = pytest.mark.emulator


class TestLook:
    """Reading the records that prevent a claim."""

    @pytest.fixture(autouse=True)
    def _theirs(self, backend: Lab, deadline: Deadline) -> None:
        backend.store.claim(claims(TRIO, "theirs"), deadline)
        backend.store.complete(requests(TRIO, "theirs"), deadline)
        clear(backend.wire)

    def test_what_was_not_read_is_read_again(
        self, backend: Lab, deadline: Deadline, pauses: list[int]
    ) -> None:
        """Keys for which no capacity was left are read again, they alone, after a pause."""
        backend.wire.faults = [None, leaving_unread(TRIO[0], TRIO[2]), leaving_unread(TRIO[2])]
        assert backend.store.claim(claims(), deadline) == [Duplicate()] * 3
        assert traffic(backend.wire) == [
            (STATEMENTS, list(TRIO)),
            (READ, list(TRIO)),
            (READ, [TRIO[0], TRIO[2]]),
            (READ, [TRIO[2]]),
        ]
        assert pauses == [199, 399]

    def test_never_read(self, backend: Lab, deadline: Deadline) -> None:
        """A key that is never read is not decided, and its neighbours are."""
        backend.wire.always = only(READ, leaving_unread(TRIO[1]))
        first, second, third = backend.store.claim(claims(), deadline)
        assert first == third == Duplicate()
        assert isinstance(second, StoreUnavailableError)
        assert backend.wire.sent == [STATEMENTS, READ, READ, READ]

    @pytest.mark.parametrize(
        "fault", [THROTTLED, broken(NO_CONNECTION), answered(400, "ValidationException")]
    )
    def test_failed_after_the_statement(
        self, backend: Lab, deadline: Deadline, fault: Fault
    ) -> None:
        """A claim refused by a record that nobody could read may be its own: to be given back."""
        backend.wire.always = only(READ, fault)
        outcomes = backend.store.claim(claims(), deadline)
        assert [error(each).maybe_written for each in outcomes] == [True] * 3

    @pytest.mark.parametrize(
        "fault",
        [
            THROTTLED,
            INTERNAL,
            broken(NO_CONNECTION),
            broken(READ_TIMEOUT),
            answered(400, "ValidationException"),
        ],
    )
    def test_failed_before_the_statement(
        self, backend: Lab, deadline: Deadline, fault: Fault
    ) -> None:
        """A look that comes first has written nothing that would have to be given back."""
        backend.wire.always = only(READ, fault)
        outcomes = backend.store.claim(claims(redelivered=True), deadline)
        assert [error(each).maybe_written for each in outcomes] == [False] * 3
        assert set(backend.wire.sent) == {READ}

    def test_given_back(self, backend: Lab) -> None:
        """A claim whose answer is lost, and that cannot be read then, leaves no record behind."""
        harness = ConsumerHarness(backend.store, backend.clock)
        backend.wire.faults = [lost(READ_TIMEOUT)]
        backend.wire.always = only(READ, broken(NO_CONNECTION))
        assert harness.deliver("1", "7", "8") == ["m-1", "m-7", "m-8"]
        assert harness.ran == []
        assert [backend.item(f"orders#{each}") for each in "78"] == [None, None]
        theirs = backend.item(TRIO[0])
        assert theirs is not None
        assert theirs["status"] == {"S": "COMPLETED"}

    @pytest.mark.parametrize(
        ("name", "value"), [("status", {"N": "1"}), ("status", {"NULL": True}), ("status", None)]
    )
    @pytest.mark.parametrize("redelivered", [True, False])
    def test_damaged_record(
        self,
        backend: Lab,
        deadline: Deadline,
        name: str,
        value: dict[str, Any] | None,
        redelivered: bool,
    ) -> None:
        """A damaged record is refused and left as it is; its neighbours do not notice."""
        item = backend.item(TRIO[1])
        assert item is not None
        item.pop(name, None)
        item |= {name: value} if value else {}
        backend.client.put_item(TableName=backend.table, Item=item)
        first, second, third = backend.store.claim(claims(redelivered=redelivered), deadline)
        assert first == third == Duplicate()
        assert isinstance(second, StoreRefusedError)
        assert (second.code, second.maybe_written) == ("DamagedRecord", False)
        assert backend.item(TRIO[1]) == item

    @pytest.mark.parametrize("redelivered", [True, False])
    def test_gone_meanwhile(self, backend: Lab, deadline: Deadline, redelivered: bool) -> None:
        """A record that was deleted before it was read does not prevent a claim."""

        def deleting(sent: Any, through: Any) -> Any:
            backend.client.delete_item(TableName=backend.table, Key={"id": {"S": TRIO[1]}})
            return through(sent)

        backend.wire.always = only(READ, deleting)
        outcomes = backend.store.claim(claims(redelivered=redelivered), deadline)
        assert outcomes == [Duplicate(), *claimed(TRIO[1:2]), Duplicate()]

    def test_stale_and_expired(self, backend: Lab, deadline: Deadline) -> None:
        """A stale record is recognized without a write; an expired one is claimed alone."""
        backend.store.claim(claims(["orders#4"], "dead"), deadline)
        clear(backend.wire)
        late = START + 3_600_000
        again = claims([TRIO[0], "orders#4"], now=late, redelivered=True)
        assert backend.store.claim(again, deadline) == [
            *claimed(TRIO[:1]),
            Stale(1, owner_of("orders#4", "dead")),
        ]
        assert traffic(backend.wire) == [(READ, [TRIO[0], "orders#4"]), (UPDATE, [TRIO[0]])]
