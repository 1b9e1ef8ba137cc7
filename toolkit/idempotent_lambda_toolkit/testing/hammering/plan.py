"""The scenarios of one call of `hammer`."""

from collections.abc import Iterator
from dataclasses import replace

from idempotent_lambda_toolkit.testing.hammering.steps import (
    FAILURES,
    RESENT,
    DeliveryStep,
    Fault,
    FaultPoint,
)

MOST_EFFECTS = 20
"""The number of side effects of a delivery at which faults are tried."""


def plan_scenarios(
    effects: int, records: int, *, retries: bool, tokens: bool
) -> Iterator[tuple[DeliveryStep, ...]]:
    """List the scenarios after the first two.

    Args:
        effects: the number of side effects of a delivery.
        records: the number of records that the source may deliver separately.
        retries: whether the producer may send the same message again.
        tokens: whether a side effect has an idempotency token.
    """
    yield (DeliveryStep(), DeliveryStep())
    if records > 1:
        yield (DeliveryStep(), *(DeliveryStep(only=each) for each in range(records)))
    if retries:
        yield (DeliveryStep(), DeliveryStep(event_index=RESENT))
    places = range(min(effects, MOST_EFFECTS))
    yield from ((DeliveryStep(fault_point=FaultPoint.FAILS, at=at),) for at in places[1:])
    again = (DeliveryStep(again=True),) * (FAILURES - 1)
    yield from ((DeliveryStep(fault_point=FaultPoint.FAILS, at=at), *again) for at in places)
    if effects > 1:
        yield (DeliveryStep(fault_point=FaultPoint.FAILS, every=True), *again)
    yield from ((DeliveryStep(concurrent=True, at=at),) for at in places)
    yield from ((DeliveryStep(fault=fault),) for fault in Fault)
    yield (DeliveryStep(short=True),)
    yield from ((DeliveryStep(fault_point=FaultPoint.SLOW, at=at, after=True),) for at in places)
    for fault_point in (FaultPoint.EXITS, FaultPoint.KILLED, FaultPoint.TIMES_OUT):
        for at in places:
            yield (DeliveryStep(fault_point=fault_point, at=at),)
            yield (DeliveryStep(fault_point=fault_point, at=at, after=True),)
    for at in places:
        killed = DeliveryStep(fault_point=FaultPoint.KILLED, at=at)
        yield (killed, DeliveryStep(at_once=True))
        if retries and tokens:
            yield (replace(killed, after=True), DeliveryStep(event_index=RESENT))
    unanswered = DeliveryStep(fault_point=FaultPoint.LOSES_ANSWER)
    yield from ((replace(unanswered, at=at, after=True),) for at in places)
    yield from ((replace(unanswered, at=at), *again) for at in places)
