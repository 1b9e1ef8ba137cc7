"""A token that another consumer of the message passes as well is found."""

import json
from typing import Any

import pytest

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import Effects, Reason, events, hammer

pytestmark = pytest.mark.slow

BODY = {"order_id": "ORDER-1", "number": 7}
SOURCES = {
    "sqs": (events.sqs(BODY), "body.order_id"),
    "fifo": (events.fifo(BODY), "body.order_id"),
    "sns in sqs": (events.sns_in_sqs(BODY), "body.order_id"),
    "kinesis": (events.kinesis(BODY), "body.order_id"),
    "sns": (events.sns(BODY), "body.order_id"),
    "s3": (events.s3("a.json"), None),
    "dynamodb": (events.dynamodb({"id": "a"}), None),
    "eventbridge": (events.eventbridge(BODY), "body.detail.order_id"),
}


def find_reasons(function: Any, event: Any, key: str | None, **options: Any) -> set[Reason]:
    """Hammer a function that gets the recorder of a shared receiver as its last argument."""
    effects = Effects()
    charge = effects.of("charge", token="token", **options)
    report = hammer(function(charge), event, effects=effects, key=key)
    return {finding.reason for finding in report.findings}


@pytest.mark.parametrize("source", SOURCES)
def test_every_source(source: str) -> None:
    """From every source, the key is a shared token, and the message's token is not."""
    event, key = SOURCES[source]

    def with_key(charge: Any) -> Any:
        return lambda message: charge(token=message.key)

    def with_token(charge: Any) -> Any:
        return lambda message: charge(token=message.idempotency_token)

    def with_name(charge: Any) -> Any:
        return lambda message: charge(token=f"{message.idempotency_token}-refund")

    assert find_reasons(with_key, event, key, shared=True) == {Reason.TOKEN_SHARED}
    assert find_reasons(with_key, event, key) == set()
    assert find_reasons(with_token, event, key, shared=True) == set()
    assert find_reasons(with_name, event, key, shared=True) == set()


def test_other_wrong_tokens() -> None:
    """A token that is wrong for another reason gets that reason alone."""

    def with_id(charge: Any) -> Any:
        return lambda message: charge(token=message.id)

    def with_owner(charge: Any) -> Any:
        return lambda message: charge(token=message.owner)

    event, key = SOURCES["sqs"]
    assert find_reasons(with_id, event, key, shared=True) == {Reason.TOKEN_OF_THE_ENVELOPE}
    assert find_reasons(with_owner, event, key, shared=True) == {Reason.TOKEN_CHANGES}


def test_only_some_receivers_are_shared() -> None:
    """A receiver of this consumer alone may get any token."""
    effects = Effects()
    charge = effects.of("charge", token="token", shared=True)
    mail = effects.of("mail", token="token")

    def process(message: Any) -> None:
        charge(token=message.idempotency_token)
        mail(token=message.key)

    report = hammer(process, SOURCES["sqs"][0], effects=effects, key="body.order_id")
    assert report.passed, report


@pytest.mark.parametrize(
    ("make", "shared"),
    [
        (lambda order: order["order_id"], True),
        (lambda order: str(order["number"]), True),
        (lambda order: f"pay-{order['order_id']}", False),
    ],
    ids=["text", "number", "with its name"],
)
@pytest.mark.parametrize("source", ["direct", "kinesis", "sqs"])
def test_decorated_functions(make: Any, source: str, shared: bool) -> None:
    """A decorated function that passes a plain value of the event shares it."""
    event = {"direct": events.direct(BODY)}.get(source) or SOURCES[source][0]

    def build(charge: Any) -> Any:
        @idempotent(name="pay", key="order.order_id", lease_seconds=20)
        def pay(order: Any) -> None:
            charge(token=make(order))

        def handler(event: Any, _: Any) -> None:
            record = event.get("Records", [{}])[0]
            if "kinesis" in record:
                pay(BODY)
            else:
                pay(json.loads(record["body"]) if record else event)

        return handler

    expected = {Reason.TOKEN_SHARED} if shared else set()
    assert find_reasons(build, event, None, shared=True) == expected


def test_the_text() -> None:
    """The finding names the token and the reproduction."""
    effects = Effects()
    charge = effects.of("charge", token="token", shared=True)
    report = hammer(
        lambda message: charge(token=message.key),
        SOURCES["sqs"][0],
        effects=effects,
        key="body.order_id",
    )
    (finding,) = report.findings
    assert finding.text == (
        "effect 'charge' for key 'ORDER-1' has the token 'ORDER-1' also in another consumer, "
        "so the receiver takes two operations for one"
    )
    assert finding.steps == ("deliver", "deliver to a consumer with another namespace")
