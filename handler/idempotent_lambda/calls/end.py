"""The end of a call of a decorated function, as a pure function of the replies to its steps."""

from collections.abc import Iterable
from typing import NamedTuple, assert_never

from idempotent_lambda import errors
from idempotent_lambda.calls.results import decode_result
from idempotent_lambda.keys import Key
from idempotent_lambda.protocol import claims
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

_PARKED_TEXT = (
    "is parked: `idempotent-lambda --function FUNCTION forget --decorated {} {}` lets it run"
)
_LATE_TEXT = (
    "ran, but its lease was over before its completion could be recorded, so it may have run "
)
_LATE_TEXT += "twice: raise lease_seconds or the function's timeout"


class Return(NamedTuple):
    """The call returns the value."""

    value: object


class Raise(NamedTuple):
    """The call raises the error.

    Attributes:
        may_quote_key: the text comes from the store, and may quote a key that must be hidden.
    """

    error: BaseException
    may_quote_key: bool = False


CallEnd = Return | Raise


class CallFacts(NamedTuple):
    """The facts, besides the replies, that the end depends on.

    Attributes:
        name: name of the function.
        key: key of the call; None if there is none.
        payload_hash: hash of the payload; None without a payload check.
        stores_results: whether the function's results are stored.
        hash_keys: whether errors show the key hashed.
        observe_only: whether the function runs regardless of the store's replies.
        value: returned value of the function.
        unstored: reason why that value cannot be stored.
        failures: error for the failures that the value reports.
    """

    name: str
    key: Key | None
    payload_hash: str | None = None
    stores_results: bool = True
    hash_keys: bool = False
    observe_only: bool = False
    value: object = None
    unstored: errors.InvalidResultError | None = None
    failures: errors.BatchFailedError | None = None


def decide_end(replies: Iterable[Reply], facts: CallFacts) -> CallEnd:
    """Return the end of a call.

    Args:
        replies: replies to the steps, in order. The first that decides the end counts: the steps
            after it only release the claim.
        facts: facts about the call.
    """
    for reply in replies:
        end = _read_reply(reply, facts)
        if end is not None:
            return end
    if facts.unstored is not None and not facts.observe_only:
        return Raise(facts.unstored)
    return Return(facts.value)


def _read_reply(reply: Reply, facts: CallFacts) -> CallEnd | None:  # noqa: C901, PLR0911, PLR0912  # one case each
    """Return the end that a reply decides; None if it decides none."""
    match reply:
        # First the replies of nearly every call.
        case claims.Claimed() | Returned() | claims.Completed():
            return None
        case Raised(error) if error is facts.failures:
            return Return(facts.value)  # Lambda delivers again what the value names
        case Raised(error) | Interrupted(error):
            return Raise(error)
        case _ if facts.observe_only:
            return None
        case claims.Duplicate(result):
            problem = f"{_show_key(facts)} is done, but its result could not be stored"
            return _replay(result, facts) or Raise(errors.ResultUnavailableError(problem))
        case claims.InProgress(lease_end):
            return Raise(errors.AlreadyInProgressError(lease_end, _show_key(facts)))
        case claims.LostLease(completed, result, payload_hash):
            known = None not in (payload_hash, facts.payload_hash)
            is_other_payload = known and payload_hash != facts.payload_hash
            stored = _replay(result, facts) if completed and not is_other_payload else None
            return stored or Raise(errors.LostLeaseError(f"{_show_key(facts)} {_LATE_TEXT}"))
        case claims.Mismatch():
            problem = f"{_show_key(facts)} has another payload: correct the producer"
            return Raise(errors.PayloadMismatchError(problem))
        case claims.Parked():
            # Within single quotes, a shell changes nothing.
            quoted = _quote_key(facts, quote="'\"'\"'")
            remedy = _PARKED_TEXT.format(facts.name, quoted)
            return Raise(errors.ParkedError(f"{_show_key(facts)} {remedy}"))
        case Unkeyed(message_error):
            return Raise(message_error)
        case Unanswered(_, store_error):
            return Raise(store_error, may_quote_key=True)
        case claims.Stale() | claims.Stray() | claims.Released():
            return None
        case DeadLettered() | Waited():
            return None
        case _:
            assert_never(reply)


def _replay(result: str | None, facts: CallFacts) -> Return | None:
    """Return the value that every duplicate gets; None if the stored result cannot be read."""
    if not facts.stores_results:
        return Return(None)
    try:
        return Return(decode_result(result))
    except (TypeError, ValueError, RecursionError):
        return None


def _show_key(facts: CallFacts) -> str:
    return f"the key {_quote_key(facts)}"


def _quote_key(facts: CallFacts, quote: str = "'") -> str:
    """Return the key in single quotes, with ``quote`` in place of each that it has."""
    if facts.key is None:
        return "None"
    shown = facts.key.show(hashed=facts.hash_keys)
    return "'" + shown.replace("'", quote) + "'"
