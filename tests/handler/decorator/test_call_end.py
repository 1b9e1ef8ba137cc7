"""How a call ends, whatever the table has replied."""

import shlex
from collections.abc import Sequence
from typing import Any

import pytest

from idempotent_lambda import errors
from idempotent_lambda.calls.end import CallEnd, CallFacts, Raise, Return, decide_end
from idempotent_lambda.clock import EpochMillis
from idempotent_lambda.keys import Key, KeyRule
from idempotent_lambda.protocol import claims
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.protocol.steps import (
    DeadLettered,
    Interrupted,
    Raised,
    Reply,
    Returned,
    Unanswered,
    Unkeyed,
    Waited,
)
from idempotent_lambda_toolkit.cli import records
from tests.handler.harness import refused, table_unavailable

ME, THEM = Owner("me"), Owner("them")
KEY = Key("a", "orders##@charge#a")
VALUE = object()
UNSTORED = errors.InvalidResultError("the result cannot be stored")
MINE = claims.Claimed(ME, attempts=1)
FACTS = CallFacts("charge", KEY, value=VALUE)
STORED, GARBAGE = '"theirs"', "no JSON"
DONE, LOST = claims.Completed(), claims.LostLease(completed=False)
FAILURES = errors.BatchFailedError(("m-1",))
OWN = [ValueError("no"), SystemExit(), errors.PermanentFailure("no"), table_unavailable()]


def lost(result: str | None = None, payload_hash: str | None = None) -> claims.LostLease:
    """Another call has completed the key."""
    return claims.LostLease(completed=True, result=result, payload_hash=payload_hash)


def unanswered(error: errors.StoreError) -> Unanswered:
    """The table has not done what it was asked."""
    return Unanswered(ME, error)


def shown(end: CallEnd) -> Any:
    """An end as the table below has it: a value, or the type of an error."""
    return end.value if isinstance(end, Return) else type(end.error)


PARKED = claims.Parked(THEM, dead_lettered=False)
ENDS: dict[str, tuple[Sequence[Reply], dict[str, Any], Any]] = {
    "completed": ([MINE, Returned("1"), DONE], {}, VALUE),
    "completed, unstored": (
        [MINE, Returned(), DONE], {"unstored": UNSTORED}, errors.InvalidResultError,
    ),
    "duplicate": ([claims.Duplicate(STORED)], {}, "theirs"),
    "duplicate of null": ([claims.Duplicate("null")], {}, None),
    "duplicate without a result": ([claims.Duplicate()], {}, errors.ResultUnavailableError),
    "duplicate, damaged": ([claims.Duplicate(GARBAGE)], {}, errors.ResultUnavailableError),
    "duplicate, discarded": ([claims.Duplicate()], {"stores_results": False}, None),
    "duplicate, stored, discarded": ([claims.Duplicate(STORED)], {"stores_results": False}, None),
    "in_progress": ([claims.InProgress(EpochMillis(9))], {}, errors.AlreadyInProgressError),
    "mismatch": ([claims.Mismatch()], {}, errors.PayloadMismatchError),
    "parked": ([PARKED], {}, errors.ParkedError),
    "parked now": ([claims.Stale(2, THEM), PARKED], {}, errors.ParkedError),
    "not parked": (
        [claims.Stale(2, THEM), unanswered(table_unavailable())], {}, errors.StoreUnavailableError,
    ),
    "without a key": (
        [Unkeyed(errors.MissingKeyError("x", "nothing"))], {}, errors.MissingKeyError,
    ),
    "claim refused": ([unanswered(refused())], {}, errors.StoreRefusedError),
    "claim unanswered": (
        [unanswered(table_unavailable(maybe_written=True)), claims.Released()], {},
        errors.StoreUnavailableError,
    ),
    "claim and release unanswered": (
        [unanswered(refused()), unanswered(table_unavailable())], {}, errors.StoreRefusedError,
    ),
    "claim unanswered, release too late": (
        [unanswered(table_unavailable()), LOST], {}, errors.StoreUnavailableError,
    ),
    "raised": ([MINE, Raised(ValueError()), claims.Released()], {}, ValueError),
    "raised, not released": (
        [MINE, Raised(ValueError()), unanswered(table_unavailable())], {}, ValueError,
    ),
    "raised, too late": ([MINE, Raised(ValueError()), lost(STORED)], {}, ValueError),
    "raised, parked": (
        [MINE, Raised(errors.PermanentFailure()), PARKED], {}, errors.PermanentFailure,
    ),
    "reported failures": (
        [MINE, Raised(FAILURES), claims.Released()], {"failures": FAILURES}, VALUE,
    ),
    "reported failures, not released": (
        [MINE, Raised(FAILURES), unanswered(table_unavailable())], {"failures": FAILURES}, VALUE,
    ),
    "reported failures, too late": (
        [MINE, Raised(FAILURES), lost(STORED)], {"failures": FAILURES}, VALUE,
    ),
    "raised failures": (
        [MINE, Raised(FAILURES), claims.Released()], {}, errors.BatchFailedError,
    ),
    "interrupted": ([MINE, Interrupted(SystemExit())], {}, SystemExit),
    "unconfirmed": (
        [MINE, Returned("1"), unanswered(table_unavailable())], {}, errors.StoreUnavailableError,
    ),
    "unconfirmed, unstored": (
        [MINE, Returned(), unanswered(table_unavailable())], {"unstored": UNSTORED},
        errors.StoreUnavailableError,
    ),
    "lost lease": ([MINE, Returned("1"), LOST], {}, errors.LostLeaseError),
    "lost lease, unstored": (
        [MINE, Returned(), LOST], {"unstored": UNSTORED}, errors.LostLeaseError,
    ),
    "lost lease, discarded": (
        [MINE, Returned(), LOST], {"stores_results": False}, errors.LostLeaseError,
    ),
    "completed by another": ([MINE, Returned("1"), lost(STORED)], {}, "theirs"),
    "completed by another, unstored": (
        [MINE, Returned(), lost(STORED)], {"unstored": UNSTORED}, "theirs",
    ),
    "completed by another without a result": (
        [MINE, Returned("1"), lost()], {}, errors.LostLeaseError,
    ),
    "completed by another, damaged": (
        [MINE, Returned("1"), lost(GARBAGE)], {}, errors.LostLeaseError,
    ),
    "completed by another, discarded": (
        [MINE, Returned(), lost()], {"stores_results": False}, None,
    ),
    "completed by another for the same payload": (
        [MINE, Returned("1"), lost(STORED, "v1:x")], {"payload_hash": "v1:x"}, "theirs",
    ),
    "completed by another for another payload": (
        [MINE, Returned("1"), lost(STORED, "v1:y")], {"payload_hash": "v1:x"},
        errors.LostLeaseError,
    ),
    "completed by another for another payload, discarded": (
        [MINE, Returned(), lost(None, "v1:y")],
        {"payload_hash": "v1:x", "stores_results": False}, errors.LostLeaseError,
    ),
    "completed by another for some payload": (
        [MINE, Returned("1"), lost(STORED, "v1:y")], {}, "theirs",
    ),
    "completed by another for no payload": (
        [MINE, Returned("1"), lost(STORED)], {"payload_hash": "v1:x"}, "theirs",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDS)
def test_end(name: str) -> None:
    """The first reply that says how the call ends counts; without one, it returns."""
    replies, changes, expected = ENDS[name]
    assert shown(decide_end(replies, FACTS._replace(**changes))) == expected


@pytest.mark.parametrize("name", ENDS)
def test_observed_end(name: str) -> None:
    """When only observing, a call ends as the function does, whatever the table replies."""
    replies, changes, _ = ENDS[name]
    own = [
        type(each.error)
        for each in replies
        if isinstance(each, Raised | Interrupted) and each.error is not changes.get("failures")
    ]
    end = decide_end(replies, FACTS._replace(**changes, observe_only=True))
    assert shown(end) == (own[0] if own else VALUE)


@pytest.mark.parametrize("error", OWN)
def test_own_errors(error: BaseException) -> None:
    """An error of the function is raised as it is: whatever it quotes is the function's."""
    reply = Raised(error) if isinstance(error, Exception) else Interrupted(error)
    end = decide_end([MINE, reply, unanswered(table_unavailable())], FACTS)
    assert isinstance(end, Raise)
    assert end.error is error
    assert not end.may_quote_key


def test_errors_of_the_store() -> None:
    """An error of the store is raised itself, and may quote the key."""
    error = table_unavailable()
    assert decide_end([unanswered(error)], FACTS) == Raise(error, may_quote_key=True)


@pytest.mark.parametrize("hash_keys", [False, True])
@pytest.mark.parametrize(
    "reply",
    [claims.Duplicate(), claims.InProgress(EpochMillis(9)), claims.Mismatch(), PARKED, LOST],
    ids=lambda reply: type(reply).__name__,
)
def test_errors_name_the_key(reply: Reply, hash_keys: bool) -> None:
    """An error of the call names its key, hashed where keys are."""
    end = decide_end([reply], FACTS._replace(hash_keys=hash_keys))
    assert isinstance(end, Raise)
    assert f"the key {KEY.show(hashed=hash_keys)!r} " in str(end.error)
    assert ("'a'" in str(end.error)) is not hash_keys


@pytest.mark.parametrize("text", ["it's", "a b", "$HOME `ls`", "\\", "cafe\u0301", " a", "a'\"'b"])
def test_command_for_a_parked_key(text: str) -> None:
    """A shell passes the key of the error's command on, and it names the same record."""
    key = KeyRule("orders##@charge").for_value(text)
    end = decide_end([PARKED], FACTS._replace(key=key))
    assert isinstance(end, Raise)
    _, command = str(end.error).split(": `", 1)
    *_, given = shlex.split(command.removesuffix("` lets it run"))
    assert given == key.show(hashed=False)
    assert records.ids("orders", given, "charge")[0] == key.record_id


def test_texts() -> None:
    """Each error says what to do."""
    texts = {
        claims.Duplicate(): "the key 'a' is done, but its result could not be stored",
        claims.Mismatch(): "the key 'a' has another payload: correct the producer",
        PARKED: (
            "the key 'a' is parked: `idempotent-lambda --function FUNCTION forget --decorated "
            "charge 'a'` lets it run"
        ),
        LOST: (
            "the key 'a' ran, but its lease was over before its completion could be recorded, so "
            "it may have run twice: raise lease_seconds or the function's timeout"
        ),
        claims.InProgress(EpochMillis(9)): (
            "another call with the key 'a' holds it until 9 (epoch milliseconds): let the event "
            "be delivered again after that"
        ),
    }
    for reply, text in texts.items():
        end = decide_end([reply], FACTS)
        assert isinstance(end, Raise)
        assert str(end.error) == text


@pytest.mark.parametrize(
    "reply",
    [
        claims.Released(),
        claims.Stale(2, THEM),
        claims.Stray(),
        DeadLettered(),
        Waited(in_time=True),
    ],
    ids=lambda reply: type(reply).__name__,
)
def test_replies_that_say_nothing(reply: Reply) -> None:
    """After any other reply the call goes on."""
    assert decide_end([reply], FACTS) == Return(VALUE)
