"""What `hammer` does not see of side effects and responses: each limit of docs/testing.md here."""

from typing import Any

import pytest

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
