"""The store on DynamoDB, one request alone: every way in which its round trip can fail.

Requests go to the emulator through a wire that the tests cut, delay and answer in its place; the
clock is manual, so pauses cost nothing.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from botocore import exceptions

from idempotent_lambda.clients import new_client
from idempotent_lambda.clock import Deadline, EpochMillis, Millis, Seconds
from idempotent_lambda.errors import StoreError, StoreRefusedError, StoreUnavailableError
from idempotent_lambda.protocol.claims import (
    Claimed,
    ClaimRequest,
    Completed,
    Duplicate,
    InProgress,
    LostLease,
    Parked,
    Released,
    Request,
    Stale,
)
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.store.dynamodb import DynamoDBClaimStore
from idempotent_lambda_toolkit.testing import ManualClock
from tests.requests import claim_of

from .conftest import Lab
from .function import TABLE
from .harness import (
    CONNECT_TIMEOUT,
    CONNECTION_CLOSED,
    NO_CONNECTION,
    READ_TIMEOUT,
    START,
    ConsumerHarness,
    Fault,
    Listener,
    Wire,
    answered,
    broken,
    done,
    lost,
    raising,
    taking,
)

Dead = tuple[DynamoDBClaimStore, Wire]


def single(call: Callable[..., list[Any]], asked: Request, deadline: Deadline) -> Any:
    """The answer to one request that goes out alone."""
    (answer,) = call([asked], deadline)
    return answer


def table_unavailable(outcome: object) -> StoreUnavailableError:
    """The error that is the outcome, of the kind that passes."""
    assert isinstance(outcome, StoreUnavailableError)
    return outcome


def refused(outcome: object) -> StoreRefusedError:
    """The error that is the outcome, of the kind that stays."""
    assert isinstance(outcome, StoreRefusedError)
    return outcome


THROTTLED = answered(400, "ProvisionedThroughputExceededException")
INTERNAL = answered(500, "InternalServerError")
UNCOUNTABLE = answered(
    400, "ValidationException", "An operand in the update expression has an incorrect data type"
)
ONE_ATTEMPT = done({"attempts": {"N": "1"}})


def request(owner: str = "mine", now: int = START) -> Request:
    """A request for order 1."""
    return Request(
        record_id="orders#1", owner=Owner(owner), now=EpochMillis(now), retention=Seconds(3600)
    )


def claim(owner: str = "mine", *, takeover: bool = False, now: int = START) -> ClaimRequest:
    """A claim of order 1, for a minute."""
    end = EpochMillis(now + 60_000)
    return claim_of(request(owner, now), lease_expires_at=end, takeover=takeover)


pytestmark = pytest.mark.emulator


class TestRoundTrips:
    """One request per decision."""

    def test_claim_and_complete(self, backend: Lab, deadline: Deadline) -> None:
        """A first delivery is two conditional updates and nothing more."""
        assert single(backend.store.claim, claim(), deadline) == Claimed(Owner("mine"), 1)
        assert single(backend.store.complete, request(), deadline) == Completed()
        assert backend.wire.sent == ["UpdateItem", "UpdateItem"]

    def test_release(self, backend: Lab, deadline: Deadline) -> None:
        """Giving back is one conditional delete."""
        single(backend.store.claim, claim(), deadline)
        assert single(backend.store.release, request(), deadline) == Released()
        assert backend.wire.sent == ["UpdateItem", "DeleteItem"]

    def test_duplicate(self, backend: Lab, deadline: Deadline) -> None:
        """A duplicate costs one failed update and no read."""
        single(backend.store.claim, claim("theirs"), deadline)
        single(backend.store.complete, request("theirs"), deadline)
        backend.wire.sent.clear()
        assert single(backend.store.claim, claim(), deadline) == Duplicate()
        assert backend.wire.sent == ["UpdateItem"]

    def test_busy(self, backend: Lab, deadline: Deadline) -> None:
        """So does a busy key."""
        single(backend.store.claim, claim("theirs"), deadline)
        assert single(backend.store.claim, claim(), deadline) == InProgress(
            EpochMillis(START + 60_000)
        )
        assert backend.wire.sent == ["UpdateItem", "UpdateItem"]

    def test_stale_and_takeover(self, backend: Lab, deadline: Deadline) -> None:
        """A stale record is seen by one update and taken over by one."""
        single(backend.store.claim, claim("dead"), deadline)
        backend.wire.sent.clear()
        later = START + 60_000
        assert single(backend.store.claim, claim(now=later), deadline) == Stale(1, Owner("dead"))
        taken = single(backend.store.claim, claim(takeover=True, now=later), deadline)
        assert taken == Claimed(Owner("mine"), 2)
        assert backend.wire.sent == ["UpdateItem", "UpdateItem"]

    def test_refused_settlements(self, backend: Lab, deadline: Deadline) -> None:
        """Learning that a record is somebody else's takes no read either."""
        single(backend.store.claim, claim("theirs"), deadline)
        backend.wire.sent.clear()
        assert single(backend.store.complete, request(), deadline) == LostLease(completed=False)
        assert single(backend.store.release, request(), deadline) == LostLease(completed=False)
        assert backend.wire.sent == ["UpdateItem", "DeleteItem"]

    def test_pipeline(self, backend: Lab) -> None:
        """An order is two requests; delivered again, one."""
        harness = ConsumerHarness(backend.store, backend.clock)
        assert harness.deliver("a") == []
        assert backend.wire.sent == ["UpdateItem"] * 2
        backend.wire.sent.clear()
        assert harness.deliver("a") == []
        assert backend.wire.sent == ["UpdateItem"]
        assert harness.ran == ["a"]


class TestRequest:
    """The requests on the wire."""

    def test_claim(self, dead: Dead, deadline: Deadline) -> None:
        """A claim names its table, record and condition, and asks for the record in the way."""
        store, wire = dead
        wire.always = ONE_ATTEMPT
        single(store.claim, claim(), deadline)
        (body,) = wire.bodies
        assert body["TableName"] == TABLE
        assert body["Key"] == {"id": {"S": "orders#1"}}
        assert body["ConditionExpression"] == (
            "(attribute_not_exists(#id) OR (#status = :completed AND #expires_at <= :now_seconds))"
        )
        assert body["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
        assert body["ExpressionAttributeValues"][":lease_expires_at"] == {"N": "1700000060000"}
        assert body["ExpressionAttributeValues"][":expires_at"] == {"N": "1700003600"}

    @pytest.mark.parametrize(
        "kind", ["claim", "takeover", "redriven", "complete", "result", "release", "park", "mark"]
    )
    def test_every_alias_is_used(self, dead: Dead, deadline: Deadline, kind: str) -> None:
        """The names and values match the expressions exactly, because DynamoDB refuses others."""
        store, wire = dead
        wire.always = ONE_ATTEMPT
        match kind:
            case "complete" | "release" | "park" | "mark":
                single(getattr(store, kind), replace(request(), reason="why"), deadline)
            case "result":
                single(store.complete, replace(request(), result="[]"), deadline)
            case "redriven":
                asked = replace(claim(takeover=True), token="a", payload_hash="v1:b")
                single(store.claim, asked, deadline)
            case _:
                single(store.claim, claim(takeover=kind == "takeover"), deadline)
        (body,) = wire.bodies
        text = body.get("UpdateExpression", "") + " " + body["ConditionExpression"]
        assert set(re.findall(r"#\w+", text)) == set(body["ExpressionAttributeNames"])
        assert set(re.findall(r":\w+", text)) == set(body["ExpressionAttributeValues"])

    def test_every_attempt_is_the_same(self, dead: Dead, deadline: Deadline) -> None:
        """Owner, lease and time do not change between attempts, though the clock does."""
        store, wire = dead
        wire.faults = [THROTTLED, INTERNAL, ONE_ATTEMPT]
        single(store.claim, claim(), deadline)
        assert len(wire.bodies) == 3
        assert wire.bodies[0] == wire.bodies[1] == wire.bodies[2]


class TestLostAnswers:
    """The request was carried out, and nobody said so (P4)."""

    LOSSES = (READ_TIMEOUT, CONNECTION_CLOSED)

    @pytest.mark.parametrize("takeover", [False, True])
    @pytest.mark.parametrize("loss", LOSSES)
    def test_claim(self, backend: Lab, deadline: Deadline, loss: Exception, takeover: bool) -> None:
        """An owner that meets its own claim has it, and is not a duplicate of itself."""
        backend.wire.faults = [lost(loss)]
        outcome = single(backend.store.claim, claim(takeover=takeover), deadline)
        assert outcome == Claimed(Owner("mine"), 1, recovered=True)
        assert backend.wire.sent == ["UpdateItem", "UpdateItem"]

    def test_takeover(self, backend: Lab, deadline: Deadline) -> None:
        """A takeover whose answer was lost counts one attempt, not two."""
        single(backend.store.claim, claim("dead"), deadline)
        backend.wire.faults = [lost(READ_TIMEOUT)]
        outcome = single(backend.store.claim, claim(takeover=True, now=START + 60_000), deadline)
        assert outcome == Claimed(Owner("mine"), 2, recovered=True)

    def test_claim_answered_with_an_internal_error(self, backend: Lab, deadline: Deadline) -> None:
        """An internal error may have written: the next attempt finds out."""
        applied = backend.wire.through

        def write_and_fail(sent: Any, through: Any) -> Any:
            applied(sent)
            return INTERNAL(sent, through)

        backend.wire.faults = [write_and_fail]
        assert single(backend.store.claim, claim(), deadline) == Claimed(
            Owner("mine"), 1, recovered=True
        )

    @pytest.mark.parametrize("loss", LOSSES)
    def test_completion(self, backend: Lab, deadline: Deadline, loss: Exception) -> None:
        """A completion that meets its own work is confirmed."""
        single(backend.store.claim, claim(), deadline)
        backend.wire.faults = [lost(loss)]
        assert single(backend.store.complete, request(), deadline) == Completed(recovered=True)

    @pytest.mark.parametrize("loss", LOSSES)
    def test_parking_and_its_mark(self, backend: Lab, deadline: Deadline, loss: Exception) -> None:
        """A parking that meets its own work is done, and so is the note of its copy."""
        single(backend.store.claim, claim(), deadline)
        asked = replace(request(), reason="why")
        backend.wire.faults = [lost(loss)]
        assert single(backend.store.park, asked, deadline) == Parked(Owner("mine"))
        backend.wire.faults = [lost(loss)]
        marked = Parked(Owner("mine"), dead_lettered=True)
        assert single(backend.store.mark, asked, deadline) == marked
        assert backend.wire.sent == ["UpdateItem"] * 5

    @pytest.mark.parametrize("loss", LOSSES)
    def test_unlocking(self, backend: Lab, deadline: Deadline, loss: Exception) -> None:
        """A copy that unlocked its record and did not hear of it has the claim."""
        single(backend.store.claim, claim("theirs"), deadline)
        single(backend.store.park, replace(request("theirs"), reason="why"), deadline)
        backend.wire.faults = [lost(loss)]
        outcome = single(backend.store.claim, replace(claim(), token="theirs"), deadline)
        assert outcome == Claimed(Owner("mine"), 1, recovered=True)

    @pytest.mark.parametrize("loss", LOSSES)
    def test_release(self, backend: Lab, deadline: Deadline, loss: Exception) -> None:
        """A release that finds nothing has done its work."""
        single(backend.store.claim, claim(), deadline)
        backend.wire.faults = [lost(loss)]
        assert single(backend.store.release, request(), deadline) == Released()

    def test_release_and_another_claim(self, backend: Lab, deadline: Deadline) -> None:
        """The second attempt of a lost release leaves the next owner's claim alone."""
        single(backend.store.claim, claim(), deadline)

        def release_then_theirs(sent: Any, through: Any) -> Any:
            through(sent)
            theirs = DynamoDBClaimStore(
                backend.client, backend.table, backend.clock, backend.listener
            )
            theirs.claim([claim("theirs")], deadline)
            raise READ_TIMEOUT

        backend.wire.faults = [release_then_theirs]
        assert single(backend.store.release, request(), deadline) == LostLease(completed=False)
        item = backend.item("orders#1")
        assert item is not None
        assert item["owner"] == {"S": "theirs"}

    def test_every_claim_answer_lost(self, backend: Lab) -> None:
        """A claim that never gets an answer runs nothing, and is given back."""
        harness = ConsumerHarness(backend.store, backend.clock)
        backend.wire.faults = [lost(READ_TIMEOUT)] * 3
        assert harness.deliver("1") == ["m-1"]
        assert harness.ran == []
        assert harness.outcomes == {"m-1": "table_unavailable"}
        assert backend.wire.sent == ["UpdateItem"] * 3 + ["DeleteItem"]
        assert backend.item("orders#1") is None

    def test_every_claim_answer_lost_by_timeouts(self, backend: Lab) -> None:
        """The same where every lost answer costs its second: the claim is still given back."""
        harness = ConsumerHarness(backend.store, backend.clock)
        lose = taking(backend.clock, 1000, lost(READ_TIMEOUT))

        def lose_claims(sent: Any, through: Any) -> Any:
            return through(sent) if backend.wire.sent[-1] == "DeleteItem" else lose(sent, through)

        backend.wire.always = lose_claims
        assert harness.deliver("1") == ["m-1"]
        assert harness.ran == []
        assert backend.wire.sent[-1] == "DeleteItem"
        assert backend.item("orders#1") is None
        assert backend.clock.monotonic() < 5000

    def test_every_completion_answer_lost(self, backend: Lab) -> None:
        """A completion that never gets an answer acknowledges nothing; redelivered, a duplicate."""
        harness = ConsumerHarness(backend.store, backend.clock)
        harness.behaviour["1"] = lambda _: setattr(
            backend.wire, "always", taking(backend.clock, 1000, lost(READ_TIMEOUT))
        )
        assert harness.deliver("1") == ["m-1"]
        assert harness.outcomes == {"m-1": "unconfirmed"}
        assert "DeleteItem" not in backend.wire.sent
        backend.wire.always = None
        assert harness.deliver("1") == []
        assert harness.ran == ["1"]


class TestRetries:
    """Our own attempts; the SDK makes none."""

    @pytest.mark.parametrize(
        "fault",
        [
            THROTTLED,
            answered(400, "ThrottlingException"),
            answered(400, "RequestLimitExceeded"),
            answered(400, "TransactionConflictException"),
            INTERNAL,
            answered(503, "ServiceUnavailable"),
            broken(NO_CONNECTION),
            broken(CONNECT_TIMEOUT),
            broken(READ_TIMEOUT),
            broken(CONNECTION_CLOSED),
        ],
    )
    @pytest.mark.parametrize("kind", ["claim", "release", "park", "mark"])
    def test_passing_failure(self, dead: Dead, deadline: Deadline, fault: Fault, kind: str) -> None:
        """A call that may succeed later is tried three times; only a completion is tried longer."""
        store, wire = dead
        wire.always = fault
        asked = claim() if kind == "claim" else replace(request(), reason="why")
        assert table_unavailable(single(getattr(store, kind), asked, deadline))
        assert len(wire.sent) == 3

    @pytest.mark.parametrize(
        "fault",
        [
            THROTTLED,
            INTERNAL,
            broken(NO_CONNECTION),
            broken(CONNECT_TIMEOUT),
            broken(READ_TIMEOUT),
            broken(CONNECTION_CLOSED),
        ],
    )
    def test_completion_insists(
        self, dead: Dead, clock: ManualClock, deadline: Deadline, fault: Fault
    ) -> None:
        """A completion is tried until it is confirmed, however the table fails (P7)."""
        store, wire = dead
        wire.faults = [taking(clock, 500, fault)] * 20 + [done()]
        assert single(store.complete, request(), deadline) == Completed()
        assert len(wire.sent) == 21

    def test_completion_ends_with_the_deadline(
        self, dead: Dead, clock: ManualClock, deadline: Deadline
    ) -> None:
        """It gives up only when no further attempt fits, and leaves the reserve free."""
        store, wire = dead
        wire.always = taking(clock, 1000, broken(READ_TIMEOUT))
        assert table_unavailable(single(store.complete, request(), deadline))
        assert 500 <= deadline.remaining() < 500 + 1500 + 1000
        assert len(wire.sent) >= 35

    def test_pauses_grow_with_jitter(
        self, dead: Dead, clock: ManualClock, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Pauses are drawn from a range that doubles up to a second; the first try has none."""
        store, wire = dead
        monkeypatch.setattr("random.SystemRandom.randrange", lambda _, limit: limit - 1)
        moments: list[int] = []

        def throttled(sent: Any, through: Any) -> Any:
            moments.append(clock.monotonic())
            return THROTTLED(sent, through)

        wire.faults = [throttled] * 7 + [done()]
        single(store.complete, request(), deadline)
        assert [moments[0], *(late - early for early, late in pairwise(moments))] == [
            *(0, 199, 399, 799),
            *(999, 999, 999),
        ]

    @pytest.mark.parametrize(
        ("code", "status"),
        [
            ("AccessDeniedException", 400),
            ("ResourceNotFoundException", 400),
            ("ValidationException", 400),
            ("UnrecognizedClientException", 400),
            ("ItemCollectionSizeLimitExceededException", 400),
        ],
    )
    def test_refusals(self, dead: Dead, deadline: Deadline, code: str, status: int) -> None:
        """A table that says no is asked once, and the error carries what it said."""
        store, wire = dead
        wire.always = answered(status, code, "what it said")
        for call in (store.complete, store.release, store.park, store.mark):
            wire.sent.clear()
            error = refused(single(call, replace(request(), reason="why"), deadline))
            assert len(wire.sent) == 1
            assert error.code == code
            assert "what it said" in str(error)
            assert not error.maybe_written

    def test_a_table_that_is_not_there(
        self, backend: Lab, clock: ManualClock, deadline: Deadline
    ) -> None:
        """A missing table is a refusal of one request, with the operation in its text."""
        store = DynamoDBClaimStore(backend.deployed, "nowhere", clock, backend.listener)
        error = refused(single(store.claim, claim(), deadline))
        assert str(error).startswith("UpdateItem on table 'nowhere': Resource")
        assert backend.wire.sent == ["UpdateItem"]

    @pytest.mark.parametrize(
        ("faults", "maybe_written"),
        [
            ([THROTTLED] * 3, False),
            ([broken(NO_CONNECTION)] * 3, False),
            ([broken(CONNECT_TIMEOUT)] * 3, False),
            ([INTERNAL, THROTTLED, THROTTLED], True),
            ([broken(READ_TIMEOUT), THROTTLED, broken(CONNECT_TIMEOUT)], True),
            ([broken(CONNECTION_CLOSED), THROTTLED, THROTTLED], True),
            ([broken(READ_TIMEOUT), answered(400, "AccessDeniedException")], True),
        ],
    )
    def test_what_may_have_been_written(
        self, dead: Dead, deadline: Deadline, faults: list[Fault | None], maybe_written: bool
    ) -> None:
        """One attempt whose end is unknown makes the whole claim's end unknown."""
        store, wire = dead
        wire.faults = faults
        error = single(store.claim, claim(), deadline)
        assert isinstance(error, StoreError)
        assert error.maybe_written is maybe_written

    def test_an_answer_that_is_none(self, dead: Dead, deadline: Deadline) -> None:
        """A claim that is answered without its attributes is an unknown outcome, not a crash."""
        store, wire = dead
        wire.always = done()
        assert table_unavailable(single(store.claim, claim(), deadline)).maybe_written


class TestDeadline:
    """No request that could outlast the invocation."""

    @pytest.mark.parametrize(("left", "sent"), [(2000, 1), (1999, 0)])
    def test_first_attempt(self, dead: Dead, clock: ManualClock, left: int, sent: int) -> None:
        """A request takes 1.5 s at worst, and half a second is reserved: below 2 s none is made."""
        store, wire = dead
        wire.always = broken(CONNECTION_CLOSED)
        deadline = Deadline.from_remaining(clock, Millis(left))
        error = table_unavailable(single(store.claim, claim(), deadline))
        assert len(wire.sent) == sent
        assert error.maybe_written is (sent == 1)

    def test_second_attempt(self, dead: Dead, clock: ManualClock) -> None:
        """An attempt that no longer fits is not made."""
        store, wire = dead
        wire.always = taking(clock, 1000, broken(READ_TIMEOUT))
        assert table_unavailable(
            single(store.claim, claim(), Deadline.from_remaining(clock, Millis(2999)))
        )
        assert len(wire.sent) == 1

    @pytest.mark.parametrize("left", [1, 400, 1999])
    def test_first_confirmation(self, dead: Dead, clock: ManualClock, left: int) -> None:
        """A settlement is tried once as long as any time is left: not trying repeats."""
        store, wire = dead
        wire.always = done()
        deadline = Deadline.from_remaining(clock, Millis(left))
        assert single(store.complete, request(), deadline) == Completed()
        assert single(store.release, request(), deadline) == Released()
        assert wire.sent == ["UpdateItem", "DeleteItem"]

    def test_the_wait_is_part_of_it(
        self, dead: Dead, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A pause that would push the next attempt past the deadline is not slept."""
        monkeypatch.setattr("random.SystemRandom.randrange", lambda _, limit: limit - 1)
        store, wire = dead
        wire.always = THROTTLED
        assert table_unavailable(
            single(store.claim, claim(), Deadline.from_remaining(clock, Millis(2100)))
        )
        assert len(wire.sent) == 1
        assert clock.monotonic() == 0


class TestDamage:
    """Records that this version did not write; tests/contracts has the table of all of them."""

    @pytest.mark.parametrize("looks", [True, False])
    def test_attempts_that_cannot_be_counted(
        self, backend: Lab, deadline: Deadline, looks: bool
    ) -> None:
        """DynamoDB refuses to add to a text, and the record that is read then says why."""
        single(backend.store.claim, claim("theirs", now=START - 60_000), deadline)
        item = {**(backend.item("orders#1") or {}), "attempts": {"S": "many"}}
        backend.client.put_item(TableName=backend.table, Item=item)
        backend.wire.faults = [
            UNCOUNTABLE,
            None if looks else answered(400, "AccessDeniedException"),
        ]
        error = refused(single(backend.store.claim, claim(takeover=True), deadline))
        assert error.code == ("DamagedRecord" if looks else "ValidationException")
        assert ("its attempts must be a number" in str(error)) is looks
        assert not error.maybe_written
        assert backend.item("orders#1") == item

    @pytest.mark.parametrize("call", ["claim", "complete", "release"])
    def test_another_refusal(self, backend: Lab, deadline: Deadline, call: str) -> None:
        """A call that DynamoDB refuses for another reason is reported with that reason."""
        backend.wire.faults = [UNCOUNTABLE]
        asked = claim() if call == "claim" else request()
        error = refused(single(getattr(backend.store, call), asked, deadline))
        assert error.code == "ValidationException"


class TestClient:
    """The client that cold start makes."""

    def test_the_environment_adds_no_attempts(
        self, aws: None, monkeypatch: pytest.MonkeyPatch, clock: ManualClock, deadline: Deadline
    ) -> None:
        """Retries that somebody sets for the whole function do not multiply ours."""
        del aws
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "10")
        monkeypatch.setenv("AWS_RETRY_MODE", "legacy")
        client = new_client()
        wire = Wire(client)
        wire.always = THROTTLED
        store = DynamoDBClaimStore(client, TABLE, clock, Listener())
        assert table_unavailable(single(store.claim, claim(), deadline))
        assert len(wire.sent) == 3

    def test_without_credentials(
        self, aws: None, monkeypatch: pytest.MonkeyPatch, clock: ManualClock, deadline: Deadline
    ) -> None:
        """A client without credentials is a refusal that names them, at the first request."""
        del aws
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
        store = DynamoDBClaimStore(new_client(), TABLE, clock, Listener())
        error = refused(single(store.claim, claim(), deadline))
        assert error.code == exceptions.NoCredentialsError.__name__
        assert "credentials" in str(error)


class TestPipelineUnderFaults:
    """The pipeline and the store together."""

    @pytest.mark.parametrize(
        "fault", [THROTTLED, INTERNAL, broken(NO_CONNECTION), broken(CONNECT_TIMEOUT)]
    )
    def test_a_short_outage_after_the_effect(self, backend: Lab, fault: Fault) -> None:
        """An outage of three attempts after the effect is ridden out: one run, acknowledged."""
        harness = ConsumerHarness(backend.store, backend.clock)
        harness.behaviour["1"] = lambda _: backend.wire.faults.extend([fault] * 3)
        assert harness.deliver("1", "2") == []
        assert harness.ran == ["1", "2"]

    def test_failing_message(self, backend: Lab) -> None:
        """A failing message leaves no record behind."""
        harness = ConsumerHarness(backend.store, backend.clock)
        harness.behaviour["1"] = raising(ValueError())
        assert harness.deliver("1", "2") == ["m-1"]
        assert backend.item("orders#1") is None
