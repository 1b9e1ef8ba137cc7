"""The demo sends enough orders, duplicates and faults to show what happens without the module."""

from collections import Counter

from scripts.demo.run import TRAFFIC


def test_there_are_enough_orders() -> None:
    """At least 200 different orders can be charged, and at least 5 others are poison."""
    assert len({message.order_id for message in TRAFFIC.messages if not message.poison}) >= 200
    assert len({message.order_id for message in TRAFFIC.messages if message.poison}) >= 5


def test_the_producer_retries() -> None:
    """Retries repeat an order's body, some right behind it and some much later."""
    first, distances = {}, []
    for place, message in enumerate(TRAFFIC.messages):
        if message.duplicate:
            distances.append(place - first[message.order_id])
        else:
            first[message.order_id] = place
    assert sum(distance <= 2 for distance in distances) >= 10
    assert sum(distance >= 20 for distance in distances) >= 10


def test_every_fault_happens_at_least_twice_and_gives_one_cause() -> None:
    """Kills are the only reason for a repetition: nothing raises after a charge."""
    poison = {message.order_id for message in TRAFFIC.messages if message.poison}
    kinds = Counter(
        (fault.what, fault.when) for fault in TRAFFIC.faults if fault.operation not in poison
    )
    assert min(kinds.values()) >= 2
    assert {what for what, when in kinds if when != "before"} == {"late kill", "timeout"}
    assert {what for what, _ in kinds} == {"late kill", "timeout", "raise", "overlap"}
