"""Producers send in tens, insist on an answer, and give up with a clear line."""

import io
import json
from typing import Any

import pytest

from scripts.support import producer
from scripts.support.observation import SERVICES, Aws
from scripts.support.producer import enqueue, hand_over


class Service:
    """A queue and a function at once, which keeps its requests and gives the answers in turn."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = list(answers)
        self.batches: list[list[dict[str, str]]] = []

    def send_message_batch(self, **batch: Any) -> dict[str, Any]:
        entries = batch["Entries"]
        self.batches.append(entries)
        # In no order, as the API allows.
        return {
            "Successful": [
                {"Id": e["Id"], "MessageId": f"of {e['MessageBody']}"} for e in reversed(entries)
            ]
        }

    def invoke(self, **_: object) -> dict[str, Any]:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return {**answer, "Payload": io.StringIO(json.dumps(answer["Payload"]))}


def aws(service: Service) -> Aws:
    """An account with nothing but the service."""
    return Aws(**dict.fromkeys(SERVICES, service))


REFUSED = {
    "FunctionError": "Unhandled",
    "Payload": {"errorType": "AlreadyInProgressError", "errorMessage": "in_progress"},
}
DONE = {"Payload": {"done": True}}


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here has to wait for anything."""
    monkeypatch.setattr(producer.time, "sleep", lambda _: None)


def test_messages_are_sent_in_tens() -> None:
    """As many as a batch takes go together, and each message gets its own id back."""
    service = Service()
    ids = list(enqueue(aws(service), "url", [f"body {number}" for number in range(23)]))
    assert [len(batch) for batch in service.batches] == [10, 10, 3]
    assert ids == [f"of body {number}" for number in range(23)]
    assert "MessageGroupId" not in service.batches[0][0]


def test_a_fifo_queue_gets_groups_and_no_deduplication() -> None:
    """Each message names its group, and looks new to SQS, even if its body is not."""
    service = Service()
    list(enqueue(aws(service), "url", ["same", "same"], ["a", "b"]))
    (batch,) = service.batches
    assert [entry["MessageGroupId"] for entry in batch] == ["a", "b"]
    assert len({entry["MessageDeduplicationId"] for entry in batch}) == 2


def test_it_insists_until_one_is_done() -> None:
    """An event that all invocations refuse is handed over again."""
    service = Service(REFUSED, REFUSED, REFUSED, DONE)
    assert hand_over(aws(service), "function", {}, at_once=2) == [{"done": True}]


def test_every_answer_is_returned() -> None:
    """The producer returns the answer of every invocation that ran at the same time."""
    assert hand_over(aws(Service(DONE)), "function", {}, at_once=3) == [{"done": True}] * 3


def test_it_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that is refused again and again is an error, with what was said last."""
    monkeypatch.setattr(producer, "ANSWER_SECONDS", -1.0)
    with pytest.raises(TimeoutError, match=r"function did not accept.*AlreadyInProgressError"):
        hand_over(aws(Service(REFUSED)), "function", {}, at_once=1)
