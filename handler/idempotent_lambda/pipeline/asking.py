"""The requests to the store for the steps of tasks, and the replies to these steps."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from idempotent_lambda.clock import Deadline, Millis
from idempotent_lambda.errors import StoreError
from idempotent_lambda.protocol.claims import ClaimRequest, ClaimStore, Request
from idempotent_lambda.protocol.lifecycle import build_settlement_request
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.protocol.steps import (
    Claim,
    Complete,
    MarkDeadLettered,
    Park,
    Release,
    Reply,
    Settlement,
    Unanswered,
)
from idempotent_lambda.settings import Settings

CLAIM_BUDGET_MILLIS = Millis(3000)
"""The most time of an invocation that one claim may take."""

StoreStep = Claim | Settlement
"""A step that is a request to the store."""

STORE_STEPS: Final = (Claim, Complete, Release, Park, MarkDeadLettered)

Answers = Sequence[Reply | StoreError]


class Subject(Protocol):
    """The record that a step is about, and the facts about the message that a claim shows."""

    @property
    def record_id(self) -> str:
        """The id of the record."""

    @property
    def redelivered(self) -> bool:
        """Whether the source has delivered the message before."""

    @property
    def token(self) -> str | None:
        """The owner token that a copy carries; None for all other messages."""

    @property
    def states_key(self) -> bool:
        """Whether only a copy states that this is its record."""

    @property
    def payload_hash(self) -> str | None:
        """See `ClaimRequest`."""


_SETTLE_METHODS: Mapping[
    type[Settlement], Callable[[ClaimStore, Sequence[Request], Deadline], Answers]
] = {
    Complete: lambda store, requests, limit: store.complete(requests, limit),
    Release: lambda store, requests, limit: store.release(requests, limit),
    Park: lambda store, requests, limit: store.park(requests, limit),
    MarkDeadLettered: lambda store, requests, limit: store.mark(requests, limit),
}
"""The store method for each settlement."""


def make_owner() -> Owner:
    """Return a new, unique owner token."""
    return Owner(os.urandom(16).hex())


def ask_store(
    store: ClaimStore,
    steps: Sequence[tuple[Subject, StoreStep]],
    *,
    limit: Deadline,
    ends: Deadline,
    settings: Settings,
    new_owner: Callable[[], Owner],
) -> list[Reply]:
    """Make one call to the store; return its reply to each step.

    Args:
        store: table of records.
        steps: steps of one class, each with its record.
        limit: deadline of the call.
        ends: end of the invocation. The lease of a claim ends a margin later.
        settings: retention and lease margin.
        new_owner: factory for the owner token of each claim.
    """
    now = limit.clock.now()
    first = steps[0][1]
    requests: Sequence[Request]
    answers: Answers
    if isinstance(first, Claim):
        lease_end = ends.lease_end(settings.lease_margin)
        requests = claims = [
            ClaimRequest(
                record_id=subject.record_id, owner=new_owner(), now=now,
                retention=settings.retention, lease_expires_at=lease_end,
                takeover=step.takeover, redelivered=subject.redelivered, token=subject.token,
                stated=subject.states_key, payload_hash=subject.payload_hash,
            )
            for subject, step in steps
            if isinstance(step, Claim)
        ]  # fmt: skip
        answers = store.claim(claims, limit)
    else:
        requests = [
            build_settlement_request(
                step,
                record_id=subject.record_id,
                now=now,
                retention=settings.retention,
                copy_token=subject.token if subject.states_key else None,
            )
            for subject, step in steps
            if not isinstance(step, Claim)
        ]
        answers = _SETTLE_METHODS[type(first)](store, requests, limit)
    return [
        Unanswered(request.owner, answer) if isinstance(answer, StoreError) else answer
        for request, answer in zip(requests, answers, strict=True)
    ]
