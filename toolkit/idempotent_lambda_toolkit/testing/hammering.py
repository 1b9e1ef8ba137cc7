"""`hammer` runs code under test, with the real package, through everything that can happen."""

import inspect
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

from idempotent_lambda.clock import Millis
from idempotent_lambda.decorator import Wiring
from idempotent_lambda.errors import (
    IdempotencyError,
    InvalidResultError,
    MessageError,
    UnsupportedEventError,
)
from idempotent_lambda.protocol.steps import Outcome
from idempotent_lambda.settings import UNWRAP_CHOICES, Settings
from idempotent_lambda.sources.event import read_event
from idempotent_lambda.sources.source import Source
from idempotent_lambda_toolkit.testing.effects import EffectFailed, Effects
from idempotent_lambda_toolkit.testing.events import Event, resent
from idempotent_lambda_toolkit.testing.reasons import Reason
from idempotent_lambda_toolkit.testing.scenario import (
    FAILURES,
    NAMESPACE,
    SHORT_MILLIS,
    DeliveryStep,
    Fault,
    FaultPoint,
    Identity,
    InjectedExit,
    Invocation,
    Killed,
    Scenario,
    Subject,
    count_records,
    list_thread_ids,
)

MOST_EFFECTS = 20
"""The number of side effects of a delivery at which faults are tried."""

RESENT = 1
"""The number of the event that the producer has sent again."""

NEVER_MILLIS = 10**12
"""Some thirty years."""

_RETENTION_SECONDS = 22 * 24 * 3600
_PLURAL = 2


class HammerError(Exception):
    """`hammer` cannot judge: without any fault, the event fails or has no side effect."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A problem that `hammer` found.

    Attributes:
        reason: the name of the problem.
        effect: the name of the side effect that shows it; None if no side effect shows it.
        text: the observation and its circumstances.
        steps: the shortest reproduction that was found.
    """

    reason: Reason
    effect: str | None
    text: str
    steps: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.reason}: {self.text}\n"
            f"  shortest reproduction: {'; '.join(self.steps)}\n"
            f"  fix: {self.reason.fix}"
        )


@dataclass(frozen=True, kw_only=True)
class Report:
    """The result of `hammer`.

    Attributes:
        subject: the name of the function.
        effects: the names of the event's side effects, in order.
        scenarios: the number of scenarios.
        findings: the findings, shortest reproduction first.
    """

    subject: str
    effects: tuple[str, ...]
    scenarios: int
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether there are no findings."""
        return not self.findings

    def check(self) -> None:
        """Fail the test if there are findings.

        Raises:
            AssertionError: there are findings; its text is the report.
        """
        __tracebackhide__ = True
        if not self.passed:
            raise AssertionError(str(self))

    def __str__(self) -> str:
        effects = ", ".join(self.effects) or "none"
        found = "nothing wrong" if self.passed else _times(len(self.findings), "finding")
        head = f"hammer: {found} in {self.scenarios} scenarios of {self.subject}"
        return "\n\n".join([f"{head} (effects: {effects})", *map(str, self.findings)])


def hammer(
    function: Callable[..., Any],
    event: Event,
    *,
    effects: Effects,
    key: str | None = None,
    different: Sequence[Event] = (),
    exactly_once: bool = False,
    retries: bool = True,
    timeout_seconds: int = 30,
    fresh: Callable[[], object] | None = None,
) -> Report:
    """Run a function through duplicates, retries, crashes, timeouts and lost answers.

    The real package runs the function on a table in memory. The clock is manual, so `time.sleep` in
    the function returns at once. After a simulated kill, the table and the side effects reject all
    calls of that invocation, although its process continues.

    Args:
        function: a processor, ``process(message)`` or ``process(message, transaction)``, or a
            handler, ``handler(event, context)``. A handler is decorated with `idempotent`, or calls
            a decorated function.
        event: the event as Lambda delivers it; see `events`. Every delivery gets a copy.
        effects: the side effects that must happen once. `hammer` sees no others, except for writes
            through ``transaction``.
        key: the key expression of a processor, as in ``idempotency.key``.
        different: events of other operations, which must all have their side effects.
        exactly_once: whether a side effect must not repeat even after a crash.
        retries: whether the producer may send the same message again. This is never tried with S3,
            DynamoDB Streams and custom payloads, where it is another operation.
        timeout_seconds: the timeout of the function.
        fresh: a function that clears the memory of your test doubles; called before every scenario.

    Raises:
        HammerError: `hammer` cannot judge the function.
        InvalidSettingsError: the key is not a JMESPath expression.
    """
    subject = _subject(function, key, timeout_seconds)
    work = _Hammering(subject, event, effects, fresh, exactly_once=exactly_once)
    stage, calls = effects.stage, [*effects.calls]
    try:
        with work.apply_patches():
            work.try_everything(different, retries=retries and _is_resendable(event))
    finally:
        effects.stage, effects.calls[:] = stage, calls
    name = getattr(function, "__qualname__", type(function).__name__)
    findings = sorted(work.found.values(), key=lambda each: each[0])
    return Report(
        subject=f"{getattr(function, '__module__', '')}.{name}".lstrip("."),
        effects=tuple(dict.fromkeys(work.names)),
        scenarios=work.scenarios,
        findings=tuple(finding for _, finding in findings),
    )


def _subject(function: Callable[..., Any], key: str | None, timeout_seconds: int) -> Subject:
    """Describe the function as `hammer` runs it.

    Raises:
        HammerError: a key is given for a handler, which has its key in its decorator.
        InvalidSettingsError: the key is not a JMESPath expression.
    """
    parameters = inspect.signature(function).parameters
    named = [
        each
        for each in parameters.values()
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]
    handler = False
    if len(named) >= _PLURAL and named[1].name != "transaction":
        handler = named[1].default is inspect.Parameter.empty or named[1].name == "context"
    if handler and key is not None:
        raise HammerError("a handler has its key in its decorator: leave out key")
    environment = {
        "IDEMPOTENCY_TABLE": NAMESPACE,
        "IDEMPOTENCY_NAMESPACE": NAMESPACE,
        "IDEMPOTENCY_RETENTION_SECONDS": str(_RETENTION_SECONDS),
        "IDEMPOTENCY_UNWRAP": ",".join(UNWRAP_CHOICES),
    }
    if key is not None:
        environment["IDEMPOTENCY_KEY"] = key
    return Subject(
        function=function,
        handler=handler,
        transactional="transaction" in parameters,
        settings=Settings.from_environment(environment, require_processor=False),
        timeout=Millis(timeout_seconds * 1000),
    )


def _is_resendable(event: Event) -> bool:
    """Return whether a producer's retry is the same operation with new ids."""
    try:
        deliveries = read_event(event, UNWRAP_CHOICES)
    except UnsupportedEventError:
        return False
    written = any(
        isinstance(each.body, dict) and each.body.get("eventSource") in (Source.S3, Source.DYNAMODB)
        for each in deliveries
    )
    return not written and resent(event) != event


class _Hammering:
    """One call of `hammer`.

    Attributes:
        found: the findings by reason and side effect, each with the rank of its reproduction.
        names: the side effects of a delivery without faults.
        scenarios: the number of scenarios so far.
    """

    def __init__(
        self,
        subject: Subject,
        event: Event,
        effects: Effects,
        fresh: Callable[[], object] | None,
        *,
        exactly_once: bool,
    ) -> None:
        self.found: dict[tuple[Reason, str | None], tuple[tuple[int, int], Finding]] = {}
        self.names: list[str] = []
        self.scenarios = 0
        self._subject, self._effects, self._fresh = subject, effects, fresh
        self._events = [event, resent(event)]
        self._exactly_once = exactly_once
        self._expected: Counter[Identity] = Counter()
        self._keys: set[str] = set()
        self._places: dict[str, int] = {}
        self._tokens, self._threads = False, list_thread_ids()
        self._now = Scenario(subject, self._events)

    @contextmanager
    def apply_patches(self) -> Iterator[None]:
        """Replace the environment, `time.sleep`, and the report of exceptions in threads."""
        excepthook = threading.excepthook

        def ended(args: Any) -> None:
            if not isinstance(args.exc_value, Killed | InjectedExit | EffectFailed):
                excepthook(args)

        with ExitStack() as stack:
            patch = stack.enter_context
            patch(mock.patch.object(Wiring, "from_environment", self._wiring))
            patch(mock.patch("time.sleep", self._sleep))
            # No other thread could confirm in the meantime, so the package must not wait for one.
            patch(
                mock.patch(
                    "idempotent_lambda.pipeline.shared_plan.UNCONFIRMED_MILLIS", NEVER_MILLIS
                )
            )
            patch(mock.patch("threading.excepthook", ended))
            yield

    def _wiring(self) -> Wiring:
        """Return the wiring of the current scenario."""
        return self._now.wiring

    def _sleep(self, seconds: float) -> None:
        self._now.sleep(seconds)

    def try_everything(self, different: Sequence[Event], *, retries: bool) -> None:
        """Run all scenarios; stop at a finding that makes the others meaningless."""
        # This scenario is the first, because the code has nothing to remember yet.
        failing = (DeliveryStep(fault_point=FaultPoint.FAILS),)
        first = self._run_scenario(failing)
        plain = self._run_scenario((DeliveryStep(),), settle=False, searches=True)
        self.names = plain.invocations[0].names
        if self._is_hopeless(first, plain):
            return
        self._expected, self._keys = plain.counts(), plain.keys
        self._tokens = bool(plain.identities_with_tokens)
        self._judge(failing, first)
        for steps in self._plan_scenarios(retries=retries):
            scenario = self._run_scenario(steps)
            if steps[-1].only is not None:
                self._places = {
                    key: each.step.only or 0
                    for each in scenario.invocations[1:]
                    for key in each.asked
                }
            self._judge(steps, scenario)
            unsteady = (Reason.KEY_CHANGES, Reason.KEY_OF_THE_BATCH)
            if any(reason in unsteady for reason, _ in self.found):
                return
        for other in different:
            self._events[2:] = [other]
            single = self._run_scenario((DeliveryStep(event_index=2),), settle=False)
            self._require(single)
            steps = (DeliveryStep(), DeliveryStep(event_index=2))
            self._judge(steps, self._run_scenario(steps), single)

    def _plan_scenarios(self, *, retries: bool) -> Iterator[tuple[DeliveryStep, ...]]:
        yield (DeliveryStep(), DeliveryStep())
        records = range(count_records(self._events[0]))
        if len(records) > 1:
            yield (DeliveryStep(), *(DeliveryStep(only=each) for each in records))
        if retries:
            yield (DeliveryStep(), DeliveryStep(event_index=RESENT))
        places = range(min(len(self.names), MOST_EFFECTS))
        yield from ((DeliveryStep(fault_point=FaultPoint.FAILS, at=at),) for at in places[1:])
        again = (DeliveryStep(again=True),) * (FAILURES - 1)
        yield from ((DeliveryStep(fault_point=FaultPoint.FAILS, at=at), *again) for at in places)
        if len(self.names) > 1:
            yield (DeliveryStep(fault_point=FaultPoint.FAILS, every=True), *again)
        yield from ((DeliveryStep(concurrent=True, at=at),) for at in places)
        yield from ((DeliveryStep(fault=fault),) for fault in Fault)
        yield (DeliveryStep(short=True),)
        yield from (
            (DeliveryStep(fault_point=FaultPoint.SLOW, at=at, after=True),) for at in places
        )
        for fault_point in (FaultPoint.EXITS, FaultPoint.KILLED, FaultPoint.TIMES_OUT):
            for at in places:
                yield (DeliveryStep(fault_point=fault_point, at=at),)
                yield (DeliveryStep(fault_point=fault_point, at=at, after=True),)
        for at in places:
            killed = DeliveryStep(fault_point=FaultPoint.KILLED, at=at)
            yield (killed, DeliveryStep(at_once=True))
            if retries and self._tokens:
                yield (replace(killed, after=True), DeliveryStep(event_index=RESENT))

    def _run_scenario(
        self,
        steps: Sequence[DeliveryStep],
        *,
        settle: bool = True,
        searches: bool = False,
        counted: bool = True,
    ) -> Scenario:
        if self._fresh:
            self._fresh()
        self.scenarios += 1
        known = self._threads if searches else None
        self._now = self._effects.stage = Scenario(
            self._subject, self._events, known, counted=counted
        )
        self._now.run(steps, settle=settle)
        return self._now

    # Judgement

    def _is_hopeless(self, first: Scenario, plain: Scenario) -> bool:
        """Return whether a plain delivery already goes wrong, or skips what an earlier one did."""
        late = next((each for each in plain.done if each.late), None)
        errors, outcomes = plain.invocations[0].errors, plain.invocations[0].outcomes
        unrun = [each for each in errors if isinstance(each, InvalidResultError)]
        rejected = [each for each in errors if isinstance(each, MessageError)]
        if late:
            text = f"{_describe_effect(late.identity)} ran after its function had returned"
            self._add_finding(
                Reason.AFTER_RETURN, late.identity.name, text, (DeliveryStep(),), plain
            )
        elif rejected:
            self._add_finding(Reason.NO_KEY, None, str(rejected[0]), (DeliveryStep(),), plain)
        elif unrun:
            done = Outcome.COMPLETED in outcomes
            reason = Reason.UNSTORABLE_RESULT if done else Reason.NOT_RUN
            self._add_finding(reason, None, str(unrun[0]), (DeliveryStep(),), plain)
        elif plain.exited:
            text = "the code raised SystemExit by itself"
            self._add_finding(Reason.EXITS, None, text, (DeliveryStep(),), plain)
        elif plain.overslept:
            text = f"the code slept until its timeout of {self._subject.timeout / 1000:g} s"
            self._add_finding(Reason.SLEEPS_TOO_LONG, None, text, (DeliveryStep(),), plain)
        elif gone := self._find_gone(first, plain):
            self._report_forgotten(first, min(gone))
        else:
            self._require(plain)
        return bool(self.found)

    def _find_gone(self, first: Scenario, plain: Scenario) -> set[str]:
        """Find the side effects that are no longer tried, not even after the same beginning."""
        gone = _list_tried(first) - {*plain.invocations[0].names}
        return (
            gone - _list_tried(self._run_scenario((DeliveryStep(fault_point=FaultPoint.FAILS),)))
            if gone
            else gone
        )

    def _report_forgotten(self, first: Scenario, name: str) -> None:
        """Report a side effect of the first scenario that is no longer tried."""
        failing = (DeliveryStep(fault_point=FaultPoint.FAILS),)
        if name in {each.identity.name for each in first.done}:
            text = f"effect {name!r} did not run again in this process, for a key without a record"
            self._add_finding(
                Reason.REMEMBERS, name, text, failing, first, "deliver with another table"
            )
        else:
            text = f"effect {name!r} never ran {_say_when(failing, first)}"
            reason = self._explain_loss(Identity(name, None), failing, first)
            self._add_finding(reason, name, text, failing, first)

    def _require(self, scenario: Scenario) -> None:
        """Raise if a delivery without faults fails.

        Raises:
            HammerError: the event is not acknowledged, is parked, or has no side effect.
        """
        invocation = scenario.invocations[0]
        errors = [*invocation.errors, *([invocation.error] if invocation.error else [])]
        if not scenario.is_settled or Outcome.PARKED in invocation.outcomes:
            error = next((each for each in errors if not isinstance(each, IdempotencyError)), None)
            error = error or (errors[0] if errors else None)
            what = f"{type(error).__name__}: {error}" if error else "it was not acknowledged"
            text = f"without any fault, the event fails ({what}): give an event that succeeds"
            raise HammerError(text) from error
        if not scenario.done:
            raise HammerError(
                "no side effect was seen: replace the side effects of the code with effects.of(...)"
            )

    def _judge(
        self, steps: tuple[DeliveryStep, ...], scenario: Scenario, single: Scenario | None = None
    ) -> None:
        """Compare the side effects of a scenario with the expected ones."""
        expected, keys = self._expected, self._keys
        if single:
            expected, keys = expected + single.counts(), keys | single.keys
        counts, strange = scenario.counts(), scenario.keys - keys
        parked = any(Outcome.PARKED in each.outcomes for each in scenario.invocations)
        for identity in dict.fromkeys([*expected, *counts]):
            times, least, what = counts[identity], expected[identity], ""
            unclaimed = Identity(identity.name, None)
            if identity.name not in self.names and steps[0] != DeliveryStep():
                continue  # done because of the fault, such as an alert
            if times > least:
                reason = self._explain_repetition(identity, steps, scenario, strange=bool(strange))
                if strange:
                    times, least = _total(counts, identity), _total(expected, identity)
                what = f"ran {_times(times, 'time')}"
            elif times == least or strange or parked or counts[unclaimed] > expected[unclaimed]:
                continue
            else:
                reason = (
                    Reason.KEY_TOO_WIDE if single else self._explain_loss(identity, steps, scenario)
                )
                what = f"ran {_times(times, 'time')}" if times else "never ran"
            if reason in (Reason.EXIT_SWALLOWED, Reason.NOT_NOW_SWALLOWED):
                # Code that lets nothing through has one problem, not two.
                swallows = (Reason.SWALLOWED, identity.name) in self.found
                reason = None if swallows else reason
            if reason:
                instead = f" instead of {least}" if least > 1 else ""
                text = f"{_describe_effect(identity)} {what}{instead} {_say_when(steps, scenario)}"
                self._add_finding(reason, identity.name, text, steps, scenario)

    def _explain_repetition(
        self,
        identity: Identity,
        steps: Iterable[DeliveryStep],
        scenario: Scenario,
        *,
        strange: bool,
    ) -> Reason | None:
        """Return why a side effect was done too often; None if that is allowed."""
        again = any(step.event_index == RESENT for step in steps)
        if identity.key is None:
            return Reason.OUTSIDE
        if strange:
            apart = any(step.only is not None for step in steps)
            changes = Reason.KEY_OF_THE_BATCH if apart else Reason.KEY_CHANGES
            return Reason.KEY_TOO_NARROW if again else changes
        if identity in scenario.identities_with_tokens:
            if again and (Reason.TOKEN_CHANGES, identity.name) in self.found:
                return None
            return Reason.TOKEN_OF_THE_ENVELOPE if again else Reason.TOKEN_CHANGES
        ended = not all(each.alive for each in scenario.invocations)
        if ended or any(step.interrupts for step in steps):
            return Reason.REPEATS_AFTER_CRASH if self._exactly_once else None
        return Reason.REPEATS_ON_RETRY

    def _explain_loss(
        self, identity: Identity, steps: Sequence[DeliveryStep], scenario: Scenario
    ) -> Reason:
        """Return why a side effect was not done often enough."""
        place = self._places.get(identity.key or "", 0)
        acknowledging = (each for each in scenario.invocations if place in each.acknowledged)
        blamed = next(acknowledging, scenario.invocations[-1])
        step = blamed.step
        if any(_is_same(each, identity) for each in blamed.failed):
            return Reason.SWALLOWED
        if {Outcome.IN_PROGRESS, Outcome.TABLE_UNAVAILABLE}.intersection(blamed.outcomes):
            return Reason.NOT_NOW_SWALLOWED
        if step.fault_point is FaultPoint.EXITS:
            return Reason.EXIT_SWALLOWED
        if step.short or step.fault_point is FaultPoint.SLOW:
            return Reason.GIVES_UP
        return self._explain_omission(identity, steps)

    def _explain_omission(self, identity: Identity, steps: Sequence[DeliveryStep]) -> Reason:
        """Return why a later delivery skipped a side effect: its receive count, or a memory."""
        uncounted = self._run_scenario(steps, counted=False)
        done = any(_is_same(each, identity) for each in uncounted.counts())
        return Reason.SKIPS_REDELIVERIES if done else Reason.REMEMBERS

    def _add_finding(
        self,
        reason: Reason,
        effect: str | None,
        text: str,
        steps: Sequence[DeliveryStep],
        scenario: Scenario,
        *more: str,
    ) -> None:
        """Add a finding, unless a shorter reproduction of it is known."""
        taken = tuple(_describe_delivery(each) for each in scenario.invocations) + more
        faults = sum(step != DeliveryStep(event_index=step.event_index) for step in steps)
        position = len(taken) + sum(step.concurrent for step in steps), faults
        known = self.found.get((reason, effect))
        if known is None or position < known[0]:
            finding = Finding(reason=reason, effect=effect, text=text, steps=taken)
            self.found[reason, effect] = position, finding


def _is_same(one: Identity, other: Identity) -> bool:
    """Return whether both are the same side effect, as far as the other's key is known."""
    return one.name == other.name and other.key in (None, one.key)


def _list_tried(first: Scenario) -> set[str]:
    """Return the side effect that failed, and those that were done once nothing failed."""
    failing, *others = first.invocations
    later = {each.identity.name for each in first.done if each.invocation in others}
    return later | ({failing.faulted} if failing.faulted else set())


def _times(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _total(counts: Counter[Identity], identity: Identity) -> int:
    """Return the count of a side effect, over all keys."""
    return sum(times for each, times in counts.items() if each.name == identity.name)


def _describe_effect(identity: Identity) -> str:
    """Describe a side effect and its key."""
    if identity.key is None:
        return f"effect {identity.name!r}, with no key claimed,"
    text = identity.key.removeprefix(f"{NAMESPACE}#").removeprefix("#").removeprefix("@")
    return f"effect {identity.name!r} for key {text!r}"


def _describe_delivery(invocation: Invocation) -> str:
    """Describe a delivery as a step of a reproduction."""
    step = invocation.step
    begin = {0: "deliver", RESENT: "deliver the producer's retry"}.get(
        step.event_index, "deliver another message"
    )
    if step.only is not None:
        begin += f" record {step.only + 1} alone"
    if step.at_once:
        begin += " again at once"
    if step.short:
        begin += f" with {SHORT_MILLIS / 1000:g} s left"
    happened = _describe_fault(invocation)
    return f"{begin} ({happened})" if happened else begin


def _describe_fault(invocation: Invocation) -> str:
    """Describe the fault of a delivery, as part of a sentence."""
    step, name = invocation.step, repr(invocation.faulted)
    place = f"{'after' if step.after else 'before'} {name}"
    if step.concurrent:
        return f"and again while it is in {name}"
    if step.every and invocation.failed:
        return "every effect fails"
    if step.again and invocation.failed:
        return f"{name} fails again"
    if step.fault_point is not None:
        return {
            FaultPoint.FAILS: f"{name} fails",
            FaultPoint.EXITS: f"SystemExit {place}",
            FaultPoint.KILLED: f"killed {place}",
            FaultPoint.TIMES_OUT: f"timed out {place}",
            FaultPoint.SLOW: f"{name} takes nearly all the time",
        }[step.fault_point]
    if step.fault is not None:
        return {
            Fault.CLAIM_LOST: "the answer to the claim is lost",
            Fault.CLAIM_UNANSWERED: "the table does not answer the claim",
            Fault.COMPLETION_LOST: "the answer to the completion is lost",
            Fault.COMPLETION_UNANSWERED: "the table does not answer the completion",
        }[step.fault]
    return ""


def _say_when(steps: Sequence[DeliveryStep], scenario: Scenario) -> str:
    """Describe the circumstances, as the end of a sentence."""
    first, last = scenario.invocations[0], steps[-1]
    if steps == (DeliveryStep(), DeliveryStep()):
        return "when the same event was delivered twice"
    if first.step.short:
        return "when it was delivered with little time left"
    if first.step.concurrent:
        return f"when it was delivered again while it was in {first.faulted!r}"
    parts = [f"this happened: {_describe_fault(first)}"] if _describe_fault(first) else []
    if last.event_index > RESENT:
        parts.append("another message was delivered as well")
    elif last.event_index == RESENT:
        parts.append("the producer sent the same again")
    elif last.only is not None:
        return "when each of its records was delivered again alone"
    elif last.again:
        parts.append("it fails again and again")
    elif last.at_once:
        parts.append("it was delivered again before the lease was over")
    return f"when {'; and '.join(parts)}"


__all__ = ["Finding", "HammerError", "Report", "hammer"]
