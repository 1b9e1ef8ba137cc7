"""The life of one call of a decorated function: its claim, its settlement and its log line.

It is the life of a message (`lifecycle.advance`). Only the end differs: see `calls.end`.
"""

from dataclasses import replace
from inspect import BoundArguments
from typing import TYPE_CHECKING, NamedTuple, TypeVar, assert_never, cast

from idempotent_lambda import errors
from idempotent_lambda.calls.arguments import (
    FunctionRule,
    check_call_arguments,
    find_call_key,
    find_context,
    hash_payload,
    is_handler_call,
)
from idempotent_lambda.calls.end import CallEnd, CallFacts, Raise, Return, decide_end
from idempotent_lambda.calls.results import encode_result
from idempotent_lambda.calls.wiring import Wiring
from idempotent_lambda.clock import RESERVE_MILLIS, Deadline, Millis
from idempotent_lambda.observer import BatchStats, ClaimHistory
from idempotent_lambda.pipeline.asking import (
    CLAIM_BUDGET_MILLIS,
    STORE_STEPS,
    StoreStep,
    ask_store,
    make_owner,
)
from idempotent_lambda.pipeline.processor import refuse_unrun
from idempotent_lambda.protocol import claims, lifecycle
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.protocol.steps import (
    Claim,
    Complete,
    DeadLetter,
    Interrupted,
    Outcome,
    Park,
    Raised,
    Release,
    Reply,
    Returned,
    Run,
    Settled,
    Step,
    TakeOverLater,
    Unkeyed,
)
from idempotent_lambda.sources.direct import build_call_delivery
from idempotent_lambda.sources.response import find_failures

if TYPE_CHECKING:
    from idempotent_lambda.keys import Key

E = TypeVar("E", bound=BaseException)

REQUEST_BUDGET_MILLIS = Millis(CLAIM_BUDGET_MILLIS + RESERVE_MILLIS)
"""The most time of a call that one request to the store may take, except for a completion."""


class CallSubject(NamedTuple):
    """The record that a call asks about; see `asking.Subject`."""

    record_id: str
    payload_hash: str | None
    redelivered: bool = False
    token: str | None = None
    states_key: bool = False


class DecoratedCall:
    """One call.

    The caller claims, runs the function if `should_run`, settles the result or error, and ends the
    call.
    """

    def __init__(self, rule: FunctionRule, wiring: Wiring, bound: BoundArguments) -> None:
        """Find the time and the key of the call, without a request to the store.

        Raises:
            ConfigurationError: see `check_call_arguments` and `find_context`.
        """
        check_call_arguments(rule.name, bound)
        settings = wiring.settings
        self._rule, self._wiring, self._settings = rule, wiring, settings
        context = find_context(rule, bound, settings)
        self._deadline = Deadline.from_remaining(wiring.clock, context.remaining)
        self._began = self._since = wiring.clock.monotonic()
        self._history = ClaimHistory(context.request_id, decorated=rule.name)
        self._key: Key | None = None
        self._payload_hash: str | None = None
        self._owner = Owner("")
        self._is_handler_call = is_handler_call(bound)
        self._value: object = None
        self._unstored: errors.InvalidResultError | None = None
        self._failures: errors.BatchFailedError | None = None
        self._replies: list[Reply] = []
        self._end: CallEnd | None = None
        claim = self._build_claim()
        self._step: Step | Settled = claim
        try:
            self._key = find_call_key(rule, bound, settings.key_rule.namespace)
            self._payload_hash = hash_payload(rule, bound)
        except errors.MessageError as error:
            self._history.errors.append(self._hide_key(error))
            self._go_on(claim, Unkeyed(error))

    def _build_claim(self) -> Claim:
        # A call has one key, so reading first gains nothing: take over a stale record at once.
        claim = self._settings.claim(wait_for_lease=False)
        return replace(claim, takeover=not claim.park_interrupted)

    @property
    def should_run(self) -> bool:
        """Whether the function must run now."""
        return isinstance(self._step, Run)

    def claim(self) -> None:
        """Claim the key; release the claim if no time is left to run."""
        self._ask_until_run_or_end()
        needed = self._settings.minimum_remaining
        is_late = not (self._settings.observe_only or self._deadline.allows(needed))
        if is_late and self.should_run:
            text = f"less than {needed + RESERVE_MILLIS} ms are left, so it has not started: "
            text += "give the call more time"
            self.stop(errors.StoreUnavailableError(errors.NO_TIME, text, maybe_written=False))

    def stop(self, error: BaseException) -> None:
        """Release the claim without running the function; the call raises the error."""
        # Nothing has run, so even a cancellation leaves the result certain.
        self._note(Raised(cast("Exception", error)))
        if isinstance(self._step, Release):
            self._step = Release(self._step.owner, Outcome.NOT_STARTED)
        self._ask_until_run_or_end()

    def take_result(self, value: object) -> Returned | Raised:
        """Return the reply for a run that has returned a value.

        If the value reports failures, the work is not done. The caller gets what duplicates get,
        see `encode_result`. If the value cannot be stored, the call is completed and then raises an
        error.

        Raises:
            InvalidResultError: the value is work that is not done; see `refuse_unrun`.
        """
        refuse_unrun(value)
        self._value = value
        self._failures = find_failures(value)
        if self._failures:
            return Raised(self._failures)
        if not self._rule.stores_results:
            return Returned()
        try:
            text, stored = encode_result(value, of_handler=self._is_handler_call)
        except Exception as error:  # noqa: BLE001  # a result may be anything, and its side effect is done
            text = "the call is done, but its result cannot be stored, so duplicates get none: "
            text += f'{errors.text_of(error)}, or set results="discard"'
            self._unstored = self._hide_key(errors.InvalidResultError(text))
            self._history.errors.append(self._unstored)
            return Returned()
        if not self._settings.observe_only:
            self._value = stored
        return Returned(text)

    def settle(self, reply: Returned | Raised | Interrupted) -> None:
        """Record the end of the run in the table."""
        self._note(reply)
        self._ask_until_run_or_end()

    def end(self) -> object:
        """Return the result of the call, or raise its error."""
        match self._end:
            case Return(value):
                return value
            case Raise(error):
                raise error
            case None:
                raise TypeError("the call has not ended")
            case _:
                assert_never(self._end)

    def _ask_until_run_or_end(self) -> None:
        while isinstance(self._step, STORE_STEPS):
            self._note(self._ask(self._step))
        if isinstance(self._step, Settled):
            self._end = self._find_end()
            self._report(self._step)

    def _ask(self, step: StoreStep) -> Reply:
        is_completion = isinstance(step, Complete)
        limit = self._deadline if is_completion else self._deadline.sooner(REQUEST_BUDGET_MILLIS)
        record_id = self._key.record_id if self._key else ""
        (reply,) = ask_store(
            self._wiring.store,
            [(CallSubject(record_id, self._payload_hash), step)],
            limit=limit,
            ends=self._deadline,
            settings=self._settings,
            new_owner=self._make_owner,
        )
        return reply

    def _make_owner(self) -> Owner:
        self._owner = make_owner()
        return self._owner

    def _note(self, reply: Reply) -> None:
        step, now = self._step, self._wiring.clock.monotonic()
        if isinstance(step, Settled):
            raise TypeError(f"{reply!r} comes after the end of the call")
        self._history.note(step, reply, Millis(now - self._since))
        self._since = now
        self._go_on(step, reply)

    def _go_on(self, step: Step, reply: Reply) -> None:
        """Set the step that follows a reply."""
        if (
            isinstance(reply, claims.LostLease)
            and isinstance(step, Park)
            and step.owner != self._owner
        ):
            # The record of the interrupted owner has changed meanwhile: the call begins again.
            self._replies.clear()
            self._step = self._build_claim()
            return
        self._replies.append(reply)
        match lifecycle.advance(step, reply):
            case DeadLetter():  # a call has no message to send
                self._step = Settled(Outcome.PARKED)
            case TakeOverLater() as following:
                raise TypeError(f"a call never takes the step {following!r}")
            case following:
                self._step = following

    def _find_end(self) -> CallEnd:
        facts = CallFacts(
            self._rule.name,
            self._key,
            self._payload_hash,
            stores_results=self._rule.stores_results,
            hash_keys=self._settings.hash_keys,
            observe_only=self._settings.observe_only,
            value=self._value,
            unstored=self._unstored,
            failures=self._failures,
        )
        end = decide_end(self._replies, facts)
        if isinstance(end, Raise) and end.may_quote_key:
            self._hide_key(end.error)
        return end

    def _report(self, settled: Settled) -> None:
        delivery = build_call_delivery(self._rule.name)
        observer, history = self._wiring.observer, self._history
        observer.report_message(delivery, self._key, settled, history, follows=False)
        spent = dict(history.durations)
        overhead = self._wiring.clock.monotonic() - self._began - spent.pop("run_ms", 0)
        stats = BatchStats(
            history.request_id, 1, Millis(overhead), list(spent.values()), self._rule.name
        )
        observer.report_batch(stats)

    def _hide_key(self, error: E) -> E:
        """Return the error; if keys are hashed, without the key and without the error's causes."""
        if self._settings.hash_keys:
            error.__cause__ = error.__context__ = None  # these may quote the key too
            if self._key:
                error.args = (self._key.hide_in(errors.text_of(error)),)
        return error
