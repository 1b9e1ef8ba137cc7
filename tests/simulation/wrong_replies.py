"""Transitions and judgements that are wrong on purpose: each misreads one reply or one record."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from idempotent_lambda.errors import PermanentFailure
from idempotent_lambda.protocol import claims, lifecycle
from idempotent_lambda.protocol.claims import ClaimRequest
from idempotent_lambda.protocol.conditions import And, Condition, Missing, Or, evaluate
from idempotent_lambda.protocol.judgement import (
    build_claimed_record,
    explain_failed_claim,
    judge_existing,
)
from idempotent_lambda.protocol.record import (
    IS_FREE,
    IS_KNOWN_COPY,
    IS_OVER_FOR_COPY,
    IS_REDRIVEN,
    IS_RESOLVED,
    IS_STALE,
    Owner,
    Record,
    Status,
    build_claim_condition,
)
from idempotent_lambda.protocol.steps import (
    Claim,
    Complete,
    DeadLetter,
    DeadLettered,
    Interrupted,
    MarkDeadLettered,
    Outcome,
    Park,
    Raised,
    Release,
    Returned,
    Run,
    Settled,
    Unanswered,
    Wait,
    Waited,
)

from .world import ME, Protocol


def protocol_with(**changes: Any) -> Protocol:
    """Production with changes, which reach what is judged by a look too."""
    protocol = replace(Protocol(), **changes)

    def judge(found: Record | None, request: ClaimRequest) -> Any:
        if evaluate(protocol.condition(request), found, request.operands):
            return None
        return protocol.explain_failed_claim(found, request)

    return replace(protocol, judge_existing=judge)


def _changed(matches: Callable[[Any, Any], bool], change: Callable[[Any, Any], Any]) -> Protocol:
    """Production, with another transition where the step and the reply match."""

    def advance(step: Any, reply: Any) -> Any:
        if matches(step, reply):
            return change(step, reply)
        return lifecycle.advance(step, reply)

    return Protocol(advance=advance)


def _on(step: type, reply: type) -> Callable[[Any, Any], bool]:
    return lambda s, r: isinstance(s, step) and isinstance(r, reply)


def _acknowledge(outcome: Outcome) -> Callable[[Any, Any], Any]:
    return lambda _step, _reply: Settled(outcome, acknowledged=True)


def _report(outcome: Outcome) -> Callable[[Any, Any], Any]:
    return lambda _step, _reply: Settled(outcome)


def transitions() -> Iterator[tuple[str, Protocol]]:
    """Each transition that keeps a promise, replaced."""
    acknowledge, report, on = _acknowledge, _report, _on
    yield (
        "busy is acknowledged",
        _changed(on(Claim, claims.InProgress), acknowledge(Outcome.IN_PROGRESS)),
    )
    yield (
        "stale is acknowledged",
        _changed(on(Claim, claims.Stale), acknowledge(Outcome.DUPLICATE)),
    )
    yield (
        "an unanswered claim runs",
        _changed(
            on(Claim, Unanswered), lambda _, reply: Run(claims.Claimed(reply.owner, attempts=1))
        ),
    )
    yield (
        "an unanswered claim is acknowledged",
        _changed(on(Claim, Unanswered), acknowledge(Outcome.DUPLICATE)),
    )
    yield (
        "an unanswered claim is not given back",
        _changed(on(Claim, Unanswered), report(Outcome.TABLE_UNAVAILABLE)),
    )
    yield (
        "a failure is not given back",
        _changed(on(Run, Raised), report(Outcome.FAILED)),
    )
    yield (
        "a failure is completed",
        _changed(on(Run, Raised), lambda step, _: Complete(step.claim.owner)),
    )
    yield (
        "a failure is acknowledged",
        _changed(on(Run, Raised), acknowledge(Outcome.FAILED)),
    )
    yield (
        "an interruption is given back",
        _changed(
            on(Run, Interrupted),
            lambda step, _: Release(step.claim.owner, Outcome.INTERRUPTED),
        ),
    )
    yield (
        "an interruption is acknowledged",
        _changed(on(Run, Interrupted), acknowledge(Outcome.INTERRUPTED)),
    )
    yield (
        "a return is acknowledged before its completion",
        _changed(on(Run, Returned), acknowledge(Outcome.COMPLETED)),
    )
    yield (
        "a return is given back",
        _changed(
            on(Run, Returned),
            lambda step, _: Release(step.claim.owner, Outcome.COMPLETED),
        ),
    )
    yield (
        "an unconfirmed completion is acknowledged",
        _changed(on(Complete, Unanswered), acknowledge(Outcome.UNCONFIRMED)),
    )
    yield (
        "an unconfirmed completion is given back",
        _changed(
            on(Complete, Unanswered), lambda step, _: Release(step.owner, Outcome.UNCONFIRMED)
        ),
    )
    yield (
        "a lost lease is acknowledged",
        _changed(on(Complete, claims.LostLease), acknowledge(Outcome.LOST_LEASE)),
    )
    yield (
        "a duplicate is not acknowledged",
        _changed(on(Claim, claims.Duplicate), report(Outcome.DUPLICATE)),
    )


def parkings() -> Iterator[tuple[str, Protocol]]:
    """Each transition and each token by which a message is parked and comes back, replaced."""
    acknowledge, on = _acknowledge(Outcome.PARKED), _on

    def stale(step: Any, reply: Any) -> bool:
        return _on(Claim, claims.Stale)(step, reply) and step.park_interrupted

    def unsent(_: Any, reply: Any) -> bool:
        return isinstance(reply, claims.Parked) and not reply.dead_lettered

    def hopeless(step: Any, reply: Any) -> bool:
        return _on(Run, Raised)(step, reply) and isinstance(reply.error, PermanentFailure)

    def marks_first(step: Any, reply: Any) -> Any:
        match step, reply:
            case ((Claim() | Park()), claims.Parked(owner, dead_lettered=False)):
                return MarkDeadLettered(owner)
            case MarkDeadLettered(owner), claims.Parked():
                return DeadLetter(owner)
            case DeadLetter(), DeadLettered():
                return Settled(Outcome.PARKED, acknowledged=True)
            case _:
                return lifecycle.advance(step, reply)

    yield "interrupted work is acknowledged in park mode", _changed(stale, acknowledge)
    yield (
        "a copy is sent before its record is parked",
        _changed(stale, lambda _, reply: DeadLetter(reply.owner)),
    )
    yield "what is parked is acknowledged before its copy", _changed(unsent, acknowledge)
    yield "a copy is noted before it is sent", Protocol(advance=marks_first)
    yield (
        "a copy is acknowledged before it is noted",
        _changed(on(DeadLetter, DeadLettered), acknowledge),
    )
    yield (
        "a copy that may be lost is noted",
        _changed(on(DeadLetter, Unanswered), lambda step, _: MarkDeadLettered(step.owner)),
    )
    yield (
        "a copy that may be lost is acknowledged",
        _changed(on(DeadLetter, Unanswered), acknowledge),
    )
    yield "an unanswered parking is acknowledged", _changed(on(Park, Unanswered), acknowledge)
    yield (
        "an unanswered parking sends a copy",
        _changed(on(Park, Unanswered), lambda step, _: DeadLetter(step.owner)),
    )
    yield (
        "an unanswered note is acknowledged",
        _changed(on(MarkDeadLettered, Unanswered), acknowledge),
    )
    yield (
        "a parking that comes late is acknowledged",
        _changed(on(Park, claims.LostLease), acknowledge),
    )
    yield (
        "a hopeless message is given back",
        _changed(hopeless, lambda step, _: Release(step.claim.owner, Outcome.FAILED)),
    )
    yield "a hopeless message is acknowledged", _changed(hopeless, acknowledge)
    yield (
        "an own parking is not recognised",
        Protocol(explain_failed_parking=lambda *_: claims.LostLease(completed=False)),
    )
    yield (
        "any record counts as parked",
        Protocol(explain_failed_parking=lambda _, request: claims.Parked(request.owner)),
    )
    yield "a copy carries no token", Protocol(sends_token=False)
    yield "a claim does not show its token", Protocol(shows_token=False)


OF_COPY = Or((IS_KNOWN_COPY, IS_RESOLVED))


def _claims_also(condition: Condition) -> Protocol:
    """Production, with one more way to claim what is stated."""

    def build_wider(*, takeover: bool) -> Or:
        allowed = build_claim_condition(
            takeover=takeover, redriven=True, checked=False, stated=True
        )
        return Or((condition, *allowed.parts))

    kinds = {(takeover, True, True): build_wider(takeover=takeover) for takeover in (True, False)}
    return protocol_with(conditions=kinds)


def _knows(is_known: Callable[[Record, ClaimRequest], bool]) -> Protocol:
    """Production, with another rule by which a copy is known whose claim has failed."""

    def explain(found: Record | None, request: ClaimRequest) -> Any:
        if request.stated and not (found is not None and is_known(found, request)):
            return claims.Stray()
        return explain_failed_claim(found, request)

    return protocol_with(explain_failed_claim=explain)


def _forgets(**attributes: Any) -> Protocol:
    """Production, with claims that do not write some attributes."""

    def forget(found: Record | None, request: ClaimRequest) -> Record:
        return replace(build_claimed_record(found, request), **attributes)

    return Protocol(build_claimed_record=forget)


def _takes_over_from_copies() -> Protocol:
    """Production, with ordinary claims that do not care who has unlocked a record."""
    stale = And(IS_STALE.parts[:-1])
    condition = Or((*IS_FREE.parts, stale))

    def explain(found: Record | None, request: ClaimRequest) -> Any:
        if found is not None and not request.stated:
            found = replace(found, unlocked_by=None)
        return explain_failed_claim(found, request)

    return protocol_with(conditions={(True, False): condition}, explain_failed_claim=explain)


def _acknowledges_strays(found: Record | None, request: ClaimRequest) -> Any:
    judged = explain_failed_claim(found, request)
    return claims.Duplicate() if isinstance(judged, claims.Stray) else judged


def copies() -> Iterator[tuple[str, Protocol]]:
    """Each rule by which a copy is known that only states its key, replaced."""
    parked, _ = IS_REDRIVEN.parts
    yield "a stated key counts though there is no record", _claims_also(Missing("id"))
    yield "a stated key counts though another was at it", _claims_also(IS_OVER_FOR_COPY)
    yield (
        "an older copy unlocks what is parked again",
        _claims_also(And((parked, IS_KNOWN_COPY))),
    )
    yield "the tokens of copies are not kept", _forgets(copy_tokens=None)
    yield "nobody notes who has unlocked a record", _forgets(unlocked_by=None)
    yield (
        "only what has claimed its record is known as a copy",
        _knows(lambda found, request: request.token in (found.copy_tokens or ())),
    )
    yield (
        "only the newest copy is known as one",
        _knows(lambda found, request: request.token == found.unlocked_by),
    )
    yield (
        "what a newer version has written is no copy's",
        _knows(lambda found, request: evaluate(OF_COPY, found, request.operands)),
    )
    yield "what is no copy is a duplicate", protocol_with(explain_failed_claim=_acknowledges_strays)
    yield "an ordinary claim takes over what belongs to a copy", _takes_over_from_copies()
    yield "what belongs to a copy is deleted when it is released", Protocol(gives_back=False)
    yield (
        "what is no copy keeps the key that it states",
        Protocol(restate=lambda item: replace(item, own_key=None)),
    )


def waiting() -> Iterator[tuple[str, Protocol]]:
    """Each transition around a wait, replaced."""
    can, cannot = (
        lambda step, reply: isinstance(step, Wait) and reply == Waited(in_time=True),
        lambda step, reply: isinstance(step, Wait) and reply == Waited(in_time=False),
    )

    def in_progress(step: Any, reply: Any) -> bool:
        return _on(Claim, claims.InProgress)(step, reply) and step.wait_for_lease

    yield "what is busy is not waited for", _changed(in_progress, _report(Outcome.IN_PROGRESS))
    yield (
        "what was waited for runs without a claim",
        _changed(can, lambda *_: Run(claims.Claimed(ME, attempts=1))),
    )
    yield "what was waited for is acknowledged", _changed(can, _acknowledge(Outcome.DUPLICATE))
    yield "what cannot be waited for is claimed", _changed(cannot, lambda step, _: step.claim)
    yield (
        "what cannot be waited for is acknowledged",
        _changed(cannot, _acknowledge(Outcome.IN_PROGRESS)),
    )


def transactions() -> Iterator[tuple[str, Protocol]]:
    """Each rule by which the writes of a transaction happen once, replaced."""
    yield "a transaction writes before its completion", Protocol(commits="before")
    yield "a transaction writes whatever its record says", Protocol(commits="at any rate")
    yield (
        "a transaction is completed without its writes",
        _changed(_on(Run, Returned), lambda step, _: Complete(step.claim.owner)),
    )


def judgements() -> Iterator[tuple[str, Protocol]]:
    """Each rule by which a claim or a completion is judged from its record, replaced."""

    def forgetful(found: Record | None, request: ClaimRequest) -> Any:
        if found is not None and found.owner == request.owner:
            found = replace(found, owner=Owner("another"))
        return explain_failed_claim(found, request)

    def any_status(found: Record | None, request: ClaimRequest) -> Any:
        return claims.Duplicate() if found is not None else explain_failed_claim(found, request)

    def in_progress(found: Record | None, request: ClaimRequest) -> Any:
        judged = explain_failed_claim(found, request)
        return claims.InProgress(request.now) if isinstance(judged, claims.Duplicate) else judged

    yield "an own claim is not recognised", protocol_with(explain_failed_claim=forgetful)
    yield "every record is a duplicate", protocol_with(explain_failed_claim=any_status)
    yield "a completed record is busy", protocol_with(explain_failed_claim=in_progress)
    yield (
        "an own completion is not recognised",
        Protocol(
            explain_failed_completion=lambda found, _: claims.LostLease(completed=found is not None)
        ),
    )
    yield (
        "any record counts as completed",
        Protocol(explain_failed_completion=lambda _found, _request: claims.Completed()),
    )
    yield "every attempt has a new owner", Protocol(owner_per_attempt=True)


def looks() -> Iterator[tuple[str, Protocol]]:
    """Each rule of the group claim's looks and inserts, replaced."""

    def nothing_is_mine(found: Record | None, request: ClaimRequest) -> Any:
        if found is None:
            return claims.Claimed(request.owner, attempts=1)
        return judge_existing(found, request)

    def own_is_busy(found: Record | None, request: ClaimRequest) -> Any:
        judged = judge_existing(found, request)
        return claims.InProgress(request.now) if isinstance(judged, claims.Claimed) else judged

    def expired_is_duplicate(found: Record | None, request: ClaimRequest) -> Any:
        if found is not None and found.status == Status.COMPLETED:
            return claims.Duplicate()
        return judge_existing(found, request)

    def any_is_duplicate(found: Record | None, request: ClaimRequest) -> Any:
        return claims.Duplicate() if found is not None else judge_existing(found, request)

    def stale_is_busy(found: Record | None, request: ClaimRequest) -> Any:
        judged = judge_existing(found, request)
        return claims.InProgress(request.now) if isinstance(judged, claims.Stale) else judged

    yield "a look that finds nothing is a claim", Protocol(judge_existing=nothing_is_mine)
    yield "a look does not know its own claim", Protocol(judge_existing=own_is_busy)
    yield (
        "a look takes an expired record for a duplicate",
        Protocol(judge_existing=expired_is_duplicate),
    )
    yield "a look takes any record for a duplicate", Protocol(judge_existing=any_is_duplicate)
    yield "a look takes a stale record for busy", Protocol(judge_existing=stale_is_busy)
    yield "an insert overwrites", Protocol(insert=And(()))
    yield "an insert that finds a record is a duplicate", Protocol(checks_inserts=False)
    yield "a claim given up forgets its insert", Protocol(remembers_inserts=False)
