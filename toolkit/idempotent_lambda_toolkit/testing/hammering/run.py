"""`hammer` runs code under test, with the real package, through everything that can happen."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from idempotent_lambda.calls.decorated_call import DecoratedCall
from idempotent_lambda.decorator import Wiring
from idempotent_lambda.errors import UnsupportedEventError
from idempotent_lambda.settings import UNWRAP_CHOICES
from idempotent_lambda.sources.event import read_event
from idempotent_lambda.sources.source import Source
from idempotent_lambda_toolkit.testing.clock import ManualClock
from idempotent_lambda_toolkit.testing.effects import Effects
from idempotent_lambda_toolkit.testing.events import Event, resent
from idempotent_lambda_toolkit.testing.failures import EffectFailed
from idempotent_lambda_toolkit.testing.hammering.contexts import inherit_contexts
from idempotent_lambda_toolkit.testing.hammering.event_loop import (
    hide_injected_errors,
    run_outside_event_loop,
)
from idempotent_lambda_toolkit.testing.hammering.invocation import InjectedExit, Killed
from idempotent_lambda_toolkit.testing.hammering.judge import Judge
from idempotent_lambda_toolkit.testing.hammering.plan import plan_scenarios
from idempotent_lambda_toolkit.testing.hammering.process_hash import change_hashes
from idempotent_lambda_toolkit.testing.hammering.reasons import Reason
from idempotent_lambda_toolkit.testing.hammering.recording import RecordedStore
from idempotent_lambda_toolkit.testing.hammering.responses import count_records
from idempotent_lambda_toolkit.testing.hammering.scenario import Scenario
from idempotent_lambda_toolkit.testing.hammering.sent_time import find_sent_time
from idempotent_lambda_toolkit.testing.hammering.simulated_time import ScenarioClock, SimulatedTime
from idempotent_lambda_toolkit.testing.hammering.steps import (
    RESENT,
    DeliveryStep,
    Differences,
    FaultPoint,
)
from idempotent_lambda_toolkit.testing.hammering.subject import (
    HammerError,
    Subject,
    describe_subject,
)
from idempotent_lambda_toolkit.testing.hammering.waiting import simulate_waits
from idempotent_lambda_toolkit.testing.hammering.workers import Workers
from idempotent_lambda_toolkit.testing.reporting.report import Report

END = (Reason.KEY_CHANGES, Reason.KEY_OF_THE_BATCH, Reason.REMEMBERS, Reason.DROPS_OLD)
"""The reasons that make all further scenarios meaningless."""

NEVER_MILLIS = 10**12
"""Some thirty years."""

OTHER_NAMESPACE = "another-consumer"
"""The namespace of another consumer that runs the same code."""

listeners: list[Callable[[Report], None]] = []
"""Called with every report."""


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

    The real package runs the function on a table in memory. Time is simulated, so `time.sleep` in
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
        exactly_once: whether a side effect must not repeat even after a crash or a lost answer.
        retries: whether the producer may send the same message again. This is never tried with S3,
            DynamoDB Streams and custom payloads, where it is another operation.
        timeout_seconds: the timeout of the function.
        fresh: a function that clears the memory of your test doubles; called before every scenario.

    Raises:
        HammerError: `hammer` cannot judge the function.
        InvalidSettingsError: the key is not a JMESPath expression.
    """
    for given in (event, *different):
        _check_event(given)
    subject = describe_subject(function, key, timeout_seconds)
    elsewhere = describe_subject(function, key, timeout_seconds, OTHER_NAMESPACE)

    def try_everything() -> _Hammering:
        work = _Hammering(subject, event, effects, fresh, exactly_once=exactly_once)
        stage, calls = effects.stage, [*effects.calls]
        declarations = [*effects.declarations]
        try:
            with work.apply_patches():
                resend = retries and _is_resendable(event)
                if work.try_everything(different, elsewhere, retries=resend):
                    declared = [each.name for each in declarations]
                    work.judge.report_untried(declared, work.entered, work.scenarios)
        finally:
            effects.stage, effects.calls[:] = stage, calls
            effects.declarations[:] = declarations
        return work

    work = run_outside_event_loop(try_everything)
    name = getattr(function, "__qualname__", type(function).__name__)
    findings = sorted(work.judge.found.values(), key=lambda each: each[0])
    report = Report(
        subject=f"{getattr(function, '__module__', '')}.{name}".lstrip("."),
        effects=tuple(dict.fromkeys(work.judge.names)),
        scenarios=work.scenarios,
        findings=tuple(finding for _, finding in findings),
    )
    for listener in listeners:
        listener(report)
    return report


def _check_event(event: object) -> None:
    """Raise a `HammerError` for what Lambda never delivers as an event."""
    if not isinstance(event, dict):
        text = f"the event is a {type(event).__name__}, and Lambda delivers a dict: see `events`"
        raise HammerError(text)


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
        judge: the judge of its scenarios, with the findings.
        scenarios: the number of scenarios so far.
        entered: the names of the side effects that were tried so far.
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
        self.judge = Judge(
            subject, self._run_scenario, effects.declarations, exactly_once=exactly_once
        )
        self.scenarios = 0
        self.entered: set[str] = set()
        self._subject, self._effects, self._fresh = subject, effects, fresh
        self._events = [event, resent(event)]
        self._workers = Workers()
        self._time = SimulatedTime(self._sleep)
        clock = ScenarioClock(self._time, ManualClock().now())
        self._now = Scenario(subject, self._events, clock, self._workers)
        self._with_other_table: str | None = None
        self._should_run: Callable[[DecoratedCall], bool] = DecoratedCall.should_run.fget  # type: ignore[attr-defined]  # a property

    @contextmanager
    def apply_patches(self) -> Iterator[None]:
        """Replace the environment, the time, and the report of exceptions in threads."""
        excepthook = threading.excepthook
        hide_injected_errors()

        def ended(args: Any) -> None:
            if not isinstance(args.exc_value, Killed | InjectedExit | EffectFailed):
                excepthook(args)

        with ExitStack() as stack:
            patch = stack.enter_context
            patch(mock.patch.object(Wiring, "from_environment", self._wiring))
            patch(self._time.apply())
            # No other thread could confirm in the meantime, so the package must not wait for one.
            patch(
                mock.patch(
                    "idempotent_lambda.pipeline.shared_plan.UNCONFIRMED_MILLIS", NEVER_MILLIS
                )
            )
            patch(mock.patch("threading.excepthook", ended))
            patch(inherit_contexts())
            patch(change_hashes(lambda: self._now.process))
            patch(self._workers.watch_pools())
            patch(simulate_waits(lambda: self._now.pauses))
            patch(mock.patch.object(DecoratedCall, "should_run", property(self._begin_call)))
            patch(mock.patch.object(DecoratedCall, "end", self._make_end()))
            yield

    def _begin_call(self, call: DecoratedCall) -> bool:
        """Answer `DecoratedCall.should_run`, which is asked in the task that runs the function."""
        if not isinstance(call._wiring.store, RecordedStore):  # noqa: SLF001  # as below
            self._with_other_table = call._rule.name  # noqa: SLF001  # as below
        if should_run := self._should_run(call):
            self._now.begin_call(call._owner)  # noqa: SLF001  # the package has no other place
        return should_run

    def _make_end(self) -> Callable[[DecoratedCall], object]:
        """Make the method that replaces `DecoratedCall.end`."""
        end = DecoratedCall.end

        def end_call(call: DecoratedCall) -> object:
            self._now.end_call(call._owner)  # noqa: SLF001  # as above
            return end(call)

        return end_call

    def _wiring(self) -> Wiring:
        """Return the wiring of the current scenario."""
        return self._now.wiring

    def _sleep(self, seconds: float) -> None:
        self._now.sleep(seconds)

    def try_everything(
        self, different: Sequence[Event], elsewhere: Subject, *, retries: bool
    ) -> bool:
        """Run all scenarios; stop at a finding that makes the others meaningless.

        Returns:
            Whether all of them ran.
        """
        judge = self.judge
        # This scenario is the first, because the code has nothing to remember yet.
        failing = (DeliveryStep(fault_point=FaultPoint.FAILS),)
        first = self._run_scenario(failing)
        plain = self._run_scenario((DeliveryStep(),), settle=False, searches=True)
        judge.names = plain.invocations[0].names
        if judge.is_hopeless(first, plain):
            return False
        judge.expect(plain)
        judge.judge(failing, first)
        for steps in plan_scenarios(
            len(judge.names),
            count_records(self._events[0]),
            retries=retries,
            tokens=bool(plain.identities_with_tokens),
        ):
            scenario = self._run_scenario(steps)
            if steps[-1].only is not None:
                judge.note_places(scenario)
            judge.judge(steps, scenario)
            if any(reason in END for reason, _ in judge.found):
                return False
        if any(effect.shared for effect in self._effects.declarations):
            # The other consumer gets the message from another queue, with other ids.
            copy = DeliveryStep(event_index=RESENT if _is_resendable(self._events[0]) else 0)
            other = self._run_scenario((copy,), settle=False, subject=elsewhere)
            judge.compare_tokens(self._events[0], plain, other)
        for different_event in different:
            self._events[2:] = [different_event]
            single = self._run_scenario((DeliveryStep(event_index=2),), settle=False)
            judge.require(single)
            steps = (DeliveryStep(), DeliveryStep(event_index=2))
            judge.judge(steps, self._run_scenario(steps), single)
        return True

    def _run_scenario(
        self,
        steps: Sequence[DeliveryStep],
        *,
        settle: bool = True,
        searches: bool = False,
        differences: Differences = Differences(),  # noqa: B008  # immutable
        subject: Subject | None = None,
    ) -> Scenario:
        if self._fresh:
            self._fresh()
        self.scenarios += 1
        sent = find_sent_time(self._events[steps[0].event_index])
        clock = self._time.begin(sent or ManualClock().now())
        self._now = self._effects.stage = Scenario(
            subject or self._subject,
            self._events,
            clock,
            self._workers,
            contains=searches,
            differences=differences,
        )
        self._now.run(steps, settle=settle)
        if name := self._with_other_table:
            raise HammerError(
                f"the decorated function {name!r} has a wiring, so hammer cannot see its records: "
                "leave out `wiring`, because hammer sets it"
            )
        self.entered |= self._now.entered
        return self._now
