"""Answers of SQS that are odd, but documented: no message is left in both queues."""

from collections.abc import Mapping
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError

from idempotent_lambda.clock import SystemClock

from .answers import Answers, Ask
from .conftest import Consumer, Run


def test_a_deleted_message_that_sqs_delivers_again(
    consumer: Consumer, run: Run, answers: Answers
) -> None:
    """A message that reappears after its deletion is deleted again, and not left in both queues."""
    consumer.dead_letter({"order_id": "7"})
    forgotten: list[str] = []

    def forget_once(ask: Ask, call: Mapping[str, Any]) -> Any:
        if forgotten:
            return ask(call)
        (entry,) = call["Entries"]
        forgotten.append(entry["ReceiptHandle"])
        consumer.client("sqs").change_message_visibility(
            QueueUrl=call["QueueUrl"], ReceiptHandle=entry["ReceiptHandle"], VisibilityTimeout=0
        )
        return {"Successful": [{"Id": entry["Id"]}]}

    answers.replace("DeleteMessageBatch", forget_once)
    assert len(run("redrive", "--yes", "--json").answer["moved"]) == 1
    assert forgotten
    assert consumer.messages(consumer.dead_letter_queue_url) == []


def test_hiding_fails_between_two_batches(
    consumer: Consumer, run: Run, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retry that has deleted the record sends all its messages, though SQS stops hiding them."""
    consumer.put("orders#7", "PARKED", dead_lettered_at=None)
    ids = {consumer.dead_letter({"order_id": "7"}) for _ in range(12)}
    seconds, sent = count(step=61), list[Any]()
    monkeypatch.setattr(SystemClock, "monotonic", lambda _clock: next(seconds) * 1000)

    def send(ask: Ask, call: Mapping[str, Any]) -> Any:
        sent.append(call)
        return ask(call)

    def hide(ask: Ask, call: Mapping[str, Any]) -> Any:
        if sent:
            answer: Any = {"Error": {"Code": "ThrottlingException", "Message": "slower"}}
            raise ClientError(answer, "ChangeMessageVisibilityBatch")
        return ask(call)

    answers.replace("SendMessageBatch", send)
    answers.replace("ChangeMessageVisibilityBatch", hide)
    ended = run("resolve", "7", "--retry", "--yes", "--json")
    assert {message["message_id"] for message in ended.answer["moved"]} == ids
