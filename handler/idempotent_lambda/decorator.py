"""Functions and handlers that exist, made idempotent by one decorator, sync or async.

The life of a call is that of a message (`lifecycle.advance`); only its ends differ: a duplicate
gets the stored result, and whatever is not done is raised. Nothing of a call is kept beside it.
"""

import functools
import hashlib
import inspect
import json
import marshal
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeVar, cast

from idempotent_lambda import claims, errors, keys, lifecycle
from idempotent_lambda.asking import CLAIM_BUDGET_MILLIS
from idempotent_lambda.clients import new_client
from idempotent_lambda.clock import (
    REQUEST_MILLIS,
    RESERVE_MILLIS,
    Clock,
    Deadline,
    Millis,
    SystemClock,
)  # fmt: skip
from idempotent_lambda.dynamodb import DynamoDBClaimStore
from idempotent_lambda.lifecycle import Claim, Outcome, Release, Run, Settled
from idempotent_lambda.messages import Delivery, Source
from idempotent_lambda.processor import refuse_unrun
from idempotent_lambda.settings import Settings
from idempotent_lambda.telemetry import Effort, JsonLines, Observer, Trace

F = TypeVar("F", bound=Callable[..., Any])
E = TypeVar("E", bound=Exception)
Selector = str | Callable[..., Any]
"""JMESPath over the arguments by name, or a callable that gets the arguments."""

MAXIMUM_RESULT_BYTES = 256 * 1024
"""As JSON. An item holds 400 KB with everything else in it:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""

MAXIMUM_LEASE_SECONDS = 366 * 24 * 3600
"""An interrupted call blocks its key for that long."""

PATIENCE_MILLIS = Millis(CLAIM_BUDGET_MILLIS + RESERVE_MILLIS)
"""How much of a call one request to the table may take, except for a completion."""

FUNCTIONS: dict[str, str] = {}
"""The decorated functions without a wiring, which share the environment's, by name."""

_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Wiring:
    """What decorated functions work with; tests give one of their own.

    Attributes:
        functions: the decorated functions by the names of their keys.
    """

    settings: Settings
    store: claims.ClaimStore
    clock: Clock
    observer: Observer
    functions: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    @functools.cache
    def from_environment(cls) -> "Wiring":
        """That of this process, made when the first decorated function is called.

        Raises:
            InvalidSettingsError: names every variable that is missing or wrong.
        """
        settings, clock = Settings.from_environment(built_in=False), SystemClock()
        observer = JsonLines(clock, hash_keys=settings.hash_keys, function=settings.metrics_of)
        store = DynamoDBClaimStore(new_client(), settings.table, clock, observer)
        return cls(settings, store, clock, observer)


def idempotent(  # noqa: C901  # checks, and a function in two colours
    *,
    name: str,
    key: Selector,
    payload: Selector | None = None,
    results: Literal["store", "discard"] = "store",
    lease_seconds: float | None = None,
    wiring: Wiring | None = None,
) -> Callable[[F], F]:
    """Make a function idempotent: it runs once per key, later calls get its result.

    What it raises is raised, and the next call runs it again. Other than that a call may raise

    - `Busy`: another call with this key is running, or was interrupted and its lease goes on;
    - `ResultUnavailable`: it is done, but its result could not be stored;
    - `MissingKeyError`, `UnsupportedKeyError`, `PayloadMismatchError`: it has not run;
    - `ParkedError`: the key waits for a person (a `PermanentFailure` was raised, or the call was
      interrupted and the setting is to park). Nothing is sent anywhere, so that the record is all
      there is: deleting it lets the key run again;
    - `InvalidResultError`: it returned what JSON cannot hold as it is, or over 256 KB. The call is
      completed all the same. An awaitable or iterator, whose work has not run, is not;
    - `LostLeaseError`, or a `StoreError` of the completion: it has run, and may run again. If
      another call completed the key after this call's lease, this call returns that call's stored
      result. If there is none, it raises `LostLeaseError`;
    - any other `StoreError`: it has not run.

    Args:
        name: names the function in its keys, alone in the namespace. Keep it when the function is
            renamed or moved. A second function of that name in the process is refused.
        key: what makes two calls the same operation, such as ``"event.detail.order_id"``.
        payload: what must be equal in them besides, compared as JSON.
        results: whether to store what the function returns. Duplicates get None without.
        lease_seconds: the time a call has, where no argument is a Lambda context, which tells it.
            Others are excluded for that and the lease margin, which must be at least the
            difference between two callers' clocks. It must be over 2 s, and over 0.5 s more than
            the least remaining time that the settings ask for. Outside Lambda nothing ends a
            call then: see to it that it takes no longer.
        wiring: table, clock and log of a test; by default those of the environment, which is
            read when a function is first called.

    Raises:
        ConfigurationError: an argument or the function is not usable; at the first call too, if
            there is no Lambda context and no lease, or one in which nothing could start, or the
            environment is wrong.
    """
    rule = _Rule(name, key, payload, results == "store", lease_seconds)
    try:
        keys.namespaced("", name)
        for selector in (key, payload):
            if isinstance(selector, str):
                keys.compiled(selector)
    except ValueError as error:
        raise _unusable(name, error) from None
    if results not in ("store", "discard"):
        raise _unusable(name, f'results is {results!r}: set "store" or "discard"')
    number = issubclass(type(lease_seconds), int | float)
    if lease_seconds is not None and not (number and 0 < lease_seconds <= MAXIMUM_LEASE_SECONDS):
        text = f"set a number over 0, and at most {MAXIMUM_LEASE_SECONDS}"
        raise _unusable(name, f"lease_seconds is {lease_seconds!r}: {text}")

    def decorate(function: F) -> F:
        signature = inspect.signature(function)
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise _unusable(name, "it is a generator, whose call runs nothing: return a list")
        _check_name(name, function, wiring.functions if wiring else FUNCTIONS)

        def begin(*args: Any, **kwargs: Any) -> _Call:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            with _ONE_AT_A_TIME:
                wired = wiring or Wiring.from_environment()
            return _Call(rule, wired, bound)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            current = begin(*args, **kwargs)
            current.claim()
            if isinstance(current.step, Run):
                try:
                    reply = current.returned(function(*args, **kwargs))
                except BaseException as error:  # noqa: BLE001  # raised again at the end
                    reply = lifecycle.raised(error)
                current.settle(reply)
            return current.end()

        @functools.wraps(function)
        async def call_async(*args: Any, **kwargs: Any) -> Any:
            current = begin(*args, **kwargs)
            await _in_thread(current, current.claim)
            if isinstance(current.step, Run):
                try:
                    reply = current.returned(await function(*args, **kwargs))
                except BaseException as error:  # noqa: BLE001  # raised again at the end
                    reply = lifecycle.raised(error)
                if isinstance(reply, lifecycle.Interrupted):
                    current.settle(reply)  # asks for nothing, and a closed coroutine cannot wait
                else:
                    await _in_thread(current, current.settle, reply)
            return current.end()

        return cast("F", call_async if inspect.iscoroutinefunction(function) else call)

    return decorate


def _check_name(name: str, function: Callable[..., Any], functions: dict[str, str]) -> None:
    """Refuse a second function of a name; a module that is loaded again has the same one."""
    inner = getattr(function, "func", function)  # a partial has no name
    place = f"{inner.__module__}.{getattr(inner, '__qualname__', type(inner).__qualname__)}"
    if (first := functions.setdefault(name, place)) != place:
        problem = f"{first} and {place} have this name and would share keys and results"
        raise _unusable(name, f"{problem}: give one of them another name")


def _unusable(name: str, problem: object) -> errors.ConfigurationError:
    return errors.ConfigurationError(f"@idempotent of {name!r}: {problem}")


async def _in_thread(call: "_Call", work: Callable[..., None], *arguments: Any) -> None:
    """Have a thread do what waits for the table; a cancellation meanwhile counts once it is done.

    Otherwise it would leave a claim behind, of which nobody knows that its function never started.
    """
    import asyncio  # noqa: PLC0415  # costs a cold start more than all of us

    cancelled = None
    loop, context = asyncio.get_running_loop(), copy_context()
    job = loop.run_in_executor(None, context.run, work, *arguments)
    while not job.done():
        try:
            await asyncio.shield(job)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled and isinstance(call.step, Run):
        await _in_thread(call, call.stop, cancelled)
    if cancelled:
        raise cancelled


class _Rule(NamedTuple):
    """What all calls of a function share."""

    name: str
    key: Selector
    payload: Selector | None
    stores: bool
    lease_seconds: float | None


class _Call:
    """One call: its claim, its settlement and its end."""

    def __init__(self, rule: _Rule, wiring: Wiring, bound: inspect.BoundArguments) -> None:
        self._rule, self._wiring, self._settings = rule, wiring, wiring.settings
        arguments = (*bound.args, *bound.kwargs.values())
        timed = [each for each in arguments if hasattr(each, "get_remaining_time_in_millis")]
        if timed:
            remaining = timed[0].get_remaining_time_in_millis()
        elif rule.lease_seconds is not None:
            remaining = round(rule.lease_seconds * 1000)
            minimum = wiring.settings.minimum_remaining
            least = max(minimum, REQUEST_MILLIS) + RESERVE_MILLIS
            # One of exactly that would be too short once a millisecond has passed.
            if remaining <= least and not wiring.settings.observes:
                problem = f"lease_seconds is {rule.lease_seconds}, and a call needs more than "
                problem += f"{least} ms to start: raise lease_seconds"
                if minimum > REQUEST_MILLIS:
                    problem += ", or lower IDEMPOTENCY_MINIMUM_REMAINING_MILLIS"
                raise _unusable(rule.name, problem)
        else:
            problem = "no argument is a Lambda context: pass it on, or set lease_seconds"
            raise _unusable(rule.name, problem)
        self._deadline = Deadline.after(wiring.clock, Millis(remaining))
        self._began = self._since = wiring.clock.elapsed()
        self._trace = Trace(getattr(timed[0], "aws_request_id", "") if timed else "")
        self._key = self._payload_hash = self._value = cast("Any", None)
        self._failure = self._unstored = cast("BaseException | None", None)
        self.step: Any = self._settings.claim(waits=False)
        try:
            namespace = keys.namespaced(self._settings.key_rule.namespace, rule.name)
            found, text = _found("key", rule.key, bound)
            self._key = keys.KeyRule(namespace, text).key_for(found)
            if rule.payload is not None:
                self._payload_hash = _hashed(_found("payload", rule.payload, bound)[0])
        except errors.MessageError as error:
            self._trace.errors.append(self._hide(error))
            rejected, observed = Settled(Outcome.REJECTED), Run(lifecycle.NOBODY, observed=True)
            self.step = observed if self._settings.observes else rejected
            self._failure = None if self._settings.observes else error

    def claim(self) -> None:
        """Make the claim; given back if no time is left to run."""
        self._go_on()
        least = self._settings.minimum_remaining
        late = not (self._settings.observes or self._deadline.allows(least))
        if late and isinstance(self.step, Run):
            text = f"less than {least + RESERVE_MILLIS} ms are left, so it has not started: "
            text += "give the call more"
            self.stop(errors.StoreUnavailableError(errors.NO_TIME, text, maybe_written=False))

    def stop(self, error: Exception) -> None:
        """Do not start the function: raise the error."""
        self._note(lifecycle.Raised(error))
        if isinstance(self.step, Release):
            self.step = Release(self.step.owner, Outcome.NOT_STARTED)
        self._go_on()

    def returned(self, value: Any) -> lifecycle.Reply:
        """What the function returned; what cannot be stored is an error once it is completed."""
        refuse_unrun(value)
        self._value = value
        try:
            return lifecycle.Returned(_json(value) if self._rule.stores else None)
        except Exception as error:  # noqa: BLE001  # a result may be anything, and its effect is done
            text = f"the result cannot be stored ({errors.text_of(error)}), so that duplicates get "
            text += 'none: return what JSON holds as it is, or set results="discard"'
            self._unstored = self._hide(errors.InvalidResultError(text))
            self._trace.errors.append(self._unstored)
            return lifecycle.Returned()

    def settle(self, reply: lifecycle.Reply) -> None:
        """Make what follows the run known to the table."""
        self._note(reply)
        self._go_on()

    def end(self) -> Any:
        """The result, or what kept it from being one."""
        if self._failure is not None:
            raise self._failure
        if self._unstored is not None and not self._settings.observes:
            raise self._unstored
        return self._value

    def _go_on(self) -> None:
        """Ask the table, until the function is to be run or the call is settled, which is told."""
        while not isinstance(self.step, Run | Settled):
            self._note(self._asked(self.step))
        if isinstance(self.step, Settled):
            about: Any = {"id": self._rule.name, "source": Source.DIRECT, "raw": {}}
            told = Delivery(**about, body=None, body_problem=None, receive_count=1), self._key
            self._wiring.observer.settled(*told, self.step, self._trace, follows=False)
            self._wiring.observer.ended(self._effort())

    def _effort(self) -> Effort:
        spent = dict(self._trace.durations)
        overhead = self._wiring.clock.elapsed() - self._began - spent.pop("run_ms", 0)
        return Effort(self._trace.request_id, 1, Millis(overhead), list(spent.values()))

    def _asked(self, step: Any) -> lifecycle.Reply:
        """What the table answers to the step."""
        now, settings = self._wiring.clock.now(), self._settings
        about: Any = {"record_id": self._key.record_id, "now": now, "retention": settings.retention}
        request: claims.Request
        if isinstance(step, Claim):
            about |= {"owner": claims.Owner(os.urandom(16).hex()), "takeover": not step.parks}
            about |= {"lease_expires_at": self._deadline.lease_end(settings.lease_margin)}
            request = claims.ClaimRequest(**about, payload_hash=self._payload_hash)
        else:
            request = lifecycle.settlement(step, **about)
        insists = isinstance(step, lifecycle.Complete)
        deadline = self._deadline if insists else self._deadline.sooner(PATIENCE_MILLIS)
        (answer,) = getattr(self._wiring.store, type(step).__name__.lower())([request], deadline)
        failed = isinstance(answer, errors.StoreError)
        return lifecycle.Unanswered(request.owner, answer) if failed else answer

    def _note(self, reply: lifecycle.Reply) -> None:
        """Go on to the step that follows the reply, and keep what the call ends with."""
        step, now = self.step, self._wiring.clock.elapsed()
        shown = repr(self._key and self._key.shown(hashed=self._settings.hash_keys))
        key = f"the key {shown}"
        self._trace.note(step, reply, Millis(now - self._since))
        self._since, self.step = now, lifecycle.advance(step, reply)
        if isinstance(self.step, lifecycle.DeadLetter):  # there is no message to be sent
            self.step = Settled(Outcome.PARKED)
        match reply:
            case lifecycle.Raised(error) | lifecycle.Interrupted(error):
                self._failure = error
            case _ if self._failure is not None or self._settings.observes:
                pass
            case claims.LostLease() if isinstance(step, lifecycle.Park):
                self.step = self._settings.claim(waits=False)  # it has changed: see how
            case lifecycle.Unanswered(_, error):
                self._failure = self._hide(error)
            case claims.Busy(lease_end):
                self._failure = errors.Busy(lease_end, key)
            case claims.Duplicate(result) if self._can_replay(result):
                self._replay(result)
            case claims.LostLease(True, result, other) if self._can_replay(result) and (
                None in (other, self._payload_hash) or other == self._payload_hash
            ):
                self._replay(result)
            case _ if found := _FAILURES.get(type(reply)):
                self._failure = found[0](f"{key} " + found[1].format(self._rule.name, shown))
            case _:
                pass

    def _hide(self, error: E) -> E:
        """The error; where keys are hashed, without the key or another error that quotes it."""
        if self._settings.hash_keys:
            error.__cause__ = error.__context__ = None
            if self._key:
                error.args = (self._key.hide_in(errors.text_of(error)),)
        return error

    def _can_replay(self, result: str | None) -> bool:
        """Whether it can be returned: a result that is JSON, or nothing, if none is stored."""
        if not self._rule.stores:
            return True
        with suppress(TypeError, ValueError, RecursionError):
            json.loads(cast("str", result))
            return True
        return False

    def _replay(self, result: str | None) -> None:
        """Return what every duplicate gets, whatever this call has returned itself."""
        self._value = json.loads(result) if result and self._rule.stores else None
        self._unstored = None


_PARKED = "is parked: `idempotent-lambda --function FUNCTION forget --decorated {} {}` lets it run"
_LATE = "ran, but its lease was over before its completion could be recorded, so it may have run "
_LATE += "twice: raise lease_seconds or the function's timeout"

_FAILURES: dict[type, tuple[type[errors.IdempotencyError], str]] = {
    claims.Duplicate: (errors.ResultUnavailable, "is done, but its result could not be stored"),
    claims.Mismatch: (errors.PayloadMismatchError, "has another payload: correct the producer"),
    claims.Parked: (errors.ParkedError, _PARKED),
    claims.LostLease: (errors.LostLeaseError, _LATE),
}


def _found(argument: str, selector: Selector, bound: inspect.BoundArguments) -> tuple[Any, str]:
    """What a selector finds in the arguments, and the selector as people read it.

    Raises:
        MissingKeyError: it raises, as JMESPath does when a function gets what it does not take.
    """
    text = selector if isinstance(selector, str) else "(a function)"
    try:
        if callable(selector):
            found = selector(*bound.args, **bound.kwargs)
            return [*found] if issubclass(type(found), tuple | list) else found, text
        return keys.compiled(selector).search(bound.arguments), text
    except Exception as error:
        raise errors.MissingKeyError(text, type(error).__name__, argument) from error


def _hashed(payload: Any) -> str:
    if payload is None:
        raise errors.UnsupportedKeyError("the payload selector finds nothing: correct it")
    try:
        text = json.dumps(payload, sort_keys=True, separators=(",", ":"))
    except Exception as error:  # noqa: BLE001  # it may raise whatever it is asked
        text = f"the payload is no JSON: {errors.text_of(error)}"
        raise errors.UnsupportedKeyError(text) from None
    return f"v1:{hashlib.sha256(text.encode()).hexdigest()}"


def _json(value: Any) -> str:
    """A result as JSON, from which the same is read again.

    Raises:
        TypeError, ValueError, RecursionError: JSON cannot hold it as it is, or it is too large.
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    if len(text) > MAXIMUM_RESULT_BYTES:
        raise ValueError(f"it has {len(text)} bytes, the most is {MAXIMUM_RESULT_BYTES}")
    # Marshalled are values with their exact types, subclasses not at all; from version 1 on it
    # depends on how a text lies in memory too.
    if marshal.dumps(json.loads(text), 0) != marshal.dumps(value, 0):
        raise ValueError("JSON makes another of it")
    return text
