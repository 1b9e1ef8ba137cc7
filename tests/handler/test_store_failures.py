"""The pipeline on a table that fails: nothing is lost, and a dead table costs seconds."""

import pytest

from idempotent_lambda.store.dynamodb import DynamoDBClaimStore
from idempotent_lambda_toolkit.testing import ManualClock

from .harness import (
    CONNECT_TIMEOUT,
    NO_CONNECTION,
    READ_TIMEOUT,
    ConsumerHarness,
    Fault,
    Wire,
    answered,
    broken,
    done,
    faulty,
    raising,
    refused,
    table_unavailable,
    taking,
)


class TestStoreFails:
    """Fail closed before the effect, hold on after it."""

    def test_claim_refused(self) -> None:
        """A claim that is refused runs nothing and is reported; the others are still tried."""
        harness, store = faulty()
        store.faults["claim orders#b"] = refused()
        assert harness.deliver("a", "b", "c") == ["m-b"]
        assert harness.ran == ["a", "c"]
        assert harness.outcomes["m-b"] == "table_unavailable"

    def test_claim_lost(self) -> None:
        """A claim that may have been written is given back and not run."""
        harness, store = faulty()
        store.after["claim orders#a"] = table_unavailable(maybe_written=True)
        assert harness.deliver("a") == ["m-a"]
        assert harness.ran == []
        assert store.calls == ["claim orders#a", "release orders#a"]
        assert harness.status("a") is None

    def test_claim_not_written(self) -> None:
        """A claim that was certainly not written costs no release."""
        harness, store = faulty()
        store.faults["claim"] = table_unavailable(maybe_written=False)
        harness.deliver("a")
        assert store.calls == ["claim orders#a"]

    @pytest.mark.parametrize(
        "error", [table_unavailable(maybe_written=True), table_unavailable(), refused()]
    )
    def test_unconfirmed(self, error: Exception) -> None:
        """An effect without a proven completion keeps its claim and is reported."""
        harness, store = faulty()
        store.faults["complete orders#b"] = error
        assert harness.deliver("a", "b", "c") == ["m-b"]
        assert harness.outcomes == {"m-a": "completed", "m-b": "unconfirmed", "m-c": "completed"}
        assert harness.status("b") == "IN_PROGRESS"
        assert "release orders#b" not in store.calls

    def test_completion_lost(self) -> None:
        """A completion whose answer never came acknowledges nothing; redelivered, a duplicate."""
        harness, store = faulty()
        store.after["complete orders#a"] = table_unavailable(maybe_written=True)
        assert harness.deliver("a") == ["m-a"]
        assert harness.deliver("a") == []
        assert harness.outcomes == {"m-a": "duplicate"}
        assert harness.ran == ["a"]

    @pytest.mark.parametrize("step", ["claim", "complete", "release"])
    def test_never_acknowledges_on_unknown(self, step: str) -> None:
        """Whichever call has no answer, before or after it was carried out, nothing is lost."""
        for place in ("faults", "after"):
            harness, store = faulty()
            if step == "release":
                harness.behaviour["a"] = raising(ValueError())
            getattr(store, place)[f"{step} orders#a"] = table_unavailable(maybe_written=True)
            assert harness.deliver("a") == ["m-a"]

    def test_a_bug_in_the_store_acknowledges_nothing(self) -> None:
        """An error that no store should raise fails the whole invocation."""
        harness, store = faulty()
        store.faults["complete orders#a"] = ZeroDivisionError()
        with pytest.raises(ZeroDivisionError):
            harness.deliver("a")


class TestPatience:
    """A dead table costs seconds, not the timeout."""

    @pytest.mark.parametrize(("millis", "claims"), [(1901, 1), (1900, 2), (600, 4)])
    def test_gives_up(self, millis: int, claims: int) -> None:
        """When 3.4 s leave no room for one more request, stale ones are reported unasked."""
        harness, store = faulty()
        store.millis = millis
        store.faults["takeover"] = table_unavailable()
        batch = [f"{number}" for number in range(10)]
        for each in batch:
            harness.seed_record(each, attempts=1)
        assert harness.deliver(*batch) == [f"m-{each}" for each in batch]
        assert store.trips == ["claim 10", *["claim 1"] * claims]
        assert set(harness.outcomes.values()) == {"table_unavailable"}

    def test_releases_count(self) -> None:
        """Time that releases spend in vain counts too."""
        harness, store = faulty()
        store.millis = 1500
        store.faults = {
            "claim": table_unavailable(maybe_written=True),
            "release": table_unavailable(),
        }
        harness.deliver("a", "b", "c")
        assert store.trips == ["claim 3", "release 3"]

    def test_answers_are_not_held_against_the_table(self) -> None:
        """A slow table that answers keeps being asked."""
        harness, store = faulty()
        store.millis = 1400
        assert harness.deliver("a", "b", "c", "d") == []

    def test_each_invocation_has_its_own(self) -> None:
        """The next invocation asks again."""
        harness, store = faulty()
        store.millis = 3000
        store.faults["claim"] = table_unavailable()
        harness.deliver("a", "b")
        store.faults.clear()
        assert harness.deliver("a", "b") == []

    @pytest.mark.parametrize(
        ("millis", "fault"),
        [
            (0, broken(NO_CONNECTION)),
            (500, broken(CONNECT_TIMEOUT)),
            (1000, broken(READ_TIMEOUT)),
            (1500, broken(READ_TIMEOUT)),
            (790, answered(500, "InternalServerError")),
            (1400, answered(500, "InternalServerError")),
            (400, answered(400, "ThrottlingException")),
            (0, answered(400, "ThrottlingException")),
            (300, answered(400, "AccessDeniedException")),
        ],
    )
    def test_ten_messages_in_five_seconds(
        self,
        dead: tuple[DynamoDBClaimStore, Wire],
        clock: ManualClock,
        monkeypatch: pytest.MonkeyPatch,
        millis: int,
        fault: Fault,
    ) -> None:
        """However the table fails, a batch of ten comes back within 5 s (P7)."""
        # The longest pauses that the backoff can draw.
        monkeypatch.setattr("random.SystemRandom.randrange", lambda _, limit: limit - 1)
        store, wire = dead
        harness = ConsumerHarness(store, clock)
        wire.always = taking(clock, millis, fault)
        batch = [f"{number}" for number in range(10)]
        assert len(harness.deliver(*batch)) == 10
        assert clock.monotonic() < 5000
        assert harness.ran == []

    def test_a_failure_is_released_while_claims_are_still_answered(
        self, dead: tuple[DynamoDBClaimStore, Wire], clock: ManualClock
    ) -> None:
        """While claims are still made after a short outage, failures are still given back."""
        store, wire = dead
        harness = ConsumerHarness(store, clock)
        harness.behaviour["b"] = raising(ValueError())
        outage = taking(clock, 700, answered(400, "ThrottlingException"))
        wire.faults = [outage, outage, outage, done({"attempts": {"N": "1"}}), done()]
        assert harness.deliver("a", "b") == ["m-a", "m-b"]
        assert harness.ran == [] or wire.sent[-1] == "DeleteItem"

    def test_lack_of_time_is_not_blamed_on_the_table(
        self, dead: tuple[DynamoDBClaimStore, Wire], clock: ManualClock
    ) -> None:
        """Where no claim fits before the deadline any more, the message was not started."""
        store, _ = dead
        harness = ConsumerHarness(store, clock)
        assert harness.deliver("a", remaining=1900) == ["m-a"]
        assert harness.outcomes == {"m-a": "not_started"}
