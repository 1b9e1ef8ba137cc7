"""Styles of trying again."""

import logging
import random
import time
from dataclasses import dataclass

from tests.toolkit.styles import Style

from . import KEY, ONCE, ORDER, DeclinedError

logger = logging.getLogger(__name__)


def charge(order, token=None):
    """A placeholder for a call to the payment provider."""


def charge_elsewhere(order):
    """A placeholder for a call to another payment provider."""


def retry_with_a_token(message):
    for pause in (1, 2, 4):
        try:
            return charge(message.body, token=message.idempotency_token)
        except ConnectionError as error:
            logger.warning("trying again: %s", error)
            time.sleep(pause + random.random())
    raise RuntimeError("three times in vain")


charged: set[str] = set()


def charge_at_provider(order, token=None):
    """Charge as a provider that keeps a list of its charges."""
    charged.add(order["order_id"])


def is_charged(order):
    """A placeholder for a look at the provider's list."""
    return order["order_id"] in charged


def look_before_each_try(message):
    for _ in range(3):
        if is_charged(message.body):
            return
        try:
            charge(message.body)
        except TimeoutError:
            logger.warning("no answer")
    if not is_charged(message.body):
        raise RuntimeError("no answer three times")


def retry_refusals(message):
    for attempt in range(3):
        try:
            return charge(message.body)
        except DeclinedError:
            logger.warning("attempt %d was declined", attempt)
            time.sleep(1)
    raise RuntimeError("declined three times")


def fall_back_after_a_refusal(message):
    try:
        charge(message.body)
    except DeclinedError:
        charge_elsewhere(message.body)


class OpenError(Exception):
    """The circuit is open: the provider gets a rest."""


@dataclass
class Breaker:
    limit: int = 3
    rest_seconds: float = 60
    failures: int = 0
    opened_at: float = 0

    def call(self, function, *args):
        if self.failures >= self.limit and time.monotonic() - self.opened_at < self.rest_seconds:
            raise OpenError
        try:
            result = function(*args)
        except Exception:
            self.failures += 1
            self.opened_at = time.monotonic()
            raise
        self.failures = 0
        return result


breaker = Breaker()


def raise_while_the_circuit_is_open(message):
    breaker.call(charge, message.body)


STYLES = {
    "retry with a token": Style(
        handler=retry_with_a_token,
        event=ORDER,
        effects={"charge": {"token": "token", "failure": ConnectionError("reset")}},
        options=ONCE,
    ),
    "look before each try": Style(
        handler=look_before_each_try,
        event=ORDER,
        effects={"charge": {"function": charge_at_provider, "failure": TimeoutError("5 s")}},
        options={**ONCE, "fresh": charged.clear},
    ),
    "retry refusals": Style(
        handler=retry_refusals,
        event=ORDER,
        effects={"charge": {"failure": DeclinedError("card limit")}},
        options=KEY,
    ),
    "fall back after a refusal": Style(
        handler=fall_back_after_a_refusal,
        event=ORDER,
        effects={
            "charge": {"failure": DeclinedError("card limit")},
            "charge_elsewhere": {"name": "charge", "failure": DeclinedError("card limit")},
        },
        options=KEY,
    ),
    "raise while the circuit is open": Style(
        handler=raise_while_the_circuit_is_open, event=ORDER, effects={"charge": {}}, options=KEY
    ),
}
