"""What `hammer` does not see, as docs/testing.md says under Limits."""

import os
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.client import BaseClient

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import Effects, events, hammer

pytestmark = pytest.mark.slow

KEY = "body.order_id"
ORDER = events.sqs({"order_id": "ORDER-1"})
EFFECTS = Effects()
dated = EFFECTS.of("dated", lambda order, token=None: (order, token), token="token")


def test_ids_of_a_process() -> None:
    """A token from the process id is not found, because all deliveries run in one process."""

    def process(message: Any) -> None:
        dated(message.body, token=f"{message.key}-{os.getpid()}")

    assert hammer(process, ORDER, effects=EFFECTS, key=KEY).passed


def test_months() -> None:
    """A token with the month is not found, unless the month ends within a day."""

    def process(message: Any) -> None:
        dated(message.body, token=f"{message.key}-{datetime.now(UTC):%Y-%m}")

    assert hammer(process, ORDER, effects=EFFECTS, key=KEY).passed


def test_dropping_what_is_older_than_two_days() -> None:
    """Code that drops older messages than a scenario has is not found."""

    def process(message: Any) -> None:
        if time.time() - int(message.attributes["SentTimestamp"]) / 1000 < 2 * 24 * 3600:
            dated(message.body)

    assert hammer(process, ORDER, effects=EFFECTS, key=KEY).passed


def test_memory_that_ends_before_the_redelivery() -> None:
    """A circuit breaker that returns while it is open is not found if it closes in a minute."""
    opened = float("-inf")

    def process(message: Any) -> None:
        nonlocal opened
        if time.monotonic() - opened < 60:
            return
        try:
            dated(message.body)
        except Exception:
            opened = time.monotonic()
            raise

    assert hammer(process, ORDER, effects=EFFECTS, key=KEY).passed


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def charge_twice(order: Any) -> None:
    """Charge, and charge again: a decorator that retries does that after a lost answer."""
    charge(order)
    charge(order)


def test_tokens_of_other_consumers() -> None:
    """Without ``shared``, a token that every consumer has passes."""
    effects = Effects()
    pay = effects.of("pay", token="token")
    assert hammer(lambda message: pay(token=message.key), ORDER, effects=effects, key=KEY).passed


def test_shared_tokens_of_decorated_functions() -> None:
    """In a decorated function, a text around a value of the event passes, whoever else adds it."""
    effects = Effects()
    pay = effects.of("pay", token="token", shared=True)

    @idempotent(name="pay_of_limits", key="order.order_id", lease_seconds=20)
    def decorated(order: Any) -> None:
        pay(token=f"order-{order['order_id']}")

    def handler(event: Any, _: Any) -> None:
        decorated(event)

    assert hammer(handler, events.direct({"order_id": "ORDER-1"}), effects=effects).passed


@pytest.mark.parametrize(("target", "times"), [("charge_twice", 1), ("charge", 2)])
def test_decorators_of_replaced_functions(target: str, times: int) -> None:
    """Code around the receiver does not run if it is replaced as well."""
    effects = Effects()
    with effects.patch(f"{__name__}.{target}"):
        charge_twice("ORDER-1")
    assert len(effects.calls) == times


def test_retries_of_boto3(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that boto3 repeats below the operation is one side effect."""
    requests: list[Any] = []
    monkeypatch.setattr(BaseClient, "_make_request", requests.append)
    import boto3  # noqa: PLC0415  # only this test needs it

    sns = boto3.client("sns", region_name="eu-central-1")
    effects = Effects()
    with effects.patch_aws("sns.Publish"):
        report = hammer(
            lambda message: sns.publish(TopicArn="a", Message=message.key),
            ORDER,
            effects=effects,
            key=KEY,
        )
    assert (report.passed, requests) == (True, [])
