"""What `hammer` does not see of side effects and responses: each limit of docs/testing.md here."""

from typing import Any

import pytest

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import AnswerLost, Effects, events, hammer

pytestmark = pytest.mark.slow

ORDER = events.sqs({"order_id": "ORDER-1"})


def test_two_receivers_with_one_name_and_one_token() -> None:
    """A second provider does not know the token of the first one, which hammer does not see."""
    effects = Effects()
    first = effects.of("charge", token=lambda token: token)
    second = effects.of("charge", token=lambda token: token)

    def process(message: Any) -> None:
        try:
            first(message.idempotency_token)
        except AnswerLost:
            second(message.idempotency_token)

    assert hammer(process, ORDER, effects=effects, key="body.order_id").passed


def test_a_mapping_that_reads_no_failures() -> None:
    """A handler that reports its failures passes, also where the mapping does not ask for them."""
    effects = Effects()
    charge = effects.of("charge")

    @idempotent(name="limits", key="body", lease_seconds=30)
    def run(body: str) -> None:
        charge(body)

    def handler(event: Any, context: Any) -> Any:
        del context
        try:
            run(event["Records"][0]["body"])
        except Exception:  # noqa: BLE001  # every error is reported
            return {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}
        return None

    assert hammer(handler, ORDER, effects=effects).passed
