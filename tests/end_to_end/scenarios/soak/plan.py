"""What the soak sends and what goes wrong with it: a pure function of a size and a seed."""

import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

FAULTS_PER_THOUSAND: Mapping[str, float] = {
    "kill_before_effect": 4,
    "kill_after_effect": 4,
    "kill_soon": 4,
    "timeout_before_effect": 2.5,
    "timeout_after_effect": 2.5,
    "raise_before_effect": 4,
    "raise_after_effect": 4,
    "overlap": 4,
}
"""Faults for each thousand messages, in a table from which the deployed processor takes them.

``kill_soon`` ends the process at any moment of the next `SOON_MILLIS`: mostly in a call to the
table, often in that of another message. ``overlap`` delivers the message to a second worker too.
"""

DENIED_PER_THOUSAND = 2
"""Orders whose first owner never gets an answer to its completion, however often it tries."""

DUPLICATES_PER_THOUSAND = 120
SOON_MILLIS = 80
POISON = {
    **{
        f"poison-{kind}-{number}": f'{{"order_id": "poison-{kind}-{number}", "poison": "{kind}"}}'
        for kind in ("raise", "kill")
        for number in (1, 2)
    },
    "poison-without-id": '{"amount_cents": 100}',
    "poison-null-id": '{"order_id": null}',
    "poison-no-json": "order 17, please",
}
"""Bodies that can never take effect, by the name that the producer knows them by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of the producer; a duplicate repeats an order."""

    order_id: str
    body: str
    duplicate: bool = False
    poison: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that is decided before the first message is sent.

    Attributes:
        messages: in the order in which they are sent.
        faults: what the processor takes from its table, by order: the kind, and a delay in
            milliseconds.
        lost: orders whose first owner's completion never reaches the table.
        unanswered: orders whose first owner's completion is written, but never answered.
    """

    messages: Sequence[Message]
    faults: Mapping[str, tuple[str, int]]
    lost: Sequence[str]
    unanswered: Sequence[str]


def plan(number: int, seed: int) -> Plan:
    """Plan so many messages, at least 100; the same seed makes the same plan."""

    def scale(share: float) -> int:
        return math.ceil(share * number / 1000)

    chance = random.Random(seed)  # noqa: S311  # guards nothing
    duplicates = scale(DUPLICATES_PER_THOUSAND)
    orders = [f"order-{n:05d}" for n in range(1, number - duplicates - len(POISON) + 1)]
    kinds = [kind for kind, share in FAULTS_PER_THOUSAND.items() for _ in range(scale(share))]
    struck = chance.sample(orders, len(kinds) + scale(DENIED_PER_THOUSAND) + 1)
    silenced = struck[len(kinds) :]
    faults = {
        order: (kind, chance.randrange(SOON_MILLIS))
        for order, kind in zip(struck, kinds, strict=False)
    }
    # Poison first: it needs the longest, all its receives, a visibility timeout apart.
    messages = [Message(order_id=name, body=body, poison=True) for name, body in POISON.items()]
    for order in orders:
        # The flag only saves the processor a look into the table for all the others.
        body = {"order_id": order, **({"armed": True} if order in faults else {})}
        messages.append(Message(order_id=order, body=json.dumps(body)))
    # Half of the duplicates come right after the first, half any time later.
    placed = list(zip(map(float, range(len(messages))), messages, strict=True))
    for n in range(duplicates):
        place = chance.randrange(len(POISON), len(messages))
        later = place + 0.5 if n % 2 else chance.uniform(place, len(messages))
        placed.append((later, replace(messages[place], duplicate=True)))
    return Plan(
        messages=[message for _, message in sorted(placed, key=lambda pair: pair[0])],
        faults=faults,
        lost=silenced[::2],
        unanswered=silenced[1::2],
    )
