"""Styles with objects: injected clients, callable objects, resources."""

import contextlib
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.toolkit.styles import Style

from . import KEY, ONCE, ORDER


class Payments:
    def charge(self, order: dict[str, Any], currency: str = "EUR") -> None:
        """A placeholder for a call to the payment provider."""


@dataclass
class OrderHandler:
    payments: Payments

    def handle(self, message):
        self.payments.charge(message.body)


@dataclass
class CurrencyHandler:
    payments: Payments
    currency: str

    def __call__(self, message):
        self.payments.charge(message.body, self.currency)


def process_with(payments, message):
    payments.charge(message.body)


class Connection:
    def __init__(self) -> None:
        self.is_open = False

    def __enter__(self):
        self.is_open = True
        return self

    def __exit__(self, *_: object) -> None:
        self.is_open = False

    def insert(self, row, row_id):
        """A placeholder for an insert that does nothing if the row exists."""


connection = Connection()


def manage_resources(message):
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(connection)
        assert database.is_open
        database.insert(message.body, row_id=message.idempotency_token)


payments = Payments()
order_handler = OrderHandler(payments)
CHARGES = {"payments.charge": {}}
STYLES = {
    "inject a client": Style(
        handler=order_handler.handle, event=ORDER, effects=CHARGES, options=KEY
    ),
    "call an object": Style(
        handler=CurrencyHandler(payments, "CHF"), event=ORDER, effects=CHARGES, options=KEY
    ),
    "bind arguments": Style(
        handler=partial(process_with, payments), event=ORDER, effects=CHARGES, options=KEY
    ),
    "manage resources": Style(
        handler=manage_resources,
        event=ORDER,
        effects={"connection.insert": {"token": "row_id"}},
        options=ONCE,
    ),
}
