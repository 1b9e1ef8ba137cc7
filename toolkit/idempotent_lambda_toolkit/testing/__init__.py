"""Tools to test idempotent code: events, test doubles that keep the real rules, and `hammer`.

::

    from idempotent_lambda_toolkit.testing import Effects, events, hammer

    effects = Effects()
    with effects.patch("orders.charge"):
        hammer(orders.process, events.sqs(ORDER), effects=effects, key="body.order_id").check()

With pytest, the fixture `hammer` does the same in two lines; docs/testing.md shows it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from idempotent_lambda_toolkit.testing import events
    from idempotent_lambda_toolkit.testing.clock import ManualClock
    from idempotent_lambda_toolkit.testing.effects import Effects
    from idempotent_lambda_toolkit.testing.failures import AnswerLost, EffectFailed
    from idempotent_lambda_toolkit.testing.hammering.reasons import Reason
    from idempotent_lambda_toolkit.testing.hammering.run import hammer
    from idempotent_lambda_toolkit.testing.hammering.subject import HammerError
    from idempotent_lambda_toolkit.testing.messages import message, read_messages
    from idempotent_lambda_toolkit.testing.plugin import Hammer
    from idempotent_lambda_toolkit.testing.reporting.report import Finding, Report
    from idempotent_lambda_toolkit.testing.stores import InMemoryClaimStore, InMemoryQueues

__all__ = [
    "AnswerLost",
    "EffectFailed",
    "Effects",
    "Finding",
    "Hammer",
    "HammerError",
    "InMemoryClaimStore",
    "InMemoryQueues",
    "ManualClock",
    "Reason",
    "Report",
    "events",
    "hammer",
    "message",
    "read_messages",
]

_HOMES = {
    "clock": ("ManualClock",),
    "effects": ("Effects",),
    "failures": ("AnswerLost", "EffectFailed"),
    "hammering.reasons": ("Reason",),
    "reporting.report": ("Finding", "Report"),
    "hammering.run": ("hammer",),
    "hammering.subject": ("HammerError",),
    "messages": ("message", "read_messages"),
    "plugin": ("Hammer",),
    "stores": ("InMemoryClaimStore", "InMemoryQueues"),
}


def __getattr__(name: str) -> Any:
    # pytest imports the plugin in this package whenever it starts: that must cost nothing.
    from importlib import import_module  # noqa: PLC0415

    if name == "events":
        return import_module(f"{__name__}.events")
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
