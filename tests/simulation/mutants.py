"""Protocols that are wrong on purpose: the simulation must find each of them out.

`mutants` breaks one rule of production at a time: every clause of every condition by itself, and
by hand each transition, judgement and turn that keeps a promise. `KNOWN_BAD` are whole protocols
from the field.
"""

from collections.abc import Iterator
from typing import Any

from idempotent_lambda.clock import EpochSeconds
from idempotent_lambda.protocol import claims
from idempotent_lambda.protocol.conditions import And, Compare, Condition, Contains, Missing, Or
from idempotent_lambda.protocol.record import (
    IS_EXPIRED,
    IS_FREE,
    IS_KNOWN_COPY,
    IS_OVER_FOR_COPY,
    IS_OWNED,
    IS_PARKED_BY_OWNER,
    IS_REDRIVEN,
    IS_STALE,
    build_claim_condition,
)
from idempotent_lambda.protocol.steps import Claim, Outcome, Returned, Run, Settled

from .world import DEADLINE, MARGIN, NOW, Protocol
from .wrong_groupings import groupings
from .wrong_plans import PLANS
from .wrong_replies import (
    copies,
    judgements,
    looks,
    parkings,
    protocol_with,
    transactions,
    transitions,
    waiting,
)
from .wrong_shells import shells

ALWAYS = And(())


def mutants() -> Iterator[tuple[str, Protocol]]:
    """Every mutant with its name."""
    yield from _conditions()
    yield from transitions()
    yield from parkings()
    yield from copies()
    yield from waiting()
    yield from transactions()
    yield from judgements()
    yield from looks()
    for name, plan in PLANS.items():
        yield name, Protocol(plan=plan)
    yield from groupings()
    yield from shells()
    yield from _times()


def _without(condition: Condition, reported: str = "") -> Iterator[tuple[str, Condition]]:
    """The condition less one clause, for each of its clauses."""
    if not isinstance(condition, And | Or):
        return
    for at, part in enumerate(condition.parts):
        rest = (*condition.parts[:at], *condition.parts[at + 1 :])
        yield f"{reported}without {_named(part)}", type(condition)(rest)
        for name, mutant in _without(part, reported):
            parts = (*condition.parts[:at], mutant, *condition.parts[at + 1 :])
            yield f"{name} of {_named(part)}", type(condition)(parts)


_NAMES: dict[Condition, str] = {
    Missing("id"): "absent",
    Missing("unlocked_by"): "nobody's",
    IS_EXPIRED: "expired",
    IS_STALE: "stale",
    IS_OVER_FOR_COPY: "stale",
    IS_OVER_FOR_COPY.parts[-1]: "no newer copy's",
    IS_REDRIVEN: "redriven",
    IS_KNOWN_COPY: "known copy",
}
"""What the stories of mutants call a condition."""


def _named(condition: Condition) -> str:
    match condition:
        case Compare(attribute, comparator, operand):
            return f"'{attribute} {comparator} {operand}'"
        case Contains(attribute, operand):
            return f"'{operand} in {attribute}'"
        case And((first, _)) if first == IS_KNOWN_COPY:
            return "'claimed before'"
        case Or((first, _)) if first == IS_EXPIRED:
            return "'expired or stale'"
        case _:
            return f"'{_NAMES.get(condition, condition)}'"


CLAIMS = {"free": (False, False), "claimable": (True, False), "redriven": (False, True)}
"""The conditions of claims, each with its name here: whether a stale record may be taken, and
whether the claimant carries a token. A condition with both has no clause that these lack."""

STATED = (True, True, True)
"""A stale record may be taken, the claimant carries a token, and only states its key."""


def _conditions() -> Iterator[tuple[str, Protocol]]:
    for name, (takeover, redriven) in CLAIMS.items():
        condition = build_claim_condition(takeover=takeover, redriven=redriven, checked=False)
        mutated = [] if redriven else _without(condition)
        if redriven:
            free = IS_FREE.parts
            mutated = [("without 'redriven'", Or(free))]
            mutated += [
                (reported, Or((*free, mutant))) for reported, mutant in _without(IS_REDRIVEN)
            ]
        for reported, mutant in (*mutated, ("always", ALWAYS)):
            if (name, reported) not in REDUNDANT:
                changed = {(takeover, redriven): mutant}
                yield f"{name} {reported}", protocol_with(conditions=changed)
    condition = build_claim_condition(takeover=True, redriven=True, checked=False, stated=True)
    for reported, mutant in (*_without(condition), ("always", ALWAYS)):
        if ("stated", reported) not in REDUNDANT:
            yield f"stated {reported}", protocol_with(conditions={STATED: mutant})
    for name, condition in (
        ("to_complete", IS_OWNED),
        ("to_release", IS_OWNED),
        ("to_park", IS_OWNED),
        ("to_mark", IS_PARKED_BY_OWNER),
    ):
        for reported, mutant in (*_without(condition), ("always", ALWAYS)):
            if (name, reported) not in REDUNDANT:
                yield f"{name} {reported}", protocol_with(**{name: mutant})


REDUNDANT = {
    # A record in progress expires no sooner than its lease, so where stale ones may be taken over
    # the status adds nothing. In `free`, which is the same clause, it does.
    ("claimable", "without 'status = completed' of 'expired'"),
    # An owner that gives back never completes. The completion has the same condition, though,
    # and needs it.
    ("to_release", "without 'status = in_progress'"),
    # An owner's record is parked once, and after that never the owner's again with another status.
    # Both conditions say so all the same: each is read alone.
    ("redriven", "without 'status = parked'"),
    # The same as of `claimable`.
    (
        "stated",
        "without 'status = completed' of 'expired' of 'expired or stale' of 'claimed before'",
    ),
    ("to_mark", "without 'status = parked'"),
}
"""Clauses whose absence breaks nothing, each with its reason."""


def _times() -> Iterator[tuple[str, Protocol]]:
    yield "the lease has no margin", Protocol(lease=DEADLINE)
    yield "the lease is shorter than the deadline", Protocol(lease=DEADLINE - MARGIN)
    yield (
        "the lease has no margin, because claims go by the table's clock",
        Protocol(lease=DEADLINE, asks_time=True),
    )
    yield (
        "TTL forgets the lease",
        Protocol(claim_expiry=lambda request: EpochSeconds(NOW // 1000 + request.retention)),
    )
    yield (
        "a completion keeps the claim's expiry less a second",
        Protocol(completion_expiry=lambda request: EpochSeconds(request.expires_at - 1)),
    )


def _seed(step: Any, reply: Any) -> Any:
    """The seed article: any error of the claim is a duplicate, and nothing is ever settled."""
    match step:
        case Claim():
            if isinstance(reply, claims.Claimed):
                return Run(reply)
            return Settled(Outcome.DUPLICATE, acknowledged=True)
        case _:
            done = isinstance(reply, Returned)
            return Settled(Outcome.COMPLETED if done else Outcome.FAILED, acknowledged=done)


KNOWN_BAD = {
    "the seed article: put if absent, any error is a duplicate": protocol_with(
        advance=_seed, conditions=dict.fromkeys(CLAIMS.values(), Missing("id"))
    ),
    "Powertools: settles without an owner condition": Protocol(
        to_complete=ALWAYS, to_release=ALWAYS
    ),
    "idemkit: does not recognise its own claim": dict(judgements())[
        "an own claim is not recognised"
    ],
}
