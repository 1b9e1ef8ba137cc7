"""What the soak sends and what goes wrong with it: a pure function of a size and a seed."""

import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

PER_THOUSAND: Final[Mapping[str, float]] = {
    "kill_before_effect": 4,
    "kill_after_effect": 4,
    "kill_soon": 4,
    "timeout_before_effect": 2.5,
    "timeout_after_effect": 2.5,
    "raise_before_effect": 4,
    "raise_after_effect": 4,
    "overlap": 4,
}
"""Faults for each thousand messages, armed in a table from which the deployed processor takes them.

``kill_soon`` ends the process at any moment of the next `SOON_MILLIS`: mostly in a call to the
table, often in that of another message. ``overlap`` delivers the message to a second worker too.
"""

DENIED_PER_THOUSAND: Final = 2
"""Orders whose first owner never gets an answer to its completion, however often it tries."""

DUPLICATES_PER_THOUSAND: Final = 120
SOON_MILLIS: Final = 80
LEAST: Final = 100


class PlanError(Exception):
    """No soak can be planned as asked; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of the producer.

    Attributes:
        order_id: what the producer calls the order, in the body or not.
        body: the text that is sent.
        duplicate: whether the producer sends this order again.
        poison: whether the order can never take effect.
    """

    order_id: str
    body: str
    duplicate: bool = False
    poison: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmedFault:
    """What is armed for an order."""

    order_id: str
    fault: str
    delay_millis: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that is decided before the first message is sent.

    Attributes:
        messages: in the order in which they are sent.
        faults: what the processor takes from its table, at most one for each order.
        lost: orders whose first owner's completion never reaches the table.
        unanswered: orders whose first owner's completion is written, but never answered.
    """

    seed: int
    messages: Sequence[Message]
    faults: Sequence[ArmedFault]
    lost: frozenset[str]
    unanswered: frozenset[str]


def plan(number: int, seed: int) -> Plan:
    """The plan for so many messages; the same seed makes the same one.

    Raises:
        PlanError: it is too small to hold a fault of each kind.
    """
    if number < LEAST:
        raise PlanError(f"a soak of {number} messages proves nothing; send at least {LEAST}")
    chance = random.Random(seed)  # noqa: S311  (guards nothing)
    poison = _poison()
    duplicates = math.ceil(number * DUPLICATES_PER_THOUSAND / 1000)
    orders = [f"order-{n:05d}" for n in range(1, number - duplicates - len(poison) + 1)]
    kinds = [kind for kind, share in PER_THOUSAND.items() for _ in range(_scale(share, number))]
    denied = _scale(DENIED_PER_THOUSAND, number) + 1
    struck = chance.sample(orders, len(kinds) + denied)
    faults = [
        ArmedFault(order_id=order_id, fault=kind, delay_millis=chance.randrange(SOON_MILLIS))
        for order_id, kind in zip(struck, kinds, strict=False)
    ]
    silenced = struck[len(kinds) :]
    armed = {fault.order_id for fault in faults}
    # Poison first: it needs the longest, all its receives, a visibility timeout apart.
    messages = [*poison, *(_order(order_id, armed=order_id in armed) for order_id in orders)]
    return Plan(
        seed=seed,
        messages=_add_duplicates(messages, duplicates, chance),
        faults=faults,
        lost=frozenset(silenced[::2]),
        unanswered=frozenset(silenced[1::2]),
    )


def _scale(share: float, number: int) -> int:
    return math.ceil(share * number / 1000)


def _order(order_id: str, *, armed: bool) -> Message:
    # The flag only saves the processor a look into the table for all the others.
    body = {"order_id": order_id, **({"armed": True} if armed else {})}
    return Message(order_id=order_id, body=json.dumps(body))


def _poison() -> list[Message]:
    bodies = {
        **{
            f"poison-{kind}-{n}": json.dumps({"order_id": f"poison-{kind}-{n}", "poison": kind})
            for kind in ("raise", "kill")
            for n in (1, 2)
        },
        "poison-without-id": json.dumps({"amount_cents": 100}),
        "poison-null-id": json.dumps({"order_id": None}),
        "poison-no-json": "order 17, please",
    }
    return [Message(order_id=name, body=body, poison=True) for name, body in bodies.items()]


def _add_duplicates(
    messages: Sequence[Message], number: int, chance: random.Random
) -> list[Message]:
    """The messages, some sent again: half of them right after the first, half any time later."""
    good = [place for place, message in enumerate(messages) if not message.poison]
    # Sorting by these keeps the order of everything else.
    placed = [(float(place), message) for place, message in enumerate(messages)]
    for n in range(number):
        place = chance.choice(good)
        again = Message(
            order_id=messages[place].order_id, body=messages[place].body, duplicate=True
        )
        placed.append((place + 0.5 if n % 2 else chance.uniform(place, len(messages)), again))
    return [message for _, message in sorted(placed, key=lambda each: each[0])]
