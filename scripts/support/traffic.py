"""Plans the messages of a producer to the quickstart, and the faults that strike them."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from scripts.support.faults import PlannedFault, What, When, inject_faults
from scripts.support.observation import Aws
from scripts.support.producer import enqueue

KILLED_WITHIN_MILLIS: Final = 80
"""A kill during an effect mostly strikes a later call to the table, often for another message."""

ALWAYS: Final = 1000
DOOMED: Final = {f"poison-{what}-{n}": what for what in ("raise", "kill") for n in (1, 2)}
"""Orders that fail whenever they are processed, and how."""

UNUSABLE: Final = {
    "poison-without-id": '{"amount_cents": 100, "currency": "EUR"}',
    "poison-null-id": '{"order_id": null, "amount_cents": 100, "currency": "EUR"}',
    "poison-no-json": "order 17, please",
}
"""Bodies that no function can use, by the names that the producer has for them."""

POISON: Final = (*DOOMED, *UNUSABLE)
"""Orders that can never be charged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of the producer; a duplicate repeats an order."""

    order_id: str
    body: str
    duplicate: bool = False
    poison: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """The plan: messages in the order of sending, and at most one fault for each order."""

    messages: Sequence[Message]
    faults: Sequence[PlannedFault]


def plan_traffic(
    number: int,
    duplicates: int,
    faults: Mapping[tuple[What, When], int],
    seed: int,
    kill: What = "kill",
) -> Traffic:
    """Plan so many messages, duplicates included; the same seed gives the same plan.

    ``faults`` has the number of orders that each kind strikes; ``kill`` is the fault of deadly
    poison.
    """
    chance = random.Random(seed)  # noqa: S311  # guards nothing
    orders = [f"order-{n:05d}" for n in range(1, number - duplicates - len(POISON) + 1)]
    kinds = [kind for kind, times in faults.items() for _ in range(times)]
    # Poison first: it needs the longest, all its receives, a visibility timeout apart.
    messages = [
        Message(order_id=name, body=UNUSABLE.get(name) or _build_body(name), poison=True)
        for name in POISON
    ]
    messages += [Message(order_id=name, body=_build_body(name)) for name in orders]
    # Half of the duplicates come right after the first, half any time later.
    placed = list(zip(map(float, range(len(messages))), messages, strict=True))
    for n in range(duplicates):
        place = chance.randrange(len(POISON), len(messages))
        later = place + 0.5 if n % 2 else chance.uniform(place, len(messages))
        placed.append((later, replace(messages[place], duplicate=True)))
    struck = chance.sample(orders, len(kinds))
    return Traffic(
        messages=[message for _, message in sorted(placed, key=lambda pair: pair[0])],
        faults=[
            *(
                PlannedFault(order, what, when, within_millis=KILLED_WITHIN_MILLIS)
                for order, (what, when) in zip(struck, kinds, strict=True)
            ),
            *(
                PlannedFault(name, kill if what == "kill" else "raise", times=ALWAYS)
                for name, what in DOOMED.items()
            ),
        ],
    )


def send_traffic(aws: Aws, outputs: Mapping[str, Any], traffic: Traffic) -> dict[str, Message]:
    """Inject the faults into an attacked quickstart, and send it the messages, by message id."""
    inject_faults(aws, outputs["faults_table_name"], traffic.faults)
    ids = enqueue(aws, outputs["queue_url"], [message.body for message in traffic.messages])
    return dict(zip(ids, traffic.messages, strict=True))


def _build_body(order_id: str) -> str:
    return json.dumps({"order_id": order_id, "amount_cents": 100, "currency": "EUR"})
