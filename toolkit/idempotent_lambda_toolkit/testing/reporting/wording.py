"""Findings in words."""

import json
from collections.abc import Sequence

from idempotent_lambda_toolkit.testing.hammering.invocation import NAMESPACE, Identity, Invocation
from idempotent_lambda_toolkit.testing.hammering.scenario import Scenario
from idempotent_lambda_toolkit.testing.hammering.steps import (
    RESENT,
    SHORT_MILLIS,
    DeliveryStep,
    Fault,
    FaultPoint,
)

_LONGEST = 120
"""The length of a response in a finding."""


def count(number: int, what: str) -> str:
    """Return a number with its noun."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def describe_effect(identity: Identity) -> str:
    """Describe a side effect and its key."""
    if identity.key is None:
        return f"effect {identity.name!r}, with no key claimed,"
    text = identity.key.removeprefix(f"{NAMESPACE}#").removeprefix("#").removeprefix("@")
    return f"effect {identity.name!r} for key {text!r}"


def describe_response(scenario: Scenario) -> str:
    """Describe the last response that says, unread, what failed; else the first response."""
    unread = [each.response for each in scenario.invocations if each.unread]
    text = json.dumps(unread[-1] if unread else scenario.invocations[0].response)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def describe_delivery(invocation: Invocation) -> str:
    """Describe a delivery as a step of a reproduction."""
    step = invocation.step
    begin = {0: "deliver", RESENT: "deliver the producer's retry"}.get(
        step.event_index, "deliver another message"
    )
    if step.only is not None:
        begin += f" record {step.only + 1} alone"
    if step.at_once:
        begin += " again at once"
    if step.hours_later:
        begin += " an hour later" if step.hours_later == 1 else " a day later"
    if step.short:
        begin += f" with {SHORT_MILLIS / 1000:g} s left"
    happened = describe_fault(invocation)
    return f"{begin} ({happened})" if happened else begin


def describe_fault(invocation: Invocation) -> str:
    """Describe the fault of a delivery, as part of a sentence."""
    step, name = invocation.step, repr(invocation.faulted)
    lost = "answer of" if step.after else "request to"
    place = f"{'after' if step.after else 'before'} {name}"
    if step.concurrent:
        return f"and again while it is in {name}"
    if step.every and invocation.failed:
        return "every effect fails"
    if step.again and invocation.failed:
        unanswered = invocation.failed <= invocation.unanswered
        return f"the {lost} {name} is lost again" if unanswered else f"{name} fails again"
    if step.fault_point is not None:
        return {
            FaultPoint.FAILS: f"{name} fails",
            FaultPoint.EXITS: f"SystemExit {place}",
            FaultPoint.KILLED: f"killed {place}",
            FaultPoint.TIMES_OUT: f"timed out {place}",
            FaultPoint.SLOW: f"{name} takes nearly all the time",
            FaultPoint.LOSES_ANSWER: f"the {lost} {name} is lost",
        }[step.fault_point]
    if step.fault is not None:
        return {
            Fault.CLAIM_LOST: "the answer to the claim is lost",
            Fault.CLAIM_UNANSWERED: "the table does not answer the claim",
            Fault.COMPLETION_LOST: "the answer to the completion is lost",
            Fault.COMPLETION_UNANSWERED: "the table does not answer the completion",
        }[step.fault]
    return ""


def say_when(steps: Sequence[DeliveryStep], scenario: Scenario) -> str:
    """Describe the circumstances, as the end of a sentence."""
    first, last = scenario.invocations[0], steps[-1]
    if steps == (DeliveryStep(), DeliveryStep()):
        return "when the same event was delivered twice"
    if first.step.short:
        return "when it was delivered with little time left"
    if first.step.concurrent:
        return f"when it was delivered again while it was in {first.faulted!r}"
    parts = [f"this happened: {describe_fault(first)}"] if describe_fault(first) else []
    if last.event_index > RESENT:
        parts.append("another message was delivered as well")
    elif last.event_index == RESENT:
        parts.append("the producer sent the same again")
    elif last.only is not None:
        return "when each of its records was delivered again alone"
    elif any(invocation.step.again for invocation in scenario.invocations):
        parts.append("it fails again and again")
    elif last.at_once:
        parts.append("it was delivered again before the lease was over")
    elif last.hours_later:
        parts.append("it was delivered again a day later")
    return f"when {'; and '.join(parts)}"
