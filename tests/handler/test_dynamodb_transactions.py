"""The store on DynamoDB, side effects committed with a completion, and the cancellations.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html says how
a transaction is cancelled: with a reason for each of its items, in the request's order. The
emulator does not reproduce conflicts and throttling faithfully, so the tests answer in its place.
"""

import json
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from idempotent_lambda.clock import Deadline, EpochMillis, Millis, Seconds
from idempotent_lambda.errors import StoreError, StoreRefusedError, StoreUnavailableError
from idempotent_lambda.protocol.claims import Completed, LostLease, Released, Request
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.sources.message import Message
from idempotent_lambda.store.dynamodb import DynamoDBClaimStore
from idempotent_lambda.store.transaction import Transaction
from idempotent_lambda_toolkit.testing import ManualClock
from tests.requests import claim_of
from tests.waiting import SECONDS

from .conftest import Lab, create_table
from .function import TABLE
from .harness import (
    CONNECTION_CLOSED,
    NO_CONNECTION,
    READ_TIMEOUT,
    START,
    ConsumerHarness,
    Fault,
    Wire,
    answered,
    broken,
    done,
    lost,
    taking,
)

pytestmark = pytest.mark.emulator

Dead = tuple[DynamoDBClaimStore, Wire]

COMMIT = "TransactWriteItems"
ACTION = {"Delete": {"TableName": "orders", "Key": {"id": {"S": "a"}}}}
THROTTLED = answered(400, "ProvisionedThroughputExceededException")
INTERNAL = answered(500, "InternalServerError")
IN_PROGRESS = answered(400, "TransactionInProgressException")


def request(*actions: Mapping[str, Any], owner: str = "mine") -> Request:
    """A completion of order 1 with these effects."""
    return Request(
        record_id="orders#1",
        owner=Owner(owner),
        now=EpochMillis(START),
        retention=Seconds(3600),
        actions=actions or (ACTION,),
    )


def complete(store: DynamoDBClaimStore, asked: Request, deadline: Deadline) -> Any:
    """The answer to one completion."""
    (answer,) = store.complete([asked], deadline)
    return answer


def cancelled(*codes: str, item: Mapping[str, Any] | None = None) -> Fault:
    """The transaction is cancelled for these reasons; of the first item the record is shown."""
    reasons: list[dict[str, Any]] = [
        {"Code": each} | ({} if each == "None" else {"Message": "on purpose"}) for each in codes
    ]
    if item is not None:
        reasons[0]["Item"] = dict(item)

    def fault(sent: Any, through: Callable[[Any], Any]) -> Any:
        del through
        response = AWSResponse(sent.url, 400, HTTPHeaders(), None)
        kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"
        body = {"__type": kind, "Message": "cancelled", "CancellationReasons": reasons}
        response._content = json.dumps(body).encode()
        return response

    return fault


def record(owner: str, status: str) -> dict[str, dict[str, str]]:
    """What lies in the table."""
    texts = {"id": "orders#1", "owner": owner, "status": status}
    return {name: {"S": of} for name, of in texts.items()} | {"created_at": {"N": "1"}}


CONFLICT = cancelled("None", "TransactionConflict")


class TestRequest:
    """The requests on the wire."""

    def test_call(self, dead: Dead, deadline: Deadline) -> None:
        """One transaction: the record first, on its condition, then what the processor asks."""
        store, wire = dead
        wire.always = done()
        other = {"Put": {"TableName": "arn:of:another", "Item": {"id": {"S": "b"}}}}
        assert complete(store, request(ACTION, other), deadline) == Completed()
        assert wire.sent == [COMMIT]
        (body,) = wire.bodies
        assert set(body) == {"TransactItems", "ClientRequestToken"}
        assert body["ClientRequestToken"] == "mine"
        marker, *actions = body["TransactItems"]
        assert actions == [ACTION, other]
        update = marker["Update"]
        assert (update["TableName"], update["Key"]) == (TABLE, {"id": {"S": "orders#1"}})
        assert update["ConditionExpression"] == "(#owner = :owner AND #status = :in_progress)"
        assert update["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
        # A transaction returns no values, and refuses to be asked for any.
        assert "ReturnValues" not in update

    def test_as_alone(self, dead: Dead, deadline: Deadline) -> None:
        """The record is changed as by a completion without effects."""
        store, wire = dead
        wire.always = done()
        complete(store, request(), deadline)
        complete(store, replace(request(), actions=()), deadline)
        first, second = wire.bodies
        assert first["TransactItems"][0]["Update"] == {
            name: of for name, of in second.items() if name != "ReturnValues"
        }

    def test_with_a_result(self, dead: Dead, deadline: Deadline) -> None:
        """A result travels with it."""
        store, wire = dead
        wire.always = done()
        complete(store, replace(request(), result="[1]"), deadline)
        update = wire.bodies[0]["TransactItems"][0]["Update"]
        assert update["ExpressionAttributeValues"][":result"] == {"S": "[1]"}

    def test_in_company(self, backend: Lab, deadline: Deadline) -> None:
        """Of many completions those with effects go out by themselves, the others together."""
        ids = [f"orders#{number}" for number in range(4)]
        asked = [replace(request(), record_id=each, actions=()) for each in ids]
        end = EpochMillis(START + 60_000)
        backend.store.claim(
            [claim_of(each, lease_expires_at=end, takeover=False) for each in asked], deadline
        )
        backend.wire.sent.clear()
        check = {
            "TableName": backend.table,
            "Key": {"id": {"S": "elsewhere"}},
            "ConditionExpression": "attribute_not_exists(id)",
        }
        action = {"ConditionCheck": check}
        asked[1] = replace(asked[1], actions=(action,), owner=asked[1].owner)
        assert backend.store.complete(asked, deadline) == [Completed()] * 4
        assert backend.wire.sent == ["BatchExecuteStatement", COMMIT]


class TestCancelled:
    """Nothing is written; the reasons say whether it can be, and by whom."""

    @pytest.mark.parametrize("others", ["None", "ConditionalCheckFailed", "TransactionConflict"])
    @pytest.mark.parametrize(
        ("item", "outcome"),
        [
            (record("mine", "COMPLETED"), Completed(recovered=True)),
            (record("theirs", "COMPLETED"), LostLease(completed=True)),
            (record("theirs", "IN_PROGRESS"), LostLease(completed=False)),
            (record("mine", "PARKED"), LostLease(completed=False)),
            (None, LostLease(completed=False)),
        ],
    )
    def test_the_record_decides(
        self, dead: Dead, deadline: Deadline, item: Any, outcome: object, others: str
    ) -> None:
        """Where the record's own condition failed, that is all there is to know."""
        store, wire = dead
        wire.always = cancelled("ConditionalCheckFailed", others, item=item)
        assert complete(store, request(), deadline) == outcome
        assert wire.sent == [COMMIT]

    @pytest.mark.parametrize(
        "code", ["ConditionalCheckFailed", "ValidationError", "ItemCollectionSizeLimitExceeded"]
    )
    def test_the_processors_part(self, dead: Dead, deadline: Deadline, code: str) -> None:
        """An impossible action of the processor is refused at once, and the error names it."""
        store, wire = dead
        wire.always = cancelled("None", "None", code)
        refusal = complete(store, request(ACTION, ACTION), deadline)
        assert isinstance(refusal, StoreRefusedError)
        assert (refusal.code, refusal.maybe_written) == ("TransactionCanceled", False)
        assert f"action 2 of the processor: {code}: on purpose" in str(refusal)
        assert "nothing is written" in str(refusal)
        assert wire.sent == [COMMIT]

    @pytest.mark.parametrize(
        "codes",
        [
            ("None", "TransactionConflict"),
            ("TransactionConflict", "None"),
            ("None", "ThrottlingError"),
            ("ProvisionedThroughputExceeded", "None"),
            ("None", "ProvisionedThroughputExceeded"),
        ],
    )
    def test_what_passes(self, dead: Dead, deadline: Deadline, codes: tuple[str, ...]) -> None:
        """Conflicts and throttling pass, and are not the SDK's to retry: ours, until it is done."""
        store, wire = dead
        wire.faults = [cancelled(*codes)] * 7 + [done()]
        assert complete(store, request(), deadline) == Completed()
        assert len(wire.sent) == 8

    def test_until_the_deadline(self, dead: Dead, clock: ManualClock, deadline: Deadline) -> None:
        """An endless conflict is reported when no attempt fits any more; nothing is written."""
        store, wire = dead
        wire.always = taking(clock, 1000, CONFLICT)
        error = complete(store, request(), deadline)
        assert isinstance(error, StoreUnavailableError)
        assert (error.code, error.maybe_written) == ("TransactionConflict", False)
        assert 500 <= deadline.remaining() < 500 + 1500 + 1000
        assert len(wire.sent) >= 35

    def test_without_reasons(self, dead: Dead, deadline: Deadline) -> None:
        """A cancellation that gives no reasons is an error like any other, and no crash."""
        store, wire = dead
        wire.always = cancelled()
        assert isinstance(complete(store, request(), deadline), StoreError)


def tokens(wire: Wire) -> list[str]:
    """The tokens of all attempts."""
    return [each["ClientRequestToken"] for each in wire.bodies]


class TestToken:
    """By its token DynamoDB knows an attempt that it has carried out, for ten minutes."""

    @pytest.mark.parametrize(
        "fault",
        [
            broken(READ_TIMEOUT),
            broken(CONNECTION_CLOSED),
            broken(NO_CONNECTION),
            INTERNAL,
            THROTTLED,
            IN_PROGRESS,
        ],
    )
    def test_kept_in_doubt(self, dead: Dead, deadline: Deadline, fault: Fault) -> None:
        """As long as no attempt is known to have failed all are the same, token included."""
        store, wire = dead
        wire.faults = [fault, fault, done()]
        assert complete(store, request(), deadline) == Completed()
        assert wire.bodies[0] == wire.bodies[1] == wire.bodies[2]
        assert tokens(wire) == ["mine"] * 3

    def test_fresh_after_a_cancellation(self, dead: Dead, deadline: Deadline) -> None:
        """A cancelled transaction is over: the next attempt is a new one with the same actions."""
        store, wire = dead
        wire.faults = [CONFLICT, CONFLICT, done()]
        complete(store, request(), deadline)
        assert len(set(tokens(wire))) == 3
        assert all(1 <= len(each) <= 36 for each in tokens(wire))
        first, *others = [each["TransactItems"] for each in wire.bodies]
        assert others == [first] * 2

    def test_kept_again_after_a_fresh_one(self, dead: Dead, deadline: Deadline) -> None:
        """The fresh token is kept in doubt as the first one is."""
        store, wire = dead
        wire.faults = [CONFLICT, broken(READ_TIMEOUT), IN_PROGRESS, done()]
        complete(store, request(), deadline)
        first, *others = tokens(wire)
        assert len(set(others)) == 1
        assert first not in others

    @pytest.mark.parametrize(
        ("faults", "maybe_written"),
        [
            ([cancelled("None", "ConditionalCheckFailed")], False),
            ([CONFLICT, cancelled("None", "ConditionalCheckFailed")], False),
            ([answered(400, "ValidationException")], False),
            ([broken(READ_TIMEOUT), cancelled("None", "ConditionalCheckFailed")], True),
            ([INTERNAL, answered(400, "AccessDeniedException")], True),
            ([broken(READ_TIMEOUT), IN_PROGRESS, answered(400, "ValidationException")], True),
            ([broken(READ_TIMEOUT), answered(400, "IdempotentParameterMismatchException")], True),
        ],
    )
    def test_what_may_have_been_written(
        self, dead: Dead, deadline: Deadline, faults: list[Fault | None], maybe_written: bool
    ) -> None:
        """One attempt whose end is unknown makes the whole commit's end unknown."""
        store, wire = dead
        wire.faults = [*faults]
        refusal = complete(store, request(), deadline)
        assert isinstance(refusal, StoreRefusedError)
        assert refusal.maybe_written is maybe_written
        assert len(wire.sent) == len(faults)

    @pytest.mark.parametrize(
        "code", ["ValidationException", "ResourceNotFoundException", "AccessDeniedException"]
    )
    def test_refused(self, backend: Lab, deadline: Deadline, code: str) -> None:
        """A transaction that is refused as a whole is sent once; other calls stay as they are."""
        backend.wire.always = answered(400, code, "what it said")
        refusal = complete(backend.store, request(), deadline)
        assert isinstance(refusal, StoreRefusedError)
        assert (refusal.code, refusal.maybe_written) == (code, False)
        assert str(refusal).startswith(COMMIT)
        assert "what it said" in str(refusal)
        assert backend.wire.sent == [COMMIT]
        assert backend.listener.fallen_back == []


class EffectsTable:
    """A transactional consumer on the emulator, whose processor counts one effect by message."""

    def __init__(self, backend: Lab) -> None:
        self.backend = backend
        self.table = f"{backend.table}-effects"
        create_table(backend.client, self.table)
        self.harness = ConsumerHarness(backend.store, backend.clock, transactional=True)
        # The emulator remembers tokens of all tests together.
        object.__setattr__(self.harness.consumer, "new_owner", lambda: Owner(secrets.token_hex(16)))

    def counting(self, *keys: str) -> None:
        """Let the processor count for these keys."""
        self.harness.behaviour |= dict.fromkeys(keys, self.count)  # type: ignore[arg-type]

    def count(self, message: Message, transaction: Transaction) -> None:
        transaction.update(
            self.table,
            {"id": message.key},
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": 1},
        )

    def counts(self) -> dict[str, int]:
        """How often each key was counted."""
        items = self.backend.client.scan(TableName=self.table, ConsistentRead=True)["Items"]
        return {each["id"]["S"]: int(each["n"]["N"]) for each in items}

    def redeliver(self, *keys: str) -> list[str]:
        """Deliver again without faults, after all leases; return the reported failures."""
        self.backend.wire.always = None
        self.backend.clock.advance(Millis(60_000))
        return self.harness.deliver(*keys)


@pytest.fixture
def effects_table(backend: Lab) -> EffectsTable:
    """A transactional consumer on the emulator."""
    return EffectsTable(backend)


def commits(fault: Fault) -> Fault:
    """The fault meets commits alone."""

    def choosy(sent: Any, through: Callable[[Any], Any]) -> Any:
        target = str(sent.headers["X-Amz-Target"])
        return fault(sent, through) if COMMIT in target else through(sent)

    return choosy


class TestExactlyOnce:
    """The pipeline and the store together: whatever happens, the counter says one."""

    def test_in_peace(self, effects_table: EffectsTable) -> None:
        """One claim for all, one commit for each; a duplicate has no effect."""
        effects_table.counting("1", "2", "3")
        assert effects_table.harness.deliver("1", "2", "3") == []
        assert effects_table.backend.wire.sent == ["BatchExecuteStatement", *[COMMIT] * 3]
        assert effects_table.redeliver("1", "2", "3") == []
        assert effects_table.counts() == {"1": 1, "2": 1, "3": 1}

    @pytest.mark.parametrize("times", [1, 2])
    @pytest.mark.parametrize("loss", [READ_TIMEOUT, CONNECTION_CLOSED])
    def test_lost_answers(self, effects_table: EffectsTable, loss: Exception, times: int) -> None:
        """An attempt that is repeated under its token is done once, and known to be done."""
        effects_table.counting("1")
        effects_table.backend.wire.faults = [None, *[lost(loss)] * times]
        assert effects_table.harness.deliver("1") == []
        assert effects_table.harness.outcomes == {"m-1": "completed"}
        assert effects_table.counts() == {"1": 1}

    def test_a_lost_answer_and_a_conflict(self, effects_table: EffectsTable) -> None:
        """Under the fresh token that follows, the record says who has committed."""
        effects_table.counting("1")
        effects_table.backend.wire.faults = [None, lost(READ_TIMEOUT), CONFLICT]
        assert effects_table.harness.deliver("1") == []
        assert effects_table.harness.histories["m-1"].recovered
        assert effects_table.counts() == {"1": 1}

    def test_every_answer_lost(self, effects_table: EffectsTable) -> None:
        """A commit that nobody confirms acknowledges nothing; redelivered, it is a duplicate."""
        effects_table.counting("1")
        lose = taking(effects_table.backend.clock, 1000, lost(READ_TIMEOUT))
        effects_table.backend.wire.always = commits(lose)
        assert effects_table.harness.deliver("1") == ["m-1"]
        assert effects_table.harness.outcomes == {"m-1": "unconfirmed"}
        assert effects_table.redeliver("1") == []
        assert effects_table.harness.outcomes == {"m-1": "duplicate"}
        assert (effects_table.counts(), effects_table.harness.ran) == ({"1": 1}, ["1"])

    @pytest.mark.parametrize("fault", [broken(NO_CONNECTION), broken(READ_TIMEOUT), THROTTLED])
    def test_no_attempt_gets_through(self, effects_table: EffectsTable, fault: Fault) -> None:
        """A message whose transaction is not committed is released, and runs again, uncounted."""
        effects_table.counting("1")
        effects_table.backend.wire.always = commits(
            taking(effects_table.backend.clock, 1000, fault)
        )
        assert effects_table.harness.deliver("1") == ["m-1"]
        assert effects_table.backend.item("orders#1") is None
        assert effects_table.counts() == {}
        assert effects_table.redeliver("1") == []
        assert (effects_table.counts(), effects_table.harness.ran) == ({"1": 1}, ["1", "1"])

    def test_a_condition_of_the_processor(self, effects_table: EffectsTable) -> None:
        """A message whose own condition fails has failed like one that raised: given back."""
        effects_table.counting("2")

        def check(message: Message, transaction: Transaction) -> None:
            transaction.check(
                effects_table.table, {"id": "balance"}, ConditionExpression="attribute_exists(id)"
            )
            effects_table.count(message, transaction)

        effects_table.harness.behaviour["1"] = check  # type: ignore[assignment]
        assert effects_table.harness.deliver("1", "2") == ["m-1"]
        assert effects_table.harness.outcomes == {"m-1": "failed", "m-2": "completed"}
        (error,) = effects_table.harness.histories["m-1"].errors
        assert "action 1 of the processor: ConditionalCheckFailed" in str(error)
        assert effects_table.backend.item("orders#1") is None
        assert effects_table.counts() == {"2": 1}

    def test_a_late_owner(self, effects_table: EffectsTable) -> None:
        """An owner that ends after a takeover commits nothing, and learns that it is done."""

        def run_late(message: Message, transaction: Transaction) -> None:
            effects_table.count(message, transaction)
            effects_table.counting("1")
            item = effects_table.backend.item("orders#1") or {}
            stale = item | {"lease_expires_at": {"N": str(START - 1)}}
            effects_table.backend.client.put_item(TableName=effects_table.backend.table, Item=stale)
            assert effects_table.harness.deliver("1") == []

        effects_table.harness.behaviour["1"] = run_late  # type: ignore[assignment]
        assert effects_table.harness.deliver("1") == []
        assert effects_table.harness.ran == ["1", "1"]
        assert effects_table.harness.outcomes == {"m-1": "lost_lease"}
        assert effects_table.counts() == {"1": 1}

    def test_raising(self, effects_table: EffectsTable) -> None:
        """A processor that raises loses the actions that it asked for."""

        def fail(message: Message, transaction: Transaction) -> None:
            effects_table.count(message, transaction)
            raise ValueError

        effects_table.harness.behaviour["1"] = fail  # type: ignore[assignment]
        assert effects_table.harness.deliver("1") == ["m-1"]
        assert effects_table.backend.wire.sent == ["UpdateItem", "DeleteItem"]
        assert effects_table.counts() == {}

    def test_pauses_grow(
        self, effects_table: EffectsTable, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Transactions that met each other do not meet again at once."""
        monkeypatch.setattr("random.SystemRandom.randrange", lambda _, limit: limit - 1)
        moments: list[int] = []

        def conflicting(sent: Any, through: Any) -> Any:
            moments.append(effects_table.backend.clock.monotonic())
            return CONFLICT(sent, through)

        effects_table.counting("1")
        effects_table.backend.wire.faults = [None, *[conflicting] * 4]
        assert effects_table.harness.deliver("1") == []
        assert [late - early for early, late in pairwise(moments)] == [199, 399, 799]
        assert effects_table.counts() == {"1": 1}


def test_release_after_a_commit(backend: Lab, deadline: Deadline) -> None:
    """A transaction that was committed after all is not released: its record stays completed."""
    mine = replace(request(owner=secrets.token_hex(16)), actions=())
    claim = claim_of(mine, lease_expires_at=EpochMillis(START + 60_000), takeover=False)
    backend.store.claim([claim], deadline)
    assert backend.store.complete([mine], deadline) == [Completed()]
    assert backend.store.release([mine], deadline) == [LostLease(completed=True)]
    assert backend.store.release([replace(mine, record_id="orders#2")], deadline) == [Released()]


@pytest.mark.parametrize(("others", "at_once"), [(("a", "a", "a"), 1), (("a", "b", "c"), 3)])
def test_commits_that_contend(
    dead: tuple[DynamoDBClaimStore, Wire], deadline: Deadline, others: Any, at_once: int
) -> None:
    """Transactions on one item are committed one after the other, others side by side."""
    running: list[int] = [0, 0]
    lock, all_there = threading.Lock(), threading.Barrier(at_once, timeout=SECONDS)

    def counted(request: Any, through: Callable[[Any], Any]) -> Any:
        with lock:
            running[0] += 1
            running[1] = max(running)
        all_there.wait()
        with lock:
            running[0] -= 1
        return cancelled("None", "ConditionalCheckFailed")(request, through)

    store, wire = dead
    wire.always = counted
    asked = [
        replace(
            request({"Delete": {"TableName": "t", "Key": {"id": {"S": key}}}}), record_id=str(at)
        )
        for at, key in enumerate(others)
    ]
    answers = store.complete(asked, deadline)
    assert [type(each) for each in answers] == [StoreRefusedError] * 3
    assert running == [0, at_once]
