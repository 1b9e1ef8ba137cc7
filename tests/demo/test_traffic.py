"""The producer sends every kind of duplicate, and arms every kind of fault once per order."""

import ast
import itertools
import json
from collections import Counter
from pathlib import Path

from scripts.demo import traffic

MESSAGES = traffic.plan_messages()


def test_there_are_enough_orders() -> None:
    """At least 200 different orders that can be charged, and poison beside them."""
    assert len({message.order_id for message in MESSAGES if not message.poison}) >= 200
    assert len({message.order_id for message in MESSAGES if message.poison}) == 5


def test_the_producer_retries() -> None:
    """Retries repeat an order's body, some right behind it and some much later."""
    first = {}
    distances = []
    for place, message in enumerate(MESSAGES):
        if message.sent_as == "retry":
            place_before, before = first[message.order_id]
            assert message.body == before.body
            distances.append(place - place_before)
        else:
            assert message.order_id not in first
            first[message.order_id] = (place, message)
    assert sum(distance <= 2 for distance in distances) >= 10
    assert sum(distance >= 20 for distance in distances) >= 10


def test_every_fault_is_armed_at_least_twice_and_known_to_the_wrapper() -> None:
    """The names that the producer arms are exactly those that the wrapper acts on."""
    armed = Counter(message.fault for message in MESSAGES if message.fault)
    assert min(armed.values()) >= 2
    wrapper = Path(traffic.__file__).with_name("wrapper") / "faults.py"
    known = {
        node.value.value
        for node in ast.walk(ast.parse(wrapper.read_text()))
        if isinstance(node, ast.MatchValue) and isinstance(node.value, ast.Constant)
    }
    assert set(armed) == known


def test_faults_stand_apart() -> None:
    """No two faults can share a first batch, so that a batch-mate loses few receives."""
    queued = [message for message in MESSAGES if message.sent_as != "simultaneous"]
    places = [place for place, message in enumerate(queued) if message.fault]
    assert min(b - a for a, b in itertools.pairwise(places)) >= 10


def test_poison_has_no_usable_order_or_is_refused() -> None:
    """Some poison is refused by the consumer, some lacks the key, some is not JSON."""
    kinds = set()
    for message in MESSAGES:
        if message.poison:
            try:
                kinds.add("refused" if json.loads(message.body).get("order_id") else "no key")
            except ValueError:
                kinds.add("no JSON")
    assert kinds == {"refused", "no key", "no JSON"}
