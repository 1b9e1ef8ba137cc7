"""The pipeline: event → messages → keys → claims → run → settle → response.

`Agenda` decides, as a value without effects, what is worked on next; `lifecycle.advance` decides
what happens to it; `_Batch` carries both out and is the only one here that touches the world.
"""

import os
import threading
from collections import abc
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from typing import Any, cast

from idempotent_lambda import lifecycle
from idempotent_lambda.agenda import WINDOW, Agenda, Decision, Done, Task, Work
from idempotent_lambda.claims import PARALLEL_CALLS, ClaimRequest, ClaimStore, Owner, Stray
from idempotent_lambda.clock import (
    REQUEST_MILLIS,
    RESERVE_MILLIS,
    Clock,
    Deadline,
    EpochMillis,
    Millis,
)  # fmt: skip
from idempotent_lambda.errors import (
    NO_TIME,
    ConfigurationError,
    InvalidResultError,
    MessageError,
    StoreError,
    UnconfirmedCopyError,
    text_of,
)
from idempotent_lambda.grouping import group_by_key
from idempotent_lambda.lifecycle import (
    Claim,
    Complete,
    DeadLetter,
    Outcome,
    Run,
    Settled,
    Unanswered,
    Wait,
    Waited,
    settlement,
)  # fmt: skip
from idempotent_lambda.settings import Settings
from idempotent_lambda.sources.event import read_event
from idempotent_lambda.sources.message import Message
from idempotent_lambda.sources.response import PartialBatchResponse, build_response
from idempotent_lambda.sqs import BusyDelivery, Queues
from idempotent_lambda.telemetry import Effort, Observer, Trace
from idempotent_lambda.threads import Threads

Processor = Callable[..., Any]
"""Takes a message; and a ``transaction``, if it has a parameter of that name."""

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
"""As long as no processor of this process has taken longer, and no completion has waited for
`COMPANY_MILLIS`, there is no flusher: to start it would be a good part of what a quick batch costs.
The main thread confirms a window before it claims the next one."""

AFTER_LEASE_MILLIS = Millis(1000)
"""How long after the end of a lease that was waited for the next claim is made."""

_UNCONFIRMING = (None, "unanswered", "unkeyed")
"""What a claim meets that does not show whether a copy's stated key counts."""

ANSWER_MILLIS = Millis(100)
"""Kept free to answer when a completion still has not been answered."""


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """Makes a processor idempotent. One instance serves all invocations of a function.

    Attributes:
        processor: the user's code; run by one owner at a time for each key.
        queues: where busy messages are postponed and parked ones are sent.
        transactional: whether the processor takes a transaction.
        new_owner: makes a fresh owner token.
        unhurried: set once a processor has taken its time.
        threads: run processors beside the main one, and confirm what has returned.
    """

    processor: Processor
    settings: Settings
    store: ClaimStore
    queues: Queues
    clock: Clock
    observer: Observer
    transactional: bool = False
    new_owner: Callable[[], Owner] = lambda: Owner(os.urandom(16).hex())
    unhurried: threading.Event = field(default_factory=threading.Event)
    threads: Threads = field(default_factory=Threads)

    def __post_init__(self) -> None:
        """Refuse what would lose effects.

        Raises:
            ConfigurationError: what runs without a claim has nothing to commit a transaction with.
        """
        if self.transactional and self.settings.observe_only:
            raise ConfigurationError(
                "the processor takes a transaction, which observe mode cannot commit for what "
                "it would suppress: set idempotency.mode to enforce"
            )

    def consume(
        self, event: object, remaining: Millis, request_id: str = ""
    ) -> PartialBatchResponse | None:
        """Process a batch; the answer names what is to be delivered again.

        Args:
            event: the event as Lambda delivers it.
            remaining: how long this invocation may still take.
            request_id: Lambda's id of this invocation, for the log.

        Raises:
            UnsupportedEventError: see `read_event`.
            NotDoneError: see `build_response`.
        """
        deadline, began = Deadline.after(self.clock, remaining), self.clock.elapsed()
        deliveries = read_event(event, self.settings.unwrap)
        works, ended = group_by_key(deliveries, self.settings)
        for delivery, end, error in ended:
            trace = Trace(request_id, errors=[error] if error else [])
            self.observer.settled(delivery, None, end, trace, follows=False)
        batch = _Batch(self, works, deadline, request_id)
        done = {id(each) for work in batch.carry_out() for each in work.deliveries}
        failed = [each for each in deliveries if id(each) not in done]
        if batch.busy:
            self.queues.postpone(failed, batch.busy, deadline)
        if deliveries:
            overhead = Millis(self.clock.elapsed() - began - covered(batch.runs))
            self.observer.ended(Effort(request_id, len(deliveries), overhead, batch.store_steps))
        return build_response(deliveries, failed)

    def run(self, message: Message) -> tuple[Mapping[str, Any], ...]:
        """Run the processor; the writes of its transaction."""
        if not self.transactional:
            refuse_unrun(self.processor(message))
            return ()
        from idempotent_lambda.transaction import Transaction  # noqa: PLC0415  # only when used

        transaction = Transaction()
        try:
            refuse_unrun(self.processor(message, transaction=transaction))
        finally:
            actions = transaction.close()
        return actions


class _Batch:
    """One invocation: carries the agenda out.

    The main thread does what the agenda says. While it runs a processor, another thread, the
    flusher, confirms what has returned. With more concurrency further threads run processors
    too. Whoever reads or changes the agenda holds the lock; nobody holds it during a call.
    """

    def __init__(
        self, consumer: Consumer, works: Sequence[Work], deadline: Deadline, request_id: str
    ) -> None:
        self._consumer = consumer
        self._clock = consumer.clock
        self._deadline = deadline
        waits = bool(works) and not works[0].deliveries[0].redelivers_by_itself
        one_by_one = consumer.transactional or not getattr(consumer.store, "together", True)
        together = PARALLEL_CALLS if one_by_one else WINDOW
        claim = consumer.settings.claim(wait_for_lease=waits)
        self._agenda = Agenda.of(works, claim, together=together)
        self._traces = [Trace(request_id) for _ in works]
        self._open = {work.place: work for work in works}
        self._acknowledged: list[Work] = []
        self.busy: list[BusyDelivery] = []
        self.runs: list[tuple[Millis, Millis]] = []
        self.store_steps: list[Millis] = []
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._closed = False
        self._broken: BaseException | None = None
        self._flushing = self._watched = False
        # How many threads are asked to help, and how many do.
        self._helpers = self._helping = 0
        self._patience = STORE_PATIENCE_MILLIS
        self._round_trip = COMPANY_MILLIS
        # Since when each completion is due, and since when it is in flight; the oldest first.
        self._due: dict[int, Millis] = {}
        self._sent: dict[int, Millis] = {}

    def carry_out(self) -> list[Work]:
        """Do all of it; what is acknowledged, which is proven completed or parked."""
        try:
            while tasks := self._await_tasks():
                self._do(tasks)
        finally:
            # Nothing that other threads still do counts any more.
            with self._lock:
                self._closed = True
                self._changed.notify_all()
                if self._watched:
                    self._consumer.threads.end_poll(self._look)
        for work in tuple(self._open.values()):
            ran = "run_ms" in self._traces[work.place].durations
            self._tell(work, Settled(Outcome.UNCONFIRMED if ran else Outcome.NOT_STARTED))
        return self._acknowledged

    def _await_tasks(self) -> tuple[Task, ...]:
        """What is to be done now, waited for if need be; nothing at the end."""
        with self._lock:
            while True:
                tasks = self._next_tasks()
                if self._broken and not (tasks or self._helping):
                    raise self._broken
                if tasks or not self._agenda.underway:
                    self._call_help()
                    return tasks
                patience = self._deadline.remaining() - ANSWER_MILLIS
                # An answer must not leave a processor behind: Lambda would freeze it, and it
                # would go on when its lease is over.
                must_answer = not self._agenda.running and patience <= UNCONFIRMED_MILLIS
                # A completion may become overdue meanwhile, of which nobody would hear.
                pause = max(0, patience) if must_answer else UNCONFIRMED_MILLIS
                if not self._changed.wait(pause / 1000) and must_answer:
                    return ()

    def _next_tasks(self) -> tuple[Task, ...]:
        """The next tasks of the agenda, which knows of it from then on."""
        agenda, decision = self._checked()
        self._agenda, tasks = agenda.next(overdue=decision is Decision.FLUSH)
        return self._send(tasks)

    def _checked(self) -> tuple[Agenda, Decision]:
        """The agenda, stopped if the time or the patience with the table has run out."""
        agenda, decision = self._decided()
        while decision is Decision.WAIT:
            # What ran or runs may not let the flusher hear its answer: it gets a second after that.
            idle = not agenda.running
            self._changed.wait_for(lambda: not self._is_old(self._sent), UNCONFIRMED_MILLIS / 1000)
            agenda, decision = self._decided()
            if decision is Decision.WAIT and idle:
                return agenda.stopping(Outcome.NOT_STARTED), Decision.GO
        return agenda, decision

    def _decided(self) -> tuple[Agenda, Decision]:
        agenda = self._agenda
        if agenda.stopped:
            return agenda, Decision.GO
        least = self._consumer.settings.minimum_remaining
        in_time = self._deadline.allows(least if agenda.ready else max(least, REQUEST_MILLIS))
        return agenda.decide(
            overdue=self._is_old(self._due),
            late=self._is_old(self._sent),
            in_time=in_time and not self._broken,
            patient=self._patience >= REQUEST_MILLIS,
        )

    def _is_old(self, completions: Mapping[int, Millis]) -> bool:
        """Whether the oldest of some completions has waited for too long."""
        if not completions:
            return False
        return self._clock.elapsed() - next(iter(completions.values())) > UNCONFIRMED_MILLIS

    def _send(self, tasks: tuple[Task, ...]) -> tuple[Task, ...]:
        """The tasks, of which completions are in flight from now on."""
        if tasks and isinstance(tasks[0][1], Complete):
            now = self._clock.elapsed()
            for work, _ in tasks:
                del self._due[work.place]
                self._sent[work.place] = now
        return tasks

    def _do(self, tasks: tuple[Task, ...]) -> None:
        """Do the tasks together, and take down what follows."""
        began = self._clock.elapsed()
        tasks, replies = self._restate_strays(tasks, self._replies(tasks))
        if self._consumer.settings.hash_keys:
            _hide_keys(tasks, replies)
        spent = Millis(self._clock.elapsed() - began)
        if spent > HASTE_MILLIS and isinstance(tasks[0][1], Run):
            self._consumer.unhurried.set()
        with self._lock:
            if not self._closed:
                self._note(tasks, replies, began, spent)
                if isinstance(tasks[0][1], Run):
                    self.runs.append((began, Millis(began + spent)))
                elif not isinstance(tasks[0][1], Settled | Wait | DeadLetter):
                    self.store_steps.append(spent)

    def _note(
        self,
        tasks: tuple[Task, ...],
        replies: Sequence[lifecycle.Reply | None],
        began: Millis,
        spent: Millis,
    ) -> None:
        asks = not isinstance(tasks[0][1], Run | Settled | Wait | DeadLetter)
        unanswered = [isinstance(reply, Unanswered) for reply in replies] if asks else []
        answered = not all(unanswered)
        done: list[Done] = []
        for (work, step), reply in zip(tasks, replies, strict=True):
            following: lifecycle.Step | lifecycle.End
            if isinstance(step, Settled) or reply is None:
                following = step
                self._open[work.place] = work
            else:
                self._traces[work.place].note(step, reply, spent)
                following = lifecycle.advance(step, reply)
                if isinstance(reply, Unanswered) and answered and isinstance(step, Claim):
                    # The others may have taken all the time of the call.
                    following = step if reply.error.code == NO_TIME else following
            if isinstance(following, Complete):
                self._due[work.place] = Millis(began + spent)
            if isinstance(step, Complete):
                del self._sent[work.place]
            done.append((work, step, following))
            early = work.after and self._agenda.holds_back(work, step, following)
            if isinstance(following, Settled) and not early:
                self._tell(work, following)
        if asks:
            # A table that answers a part of a call, or the next one, is not silent.
            self._patience = STORE_PATIENCE_MILLIS if answered else Millis(self._patience - spent)
        if isinstance(tasks[0][1], Claim | Complete | lifecycle.Release) and not any(unanswered):
            self._round_trip = Millis(max(1, min(self._round_trip, spent)))
        self._agenda = self._agenda.after(done)
        self._hire(type(tasks[0][1]))

    def _hire(self, kind: type) -> None:
        """Start the threads that are of use after such a step, and wake those that wait for it."""
        agenda, concurrency = self._agenda, self._consumer.settings.concurrency
        watched = self._flushing or self._watched
        more = agenda.startable or agenda.waiting or agenda.running
        if agenda.returned and more and not watched:
            if self._consumer.unhurried.is_set():
                self._start_flusher()
            else:
                # The next run may be a long one.
                self._watched = True
                self._consumer.threads.poll(self._look)
        if kind in (Complete, lifecycle.Release):
            self._call_help()  # which has left if too much was in doubt
        if kind is not Run or concurrency > 1:
            self._changed.notify_all()

    def _look(self) -> bool:
        """Start the flusher if a run takes long; whether to look again later."""
        with self._lock:
            returned = () if self._closed else self._agenda.returned
            if (
                returned
                and self._clock.elapsed() - self._due[returned[0][0].place] > COMPANY_MILLIS
            ):
                self._consumer.unhurried.set()
            if returned and self._consumer.unhurried.is_set() and not self._flushing:
                self._start_flusher()
            self._watched = not (self._closed or self._flushing)
            return self._watched

    def _start_flusher(self) -> None:
        """Have what has returned confirmed by another thread."""
        self._flushing = True
        self._start(self._flush)

    def _tell(self, work: Work, end: Settled) -> None:
        del self._open[work.place]
        if end.acknowledged:
            self._acknowledged.append(work)
        if end.busy_until:
            self.busy += [(each, end.busy_until) for each in work.deliveries]
        observer, trace = self._consumer.observer, self._traces[work.place]
        leader, *followers = work.deliveries
        # Of a key that is only stated, nobody but the sender says that it is this message's.
        unconfirmed = work.own_key is not None and trace.met in _UNCONFIRMING
        key = work.own_key if unconfirmed else work.key
        key = None if isinstance(key, MessageError) else key
        observer.settled(leader, key, end, trace, follows=False)
        if end.outcome is Outcome.COMPLETED:
            end = Settled(Outcome.DUPLICATE, acknowledged=True)
        for position, follower in enumerate(followers, 1):
            seen = replace(trace, payload_differs=True) if position in work.differing else trace
            observer.settled(follower, key, end, seen, follows=True)

    def _replies(self, tasks: tuple[Task, ...]) -> Sequence[lifecycle.Reply | None]:
        """What comes of the tasks; all have the same kind of step."""
        consumer, (work, first) = self._consumer, tasks[0]
        match first:
            case Run(claim):
                return [self._run(work, claim.owner)]
            case Settled():
                return [None] * len(tasks)
            case Wait(_, lease_end):
                return [self._waited(lease_end)]
            case DeadLetter(owner):
                return [self._dead_letter(work, owner)]
            case _:
                pass
        asked: Sequence[Any]
        now, settings = self._clock.now(), consumer.settings
        deadline = self._within(STORE_PATIENCE_MILLIS)
        if isinstance(first, Claim):
            lease_end = self._deadline.lease_end(settings.lease_margin)
            asked = [
                ClaimRequest(
                    record_id=work.key.record_id, owner=consumer.new_owner(), now=now,
                    retention=settings.retention, lease_expires_at=lease_end,
                    takeover=first.takeover, redelivered=work.redelivered, token=work.token,
                    stated=work.own_key is not None,
                )
                for work, _ in tasks
            ]  # fmt: skip
            deadline = self._within(CLAIM_PATIENCE_MILLIS)
        else:
            kept: dict[str, Any] = {"now": now, "retention": settings.retention}
            steps = cast("Any", tasks)
            asked = [
                settlement(
                    step,
                    record_id=work.key.record_id,
                    copy_of=work.token if work.own_key else None,
                    **kept,
                )
                for work, step in steps
            ]
            if isinstance(first, Complete) and not first.observed:
                deadline = self._deadline
        answers = getattr(consumer.store, type(first).__name__.lower())(asked, deadline)
        return [
            Unanswered(request.owner, answer) if isinstance(answer, StoreError) else answer
            for request, answer in zip(asked, answers, strict=True)
        ]

    def _restate_strays(
        self, tasks: tuple[Task, ...], replies: Sequence[lifecycle.Reply | None]
    ) -> tuple[tuple[Task, ...], Sequence[lifecycle.Reply | None]]:
        """The same, where copies whose stated key does not count have their own one.

        They are claimed once nothing else is to be done: one sender must not hold up the others.
        """
        if not any(isinstance(reply, Stray) for reply in replies):
            return tasks, replies
        kept, answers = list(tasks), list(replies)
        for index, ((work, step), reply) in enumerate(zip(tasks, replies, strict=True)):
            if isinstance(reply, Stray):
                if isinstance(work.own_key, MessageError):
                    answers[index] = lifecycle.Unkeyed(work.own_key)
                elif work.own_key:
                    kept[index] = replace(work, key=work.own_key, own_key=None), step
                    answers[index] = None
                    self._traces[work.place].errors.append(UnconfirmedCopyError())
        return tuple(kept), answers

    def _waited(self, lease_end: EpochMillis) -> Waited:
        """Wait until a lease has ended, if time remains then to claim and to run."""
        pause = Millis(lease_end - self._clock.now() + AFTER_LEASE_MILLIS)
        least = REQUEST_MILLIS + self._consumer.settings.minimum_remaining
        in_time = self._deadline.allows(Millis(pause + least))
        # A source that delivers again at once would otherwise soon be out of retries.
        self._clock.sleep(Millis(max(0, min(pause, self._deadline.remaining() - RESERVE_MILLIS))))
        return Waited(in_time)

    def _dead_letter(self, work: Work, owner: Owner) -> lifecycle.Reply:
        queues, leader = self._consumer.queues, work.deliveries[0]
        try:
            queues.dead_letter(leader, work.key.record_id, owner, self._deadline)
        except StoreError as error:
            return Unanswered(owner, error)
        return lifecycle.DeadLettered()

    def _within(self, budget: Millis) -> Deadline:
        """The deadline of a call that may spend this much, and no more than is left in all."""
        return self._deadline.sooner(Millis(max(0, min(self._patience, budget)) + RESERVE_MILLIS))

    def _run(self, work: Work, owner: Owner) -> lifecycle.Reply:
        about: Any = {"key": work.key.text, "owner": owner, "deadline": self._deadline}
        try:
            message = Message.from_delivery(work.deliveries[0], **about)
            return lifecycle.Returned(actions=self._consumer.run(message))
        except BaseException as error:  # noqa: BLE001  # the rest of the batch still gets its answer
            return lifecycle.raised(error)

    # Threads

    def _start(self, work: Callable[[], None]) -> None:
        """Have work done by another thread; what it raises is raised by the main thread.

        Where no thread can be started the main thread does it all.
        """
        # The processor may rely on context variables that were set around the handler.
        with suppress(RuntimeError):
            job = self._consumer.threads.start(partial(copy_context().run, work))
            job.add_done_callback(self._ended)

    def _ended(self, job: Future[None]) -> None:
        with self._lock:
            self._broken = self._broken or job.exception()
            self._changed.notify_all()

    def _call_help(self) -> None:
        """Have another thread run processors beside this one, if there is work for it."""
        if self._helpers < self._consumer.settings.concurrency - 1 and self._agenda.helpable:
            self._helpers += 1
            self._start(self._run_ready)

    def _run_ready(self) -> None:
        """Run processors beside the main thread, as long as there are any to start."""
        with self._lock:
            self._helping += 1
        try:
            while tasks := self._help():
                self._do(tasks)
        finally:
            with self._lock:
                self._helping -= 1
                self._helpers -= 1

    def _help(self) -> tuple[Task, ...]:
        """What a thread beside the main one is to do; nothing if there is nothing to start."""
        with self._lock:
            self._agenda, _ = self._checked()
            if self._closed or not self._agenda.helpable:
                return ()
            tasks = self._next_tasks()
            self._call_help()
            return tasks

    def _flush(self) -> None:
        """Confirm what has returned, as long as there is any."""
        while tasks := self._gathered():
            self._do(tasks)

    def _gathered(self) -> tuple[Task, ...]:
        """The completions, once the first of them has waited a round trip for company."""
        with self._lock:
            while returned := () if self._closed else self._agenda.returned:
                since = self._due[returned[0][0].place]
                company = since + self._round_trip - self._clock.elapsed()
                if company <= 0:
                    self._agenda, tasks = self._agenda.flush()
                    return self._send(tasks)
                self._changed.wait(company / 1000)
            self._flushing = False
            return ()


def _hide_keys(tasks: Sequence[Task], replies: Sequence[object]) -> None:
    """Take the keys out of the errors of a call: it may quote what was asked for others.

    Where their texts differ only their codes are left, as each may quote each key.
    """
    found = [reply.error for reply in replies if isinstance(reply, Unanswered)]
    texts = {text_of(error) for error in found}
    hidden = ""
    if len(texts) == 1:
        hidden = reduce(lambda text, task: task[0].key.hide_in(text), tasks, texts.pop())
    for error in found:
        error.args = (hidden or error.code,)


def covered(spans: Iterable[tuple[Millis, Millis]]) -> Millis:
    """How long at least one of some spans of time lasted, each from its begin to its end."""
    total = reached = 0
    for begin, end in sorted(spans):
        total += max(0, end - max(begin, reached))
        reached = max(reached, end)
    return Millis(total)


def refuse_unrun(result: object) -> None:
    """Raise if the processor returned work instead of doing it.

    Raises:
        InvalidResultError: the result is an awaitable or an iterator, whose work has not run.
    """
    # Its type is asked: a value may raise whatever it is asked itself.
    if issubclass(type(result), abc.Awaitable | abc.Iterator | abc.AsyncIterator):
        if isinstance(result, abc.Coroutine | abc.Generator):
            with suppress(RuntimeError):  # it goes on or refuses to end
                result.close()
        raise InvalidResultError(
            f"the processor returned a {type(result).__name__}, whose work has not run: do the "
            "work before returning (asyncio.run(...) runs a coroutine inside a plain function)"
        )
