"""The store on DynamoDB, many requests together: each statement and each key can fail by itself.

Requests go to the emulator through a wire that the tests cut, delay and answer in its place,
wholly or for single statements; the clock is manual, so pauses cost nothing.
"""

from collections import Counter
from typing import Any

import pytest

from idempotent_lambda.clock import Deadline, EpochMillis, Millis
from idempotent_lambda.errors import StoreError, StoreRefusedError, StoreUnavailableError
from idempotent_lambda.protocol.claims import (
    Claimed,
    Completed,
    Duplicate,
    InProgress,
    LostLease,
    Released,
)
from idempotent_lambda.store.dynamodb import DynamoDBClaimStore
from idempotent_lambda_toolkit.testing import ManualClock

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
    answered,
    broken,
    lost,
    raising,
    taking,
)
from .statement_faults import (
    INTERNAL,
    LOSSES,
    READ,
    STATEMENTS,
    THROTTLED,
    TRIO,
    UPDATE,
    Dead,
    answer,
    asked,
    claimed,
    claims,
    clear,
    codes,
    error,
    granting,
    owner_of,
    requests,
    sparing,
    traffic,
    written_and,
)

pytestmark = pytest.mark.emulator


class TestRequest:
    """The requests on the wire."""

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
        """A consistent read gets the records of refused claims, and no others."""
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
        """A record of another owner does not become mine by a lost answer."""
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
        """Only throttled statements are sent again, each time after a pause, at most twice."""
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
        """A claim that was throttled once and then succeeded is a claim like any other."""
        backend.wire.faults = [sparing({TRIO[1]: "ThrottlingError"})]
        assert backend.store.claim(claims(), deadline) == claimed()

    def test_throttled_and_then_a_duplicate(self, backend: Lab, deadline: Deadline) -> None:
        """A claim that is throttled and then refused is read together with ones refused at once."""
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
        """A refused request is sent once, and costs its neighbours nothing."""
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
        """A call that may succeed later is tried three times, and then nobody has the claim."""
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
        monkeypatch.setattr("random.SystemRandom.randrange", lambda _, limit: limit - 1)
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
