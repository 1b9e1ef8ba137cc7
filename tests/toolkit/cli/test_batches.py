"""Messages are sent and deleted in batches, and each answer of a batch counts for itself."""

import json
from collections import Counter
from typing import Any

import pytest
from botocore.client import BaseClient

from idempotent_lambda_toolkit.cli import dead_letters, sending
from idempotent_lambda_toolkit.cli.exit_codes import ExitCode
from idempotent_lambda_toolkit.cli.messages import DeadLetterMessage
from scripts.support.emulator import Emulator

from .conftest import Consumer, Run
from .emulated import Stack

pytestmark = pytest.mark.slow

MANY = 1500
URL, FIFO_URL = "https://sqs/1/orders", "https://sqs/1/orders.fifo"


class Queue:
    """A client of SQS that refuses the messages whose bodies it is given, and notes the others."""

    def __init__(self, *refused: str) -> None:
        self.refused, self.calls = refused, list[list[str]]()
        self.taken: list[str] = []

    def send_message_batch(self, **call: Any) -> dict[str, Any]:
        """Answer as SQS does: each entry is in one of two lists."""
        self.calls.append([entry["MessageBody"] for entry in call["Entries"]])
        answer: dict[str, Any] = {"Successful": [], "Failed": []}
        for entry in call["Entries"]:
            body = entry["MessageBody"]
            if body in self.refused:
                failed = {"Id": entry["Id"], "SenderFault": False, "Code": "InternalError"}
                answer["Failed"].append(failed)
            else:
                self.taken.append(body)
                answer["Successful"].append({"Id": entry["Id"], "MessageId": f"new {body}"})
        return answer


def build_message(body: str, group: str | None = None) -> DeadLetterMessage:
    """Build a message of the dead-letter queue."""
    attributes = {"MessageGroupId": group} if group else {}
    raw = {"MessageId": f"id {body}", "Body": body, "Attributes": attributes}
    return DeadLetterMessage(raw, frozenset(), None, None)


def put_many(consumer: Consumer, count: int) -> None:
    """Put many messages into the dead-letter queue."""
    sqs = consumer.client("sqs")
    for start in range(0, count, 10):
        numbers = range(start, min(start + 10, count))
        entries = [{"Id": str(i), "MessageBody": json.dumps({"order_id": str(i)})} for i in numbers]
        sqs.send_message_batch(QueueUrl=consumer.dead_letter_queue_url, Entries=entries)


@pytest.mark.emulator
@pytest.mark.slow
def test_many_messages(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    """1,500 messages are seen, and go back in under a fifth of the calls of one by one."""
    stack = Stack(emulator)
    ids = stack.fill(MANY)
    for name, value in stack.variables.items():
        monkeypatch.setenv(name, value)
    make, calls = BaseClient._make_api_call, Counter[str]()

    def count(self: Any, operation: str, parameters: Any) -> Any:
        calls[operation] += 1
        return make(self, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", count)
    ended = run(*stack.options, "redrive", "--dry-run", "--json", function=None)
    assert {each["message_id"] for each in ended.answer["moved"]} == ids
    calls.clear()
    ended = run(*stack.options, "redrive", "--yes", "--json", function=None)
    assert {each["message_id"] for each in ended.answer["moved"]} == ids
    assert ended.answer["whole"] is True
    before = MANY // 10 + 1 + MANY + MANY  # receive; send and delete one message each
    assert calls.total() * 5 < before
    assert [stack.count(url, hidden=True) for url in stack.urls] == [0, MANY]


def test_refused_entries_are_named() -> None:
    """A message that SQS refuses is not sent, and the others are."""
    queue = Queue("1")
    result = sending.send(queue, URL, [build_message(str(i)) for i in range(3)], set())
    assert [(message.id, new) for message, new in result.sent] == [
        ("id 0", "new 0"),
        ("id 2", "new 2"),
    ]
    ((message, reason),) = result.unsent
    assert (message.id, "InternalError" in reason) == ("id 1", True)


@pytest.mark.parametrize("refused", range(6))
def test_a_group_keeps_its_order(refused: int) -> None:
    """Of a group in a FIFO queue, nothing is sent after a message that could not be sent."""
    queue, blocked = Queue(f"a{refused}"), set[str]()
    messages = [build_message(f"{group}{i}", group) for i in range(6) for group in "ab"]
    result = sending.send(queue, FIFO_URL, messages, blocked)
    assert [body for body in queue.taken if body[0] == "a"] == [f"a{i}" for i in range(refused)]
    assert [body for body in queue.taken if body[0] == "b"] == [f"b{i}" for i in range(6)]
    assert {message.raw["Body"] for message, _ in result.unsent} == {
        f"a{i}" for i in range(refused, 6)
    }
    later = sending.send(queue, FIFO_URL, [build_message("a6", "a")], blocked)
    assert not later.sent
    assert all(len({body[0] for body in call}) == len(call) for call in queue.calls)


def test_groups_of_a_standard_queue_have_no_order() -> None:
    """Messages of one group go to a standard queue in one call."""
    queue = Queue()
    sending.send(queue, URL, [build_message(str(i), "group") for i in range(10)], set())
    assert len(queue.calls) == 1


@pytest.mark.parametrize("character", ["x", "é"])
def test_large_messages(character: str) -> None:
    """A call has no more bytes than SQS takes, and a message that is as large goes alone."""
    size = sending.MOST_BYTES // len(character.encode())
    messages = [build_message(character * (size // 2)) for _ in range(3)]
    messages.append(build_message(character * size))
    queue = Queue()
    result = sending.send(queue, URL, messages, set())
    assert [len(call) for call in queue.calls] == [2, 1, 1]
    assert len(result.sent) == 4


def test_large_attributes() -> None:
    """The attributes of a message count, too."""
    value = {"DataType": "Binary", "BinaryValue": b"x" * (sending.MOST_BYTES // 2)}
    messages = [build_message(str(i)) for i in range(2)]
    for message in messages:
        dict.update(message.raw, MessageAttributes={"Digest": value})  # type: ignore[arg-type]
    queue = Queue()
    sending.send(queue, URL, messages, set())
    assert [len(call) for call in queue.calls] == [1, 1]


@pytest.mark.parametrize("failures", [1, 2, 3])
def test_deletions_are_repeated(failures: int) -> None:
    """A message that SQS does not delete by its own fault is deleted with the next call."""

    class Client:
        calls = 0

        def delete_message_batch(self, **call: Any) -> dict[str, Any]:
            self.calls += 1
            failed = [{"Id": "1", "Code": "InternalError", "SenderFault": False}]
            assert self.calls == 1 or [entry["Id"] for entry in call["Entries"]] == ["1"]
            return {"Failed": failed if self.calls <= failures else []}

    receipts = [(build_message(str(i)), f"receipt {i}") for i in range(2)]
    left = sending.delete(Client(), URL, receipts)
    assert [message.id for message, _ in left] == (["id 1"] if failures == 3 else [])


def test_held_messages_stay_hidden(consumer: Consumer, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a long look, the messages are hidden again before they reappear, each time for longer."""
    put_many(consumer, 25)
    options: Any = dead_letters.Deployment.__init__.__globals__["Options"]
    deployment = dead_letters.Deployment(
        options(dead_letter_queue_url=consumer.dead_letter_queue_url)
    )
    asked: list[tuple[int, int]] = []
    make = BaseClient._make_api_call

    def note(self: Any, operation: str, parameters: Any) -> Any:
        if operation == "ChangeMessageVisibilityBatch":
            entries = parameters["Entries"]
            asked.append((len(entries), entries[0]["VisibilityTimeout"]))
        return make(self, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", note)
    with dead_letters.hold_messages(deployment) as queue:
        queue._began = queue._renewed = 0

        def tick(_clock: Any) -> int:
            return 59_000 * (len(queue._receipts) // 5)

        monkeypatch.setattr(type(queue._clock), "monotonic", tick)
        assert len(queue.look().found) == 25
        assert asked == [(10, 236), (10, 472), (10, 472)]


def test_source_and_target_differ(consumer: Consumer, run: Run) -> None:
    """A queue is not redriven into itself, and nothing is asked or done before that is known."""
    consumer.dead_letter({"order_id": "ORDER-1"})
    ended = run("redrive", "--yes", "--queue-url", consumer.dead_letter_queue_url)
    assert ended.code == ExitCode.USAGE
    assert "are the same" in ended.err
    assert not ended.calls & {"sqs:ReceiveMessage", "sqs:SendMessageBatch"}


def test_exceptions(consumer: Consumer, run: Run) -> None:
    """Messages that --except names by a key or an id stay; without known keys, it is refused."""
    for key in ("A", "B", "B", "C"):
        consumer.dead_letter({"order_id": key})
    fourth = consumer.dead_letter({"order_id": "D"})
    ended = run("redrive", "--except", "B", "--except", fourth, "--yes", "--json")
    moved = {each for message in ended.answer["moved"] for each in message["record_ids"]}
    assert moved == {"orders#A", "orders#C"}
    assert ended.answer["left"]["excepted"] == {"B": 2, fourth: 1}
    urls = ("--queue-url", consumer.queue_url)
    urls += ("--dead-letter-queue-url", consumer.dead_letter_queue_url)
    ended = run("redrive", "--except", "B", "--yes", *urls, function=None)
    assert ended.code == ExitCode.USAGE
    assert "--except would leave out nothing" in ended.err


def test_refused_messages_stay(consumer: Consumer, run: Run) -> None:
    """A message that every delivery refuses stays unless you ask for it, with its reason."""
    consumer.dead_letter("no JSON")
    consumer.dead_letter({"order_id": "A"})
    ended = run("redrive", "--yes", "--json")
    assert [each["record_ids"] for each in ended.answer["moved"]] == [["orders#A"]]
    assert ended.answer["left"]["refused"] == 1
    assert "the body is a text" in ended.answer["refused"][0]["refusal"]
    assert "  1 of them: " in ended.err
    assert len(run("redrive", "--refused", "--yes", "--json").answer["moved"]) == 1
