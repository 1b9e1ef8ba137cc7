"""Cases of claims and failed claims that the contract suite of the stores does not cover."""

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from idempotent_lambda.clock import EpochMillis, EpochSeconds, Seconds
from idempotent_lambda.errors import StoreRefusedError
from idempotent_lambda.protocol.claims import (
    Claimed,
    ClaimRequest,
    Completed,
    Duplicate,
    InProgress,
    LostLease,
    Mismatch,
    Parked,
    Released,
    Request,
    Stale,
)
from idempotent_lambda.protocol.judgement import (
    build_claimed_record,
    explain_failed_claim,
    explain_failed_completion,
    explain_failed_parking,
    explain_failed_release,
    judge_existing,
)
from idempotent_lambda.protocol.record import UNREADABLE, Owner, Record, Status
from tests.requests import claim_of

REQUEST = Request(
    record_id="orders#1", owner=Owner("mine"), now=EpochMillis(5_999), retention=Seconds(60)
)
THEIRS = Record(
    id="orders#1",
    status="IN_PROGRESS",
    owner=Owner("theirs"),
    expires_at=EpochSeconds(1),
    created_at=EpochMillis(1),
    lease_expires_at=EpochMillis(6_000),
    attempts=2,
)


def claim(
    lease_end: int = 9_000,
    *,
    takeover: bool = True,
    token: str | None = None,
    of: str | None = None,
) -> ClaimRequest:
    """A claim of the request's owner, bearing a token, and for a payload."""
    claim = claim_of(REQUEST, lease_expires_at=EpochMillis(lease_end), takeover=takeover)
    return replace(claim, token=token, payload_hash=of)


class TestRequest:
    """Values that travel with every call."""

    def test_expiry_is_rounded_up(self) -> None:
        """A record of the 6th second kept for a minute expires in second 66, never early."""
        assert REQUEST.expires_at == 66

    def test_now_is_rounded_down_where_it_ends_a_retention(self) -> None:
        """An expiry is compared with the second that has begun, never with the next."""
        assert REQUEST.operands["now_seconds"] == 5
        assert REQUEST.operands["now_millis"] == 5_999

    def test_claim_keeps_what_it_was_made_of(self) -> None:
        """A claim has the request's record, owner, time and retention."""
        assert (claim().record_id, claim().owner, claim().now) == ("orders#1", "mine", 5_999)
        assert claim().operands["expires_at"] == 66

    def test_claim_expires_with_its_lease_at_the_earliest(self) -> None:
        """A lease beyond the retention keeps the record until its end, rounded up."""
        assert claim(lease_end=70_001).expires_at == 71

    def test_a_request_cannot_change_between_attempts(self) -> None:
        """Every retry sends the same value, so none can be altered on the way."""
        with pytest.raises(FrozenInstanceError):
            REQUEST.now = EpochMillis(1)  # type: ignore[misc]


class TestRefusedClaim:
    """Reading the record on which a claim failed."""

    def test_busy_until_the_last_millisecond(self) -> None:
        """A lease that ends one millisecond from now is live."""
        assert explain_failed_claim(THEIRS, claim()) == InProgress(EpochMillis(6_000))

    def test_stale_at_its_end(self) -> None:
        """A lease that ends now is over."""
        ended = replace(THEIRS, lease_expires_at=EpochMillis(5_999))
        assert explain_failed_claim(ended, claim(takeover=False)) == Stale(2, Owner("theirs"))

    def test_mine_even_if_stale(self) -> None:
        """An owner's own record is its own, whatever its lease says."""
        own = replace(THEIRS, owner=Owner("mine"), lease_expires_at=EpochMillis(1))
        assert explain_failed_claim(own, claim()) == Claimed(Owner("mine"), 2, recovered=True)

    def test_completed(self) -> None:
        """A completed record is a duplicate, even with a lease left in it."""
        assert explain_failed_claim(replace(THEIRS, status="COMPLETED"), claim()) == Duplicate()

    def test_result(self) -> None:
        """A duplicate gets what was stored, as it was stored."""
        done = replace(THEIRS, status="COMPLETED", result='{"a":[]}')
        assert explain_failed_claim(done, claim()) == Duplicate('{"a":[]}')

    @pytest.mark.parametrize(("marked", "dead_lettered"), [(None, False), (EpochMillis(7), True)])
    @pytest.mark.parametrize("owner", ["mine", "theirs"])
    @pytest.mark.parametrize("token", [None, "stale"])
    def test_parked(
        self, marked: EpochMillis | None, dead_lettered: bool, owner: str, token: str | None
    ) -> None:
        """A parked record is reported with its owner, and whether its copy is known to be sent."""
        parked = replace(THEIRS, status="PARKED", owner=Owner(owner), dead_lettered_at=marked)
        assert explain_failed_claim(parked, claim(token=token)) == Parked(
            Owner(owner), dead_lettered
        )

    @pytest.mark.parametrize("status", ["IN_PROGRESS", "COMPLETED", "PARKED"])
    @pytest.mark.parametrize("lease_end", [5_999, 6_000])
    def test_another_payload(self, status: str, lease_end: int) -> None:
        """A record of another payload is neither a duplicate of this one nor in its way."""
        other = replace(
            THEIRS,
            status=status,
            payload_hash="v1:b",
            lease_expires_at=EpochMillis(lease_end),
        )
        assert explain_failed_claim(other, claim(of="v1:a")) == Mismatch()
        assert explain_failed_claim(other, claim(of="v1:b")) != Mismatch()
        assert explain_failed_claim(other, claim()) != Mismatch()

    def test_a_record_without_a_payload_hash(self) -> None:
        """A record that was claimed without the check, or before it was set, is not a mismatch."""
        assert explain_failed_claim(THEIRS, claim(of="v1:a")) == InProgress(EpochMillis(6_000))

    def test_own_claim_before_its_payload(self) -> None:
        """An owner that meets its own token has its claim, whatever else the record says."""
        own = replace(THEIRS, owner=Owner("mine"), payload_hash="v1:b")
        assert explain_failed_claim(own, claim(of="v1:a")) == Claimed(
            Owner("mine"), 2, recovered=True
        )

    @pytest.mark.parametrize("owner", ["mine", "theirs"])
    def test_attempts_left_out(self, owner: str) -> None:
        """A record without a count was claimed once."""
        found = replace(THEIRS, owner=Owner(owner), attempts=None, lease_expires_at=EpochMillis(1))
        outcome = explain_failed_claim(found, claim(takeover=False))
        assert isinstance(outcome, Claimed | Stale)
        assert outcome.attempts == 1

    def test_refused_without_a_record(self) -> None:
        """An engine that refuses and shows nothing is not trusted either way."""
        with pytest.raises(StoreRefusedError):
            explain_failed_claim(None, claim())

    @pytest.mark.parametrize("status", ["", "completed", "in_progress", "parked", "later"])
    def test_unknown_status(self, status: str) -> None:
        """A status of another version, or in another spelling, is neither free nor a duplicate."""
        with pytest.raises(StoreRefusedError, match=repr(status)):
            explain_failed_claim(replace(THEIRS, status=status, owner=Owner("mine")), claim())


DONE = replace(THEIRS, status="COMPLETED", lease_expires_at=None)
ENDED = replace(THEIRS, lease_expires_at=EpochMillis(5_999))
SET_ASIDE = replace(THEIRS, status="PARKED", lease_expires_at=None, expires_at=None, attempts=None)


WRONG: Any = {"NULL": True}
"""What is read of an attribute that cannot be read."""

KEPT = replace(DONE, expires_at=EpochSeconds(6))


class TestDamagedRecord:
    """An unreadable attribute counts as missing, and refuses the key if the decision needs it."""

    @pytest.mark.parametrize(
        ("found", "outcome"),
        [
            (replace(KEPT, result=WRONG), Duplicate(None)),
            (replace(DONE, expires_at=WRONG), Duplicate()),
            (replace(KEPT, owner=WRONG, created_at=WRONG, completed_at=WRONG), Duplicate()),
            (replace(KEPT, payload_hash=WRONG), Duplicate()),
            (replace(THEIRS, owner=WRONG, attempts=WRONG), InProgress(EpochMillis(6_000))),
            (replace(ENDED, owner=WRONG), Stale(2, UNREADABLE)),
            (replace(ENDED, owner=Owner("")), Stale(2, UNREADABLE)),
            (replace(ENDED, attempts=WRONG), Stale(1, Owner("theirs"))),
            (replace(SET_ASIDE, dead_lettered_at=WRONG), Parked(Owner("theirs"))),
            (replace(SET_ASIDE, created_at=WRONG), Parked(Owner("theirs"))),
            (
                replace(THEIRS, owner=Owner("mine"), attempts=WRONG, lease_expires_at=WRONG),
                Claimed(Owner("mine"), 1, recovered=True),
            ),
        ],
    )
    def test_judged_without_it(self, found: Record, outcome: object) -> None:
        """An attribute that the decision does not need may have any value."""
        assert judge_existing(found, claim(takeover=False, token="")) == outcome

    @pytest.mark.parametrize(
        ("found", "needed"),
        [
            (replace(THEIRS, status=WRONG), "status must be a text"),
            (replace(THEIRS, lease_expires_at=WRONG), "lease_expires_at must be a number"),
            (replace(THEIRS, lease_expires_at=None), "lease_expires_at must be a number"),
            (replace(KEPT, payload_hash=WRONG), "payload_hash must be a text"),
            (replace(ENDED, payload_hash=WRONG), "payload_hash must be a text"),
            (replace(SET_ASIDE, owner=WRONG), "owner must be a text that is not empty"),
            (replace(SET_ASIDE, owner=Owner("")), "owner must be a text that is not empty"),
            (
                replace(SET_ASIDE, owner=WRONG, dead_lettered_at=EpochMillis(7)),
                "owner must be a text that is not empty",
            ),
            (replace(ENDED, attempts=WRONG), "attempts must be a number"),
        ],
    )
    def test_refused(self, found: Record, needed: str) -> None:
        """The error names the attribute, its rule and the remedy."""
        with pytest.raises(StoreRefusedError, match=f"its {needed}. .* or delete") as refusal:
            judge_existing(found, claim(token="", of="v1:a"))
        assert (refusal.value.code, refusal.value.maybe_written) == ("DamagedRecord", False)

    def test_an_empty_token_unlocks_nothing(self) -> None:
        """A copy without a token does not unlock a record whose owner is empty."""
        assert not claim(token="").kind["redriven"]

    def test_claimed_afresh(self) -> None:
        """A claim that finds no first moment has its own."""
        found: Record = replace(ENDED, created_at=None)  # type: ignore[arg-type]  # damaged
        assert build_claimed_record(found, claim()).created_at == REQUEST.now

    @pytest.mark.parametrize("owner", [WRONG, None, Owner("")])
    @pytest.mark.parametrize("found", [THEIRS, SET_ASIDE])
    def test_parking(self, found: Record, owner: Owner) -> None:
        """A record that was seen without an owner is not parked, and no copy of it is noted."""
        damaged = replace(found, owner=owner)
        with pytest.raises(StoreRefusedError, match="its owner must be a text"):
            explain_failed_parking(damaged, replace(REQUEST, owner=UNREADABLE))
        assert explain_failed_completion(damaged, REQUEST) == LostLease(completed=False)
        assert explain_failed_release(damaged, REQUEST) == LostLease(completed=False)

    def test_completed_is_completed(self) -> None:
        """A completed record proves its completion, even if its owner cannot be read."""
        found = replace(DONE, owner=WRONG)
        proven = LostLease(completed=True)
        assert explain_failed_completion(found, REQUEST) == proven
        assert (
            explain_failed_parking(found, REQUEST)
            == explain_failed_release(found, REQUEST)
            == proven
        )


class TestSeenClaim:
    """Reading a record before anything is written."""

    @pytest.mark.parametrize(
        ("found", "takeover"),
        [(None, False), (None, True), (DONE, False), (DONE, True), (ENDED, True)],
    )
    def test_may_be_claimed(self, found: Record | None, takeover: bool) -> None:
        """Of an absent, an expired or, with takeover, a stale record nothing is decided by it."""
        assert judge_existing(found, claim(takeover=takeover)) is None

    @pytest.mark.parametrize(
        ("found", "outcome"),
        [
            (replace(DONE, expires_at=EpochSeconds(6)), Duplicate()),
            (THEIRS, InProgress(EpochMillis(6_000))),
            (ENDED, Stale(2, Owner("theirs"))),
            (replace(THEIRS, owner=Owner("mine")), Claimed(Owner("mine"), 2, recovered=True)),
            (SET_ASIDE, Parked(Owner("theirs"))),
        ],
    )
    def test_may_not(self, found: Record, outcome: object) -> None:
        """For any other record the outcome is the one of a claim that this record made fail."""
        assert judge_existing(found, claim(takeover=False)) == outcome

    @pytest.mark.parametrize(("token", "unlocks"), [("theirs", True), ("mine", False)])
    def test_redriven(self, token: str, unlocks: bool) -> None:
        """The copy of a parked message may claim it; one of an earlier parking may not."""
        outcome = judge_existing(SET_ASIDE, claim(takeover=False, token=token))
        assert outcome == (None if unlocks else Parked(Owner("theirs")))

    def test_a_token_is_for_parked_records(self) -> None:
        """A copy that was redriven already does not break the claim that came of it."""
        assert judge_existing(THEIRS, claim(token="theirs")) == InProgress(EpochMillis(6_000))

    @pytest.mark.parametrize(
        ("stored", "asked", "outcome"),
        [
            ("v1:a", "v1:a", None),
            (None, "v1:a", None),
            ("v1:b", None, None),
            ("v1:b", "v1:a", Mismatch()),
        ],
    )
    def test_takeover_of_a_payload(
        self, stored: str | None, asked: str | None, outcome: object
    ) -> None:
        """A stale claim is taken over for the payload that it was made for, or unchecked."""
        assert judge_existing(replace(ENDED, payload_hash=stored), claim(of=asked)) == outcome

    def test_expired_frees_the_key_for_another_payload(self) -> None:
        """Once the retention is over the key may stand for something else."""
        assert judge_existing(replace(DONE, payload_hash="v1:b"), claim(of="v1:a")) is None

    def test_unknown_status(self) -> None:
        """A status of another version is neither free nor a duplicate here either."""
        with pytest.raises(StoreRefusedError):
            judge_existing(replace(THEIRS, status="later"), claim())


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (None, LostLease(completed=False)),
        (THEIRS, LostLease(completed=False)),
        (replace(THEIRS, status="PARKED", owner=Owner("mine")), LostLease(completed=False)),
        (replace(THEIRS, status="COMPLETED"), LostLease(completed=True)),
        (
            replace(THEIRS, status="COMPLETED", owner=Owner("mine")),
            Completed(recovered=True),
        ),
    ],
)
def test_refused_completion(found: Record | None, outcome: object) -> None:
    """A refused completion is proven only by a completed record, and is mine by my token alone."""
    assert explain_failed_completion(found, REQUEST) == outcome


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (None, Released()),
        (THEIRS, LostLease(completed=False)),
        (replace(THEIRS, status="COMPLETED"), LostLease(completed=True)),
    ],
)
def test_refused_release(found: Record | None, outcome: object) -> None:
    """Absent is released; anything else is not the caller's."""
    assert explain_failed_release(found, REQUEST) == outcome


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (None, LostLease(completed=False)),
        (THEIRS, LostLease(completed=False)),
        (replace(THEIRS, status="COMPLETED"), LostLease(completed=True)),
        (replace(THEIRS, status="COMPLETED", owner=Owner("mine")), LostLease(completed=True)),
        (SET_ASIDE, LostLease(completed=False)),
        (replace(SET_ASIDE, owner=Owner("mine")), Parked(Owner("mine"))),
        (
            replace(SET_ASIDE, owner=Owner("mine"), dead_lettered_at=EpochMillis(7)),
            Parked(Owner("mine"), dead_lettered=True),
        ),
    ],
)
def test_refused_parking(found: Record | None, outcome: object) -> None:
    """A parking that was done before is done; a record that is another's, or gone, is lost."""
    assert explain_failed_parking(found, REQUEST) == outcome


def test_statuses_are_the_documented_words() -> None:
    """The statuses in the table are the words of docs/protocol.md, which other versions read."""
    assert [each.value for each in Status] == ["IN_PROGRESS", "COMPLETED", "PARKED"]
