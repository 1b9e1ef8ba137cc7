"""What `hammer` does not see, as docs/testing.md says under Limits."""

from typing import Any

import pytest
from botocore.client import BaseClient

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import Effects, events, hammer

pytestmark = pytest.mark.slow

ORDER = events.sqs({"order_id": "ORDER-1"})
KEY = "body.order_id"


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
