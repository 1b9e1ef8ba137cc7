"""Bad handlers, each with a twin that differs by the smallest possible fix.

Each module has the side effects as functions, ``bad``, ``fixed``, and `CASE`, which says how they
are hammered.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from idempotent_lambda_toolkit.testing import Reason, events

BODY = {"order_id": "ORDER-1", "customer_id": "C-1", "amount_cents": 1999}
OTHER = {"order_id": "ORDER-2", "customer_id": "C-1", "amount_cents": 50}
ORDER = events.sqs(BODY)
PLACED = events.eventbridge(BODY)
KEY = {"key": "body.order_id"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A bad handler and its twin.

    Attributes:
        effects: names of functions of the module, each with the parameter that is its token.
        shared: whether other consumers call the receivers too.
        options: of `hammer`, for both.
        bad_options, fixed_options: for one of them.
    """

    reason: Reason
    bad: Callable[..., Any]
    fixed: Callable[..., Any]
    event: dict[str, Any] = field(default_factory=lambda: ORDER)
    effects: Mapping[str, str | None] = field(default_factory=lambda: {"charge": None})
    shared: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    bad_options: Mapping[str, Any] = field(default_factory=dict)
    fixed_options: Mapping[str, Any] = field(default_factory=dict)
