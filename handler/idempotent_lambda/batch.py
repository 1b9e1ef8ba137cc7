"""The pipeline: event → messages → keys → claims → run → settle → response.

`Agenda` decides, as a value without effects, what is worked on next; `lifecycle.advance` decides
what happens to it; `_Batch` carries both out and is the only one here that touches the world.
"""

import os
import threading
import time
from collections import abc
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from idempotent_lambda import lifecycle, messages
from idempotent_lambda.agenda import Agenda, Done, Task, Work
from idempotent_lambda.claims import Claimed, ClaimRequest, ClaimStore, Owner, Request
from idempotent_lambda.clock import REQUEST_MILLIS, RESERVE_MILLIS, Clock, Deadline, Millis, Seconds
from idempotent_lambda.errors import InvalidResultError, MessageError, StoreError
from idempotent_lambda.keys import Key, KeyRule
from idempotent_lambda.lifecycle import Claim, Complete, Outcome, Run, Settled, Unanswered
from idempotent_lambda.messages import Delivery, Message, PartialBatchResponse
from idempotent_lambda.telemetry import Observer, Trace

Processor = Callable[[Message], Any]

STORE_PATIENCE_MILLIS = Millis(3400)
"""How much of an invocation may be lost to a table that does not answer. Then the rest of the
batch is reported at once: with a last release, a dead table costs less than five seconds."""

CLAIM_PATIENCE_MILLIS = Millis(3000)
"""How much of that one claim may take."""

UNCONFIRMED_MILLIS = Millis(1000)
"""How long a completion may take before nothing new is started: until it is confirmed, a crash
would repeat its effect."""

COMPANY_MILLIS = Millis(100)
"""How long a completion waits for others to share its round trip, at most."""

HASTE_MILLIS = Millis(1)
"""As long as no processor of this process has taken longer, there is no flusher: all of a batch has
run before it could have helped, and to start it would be a good part of what such a batch costs."""

ANSWER_MILLIS = Millis(100)
"""Kept free to answer when a completion still has not been answered."""


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
        concurrency: how many messages of a batch run at the same time.
        new_owner: makes a fresh owner token.
        unhurried: set once a processor has taken its time.
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
    concurrency: int = 1
    new_owner: Callable[[], Owner] = lambda: Owner(os.urandom(16).hex())
    unhurried: threading.Event = field(default_factory=threading.Event)

    @cached_property
    def threads(self) -> ThreadPoolExecutor:
        """Run processors beside the main one, and confirm what has returned.

        One more than that takes: an earlier invocation may still wait for an answer.
        """
        return ThreadPoolExecutor(self.concurrency + 1)

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
        deadline = Deadline.after(self.clock, remaining)
        works, failed = self._coalesced(event, request_id)
        acknowledged = _Batch(self, works, deadline, request_id).carry_out()
        for work in works:
            failed += [] if work.key.record_id in acknowledged else work.deliveries
        return messages.response_of(failed)

    def _coalesced(self, event: object, request_id: str) -> tuple[tuple[Work, ...], list[Delivery]]:
        """One work per key, and the deliveries that have no key."""
        groups: dict[Key, list[Delivery]] = {}
        rejected = []
        for delivery in messages.deliveries_of(event):
            try:
                groups.setdefault(self.key_rule.key_of(delivery), []).append(delivery)
            except MessageError as error:
                rejected.append(delivery)
                end, trace = Settled(Outcome.REJECTED), Trace(request_id, errors=[error])
                self.observer.settled(delivery, None, end, trace, follows=False)
        spent = self.max_receive_count - 1
        works = (
            Work(key, tuple(group), nearly_spent=any(each.receive_count >= spent for each in group))
            for key, group in groups.items()
        )
        return tuple(works), rejected


class _Batch:
    """One invocation: carries the agenda out.

    The main thread does what the agenda says. While it runs a processor, another thread, the
    flusher, confirms what has returned. With more concurrency further threads run processors
    too. Whoever reads or changes the agenda holds the lock; nobody holds it during a call.
    """

    def __init__(
        self, consumer: Consumer, works: tuple[Work, ...], deadline: Deadline, request_id: str
    ) -> None:
        self._consumer = consumer
        self._clock = consumer.clock
        self._deadline = deadline
        self._agenda = Agenda.of(works)
        self._traces = {work.key.record_id: Trace(request_id) for work in works}
        self._open = {work.key.record_id: work for work in works}
        self._acknowledged: set[str] = set()
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._closed = False
        self._broken: BaseException | None = None
        self._flushing = False
        self._patience = STORE_PATIENCE_MILLIS
        self._round_trip = COMPANY_MILLIS
        # Since when the oldest completion waits: for its flush, and in the flusher's for an answer.
        self._gathered_at: Millis | None = None
        self._flight_since: Millis | None = None

    def carry_out(self) -> set[str]:
        """Do all of it; the record ids of what is acknowledged, which is proven completed."""
        try:
            while tasks := self._taken():
                self._do(tasks)
        finally:
            # Nothing that other threads still do counts any more.
            with self._lock:
                self._closed = True
        for work in tuple(self._open.values()):
            ran = "run_ms" in self._traces[work.key.record_id].durations
            self._tell(work, Settled(Outcome.UNCONFIRMED if ran else Outcome.NOT_STARTED))
        return self._acknowledged

    def _taken(self) -> tuple[Task, ...]:
        """What is to be done now, waited for if need be; nothing at the end."""
        with self._lock:
            while True:
                self._agenda, tasks = self._checked().next()
                if not self._agenda.returned:
                    self._gathered_at = None
                if self._broken and not (tasks or self._agenda.running):
                    raise self._broken
                if tasks or not self._agenda.underway:
                    return tasks
                patience = self._deadline.remaining() - ANSWER_MILLIS
                if self._agenda.running:
                    # An answer must not leave a processor behind: Lambda would freeze it, and
                    # it would go on when its lease is over.
                    self._changed.wait()
                elif patience <= 0 or not self._changed.wait(patience / 1000):
                    return ()

    def _checked(self) -> Agenda:
        """The agenda, stopped if the time or the patience with the table has run out."""
        agenda = self._agenda
        if agenda.stopped:
            return agenda
        if not agenda.ready and self._patience < REQUEST_MILLIS:
            return agenda.stopping(Outcome.UNAVAILABLE)
        least = self._consumer.minimum_remaining
        in_time = self._deadline.allows(least if agenda.ready else max(least, REQUEST_MILLIS))
        if in_time and self._overdue():
            # What ran may not have let the flusher run: it gets its second now.
            in_time = self._changed.wait_for(lambda: not self._overdue(), UNCONFIRMED_MILLIS / 1000)
        going = in_time and not self._broken
        return self._agenda if going else self._agenda.stopping(Outcome.NOT_STARTED)

    def _overdue(self) -> bool:
        """Whether a completion has been unconfirmed for too long."""
        since = self._gathered_at if self._flight_since is None else self._flight_since
        return since is not None and self._clock.elapsed() - since > UNCONFIRMED_MILLIS

    def _do(self, tasks: tuple[Task, ...]) -> None:
        """Do the tasks together, and take down what follows."""
        began = self._clock.elapsed()
        replies = self._replies(tasks)
        spent = Millis(self._clock.elapsed() - began)
        if spent > HASTE_MILLIS and isinstance(tasks[0][1], Run):
            self._consumer.unhurried.set()
        with self._lock:
            if not self._closed:
                self._note(tasks, replies, spent)

    def _note(
        self, tasks: tuple[Task, ...], replies: Iterable[lifecycle.Reply | None], spent: Millis
    ) -> None:
        unanswered = False
        done: list[Done] = []
        for (work, step), reply in zip(tasks, replies, strict=True):
            following: lifecycle.Step | lifecycle.End
            if isinstance(step, Settled) or reply is None:
                following = step
            else:
                self._traces[work.key.record_id].note(step, reply, spent)
                following = lifecycle.advance(step, reply)
                unanswered |= isinstance(reply, Unanswered)
            if isinstance(following, Settled):
                self._tell(work, following)
            done.append((work, step, following))
        if unanswered:
            self._patience = Millis(self._patience - spent)
        elif not isinstance(tasks[0][1], Run | Settled):
            self._round_trip = Millis(max(1, min(self._round_trip, spent)))
        self._agenda = self._agenda.after(done)
        self._hire(type(tasks[0][1]))

    def _hire(self, kind: type) -> None:
        """Start the threads that are of use after such a step, and wake those that wait for it."""
        agenda, concurrency = self._agenda, self._consumer.concurrency
        if kind is Claim:
            for _ in range(min(concurrency, len(agenda.ready)) - 1):
                self._start(self._run_ready)
        if agenda.returned and (agenda.ready or agenda.running):
            if self._gathered_at is None:
                self._gathered_at = self._clock.elapsed()
            if not self._flushing and self._consumer.unhurried.is_set():
                self._flushing = True
                self._start(self._flush)
        if kind is not Run or concurrency > 1:
            self._changed.notify_all()

    def _tell(self, work: Work, end: Settled) -> None:
        del self._open[work.key.record_id]
        if end.acknowledged:
            self._acknowledged.add(work.key.record_id)
        observer, trace = self._consumer.observer, self._traces[work.key.record_id]
        leader, *followers = work.deliveries
        observer.settled(leader, work.key, end, trace, follows=False)
        if end.outcome is Outcome.COMPLETED:
            end = Settled(Outcome.DUPLICATE, acknowledged=True)
        for follower in followers:
            observer.settled(follower, work.key, end, trace, follows=True)

    def _replies(self, tasks: tuple[Task, ...]) -> Sequence[lifecycle.Reply | None]:
        """What comes of the tasks; all have the same kind of step."""
        consumer, (work, first) = self._consumer, tasks[0]
        if isinstance(first, Settled):
            return [None] * len(tasks)
        if isinstance(first, Run):
            return [self._run(work, first.claim)]
        now, retention = self._clock.now(), consumer.retention
        answers: Sequence[Any]

        def ask(kind: Any, work: Work, owner: Owner, **more: Any) -> Any:
            record_id = work.key.record_id
            return kind(record_id=record_id, owner=owner, now=now, retention=retention, **more)

        if isinstance(first, Claim):
            lease_end = self._deadline.lease_end(consumer.lease_margin)
            more = {"lease_expires_at": lease_end, "takeover": first.takeover}
            asked = [
                ask(ClaimRequest, work, consumer.new_owner(), redelivered=work.redelivered, **more)
                for work, _ in tasks
            ]
            answers = consumer.store.claim(asked, self._within(CLAIM_PATIENCE_MILLIS))
        else:
            settled: Any = tasks
            asked = [ask(Request, work, step.owner) for work, step in settled]
            if isinstance(first, Complete):
                answers = consumer.store.complete(asked, self._deadline)
            else:
                answers = consumer.store.release(asked, self._within(STORE_PATIENCE_MILLIS))
        return [
            Unanswered(request.owner, answer) if isinstance(answer, StoreError) else answer
            for request, answer in zip(asked, answers, strict=True)
        ]

    def _within(self, budget: Millis) -> Deadline:
        """The deadline of a call that may spend this much, and no more than is left in all."""
        return self._deadline.sooner(Millis(min(self._patience, budget) + RESERVE_MILLIS))

    def _run(self, work: Work, claim: Claimed) -> lifecycle.Reply:
        message = Message.of(
            work.deliveries[0], key=work.key.text, owner=claim.owner, deadline=self._deadline
        )
        try:
            _refuse_unrun(self._consumer.processor(message))
        except BaseException as error:  # noqa: BLE001  # the rest of the batch still gets its answer
            # Whatever a processor raises means "not done", if it could raise of its own accord.
            if isinstance(error, Exception) and not isinstance(error, MemoryError):
                return lifecycle.Raised(error)
            return lifecycle.Interrupted(error)
        return lifecycle.Returned()

    # Threads

    def _start(self, work: Callable[[], None]) -> None:
        """Have work done by another thread; what it raises is raised by the main thread."""
        # The processor may rely on context variables that were set around the handler.
        job = self._consumer.threads.submit(copy_context().run, work)
        job.add_done_callback(self._ended)

    def _ended(self, job: Future[None]) -> None:
        with self._lock:
            self._broken = self._broken or job.exception()
            self._changed.notify_all()

    def _run_ready(self) -> None:
        """Run processors beside the main thread, as long as there are any to start."""
        while True:
            with self._lock:
                self._agenda = self._checked()
                if not self._agenda.ready or self._agenda.stopped or self._closed:
                    return
                self._agenda, tasks = self._agenda.next()
            self._do(tasks)

    def _flush(self) -> None:
        """Confirm what has returned, as long as there is any."""
        while tasks := self._gathered():
            self._do(tasks)
            with self._lock:
                self._flight_since = None
                self._changed.notify_all()

    def _gathered(self) -> tuple[Task, ...]:
        """The completions, once the first of them has waited a round trip for company."""
        while True:
            with self._lock:
                self._flushing = self._gathered_at is not None and not self._closed
                if self._gathered_at is None or self._closed:
                    return ()
                company = self._gathered_at + self._round_trip - self._clock.elapsed()
                if company <= 0:
                    self._flight_since, self._gathered_at = self._gathered_at, None
                    self._agenda, tasks = self._agenda.flush()
                    return tasks
            time.sleep(company / 1000)


def _refuse_unrun(result: object) -> None:
    """Raise if the processor returned work instead of doing it.

    Raises:
        InvalidResultError: the result is an awaitable or an iterator, whose work has not run.
    """
    if isinstance(result, abc.Awaitable | abc.Iterator | abc.AsyncIterator):
        if isinstance(result, abc.Coroutine | abc.Generator):
            result.close()
        raise InvalidResultError(
            f"the processor returned a {type(result).__name__}, whose work has not run: do the "
            "work before returning (asyncio.run(...) runs a coroutine inside a plain function)"
        )
