"""The pipeline: event → messages → keys → claims → run → settle → response.

`Agenda` decides, as a value without effects, what is worked on next; `lifecycle.advance` decides
what happens to it; `Consumer` carries both out and is the only one here that touches the world.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any

from idempotent_lambda import lifecycle, messages
from idempotent_lambda.claims import Claimed, ClaimRequest, ClaimStore, Owner, Request
from idempotent_lambda.clock import REQUEST_MILLIS, RESERVE_MILLIS, Clock, Deadline, Millis, Seconds
from idempotent_lambda.errors import InvalidResultError, MessageError, StoreError
from idempotent_lambda.keys import Key, KeyRule
from idempotent_lambda.lifecycle import Claim, Complete, Outcome, Release, Run, Settled
from idempotent_lambda.messages import Delivery, Message, PartialBatchResponse
from idempotent_lambda.telemetry import Observer, Trace

Processor = Callable[[Message], Any]

STORE_PATIENCE_MILLIS = Millis(3400)
"""How much of an invocation may be lost to a table that does not answer. Then the rest of the
batch is reported at once: with a last release, a dead table costs less than five seconds."""

CLAIM_PATIENCE_MILLIS = Millis(3000)
"""How much of that one claim may take."""


INTERRUPTIONS_AT_STAKE = 1
"""How many interruptions a key may have behind it and still run beside what is at stake: one can
happen to anybody."""


@dataclass(frozen=True, slots=True)
class Work:
    """One key of the batch and its deliveries: the first leads, the others share its end.

    Attributes:
        nearly_spent: one of the deliveries is on its last receive, or the one before: after
            that the dead-letter queue has it.
    """

    key: Key
    deliveries: tuple[Delivery, ...]
    nearly_spent: bool = False


@dataclass(frozen=True, slots=True)
class Agenda:
    """What of a batch is still to be done. Every change makes a new one.

    Attributes:
        waiting: not claimed yet, in the batch's order.
        lapsed: interrupted before, with their attempts. They come last, fewest attempts first,
            so that one message that kills its process does not take its neighbours along.
        alone: the batch has a single key, so nothing is gained by looking before a takeover.
        at_stake: a message that this batch will acknowledge, if we live to answer, is nearly
            spent.
        stopped: why nothing more is started; None while work goes on.
    """

    waiting: tuple[Work, ...]
    lapsed: tuple[tuple[int, Work], ...] = ()
    alone: bool = False
    at_stake: bool = False
    stopped: Outcome | None = None

    @classmethod
    def of(cls, works: tuple[Work, ...]) -> "Agenda":
        """The agenda of a batch of which nothing is done yet."""
        return cls(works, alone=len(works) == 1)

    def next(self) -> tuple[Work, Claim | Settled] | None:
        """A work with its first step, or with its end if it is not started; None at the end."""
        if not self.waiting and not self.lapsed:
            return None
        work = self._current
        if self.stopped:
            return work, Settled(self.stopped)
        if self.at_stake and not self.waiting and self.lapsed[0][0] > INTERRUPTIONS_AT_STAKE:
            return work, Settled(Outcome.DEFERRED)
        return work, Claim(takeover=self.alone or not self.waiting)

    def after(self, end: lifecycle.End) -> "Agenda":
        """The agenda once the work of `next` has come to this end."""
        if not self.waiting:
            done = replace(self, lapsed=self.lapsed[1:])
        else:
            done = replace(self, waiting=self.waiting[1:])
        if isinstance(end, lifecycle.PutOff):
            lapsed = (*self.lapsed, (end.attempts, self.waiting[0]))
            return replace(done, lapsed=tuple(sorted(lapsed, key=lambda each: each[0])))
        if end.outcome in (Outcome.INTERRUPTED, Outcome.UNCONFIRMED):
            done = done.stopping(Outcome.NOT_STARTED)
        at_stake = end.acknowledged and self._current.nearly_spent
        return replace(done, at_stake=self.at_stake or at_stake)

    def stopping(self, outcome: Outcome) -> "Agenda":
        """The agenda when nothing more is to be started; ``outcome`` says why."""
        return replace(self, stopped=self.stopped or outcome)

    @property
    def _current(self) -> Work:
        return self.waiting[0] if self.waiting else self.lapsed[0][1]


@dataclass(slots=True)
class _Invocation:
    deadline: Deadline
    patience: Millis = STORE_PATIENCE_MILLIS


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """Makes a processor idempotent. One instance serves all invocations of a function.

    Attributes:
        processor: the user's code; run by one owner at a time for each key.
        key_rule: how messages get their keys.
        retention: how long a completed record suppresses duplicates.
        lease_margin: how long a claim outlasts the deadline of its invocation.
        minimum_remaining: no processor starts with less time left.
        max_receive_count: how often the queue delivers a message before it dead-letters it.
        new_owner: makes a fresh owner token.
    """

    processor: Processor
    store: ClaimStore
    key_rule: KeyRule
    clock: Clock
    observer: Observer
    retention: Seconds
    lease_margin: Millis
    minimum_remaining: Millis
    max_receive_count: int
    new_owner: Callable[[], Owner] = lambda: Owner(os.urandom(16).hex())

    def consume(
        self, event: object, remaining: Millis, request_id: str = ""
    ) -> PartialBatchResponse:
        """Process a batch; the answer names what is to be delivered again.

        Args:
            event: the event as Lambda delivers it.
            remaining: how long this invocation may still take.
            request_id: Lambda's id of this invocation, for the log.

        Raises:
            UnsupportedEventError: see `messages.deliveries_of`.
        """
        invocation = _Invocation(Deadline.after(self.clock, remaining))
        works, failed = self._coalesced(messages.deliveries_of(event), request_id)
        agenda = Agenda.of(works)
        traces = {work.key: Trace(request_id) for work in works}
        while turn := self._checked(agenda, invocation).next():
            work, step = turn
            trace = traces[work.key]
            end = step if isinstance(step, Settled) else self._carry(work, step, trace, invocation)
            agenda = agenda.after(end)
            if isinstance(end, Settled):
                failed += [] if end.acknowledged else work.deliveries
                self._tell(work, end, trace)
        return messages.response_of(failed)

    def _checked(self, agenda: Agenda, invocation: _Invocation) -> Agenda:
        """The agenda, stopped if the time or the patience with the table has run out."""
        if invocation.patience < REQUEST_MILLIS:
            return agenda.stopping(Outcome.UNAVAILABLE)
        if not (self._may_start(invocation) and invocation.deadline.allows(REQUEST_MILLIS)):
            return agenda.stopping(Outcome.NOT_STARTED)
        return agenda

    def _tell(self, work: Work, end: Settled, trace: Trace) -> None:
        leader, *followers = work.deliveries
        self.observer.settled(leader, work.key, end, trace, follows=False)
        if end.outcome is Outcome.COMPLETED:
            end = Settled(Outcome.DUPLICATE, acknowledged=True)
        for follower in followers:
            self.observer.settled(follower, work.key, end, trace, follows=True)

    def _coalesced(
        self, deliveries: tuple[Delivery, ...], request_id: str
    ) -> tuple[tuple[Work, ...], list[Delivery]]:
        """One work per key, and the deliveries that have no key."""
        works: dict[str, Work] = {}
        rejected = []
        for delivery in deliveries:
            try:
                key = self.key_rule.key_of(delivery)
            except MessageError as error:
                rejected.append(delivery)
                end, trace = Settled(Outcome.REJECTED), Trace(request_id, errors=[error])
                self.observer.settled(delivery, None, end, trace, follows=False)
            else:
                work = works.get(key.record_id, Work(key, ()))
                spent = delivery.receive_count >= self.max_receive_count - 1
                works[key.record_id] = Work(
                    key, (*work.deliveries, delivery), work.nearly_spent or spent
                )
        return tuple(works.values()), rejected

    def _carry(
        self, work: Work, step: lifecycle.Step, trace: Trace, invocation: _Invocation
    ) -> lifecycle.End:
        """Carry one work from its first step to its end."""
        while True:
            began = self.clock.elapsed()
            reply = self._perform(work, step, invocation)
            spent = Millis(self.clock.elapsed() - began)
            trace.note(step, reply, spent)
            if isinstance(reply, lifecycle.Unanswered):
                invocation.patience = Millis(invocation.patience - spent)
            following = lifecycle.advance(step, reply, may_start=self._may_start(invocation))
            if isinstance(following, lifecycle.End):
                return following
            step = following

    def _perform(
        self, work: Work, step: lifecycle.Step, invocation: _Invocation
    ) -> lifecycle.Reply:
        deadline = invocation.deadline
        if isinstance(step, Run):
            return self._run(work, step.claim, deadline)
        owner = self.new_owner() if isinstance(step, Claim) else step.owner
        now = self.clock.now()
        request = Request(
            record_id=work.key.record_id, owner=owner, now=now, retention=self.retention
        )
        try:
            match step:
                case Claim(takeover):
                    lease_end = deadline.lease_end(self.lease_margin)
                    claim = ClaimRequest.of(request, lease_expires_at=lease_end, takeover=takeover)
                    budget = min(invocation.patience, CLAIM_PATIENCE_MILLIS)
                    return self.store.claim(claim, deadline.sooner(Millis(budget + RESERVE_MILLIS)))
                case Complete():
                    return self.store.complete(request, deadline)
                case Release():
                    budget = Millis(invocation.patience + RESERVE_MILLIS)
                    return self.store.release(request, deadline.sooner(budget))
        except StoreError as error:
            return lifecycle.Unanswered(owner, error)

    def _run(self, work: Work, claim: Claimed, deadline: Deadline) -> lifecycle.Reply:
        message = Message.of(
            work.deliveries[0], key=work.key.text, owner=claim.owner, deadline=deadline
        )
        try:
            _refuse_unrun(self.processor(message))
        except MemoryError as error:
            return lifecycle.Interrupted(error)
        except Exception as error:  # noqa: BLE001  # whatever a processor raises means "not done"
            return lifecycle.Raised(error)
        except BaseException as error:  # noqa: BLE001  # the rest of the batch still gets its answer
            return lifecycle.Interrupted(error)
        return lifecycle.Returned()

    def _may_start(self, invocation: _Invocation) -> bool:
        return invocation.deadline.allows(self.minimum_remaining)


def _refuse_unrun(result: object) -> None:
    """Raise if the processor returned work instead of doing it.

    Raises:
        InvalidResultError: the result is an awaitable or an iterator, whose work has not run.
    """
    if isinstance(result, Awaitable | Iterator | AsyncIterator):
        if isinstance(result, Coroutine | Generator):
            result.close()
        raise InvalidResultError(
            f"the processor returned a {type(result).__name__}, whose work has not run: do the "
            "work before returning (asyncio.run(...) runs a coroutine inside a plain function)"
        )
