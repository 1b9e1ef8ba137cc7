"""Styles of parsing and routing messages."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

from pydantic import BaseModel, PositiveInt, ValidationError

from idempotent_lambda import PermanentFailure
from tests.toolkit.styles import Style

from . import KEY, ONCE, ORDER


def charge(order_id, amount_cents):
    """A placeholder for a call to the payment provider."""


def reserve(sku, quantity, token):
    """A placeholder for a call to the warehouse."""


class Order(BaseModel):
    order_id: str
    amount_cents: PositiveInt


def parse_a_model(message):
    order = Order.model_validate(message.body)
    charge(order.order_id, order.amount_cents)


def refuse_invalid_messages(message):
    try:
        order = Order.model_validate(message.body)
    except ValidationError as error:
        raise PermanentFailure(f"not an order: {error.error_count()} errors") from error
    charge(order.order_id, order.amount_cents)


def match_the_body(message):
    match message.body:
        case {"type": "order_placed", "order_id": str(order_id), "amount_cents": int(cents)}:
            charge(order_id, cents)
        case {"type": "order_viewed"}:
            return
        case body:
            raise PermanentFailure(f"unknown message {body!r}")


@dataclass
class Placed:
    order_id: str
    amount_cents: int


@singledispatch
def handle(event: object) -> None:
    raise TypeError(type(event))


@handle.register
def _(event: Placed) -> None:
    charge(event.order_id, event.amount_cents)


def dispatch_on_type(message):
    handle(Placed(message.body["order_id"], message.body["amount_cents"]))


def select_positive(lines: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield from (line for line in lines if line["quantity"] > 0)


def number(lines: Iterable[dict[str, Any]], token: str) -> Iterator[dict[str, Any]]:
    for line in lines:
        yield line | {"token": f"{token[:40]}-{line['sku']}"}


def run_a_pipeline(message):
    for line in number(select_positive(message.body["lines"]), message.idempotency_token):
        reserve(**line)


def loop_over_a_set(message):
    for sku in {line["sku"] for line in message.body["lines"]}:
        reserve(sku, 1, token=f"{message.idempotency_token[:40]}-{sku}")


CHARGES = {"charge": {}}
RESERVES = {"reserve": {"token": "token"}}
STYLES = {
    "parse a model": Style(handler=parse_a_model, event=ORDER, effects=CHARGES, options=KEY),
    "refuse invalid messages": Style(
        handler=refuse_invalid_messages, event=ORDER, effects=CHARGES, options=KEY
    ),
    "match the body": Style(handler=match_the_body, event=ORDER, effects=CHARGES, options=KEY),
    "dispatch on type": Style(handler=dispatch_on_type, event=ORDER, effects=CHARGES, options=KEY),
    "loop over a set": Style(
        handler=loop_over_a_set,
        event=ORDER,
        effects=RESERVES,
        options=ONCE,
    ),
    "run a pipeline": Style(
        handler=run_a_pipeline,
        event=ORDER,
        effects=RESERVES,
        options=ONCE,
    ),
}
