"""Handlers in correct styles: `hammer` finds nothing in any of them.

Each module has handlers and `STYLES`, which says how each of them is hammered.
"""

from idempotent_lambda_toolkit.testing import events

BODY = {
    "type": "order_placed",
    "order_id": "ORDER-1",
    "customer_id": "C-1",
    "amount_cents": 1999,
    "country": "DE",
    "lines": [{"sku": "TEA", "quantity": 2}, {"sku": "CUP", "quantity": 1}],
}
OTHER = BODY | {"order_id": "ORDER-2"}
ORDER = events.sqs(BODY, OTHER)
KEY = {"key": "body.order_id"}
ONCE = {**KEY, "exactly_once": True}


class DeclinedError(Exception):
    """A payment provider's answer: it has not charged."""
