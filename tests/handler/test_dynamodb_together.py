"""The store on DynamoDB, many requests together: each statement and each key can fail by itself.

Requests go to the emulator through a wire that the tests cut, delay and answer in its place,
wholly or for single statements; the clock is manual, so pauses cost nothing.
"""

import copy
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from idempotent_lambda.clock import Deadline, EpochMillis, Millis, Seconds
from idempotent_lambda.errors import StoreError, StoreRefusedError, StoreUnavailableError
from idempotent_lambda.protocol.claims import (
    Claimed,
    Completed,
    Duplicate,
    InProgress,
    LostLease,
    Released,
    Stale,
)
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.protocol.requests import ClaimRequest, Request
from idempotent_lambda.store.dynamodb import DynamoDBClaimStore
from idempotent_lambda_toolkit.testing import ManualClock
from tests.requests import claim_of
from tests.waiting import SECONDS

from .conftest import Lab
from .events import order
from .harness import (
    CONNECT_TIMEOUT,
    CONNECTION_CLOSED,
    NO_CONNECTION,
    READ_TIMEOUT,
    START,
    ConsumerHarness,
    Fault,
    Wire,
    answered,
    broken,
    lost,
    raising,
    taking,
)

pytestmark = pytest.mark.emulator

Dead = tuple[DynamoDBClaimStore, Wire]

STATEMENTS = "BatchExecuteStatement"
READ = "BatchGetItem"
UPDATE = "UpdateItem"
DELETE = "DeleteItem"

THROTTLED = answered(400, "ProvisionedThroughputExceededException")
INTERNAL = answered(500, "InternalServerError")
LOSSES = (READ_TIMEOUT, CONNECTION_CLOSED)
TRIO = ("orders#1", "orders#2", "orders#3")


def owner_of(record_id: str, name: str = "mine") -> Owner:
    """Each claim has an owner of its own."""
    return Owner(f"{name} {record_id}")


def requests(ids: Sequence[str] = TRIO, name: str = "mine", now: int = START) -> list[Request]:
    """A request for each record."""
    return [
        Request(
            record_id=each,
            owner=owner_of(each, name),
            now=EpochMillis(now),
            retention=Seconds(3600),
        )
        for each in ids
    ]


def claims(
    ids: Sequence[str] = TRIO, name: str = "mine", now: int = START, *, redelivered: bool = False
) -> list[ClaimRequest]:
    """A claim of each record, for a minute."""
    return [
        claim_of(
            each,
            lease_expires_at=EpochMillis(now + 60_000),
            takeover=False,
            redelivered=redelivered,
        )
        for each in requests(ids, name, now)
    ]


def claimed(ids: Sequence[str] = TRIO, *, recovered: bool = False) -> list[Claimed]:
    """What first claims are answered with."""
    return [Claimed(owner_of(each), 1, recovered=recovered) for each in ids]


def error(outcome: object) -> StoreError:
    """The error that is the outcome."""
    assert isinstance(outcome, StoreError)
    return outcome


def codes(outcomes: Sequence[object]) -> list[object]:
    """The outcomes, with the code in the place of an error."""
    return [each.code if isinstance(each, StoreError) else each for each in outcomes]


# What is seen and done on the wire.


def record_of(statement: Mapping[str, Any]) -> str:
    """The record that a statement is about."""
    (record_id,) = (
        each["S"] for each in statement["Parameters"] if each.get("S", "").startswith("orders#")
    )
    return str(record_id)


def asked(body: Mapping[str, Any]) -> list[str]:
    """The records that a call is about."""
    if "Statements" in body:
        return [record_of(each) for each in body["Statements"]]
    if "RequestItems" in body:
        ((_, keys),) = body["RequestItems"].items()
        return [each["id"]["S"] for each in keys["Keys"]]
    return [body["Key"]["id"]["S"]]


def traffic(wire: Wire) -> list[tuple[str, list[str]]]:
    """Every call that went out, with its records."""
    return [(name, asked(body)) for name, body in zip(wire.sent, wire.bodies, strict=True)]


def clear(wire: Wire) -> None:
    """Forget what went out so far."""
    wire.sent.clear()
    wire.bodies.clear()


def answer(request: Any, content: Mapping[str, Any]) -> AWSResponse:
    """A successful answer of the service."""
    response = AWSResponse(request.url, 200, HTTPHeaders(), None)
    response._content = json.dumps(content).encode()
    return response


def granting(request: Any, through: Callable[[Any], Any]) -> Any:
    """A fault: the service answers that it has done everything, and has done nothing."""
    del through
    body = json.loads(request.body)
    if "RequestItems" in body:
        return answer(request, {"Responses": {}})
    done = [{} for _ in body.get("Statements", ())]
    return answer(request, {"Responses": done, "Attributes": {"attempts": {"N": "1"}}})


def sparing(faulty: Mapping[str, str]) -> Fault:
    """Statements on these records are answered with these codes; the others are carried out."""

    def fault(request: Any, through: Callable[[Any], Any]) -> Any:
        body = json.loads(request.body)
        if "Statements" not in body:
            return through(request)
        spared = [each for each in body["Statements"] if record_of(each) not in faulty]
        results = iter(
            json.loads(through(with_body(request, {"Statements": spared})).content)["Responses"]
            if spared
            else ()
        )
        return answer(
            request,
            {
                "Responses": [
                    {"Error": {"Code": faulty[name], "Message": "on purpose"}}
                    if (name := record_of(each)) in faulty
                    else next(results)
                    for each in body["Statements"]
                ]
            },
        )

    return fault


def with_body(request: Any, body: Mapping[str, Any]) -> Any:
    """The same request for something else."""
    changed = copy.copy(request)
    changed.body = json.dumps(body).encode()
    changed.headers = copy.copy(request.headers)
    changed.headers["Content-Length"] = str(len(changed.body))
    return changed


def written_and(fault: Fault) -> Fault:
    """The call is carried out, and answered by the fault all the same."""

    def both(request: Any, through: Callable[[Any], Any]) -> Any:
        through(request)
        return fault(request, through)

    return both


def only(operation: str, fault: Fault) -> Fault:
    """The fault meets this operation alone."""

    def choosy(request: Any, through: Callable[[Any], Any]) -> Any:
        target = str(request.headers["X-Amz-Target"])
        return fault(request, through) if operation in target else through(request)

    return choosy


def leaving_unread(*ids: str) -> Fault:
    """A read has no capacity left for these records."""

    def fault(request: Any, through: Callable[[Any], Any]) -> Any:
        content = json.loads(through(request).content)
        ((table, items),) = content["Responses"].items()
        left = [{"id": {"S": each}} for each in ids]
        return answer(
            request,
            {
                "Responses": {table: [item for item in items if item["id"]["S"] not in ids]},
                "UnprocessedKeys": {table: {"Keys": left, "ConsistentRead": True}},
            },
        )

    return fault


@pytest.fixture
def pauses(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What is slept, each time; of every range that a pause is drawn from it is the longest."""
    slept: list[int] = []

    def sleep(duration: Millis) -> None:
        slept.extend([duration] if duration else [])

    monkeypatch.setattr("random.randrange", lambda limit: limit - 1)
    monkeypatch.setattr(clock, "sleep", sleep)
    return slept


class TestRequest:
    """What goes over the wire."""

    def test_calls_are_cut_to_size(self, dead: Dead, deadline: Deadline) -> None:
        """No call has more statements than DynamoDB takes, and no record is in two."""
        store, wire = dead
        wire.always = granting
        ids = [f"orders#{number}" for number in range(60)]
        assert store.claim(claims(ids), deadline) == claimed(ids)
        assert wire.sent == [STATEMENTS] * 3
        assert sorted(len(asked(body)) for body in wire.bodies) == [10, 25, 25]
        assert Counter(each for body in wire.bodies for each in asked(body)) == Counter(ids)

    def test_reads_are_cut_to_size(self, dead: Dead, deadline: Deadline) -> None:
        """Nor has a read more keys than DynamoDB takes."""
        store, wire = dead
        wire.always = granting
        ids = [f"orders#{number}" for number in range(130)]
        store.claim(claims(ids, redelivered=True), deadline)
        reads = [len(keys) for name, keys in traffic(wire) if name == READ]
        assert sorted(reads) == [30, 100]

    def test_a_read_is_consistent(self, backend: Lab, deadline: Deadline) -> None:
        """What was refused is read as it is now, and nothing else is read."""
        backend.store.claim(claims(TRIO[:2], "theirs"), deadline)
        clear(backend.wire)
        backend.store.claim(claims(), deadline)
        assert traffic(backend.wire) == [(STATEMENTS, list(TRIO)), (READ, list(TRIO[:2]))]
        ((_, read),) = backend.wire.bodies[1]["RequestItems"].items()
        assert read["ConsistentRead"] is True

    def test_every_attempt_is_the_same(
        self, dead: Dead, clock: ManualClock, deadline: Deadline
    ) -> None:
        """Owner, lease and time do not change between attempts, though the clock does."""
        store, wire = dead
        wire.faults = [taking(clock, 300, THROTTLED), taking(clock, 300, INTERNAL), granting]
        store.claim(claims(), deadline)
        assert len(wire.bodies) == 3
        assert wire.bodies[0] == wire.bodies[1] == wire.bodies[2]


class TestLostAnswers:
    """The call was carried out, and nobody said so (P4)."""

    @pytest.mark.parametrize("loss", LOSSES)
    def test_claims(self, backend: Lab, deadline: Deadline, loss: Exception) -> None:
        """Owners that meet their own claims have them, and none is a duplicate of itself."""
        backend.wire.faults = [lost(loss)]
        assert backend.store.claim(claims(), deadline) == claimed(recovered=True)
        assert backend.wire.sent == [STATEMENTS, STATEMENTS, READ]

    def test_claims_among_others(self, backend: Lab, deadline: Deadline) -> None:
        """What another owner has is not mine for that."""
        backend.store.claim(claims(TRIO[1:2], "theirs"), deadline)
        backend.wire.faults = [lost(READ_TIMEOUT)]
        first, second, third = backend.store.claim(claims(), deadline)
        assert [first, third] == claimed((TRIO[0], TRIO[2]), recovered=True)
        assert second == InProgress(EpochMillis(START + 60_000))

    def test_claims_answered_with_an_internal_error(self, backend: Lab, deadline: Deadline) -> None:
        """An internal error may have written: the next attempt finds out."""
        backend.wire.faults = [written_and(INTERNAL)]
        assert backend.store.claim(claims(), deadline) == claimed(recovered=True)

    def test_one_call_of_many(self, backend: Lab, deadline: Deadline) -> None:
        """Where many calls are needed, a lost one is repeated and the others are not."""
        ids = [f"orders#{number}" for number in range(30)]
        backend.wire.faults = [lost(READ_TIMEOUT)]
        outcomes = backend.store.claim(claims(ids), deadline)
        assert [each.owner for each in outcomes if isinstance(each, Claimed)] == [
            owner_of(each) for each in ids
        ]
        assert Counter(backend.wire.sent) == {STATEMENTS: 3, READ: 1}

    @pytest.mark.parametrize("loss", LOSSES)
    def test_completions(self, backend: Lab, deadline: Deadline, loss: Exception) -> None:
        """Completions that meet their own work are confirmed."""
        backend.store.claim(claims(), deadline)
        backend.wire.faults = [lost(loss)]
        assert backend.store.complete(requests(), deadline) == [Completed(recovered=True)] * 3

    @pytest.mark.parametrize("loss", LOSSES)
    def test_releases(self, backend: Lab, deadline: Deadline, loss: Exception) -> None:
        """Releases that find nothing have done their work."""
        backend.store.claim(claims(), deadline)
        backend.wire.faults = [lost(loss)]
        assert backend.store.release(requests(), deadline) == [Released()] * 3

    def test_releases_and_another_claim(self, backend: Lab, deadline: Deadline) -> None:
        """The second attempt of lost releases leaves the next owner's claim alone."""
        backend.store.claim(claims(), deadline)

        def release_then_theirs(sent: Any, through: Any) -> Any:
            through(sent)
            theirs = DynamoDBClaimStore(
                backend.client, backend.table, backend.clock, backend.listener
            )
            theirs.claim(claims(TRIO[1:2], "theirs"), deadline)
            raise READ_TIMEOUT

        backend.wire.faults = [release_then_theirs]
        outcomes = backend.store.release(requests(), deadline)
        assert outcomes == [Released(), LostLease(completed=False), Released()]
        item = backend.item(TRIO[1])
        assert item is not None
        assert item["owner"] == {"S": owner_of(TRIO[1], "theirs")}

    def test_every_claim_answer_lost(self, backend: Lab) -> None:
        """Claims that never get an answer run nothing, and are given back in one call."""
        harness = ConsumerHarness(backend.store, backend.clock)
        backend.wire.faults = [lost(READ_TIMEOUT)] * 3
        assert harness.deliver("1", "2", "3") == ["m-1", "m-2", "m-3"]
        assert harness.ran == []
        assert set(harness.outcomes.values()) == {"table_unavailable"}
        assert backend.wire.sent == [STATEMENTS] * 4
        assert [backend.item(each) for each in TRIO] == [None] * 3

    def test_every_completion_answer_lost(self, backend: Lab) -> None:
        """Completions that never get an answer acknowledge nothing; redelivered, duplicates."""
        harness = ConsumerHarness(backend.store, backend.clock)
        lose = taking(backend.clock, 1000, lost(READ_TIMEOUT))
        harness.behaviour["3"] = lambda _: setattr(backend.wire, "always", lose)
        assert harness.deliver("1", "2", "3") == ["m-1", "m-2", "m-3"]
        assert set(harness.outcomes.values()) == {"unconfirmed"}
        backend.wire.always = None
        again = {"ApproximateReceiveCount": "2"}
        assert harness.deliver(*(order(each, attributes=again) for each in "123")) == []
        assert harness.ran == ["1", "2", "3"]


class TestStatements:
    """One statement fails, inside a call that succeeds; the others are as good as done."""

    @pytest.mark.parametrize(
        "code",
        [
            "ThrottlingError",
            "ProvisionedThroughputExceeded",
            "RequestLimitExceeded",
            "TransactionConflict",
        ],
    )
    def test_throttled(
        self, backend: Lab, deadline: Deadline, code: str, pauses: list[int]
    ) -> None:
        """Only what was throttled is sent again, after a pause of its own, twice at most."""
        backend.wire.always = sparing({TRIO[1]: code})
        first, second, third = backend.store.claim(claims(), deadline)
        assert [first, third] == claimed((TRIO[0], TRIO[2]))
        assert traffic(backend.wire) == [
            (STATEMENTS, list(TRIO)),
            (STATEMENTS, [TRIO[1]]),
            (STATEMENTS, [TRIO[1]]),
        ]
        assert pauses == [199, 399]
        assert isinstance(second, StoreUnavailableError)
        assert (second.code, second.maybe_written) == (code, False)

    def test_throttled_once(self, backend: Lab, deadline: Deadline) -> None:
        """What was throttled once and then done is a claim like any other."""
        backend.wire.faults = [sparing({TRIO[1]: "ThrottlingError"})]
        assert backend.store.claim(claims(), deadline) == claimed()

    def test_throttled_and_then_a_duplicate(self, backend: Lab, deadline: Deadline) -> None:
        """What was throttled and then refused is read with what was refused at once."""
        for each in TRIO[:2]:
            backend.store.claim(claims([each], "theirs"), deadline)
            backend.store.complete(requests([each], "theirs"), deadline)
        clear(backend.wire)
        backend.wire.faults = [sparing({TRIO[1]: "ThrottlingError"})]
        outcomes = backend.store.claim(claims(), deadline)
        assert outcomes == [Duplicate(), Duplicate(), *claimed(TRIO[2:])]
        assert traffic(backend.wire) == [
            (STATEMENTS, list(TRIO)),
            (STATEMENTS, [TRIO[1]]),
            (READ, list(TRIO[:2])),
        ]

    def test_completion_insists(self, backend: Lab, deadline: Deadline) -> None:
        """A throttled completion is tried until it is confirmed, by itself (P7)."""
        backend.store.claim(claims(), deadline)
        clear(backend.wire)
        throttle = taking(backend.clock, 500, sparing({TRIO[1]: "ThrottlingError"}))
        backend.wire.faults = [throttle] * 20
        assert backend.store.complete(requests(), deadline) == [Completed()] * 3
        assert traffic(backend.wire) == [(STATEMENTS, list(TRIO)), *[(STATEMENTS, [TRIO[1]])] * 20]

    def test_completion_ends_with_the_deadline(self, backend: Lab, deadline: Deadline) -> None:
        """It gives up only when no further attempt fits, and leaves the reserve free."""
        backend.store.claim(claims(), deadline)
        clear(backend.wire)
        backend.wire.always = taking(backend.clock, 1000, sparing({TRIO[1]: "ThrottlingError"}))
        outcomes = backend.store.complete(requests(), deadline)
        assert codes(outcomes) == [Completed(), "ThrottlingError", Completed()]
        assert 500 <= deadline.remaining() < 500 + 1500 + 1000
        assert len(backend.wire.sent) >= 35

    def test_throttled_release(self, backend: Lab, deadline: Deadline) -> None:
        """A throttled release is tried three times in all."""
        backend.store.claim(claims(), deadline)
        clear(backend.wire)
        backend.wire.always = sparing({TRIO[1]: "ThrottlingError"})
        outcomes = backend.store.release(requests(), deadline)
        assert codes(outcomes) == [Released(), "ThrottlingError", Released()]
        assert len(backend.wire.sent) == 3

    @pytest.mark.parametrize("last", ["InternalServerError", "ThrottlingError", "ValidationError"])
    def test_internal_error(self, backend: Lab, deadline: Deadline, last: str) -> None:
        """A statement's internal error may have written, whatever comes after it."""
        backend.wire.faults = [sparing({TRIO[1]: "InternalServerError"})]
        backend.wire.always = sparing({TRIO[1]: last})
        first, second, third = backend.store.claim(claims(), deadline)
        assert [first, third] == claimed((TRIO[0], TRIO[2]))
        assert error(second).code == last
        assert error(second).maybe_written

    def test_internal_error_that_has_written(self, backend: Lab, deadline: Deadline) -> None:
        """A statement that was carried out despite its internal error is known again."""
        codes_of_all = dict.fromkeys(TRIO, "InternalServerError")
        backend.wire.faults = [written_and(sparing(codes_of_all))]
        assert backend.store.claim(claims(), deadline) == claimed(recovered=True)

    @pytest.mark.parametrize(
        "code", ["ValidationError", "ResourceNotFound", "ItemCollectionSizeLimitExceeded", "New"]
    )
    @pytest.mark.parametrize("call", ["claim", "complete", "release"])
    def test_refused(self, backend: Lab, deadline: Deadline, code: str, call: str) -> None:
        """What is refused is asked once, and costs its neighbours nothing."""
        if call != "claim":
            backend.store.claim(claims(), deadline)
            clear(backend.wire)
        backend.wire.always = sparing({TRIO[1]: code})
        asking: Any = claims() if call == "claim" else requests()
        first, second, third = getattr(backend.store, call)(asking, deadline)
        assert backend.wire.sent == [STATEMENTS]
        assert not isinstance(first, StoreError)
        assert not isinstance(third, StoreError)
        assert isinstance(second, StoreRefusedError)
        assert (second.code, second.maybe_written) == (code, False)
        assert "on purpose" in str(second)
        assert backend.listener.fallen_back == []

    @pytest.mark.parametrize("answers", [None, 0, 2, 4])
    def test_not_an_answer_for_each(
        self, backend: Lab, deadline: Deadline, answers: int | None
    ) -> None:
        """Without an answer for each statement nobody knows which is whose: all are asked again."""

        def miscounting(sent: Any, through: Any) -> Any:
            through(sent)
            return answer(sent, {} if answers is None else {"Responses": [{}] * answers})

        backend.wire.faults = [miscounting]
        assert backend.store.claim(claims(), deadline) == claimed(recovered=True)

    def test_never_an_answer_for_each(self, dead: Dead, deadline: Deadline) -> None:
        """Where the answers never add up, the claims may have been made."""
        store, wire = dead
        wire.always = lambda sent, _: answer(sent, {"Responses": [{}]})
        outcomes = store.claim(claims(), deadline)
        assert [error(each).maybe_written for each in outcomes] == [True] * 3
        assert len(wire.sent) == 3


class TestWholeCall:
    """A call for all fails as a call for one does."""

    @pytest.mark.parametrize(
        ("fault", "maybe_written"),
        [
            (THROTTLED, False),
            (answered(400, "ThrottlingException"), False),
            (answered(400, "RequestLimitExceeded"), False),
            (INTERNAL, True),
            (answered(503, "ServiceUnavailable"), True),
            (broken(NO_CONNECTION), False),
            (broken(CONNECT_TIMEOUT), False),
            (broken(READ_TIMEOUT), True),
            (broken(CONNECTION_CLOSED), True),
        ],
    )
    def test_passing_failure(
        self, dead: Dead, deadline: Deadline, fault: Fault, maybe_written: bool
    ) -> None:
        """What may pass is tried three times, and then is nobody's claim."""
        store, wire = dead
        wire.always = fault
        outcomes = store.claim(claims(), deadline)
        assert wire.sent == [STATEMENTS] * 3
        assert all(isinstance(each, StoreUnavailableError) for each in outcomes)
        assert [error(each).maybe_written for each in outcomes] == [maybe_written] * 3

    @pytest.mark.parametrize("code", ["ValidationException", "ResourceNotFoundException"])
    def test_refused(self, dead: Dead, deadline: Deadline, code: str) -> None:
        """A table that says no is asked once, and asked so again the next time."""
        store, wire = dead
        wire.always = answered(400, code)
        for _ in range(2):
            clear(wire)
            outcomes = store.claim(claims(), deadline)
            assert wire.sent == [STATEMENTS]
            assert codes(outcomes) == [code] * 3
            assert not any(error(each).maybe_written for each in outcomes)

    @pytest.mark.parametrize("fault", [THROTTLED, INTERNAL, broken(READ_TIMEOUT)])
    def test_completion_insists(
        self, backend: Lab, clock: ManualClock, deadline: Deadline, fault: Fault
    ) -> None:
        """Completions are tried until they are confirmed, however the table fails (P7)."""
        backend.store.claim(claims(), deadline)
        clear(backend.wire)
        backend.wire.faults = [taking(clock, 500, fault)] * 20
        assert backend.store.complete(requests(), deadline) == [Completed()] * 3
        assert backend.wire.sent == [STATEMENTS] * 21


class TestLook:
    """Reading what stands in the way."""

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
        """A record that was deleted before it was read stands in nobody's way."""

        def deleting(sent: Any, through: Any) -> Any:
            backend.client.delete_item(TableName=backend.table, Key={"id": {"S": TRIO[1]}})
            return through(sent)

        backend.wire.always = only(READ, deleting)
        outcomes = backend.store.claim(claims(redelivered=redelivered), deadline)
        assert outcomes == [Duplicate(), *claimed(TRIO[1:2]), Duplicate()]

    def test_stale_and_expired(self, backend: Lab, deadline: Deadline) -> None:
        """A stale record is told apart without a write; an expired one is claimed alone."""
        backend.store.claim(claims(["orders#4"], "dead"), deadline)
        clear(backend.wire)
        late = START + 3_600_000
        again = claims([TRIO[0], "orders#4"], now=late, redelivered=True)
        assert backend.store.claim(again, deadline) == [
            *claimed(TRIO[:1]),
            Stale(1, owner_of("orders#4", "dead")),
        ]
        assert traffic(backend.wire) == [(READ, [TRIO[0], "orders#4"]), (UPDATE, [TRIO[0]])]


DENIED = answered(400, "AccessDeniedException")
NOT_ALLOWED: dict[str, Fault] = {
    "statements denied": only(STATEMENTS, DENIED),
    "statements unknown": only(STATEMENTS, answered(400, "UnknownOperationException")),
    "each statement denied": sparing(dict.fromkeys(TRIO, "AccessDenied")),
    "one statement denied": sparing({TRIO[1]: "AccessDenied"}),
    "reads denied": only(READ, DENIED),
}


class TestFallBack:
    """A role or an engine that has no calls for many."""

    @pytest.mark.parametrize("fault", NOT_ALLOWED.values(), ids=NOT_ALLOWED)
    def test_claim(self, backend: Lab, deadline: Deadline, fault: Fault) -> None:
        """Every claim is decided rightly by a call of its own, and why is told once."""
        backend.store.claim(claims(TRIO[1:2], "theirs"), deadline)
        backend.store.complete(requests(TRIO[1:2], "theirs"), deadline)
        clear(backend.wire)
        backend.wire.always = fault
        first, second, third = backend.store.claim(claims(), deadline)
        assert [first, third] == claimed((TRIO[0], TRIO[2]))
        assert second == Duplicate()
        assert len(backend.listener.fallen_back) == 1

    @pytest.mark.parametrize("fault", NOT_ALLOWED.values(), ids=NOT_ALLOWED)
    def test_once(self, backend: Lab, deadline: Deadline, fault: Fault) -> None:
        """From then on nothing is tried together any more, be it a claim or a settlement."""
        backend.store.claim(claims(TRIO, "theirs"), deadline)
        backend.wire.always = fault
        backend.store.claim(claims(), deadline)
        clear(backend.wire)
        ids = ("orders#7", "orders#8")
        assert backend.store.claim(claims(ids, redelivered=True), deadline) == claimed(ids)
        assert backend.store.complete(requests(ids[:1]), deadline) == [Completed()]
        outcomes = backend.store.release(requests([*ids, "orders#9"]), deadline)
        assert outcomes == [LostLease(completed=True), Released(), Released()]
        assert Counter(backend.wire.sent) == {UPDATE: 3, DELETE: 3}
        assert len(backend.listener.fallen_back) == 1

    @pytest.mark.parametrize(
        "fault", [only(STATEMENTS, DENIED), NOT_ALLOWED["one statement denied"]]
    )
    @pytest.mark.parametrize("call", ["complete", "release"])
    def test_settlement(self, backend: Lab, deadline: Deadline, fault: Fault, call: str) -> None:
        """A settlement may be the first to learn of it: what it leaves open is settled singly."""
        backend.store.claim(claims(), deadline)
        backend.wire.always = fault
        outcomes = getattr(backend.store, call)(requests(), deadline)
        assert outcomes == [Completed() if call == "complete" else Released()] * 3
        assert len(backend.listener.fallen_back) == 1

    def test_what_is_told(self, backend: Lab, deadline: Deadline) -> None:
        """The error that is told names the operation and what the service said."""
        backend.wire.always = only(STATEMENTS, answered(400, "AccessDeniedException", "no PartiQL"))
        backend.store.claim(claims(), deadline)
        (reported,) = backend.listener.fallen_back
        assert reported.code == "AccessDeniedException"
        assert STATEMENTS in str(reported)
        assert "no PartiQL" in str(reported)

    def test_after_a_lost_answer(self, backend: Lab, deadline: Deadline) -> None:
        """Claims that got through before the calls were denied are known again."""
        backend.wire.faults = [lost(READ_TIMEOUT)]
        backend.wire.always = only(STATEMENTS, DENIED)
        assert backend.store.claim(claims(), deadline) == claimed(recovered=True)

    def test_after_a_lost_answer_and_singly_denied(self, backend: Lab, deadline: Deadline) -> None:
        """Claims that may have got through before are to be given back when nobody can tell."""
        backend.wire.faults = [lost(READ_TIMEOUT)]
        backend.wire.always = DENIED
        outcomes = backend.store.claim(claims(), deadline)
        assert [error(each).maybe_written for each in outcomes] == [True] * 3

    def test_nothing_is_allowed(self, dead: Dead, deadline: Deadline) -> None:
        """A role that lacks the calls for one as well is refused for each, and written nothing."""
        store, wire = dead
        wire.always = DENIED
        outcomes = store.claim(claims(), deadline)
        assert all(isinstance(each, StoreRefusedError) for each in outcomes)
        assert not any(error(each).maybe_written for each in outcomes)
        assert all(UPDATE in str(each) for each in outcomes)
        assert Counter(wire.sent) == {STATEMENTS: 1, UPDATE: 3}

    def test_one_alone_tells_nothing(self, backend: Lab, deadline: Deadline) -> None:
        """A single claim that is denied says nothing of calls for many."""
        backend.wire.faults = [DENIED]
        backend.store.claim(claims(TRIO[:1]), deadline)
        assert backend.listener.fallen_back == []
        backend.store.claim(claims(), deadline)
        assert backend.wire.sent[1:] == [STATEMENTS]

    def test_two_threads(self, backend: Lab, deadline: Deadline) -> None:
        """Two threads that learn of it at the same time tell it once."""
        both = threading.Barrier(2)

        def denied_together(sent: Any, through: Any) -> Any:
            both.wait(SECONDS)
            return DENIED(sent, through)

        backend.wire.always = only(STATEMENTS, denied_together)
        groups = [("orders#1", "orders#2"), ("orders#3", "orders#4")]
        with ThreadPoolExecutor(2) as pool:
            outcomes = list(
                pool.map(lambda ids: backend.store.claim(claims(ids), deadline), groups)
            )
        assert outcomes == [claimed(ids) for ids in groups]
        assert len(backend.listener.fallen_back) == 1

    def test_not_wanted(self, backend: Lab, deadline: Deadline) -> None:
        """A store that is told to make single calls makes no others, and tells nothing."""
        store = DynamoDBClaimStore(
            backend.deployed, backend.table, backend.clock, backend.listener, together=False
        )
        assert store.claim(claims(), deadline) == claimed()
        assert backend.wire.sent == [UPDATE] * 3
        assert backend.listener.fallen_back == []


class TestDeadline:
    """No call that could outlast the invocation."""

    @pytest.mark.parametrize(("left", "sent"), [(2000, 1), (1999, 0)])
    @pytest.mark.parametrize("redelivered", [True, False])
    def test_first_attempt(
        self, dead: Dead, clock: ManualClock, left: int, sent: int, redelivered: bool
    ) -> None:
        """A call takes 1.5 s at worst, and half a second is reserved: below 2 s none is made."""
        store, wire = dead
        wire.always = taking(clock, 1, broken(NO_CONNECTION))
        deadline = Deadline.from_remaining(clock, Millis(left))
        outcomes = store.claim(claims(redelivered=redelivered), deadline)
        assert len(wire.sent) == sent
        assert all(isinstance(each, StoreUnavailableError) for each in outcomes)
        assert not any(error(each).maybe_written for each in outcomes)

    def test_second_attempt(self, dead: Dead, clock: ManualClock) -> None:
        """An attempt that no longer fits is not made."""
        store, wire = dead
        wire.always = taking(clock, 1000, broken(READ_TIMEOUT))
        store.claim(claims(), Deadline.from_remaining(clock, Millis(2999)))
        assert len(wire.sent) == 1

    def test_the_wait_is_part_of_it(
        self, dead: Dead, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A pause that would push the next attempt past the deadline is not slept."""
        monkeypatch.setattr("random.randrange", lambda limit: limit - 1)
        store, wire = dead
        wire.always = sparing(dict.fromkeys(TRIO, "ThrottlingError"))
        store.claim(claims(), Deadline.from_remaining(clock, Millis(2100)))
        assert len(wire.sent) == 1
        assert clock.monotonic() == 0

    def test_no_time_to_look(self, backend: Lab, clock: ManualClock, deadline: Deadline) -> None:
        """Claims are made and the others cannot be read any more: those may be their own."""
        backend.store.claim(claims(TRIO[:1], "theirs"), deadline)
        clear(backend.wire)

        def slowly(sent: Any, through: Any) -> Any:
            clock.advance(Millis(1000))
            return through(sent)

        backend.wire.always = slowly
        first, *others = backend.store.claim(claims(), Deadline.from_remaining(clock, Millis(2999)))
        assert backend.wire.sent == [STATEMENTS]
        assert others == claimed(TRIO[1:])
        assert isinstance(first, StoreUnavailableError)
        assert first.maybe_written

    @pytest.mark.parametrize("left", [1, 400, 1999])
    @pytest.mark.parametrize("call", ["complete", "release"])
    def test_first_confirmation(self, dead: Dead, clock: ManualClock, left: int, call: str) -> None:
        """A settlement is tried once as long as any time is left: not trying repeats."""
        store, wire = dead
        wire.always = granting
        outcomes = getattr(store, call)(requests(), Deadline.from_remaining(clock, Millis(left)))
        assert outcomes == [Completed() if call == "complete" else Released()] * 3
        assert wire.sent == [STATEMENTS]

    @pytest.mark.parametrize("call", ["complete", "release"])
    def test_first_confirmation_of_many(self, dead: Dead, clock: ManualClock, call: str) -> None:
        """That holds for each of the calls that many settlements take."""
        store, wire = dead
        wire.always = granting
        many = requests([f"orders#{number}" for number in range(60)])
        outcomes = getattr(store, call)(many, Deadline.from_remaining(clock, Millis(1)))
        assert not any(isinstance(each, StoreError) for each in outcomes)
        assert wire.sent == [STATEMENTS] * 3

    @pytest.mark.parametrize("call", ["complete", "release"])
    def test_after_the_deadline(self, dead: Dead, clock: ManualClock, call: str) -> None:
        """When the time is over nothing is sent: it would be the next invocation that sends it."""
        store, wire = dead
        outcomes = getattr(store, call)(requests(), Deadline.from_remaining(clock, Millis(0)))
        assert all(isinstance(each, StoreUnavailableError) for each in outcomes)
        assert not any(each.maybe_written for each in outcomes)
        assert wire.sent == []

    def test_second_confirmation(self, dead: Dead, clock: ManualClock) -> None:
        """Tried once, and not again without the time."""
        store, wire = dead
        wire.always = broken(READ_TIMEOUT)
        outcomes = store.complete(requests(), Deadline.from_remaining(clock, Millis(1999)))
        assert all(isinstance(each, StoreUnavailableError) for each in outcomes)
        assert wire.sent == [STATEMENTS]


class TestPipelineUnderFaults:
    """The pipeline and the store together."""

    @pytest.mark.parametrize(
        "fault",
        [
            THROTTLED,
            INTERNAL,
            broken(NO_CONNECTION),
            broken(CONNECT_TIMEOUT),
            sparing({TRIO[0]: "ThrottlingError", TRIO[2]: "InternalServerError"}),
        ],
    )
    def test_a_short_outage_after_the_effects(self, backend: Lab, fault: Fault) -> None:
        """An outage of three attempts after the effects is ridden out: one run each."""
        harness = ConsumerHarness(backend.store, backend.clock)
        harness.behaviour["3"] = lambda _: backend.wire.faults.extend([fault] * 3)
        assert harness.deliver("1", "2", "3") == []
        assert harness.ran == ["1", "2", "3"]

    def test_one_throttled_claim(self, backend: Lab) -> None:
        """A claim that is throttled for good is reported; its neighbours run."""
        harness = ConsumerHarness(backend.store, backend.clock)
        backend.wire.faults = [sparing({TRIO[1]: "ThrottlingError"})] * 3
        assert harness.deliver("1", "2", "3") == ["m-2"]
        assert harness.ran == ["1", "3"]

    def test_failing_messages(self, backend: Lab) -> None:
        """Failing messages leave no record behind, and are given back in one call."""
        harness = ConsumerHarness(backend.store, backend.clock)
        harness.behaviour = {"1": raising(ValueError()), "3": raising(ValueError())}
        assert harness.deliver("1", "2", "3") == ["m-1", "m-3"]
        assert [backend.item(each) is None for each in TRIO] == [True, False, True]
        assert traffic(backend.wire) == [
            (STATEMENTS, list(TRIO)),
            (UPDATE, [TRIO[1]]),
            (STATEMENTS, [TRIO[0], TRIO[2]]),
        ]

    @pytest.mark.parametrize("receives", [["1"] * 10, ["2"] * 10, ["1", "2"] * 5])
    def test_dead_table(self, backend: Lab, receives: list[str]) -> None:
        """A batch of ten against a table that never answers comes back failed in five seconds."""
        harness = ConsumerHarness(backend.store, backend.clock)
        backend.wire.always = taking(backend.clock, 1000, broken(READ_TIMEOUT))
        batch = [
            order(number, attributes={"ApproximateReceiveCount": receive})
            for number, receive in enumerate(receives)
        ]
        assert len(harness.deliver(*batch)) == 10
        assert harness.ran == []
        assert backend.clock.monotonic() < 5000
