"""The judgement of scenarios: which side effects are missing or repeated, and why."""

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Protocol

from idempotent_lambda.errors import IdempotencyError, InvalidResultError, MessageError
from idempotent_lambda.protocol.steps import Outcome
from idempotent_lambda_toolkit.testing.effects import Declaration
from idempotent_lambda_toolkit.testing.events import Event
from idempotent_lambda_toolkit.testing.hammering.invocation import Identity
from idempotent_lambda_toolkit.testing.hammering.lost_answers import (
    find_doubtful,
    list_repetitions,
)
from idempotent_lambda_toolkit.testing.hammering.reasons import Reason
from idempotent_lambda_toolkit.testing.hammering.recording import describe_key
from idempotent_lambda_toolkit.testing.hammering.scenario import Scenario
from idempotent_lambda_toolkit.testing.hammering.steps import (
    RESENT,
    DeliveryStep,
    Differences,
    FaultPoint,
)
from idempotent_lambda_toolkit.testing.hammering.subject import HammerError, Subject
from idempotent_lambda_toolkit.testing.hammering.tokens import list_shared_tokens
from idempotent_lambda_toolkit.testing.hammering.unseen import explain_unseen
from idempotent_lambda_toolkit.testing.reporting.report import Finding
from idempotent_lambda_toolkit.testing.reporting.story import Problem, write_story
from idempotent_lambda_toolkit.testing.reporting.wording import (
    count,
    describe_delivery,
    describe_effect,
    describe_response,
    say_when,
)

_TOKEN_REASONS = {
    Reason.TOKEN_OF_THE_PROCESS: Differences(process=False),
    Reason.TOKEN_OF_THE_DAY: Differences(wall_clock=False),
}
"""The reasons why a token changes, each with the differences without which it does not."""

_OMISSION_REASONS = {
    Reason.SKIPS_REDELIVERIES: Differences(receive_count=False),
    Reason.DROPS_OLD: Differences(wall_clock=False),
}
"""The reasons why a later delivery skips a side effect, in the same way."""


class RunsScenarios(Protocol):
    """Runs a scenario."""

    def __call__(
        self, steps: Sequence[DeliveryStep], *, differences: Differences = ...
    ) -> Scenario:
        """Run it with these differences between its deliveries."""


class Judge:
    """Compares scenarios with a delivery without faults.

    Attributes:
        found: the findings by reason and side effect, each with the rank of its reproduction.
        names: the side effects of a delivery without faults.
    """

    def __init__(
        self,
        subject: Subject,
        run: RunsScenarios,
        declarations: Sequence[Declaration],
        *,
        exactly_once: bool,
    ) -> None:
        self.found: dict[tuple[Reason, str | None], tuple[tuple[int, int], Finding]] = {}
        self.names: list[str] = []
        self._subject, self._run, self._exactly_once = subject, run, exactly_once
        self._declarations = declarations
        self._expected: Counter[Identity] = Counter()
        self._keys: set[str] = set()
        self._requests: Mapping[str, int] = {}
        self._plain: Scenario
        self._always_unread = False
        self._places: dict[str, int] = {}

    def expect(self, plain: Scenario) -> None:
        """Take the side effects of a delivery without faults for the right ones."""
        self._expected, self._keys = plain.counts(), plain.keys
        self._requests, self._plain = plain.invocations[0].asked, plain
        self._always_unread = plain.invocations[0].unread

    def note_places(self, scenario: Scenario) -> None:
        """Note which record has which key, from a scenario that delivers each record alone."""
        self._places = {
            key: each.step.only or 0 for each in scenario.invocations[1:] for key in each.asked
        }

    def is_hopeless(self, first: Scenario, plain: Scenario) -> bool:
        """Return whether a plain delivery already goes wrong, or skips what an earlier one did."""
        late = next((each for each in plain.done if each.late), None)
        errors, outcomes = plain.invocations[0].errors, plain.invocations[0].outcomes
        unrun = [each for each in errors if isinstance(each, InvalidResultError)]
        rejected = [each for each in errors if isinstance(each, MessageError)]
        if late:
            text = f"{describe_effect(late.identity)} ran after its function had returned"
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
            self.require(plain)
        return bool(self.found)

    def _find_gone(self, first: Scenario, plain: Scenario) -> set[str]:
        """Find the side effects that are no longer tried, not even after the same beginning."""
        gone = _list_tried(first) - {*plain.invocations[0].names}
        return (
            gone - _list_tried(self._run((DeliveryStep(fault_point=FaultPoint.FAILS),)))
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
            text = f"effect {name!r} never ran {say_when(failing, first)}"
            reason = self._explain_loss(Identity(name, None), failing, first) or Reason.REMEMBERS
            self._add_finding(reason, name, text, failing, first)

    def require(self, scenario: Scenario) -> None:
        """Raise if a delivery without faults fails.

        Raises:
            HammerError: the event is not acknowledged, is parked, or has no side effect.
        """
        invocation = scenario.invocations[0]
        errors = [*invocation.errors, *([invocation.error] if invocation.error else [])]
        if not scenario.is_settled or Outcome.PARKED in invocation.outcomes:
            error = next((each for each in errors if not isinstance(each, IdempotencyError)), None)
            error = error or (errors[0] if errors else None)
            returned = f"it returned {describe_response(scenario)}"
            what = f"{type(error).__name__}: {error}" if error else returned
            text = f"without any fault, the event fails ({what}): give an event that succeeds"
            raise HammerError(text) from error
        if not scenario.done:
            text = explain_unseen(
                self._declarations, invocation.names, lambda: self._run((invocation.step,))
            )
            raise HammerError(text)

    def compare_tokens(self, event: Event, plain: Scenario, other: Scenario) -> None:
        """Find the tokens that another consumer with the same code would pass as well."""
        shared = {effect.name for effect in self._declarations if effect.shared}
        for done in list_shared_tokens(event, plain, other):
            if done.identity.name in shared:
                text = (
                    f"{describe_effect(done.identity)} has the token {done.token} also in another "
                    "consumer, so the receiver takes two operations for one"
                )
                self._add_finding(
                    Reason.TOKEN_SHARED,
                    done.identity.name,
                    text,
                    (DeliveryStep(),),
                    plain,
                    "deliver to a consumer with another namespace",
                )

    def judge(
        self, steps: tuple[DeliveryStep, ...], scenario: Scenario, single: Scenario | None = None
    ) -> None:
        """Compare the side effects of a scenario with the expected ones."""
        expected, keys = self._expected, self._keys
        if single:
            expected, keys = expected + single.counts(), keys | single.keys
        counts, strange = scenario.counts(), scenario.keys - keys
        abandoned = self._report_abandoned(steps, scenario)
        parked = any(Outcome.PARKED in each.outcomes for each in scenario.invocations)
        for identity in dict.fromkeys([*expected, *counts]):
            times, least, what = counts[identity], expected[identity], ""
            unclaimed = Identity(identity.name, None)
            if identity.name in abandoned:
                continue
            if identity.name not in self.names and steps[0] != DeliveryStep():
                continue  # done because of the fault, such as an alert
            if times > least:
                reason = self._explain_repetition(identity, steps, scenario, strange=bool(strange))
                if strange:
                    times, least = _total(counts, identity), _total(expected, identity)
                what = f"ran {count(times, 'time')}"
            elif times == least or strange or parked or counts[unclaimed] > expected[unclaimed]:
                continue
            else:
                reason = (
                    Reason.KEY_TOO_WIDE if single else self._explain_loss(identity, steps, scenario)
                )
                what = f"ran {count(times, 'time')}" if times else "never ran"
            if reason and not self._has_a_cause(reason, identity.name):
                instead = f" instead of {least}" if least > 1 else ""
                text = f"{describe_effect(identity)} {what}{instead} {say_when(steps, scenario)}"
                if reason is Reason.FAILURES_NOT_READ:
                    text += f"; the handler returned {describe_response(scenario)}"
                self._add_finding(reason, identity.name, text, steps, scenario)

    def _has_a_cause(self, reason: Reason, name: str) -> bool:
        """Return whether another finding is the cause: code that lets nothing through."""
        if reason not in (Reason.EXIT_SWALLOWED, Reason.NOT_NOW_SWALLOWED):
            return False
        causes = (Reason.SWALLOWED, Reason.FAILURES_NOT_READ)
        return any((cause, name) in self.found for cause in causes)

    def report_untried(
        self, declared: Iterable[str], entered: Container[str], scenarios: int
    ) -> None:
        """Report the declared side effects that no scenario tried."""
        for name in dict.fromkeys(declared):
            if name not in entered:
                text = f"effect {name!r} was tried in none of {count(scenarios, 'scenario')}"
                self._add_finding(Reason.NEVER_HAPPENS, name, text, (DeliveryStep(),), self._plain)

    def _report_abandoned(
        self, steps: Sequence[DeliveryStep], scenario: Scenario
    ) -> set[str | None]:
        """Report calls that the code gave up waiting for; return the names of the side effects."""
        invocation = scenario.invocations[0]
        if not scenario.pauses.abandoned:
            return set()
        here = [each for each in scenario.done if each.invocation is invocation]
        late = {
            each.identity
            for each in here
            if each.late and self._places.get(each.identity.key or "", 0) in invocation.acknowledged
        }
        # Over several deliveries, it is like a repetition after a crash.
        counts = scenario.counts() if self._exactly_once else scenario.counts(invocation)
        again = {each for each, times in counts.items() if times > self._expected[each]}
        for identity in sorted(late | again, key=str):
            what = "ran again" if identity in again else "ran after its function had returned"
            text = f"{describe_effect(identity)} {what} {say_when(steps, scenario)}"
            self._add_finding(Reason.ABANDONS_CALL, identity.name, text, steps, scenario)
        return {invocation.faulted}

    def _explain_repetition(
        self,
        identity: Identity,
        steps: Sequence[DeliveryStep],
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
        expected = self._expected[identity]
        repetitions = list_repetitions(identity, scenario, expected, self._requests)
        if any(each.token is None for each in repetitions):
            return Reason.REPEATS_AFTER_LOST_ANSWER
        if identity in scenario.identities_with_tokens:
            return self._explain_token(identity, steps, again=again)
        ended = not all(each.alive for each in scenario.invocations)
        doubtful = find_doubtful(identity, scenario) is not None
        if not (ended or doubtful or any(step.interrupts for step in steps)):
            return Reason.REPEATS_ON_RETRY
        return Reason.REPEATS_AFTER_CRASH if self._exactly_once else None

    def _explain_token(
        self, identity: Identity, steps: Sequence[DeliveryStep], *, again: bool
    ) -> Reason | None:
        """Return why a repeated side effect has another token; None if that is known."""
        known = {reason for reason, name in self.found if name == identity.name}
        if again:
            return (
                None
                if known & {Reason.TOKEN_CHANGES, *_TOKEN_REASONS}
                else Reason.TOKEN_OF_THE_ENVELOPE
            )
        for reason, differences in _TOKEN_REASONS.items():
            times = self._run(steps, differences=differences).counts()[identity]
            if times <= self._expected[identity]:
                return reason
        return Reason.TOKEN_CHANGES

    def _explain_loss(
        self, identity: Identity, steps: Sequence[DeliveryStep], scenario: Scenario
    ) -> Reason | None:
        """Return why a side effect was not done often enough; None if that is allowed."""
        place = self._places.get(identity.key or "", 0)
        acknowledging = (each for each in scenario.invocations if place in each.acknowledged)
        blamed = next(acknowledging, None)
        if blamed is None:
            # The message is not lost: it goes to the dead-letter queue.
            reason = self._explain_omission(identity, steps)
            return reason if reason is Reason.REMEMBERS else None
        step = blamed.step
        failed = any(_is_same(each, identity) for each in blamed.failed)
        # After a lost answer, other side effects may be missing than the one that raised it.
        if failed or step.fault_point is FaultPoint.LOSES_ANSWER:
            unread = blamed.unread and not self._always_unread
            return Reason.FAILURES_NOT_READ if unread else Reason.SWALLOWED
        if {Outcome.IN_PROGRESS, Outcome.TABLE_UNAVAILABLE}.intersection(blamed.outcomes):
            return Reason.NOT_NOW_SWALLOWED
        if step.fault_point is FaultPoint.EXITS:
            return Reason.EXIT_SWALLOWED
        if step.short or step.fault_point is FaultPoint.SLOW:
            return Reason.GIVES_UP
        return self._explain_omission(identity, steps)

    def _explain_omission(self, identity: Identity, steps: Sequence[DeliveryStep]) -> Reason:
        """Return why a later delivery skipped a side effect."""
        for reason, differences in _OMISSION_REASONS.items():
            counts = self._run(steps, differences=differences).counts()
            done = sum(times for each, times in counts.items() if _is_same(each, identity))
            if done >= max(1, self._expected[identity]):
                return reason
        return Reason.REMEMBERS

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
        taken = tuple(describe_delivery(each) for each in scenario.invocations) + more
        faults = sum(step != DeliveryStep(event_index=step.event_index) for step in steps)
        position = len(taken) + sum(step.concurrent for step in steps), faults
        known = self.found.get((reason, effect))
        if known is None or position < known[0]:
            moments = scenario.recording.list_moments()
            text = scenario.recording.name_ids(text)
            expected = {
                scenario.recording.name_ids(describe_key(one.key)): times
                for one, times in self._expected.items()
                if one.name == effect
            }
            story, shown = write_story(moments, Problem(reason, effect, text, expected, more))
            finding = Finding(
                reason=reason, effect=effect, text=text, steps=taken, story=story, timeline=shown
            )
            self.found[reason, effect] = position, finding


def _is_same(one: Identity, other: Identity) -> bool:
    """Return whether both are the same side effect, as far as the other's key is known."""
    return one.name == other.name and other.key in (None, one.key)


def _list_tried(first: Scenario) -> set[str]:
    """Return the side effect that failed, and those that were done once nothing failed."""
    failing, *others = first.invocations
    later = {each.identity.name for each in first.done if each.invocation in others}
    return later | ({failing.faulted} if failing.faulted else set())


def _total(counts: Counter[Identity], identity: Identity) -> int:
    """Return the count of a side effect, over all keys."""
    return sum(times for each, times in counts.items() if each.name == identity.name)
