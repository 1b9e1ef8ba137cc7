"""``redrive`` in moto: it moves the right messages, leaves the others, and loses none."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from idempotent_lambda_toolkit.cli import dead_letters
from idempotent_lambda_toolkit.cli.exit_codes import ExitCode

from .conftest import OWNER, Consumer, Run, arn_of, fail_calls

pytestmark = pytest.mark.slow

BINARY = {"DataType": "Binary", "BinaryValue": b"\x00\xff"}
TEXT = {"DataType": "String.custom", "StringValue": "acme"}


def bodies(messages: list[dict[str, Any]]) -> list[str]:
    """Their bodies, in order."""
    return sorted(each["Body"] for each in messages)


def test_everything_goes_back_as_it_is(consumer: Consumer, run: Run) -> None:
    """Body and attributes of every kind survive, and the dead-letter queue is empty."""
    attributes = {"Tenant": TEXT, "Digest": BINARY}
    first = consumer.dead_letter("no JSON é", attributes=attributes)
    for number in range(11):
        consumer.dead_letter({"order_id": str(number)})
    ended = run("redrive", "--refused", "--yes", "--json")
    assert ended.code == ExitCode.OK
    assert len(ended.answer["moved"]) == 12
    assert first in {each["message_id"] for each in ended.answer["moved"]}
    sent = consumer.messages(consumer.queue_url)
    assert len(sent) == 12
    (whole,) = [each for each in sent if each["Body"] == "no JSON é"]
    assert whole["MessageAttributes"] == attributes
    assert consumer.messages(consumer.dead_letter_queue_url) == []


def test_copies_of_parked_messages_stay_unless_asked_for(consumer: Consumer, run: Run) -> None:
    """A redrive moves a message that waits for a decision only with --parked or by its key."""
    consumer.dead_letter({"order_id": "ORDER-1"}, token=OWNER)
    consumer.dead_letter({"order_id": "ORDER-2"}, token=f"{OWNER} //4f5b ORDER-2")
    consumer.dead_letter({"order_id": "ORDER-3"})
    ended = run("redrive", "--yes", "--json")
    assert [each["parked_copy"] for each in ended.answer["moved"]] == [False]
    assert ended.answer["left"]["parked_copies"] == 2
    (asked,) = run("redrive", "--key", "ORDER-1", "--yes", "--json").answer["moved"]
    assert asked["record_ids"] == ["orders#ORDER-1"]
    (other,) = run("redrive", "--parked", "--yes", "--json").answer["moved"]
    assert other["record_ids"] == ["orders#ORDER-2"]
    tokens = [
        each["MessageAttributes"]["IdempotencyOwner"]["StringValue"]
        for each in consumer.messages(consumer.queue_url)
        if "MessageAttributes" in each
    ]
    assert sorted(tokens) == [OWNER, f"{OWNER} //4f5b ORDER-2"]


@pytest.mark.parametrize("by", ["message", "its first message id", "key"])
def test_filters(consumer: Consumer, run: Run, by: str) -> None:
    """Only the message that is named goes back, and all others can be received again at once."""
    named = consumer.dead_letter({"order_id": "ORDER-1"}, token=f"{OWNER} //4f5b ORDER-1")
    for number in range(12):
        consumer.dead_letter({"order_id": f"other-{number}"})
    filters = {
        "message": ["--message-id", named],
        "its first message id": ["--message-id", "4f5b"],
        "key": ["--key", "ORDER-1"],
    }
    ended = run("redrive", *filters[by], "--yes", "--json")
    assert [each["message_id"] for each in ended.answer["moved"]] == [named]
    assert ended.answer["left"]["not_matching"] == (9 if by == "message" else 12)
    assert len(consumer.messages(consumer.dead_letter_queue_url)) == 12


def test_nothing_matches(consumer: Consumer, run: Run) -> None:
    """A filter that fits nothing is not found; an empty queue without a filter is fine."""
    assert run("redrive", "--yes").code == ExitCode.OK
    consumer.dead_letter({"order_id": "ORDER-1"})
    ended = run("redrive", "--key", "ORDER-2", "--yes", "--json")
    assert ended.code == ExitCode.NOT_FOUND
    assert ended.answer["left"]["not_matching"] == 1


def test_limit(consumer: Consumer, run: Run) -> None:
    """No more than the limit goes back, and the rest can be received at once."""
    for number in range(5):
        consumer.dead_letter({"order_id": str(number)})
    assert len(run("redrive", "--limit", "2", "--yes", "--json").answer["moved"]) == 2
    assert len(consumer.messages(consumer.queue_url)) == 2
    assert len(consumer.messages(consumer.dead_letter_queue_url)) == 3


def test_dry_run(consumer: Consumer, run: Run) -> None:
    """A dry run names what would go back, and moves nothing."""
    there = consumer.dead_letter({"order_id": "ORDER-1"})
    ended = run("redrive", "--dry-run")
    assert ended.code == ExitCode.OK
    assert there in ended.out
    assert consumer.messages(consumer.queue_url) == []
    assert len(consumer.messages(consumer.dead_letter_queue_url)) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"order_id": "ORDER-1", "amount": 1e400}', "1e400 at body.amount"),
        ("order 7", "the body is a text"),
        ('"{\\"order_id\\": \\"ORDER-1\\"}"', "encoded twice"),
    ],
)
def test_dry_run_of_refused_bodies(consumer: Consumer, run: Run, body: str, reason: str) -> None:
    """A dry run says what a refused body is, even if the message states a key."""
    plain = consumer.dead_letter(body)
    copy = consumer.dead_letter('{"order_id": "A", "n": NaN}', token=f"{OWNER} //4f5b ORDER-1")
    for message_id, part in ((plain, reason), (copy, "NaN at body.n")):
        ended = run("redrive", "--dry-run", "--message-id", message_id)
        assert ended.code == ExitCode.OK
        assert part in ended.out


def refusal(code: str, operation: str) -> ClientError:
    """An error of AWS that says no."""
    answer: Any = {"Error": {"Code": code, "Message": "no"}}
    return ClientError(answer, operation)


def test_it_is_sent_before_it_is_deleted(consumer: Consumer, run: Run) -> None:
    """A message whose deletion fails is in both queues, and the output says how to continue."""
    there = consumer.dead_letter({"order_id": "ORDER-1"})
    with pytest.MonkeyPatch.context() as patch:
        fail_calls(patch, "DeleteMessageBatch", refusal("AccessDenied", "DeleteMessageBatch"))
        ended = run("redrive", "--yes", "--json")
    assert ended.code == ExitCode.PARTLY
    assert ended.answer["exit"] == "partly"
    assert [each["message_id"] for each in ended.answer["in_both_queues"]] == [there]
    assert (
        f"could not be deleted here: {refusal('AccessDenied', 'DeleteMessageBatch')} ({there})"
        in (ended.answer["error"])
    )
    assert len(consumer.messages(consumer.queue_url)) == 1


def test_what_was_moved_before_an_error_is_told(consumer: Consumer, run: Run) -> None:
    """If AWS refuses in the middle, what is sent is named, and the rest is still there."""
    for number in range(12):
        consumer.dead_letter({"order_id": str(number)})
    with pytest.MonkeyPatch.context() as patch:
        error = refusal("ThrottlingException", "SendMessageBatch")
        fail_calls(patch, "SendMessageBatch", error, after=1)
        ended = run("redrive", "--yes", "--json")
    assert ended.code == ExitCode.PARTLY
    assert "ThrottlingException" in ended.answer["error"]
    moved = [each["message_id"] for each in ended.answer["moved"]]
    assert len(moved) == 10
    assert all(each in ended.err for each in moved)
    left = {each["MessageId"] for each in consumer.messages(consumer.dead_letter_queue_url)}
    assert len(left) == 2
    assert not left & set(moved)
    assert len(consumer.messages(consumer.queue_url)) == 10


def test_nothing_is_sent_if_the_first_call_is_refused(consumer: Consumer, run: Run) -> None:
    """An error before anything was done has the exit code of the error."""
    consumer.dead_letter({"order_id": "ORDER-1"})
    with pytest.MonkeyPatch.context() as patch:
        fail_calls(patch, "SendMessageBatch", refusal("AccessDenied", "SendMessageBatch"))
        ended = run("redrive", "--yes", "--json")
    assert ended.code == ExitCode.AWS
    assert "nothing was sent" in ended.answer["error"]
    assert len(consumer.messages(consumer.dead_letter_queue_url)) == 1


def test_a_call_without_an_answer(consumer: Consumer, run: Run) -> None:
    """Messages that AWS may have taken are named as such, and stay."""
    there = consumer.dead_letter({"order_id": "ORDER-1"})
    with pytest.MonkeyPatch.context() as patch:
        lost = EndpointConnectionError(endpoint_url="https://sqs")
        fail_calls(patch, "SendMessageBatch", lost)
        ended = run("redrive", "--yes", "--json")
    assert ended.code == ExitCode.PARTLY
    found = [each["message_id"] for each in ended.answer["perhaps_in_both_queues"]]
    assert found == [there]
    assert "may have been sent" in ended.answer["error"]
    assert len(consumer.messages(consumer.dead_letter_queue_url)) == 1


def test_what_cannot_be_sent_stays(consumer: Consumer, run: Run) -> None:
    """A message that the queue refuses is not deleted, and the refusal is reported."""
    consumer.dead_letter({"order_id": "ORDER-1"})
    gone = consumer.queue_url + "-gone"
    ended = run("redrive", "--yes", "--queue-url", gone)
    assert ended.code == ExitCode.NOT_FOUND
    assert len(consumer.messages(consumer.dead_letter_queue_url)) == 1


def test_what_comes_back_is_not_moved_twice(
    consumer: Consumer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message sent after the redrive began stays, or a failing one would go in circles."""
    consumer.dead_letter({"order_id": "ORDER-1"})
    monkeypatch.setattr(dead_letters.ReceivedMessages, "has_come_back", lambda *_: True)
    ended = run("redrive", "--yes", "--json")
    assert (ended.answer["moved"], ended.answer["left"]["not_matching"]) == ([], 1)


@pytest.mark.parametrize(
    ("after", "moved", "later"),
    [
        (-1, "another", False),
        (999, "another", False),
        (1000, "another", True),
        (-1, "ORDER-1", False),
        (0, "ORDER-1", True),
    ],
)
def test_came_later(consumer: Consumer, after: int, moved: str, later: bool) -> None:
    """AWS has times in whole seconds: in the first second, only a moved key counts as later."""
    deployment = dead_letters.Deployment(
        dead_letters_options(dead_letter_queue_url=consumer.dead_letter_queue_url)
    )
    queue = dead_letters.ReceivedMessages(deployment)
    raw = {"Attributes": {"SentTimestamp": str(queue.started + after)}}
    message = dead_letters.DeadLetterMessage(raw, frozenset({"orders#ORDER-1"}), None, None)
    assert queue.has_come_back(message, frozenset({f"orders#{moved}"})) is later


def dead_letters_options(**given: Any) -> Any:
    """The options that are given."""
    from idempotent_lambda_toolkit.cli.options import Options  # noqa: PLC0415  # used once

    return Options(**given)


class TestFifo:
    """A FIFO queue drops what it thinks it has seen."""

    def test_group_is_kept_and_deduplication_id_new(
        self, fifo_consumer: Consumer, run: Run
    ) -> None:
        """Messages go back in their order and group, each with an id that the queue cannot know."""
        sent = [fifo_consumer.dead_letter({"order_id": str(number)}) for number in range(9)]
        assert len(run("redrive", "--yes", "--json").answer["moved"]) == 9
        found = fifo_consumer.messages(fifo_consumer.queue_url)
        assert [each["Body"] for each in found] == [
            f'{{"order_id": "{number}"}}' for number in range(9)
        ]
        assert {each["Attributes"]["MessageGroupId"] for each in found} == {"group"}
        assert [each["Attributes"]["MessageDeduplicationId"] for each in found] == sent

    def test_a_copy_that_comes_back_is_sent_again(self, fifo_consumer: Consumer, run: Run) -> None:
        """Each life of a copy has another id, so it is not dropped the second time."""
        sqs, there, ids = fifo_consumer.client("sqs"), [], []
        for command in (["resolve", "ORDER-1", "--retry"], ["redrive", "--key", "ORDER-1"]):
            fifo_consumer.put("orders#ORDER-1", "PARKED")
            there.append(fifo_consumer.dead_letter({"order_id": "ORDER-1"}, token=OWNER))
            assert run(*command, "--yes").code == ExitCode.OK
            (sent,) = fifo_consumer.messages(fifo_consumer.queue_url)
            ids.append(sent["Attributes"]["MessageDeduplicationId"])
            sqs.delete_message(
                QueueUrl=fifo_consumer.queue_url, ReceiptHandle=sent["ReceiptHandle"]
            )
        assert ids == there

    def test_keys_of_deduplication_ids(self, fifo_consumer: Consumer, run: Run) -> None:
        """Where a new id would be a new key, nothing is sent back, and the record stays."""
        variables = fifo_consumer.variables()
        variables["IDEMPOTENCY_KEY"] = "attributes.MessageDeduplicationId"
        fifo_consumer.client("lambda").update_function_configuration(
            FunctionName="orders", Environment={"Variables": variables}
        )
        fifo_consumer.dead_letter({"order_id": "ORDER-1"})
        assert run("redrive", "--yes").code == ExitCode.REFUSED
        assert fifo_consumer.messages(fifo_consumer.queue_url) == []

    def test_what_stands_behind_ten_is_not_called_missing(
        self, fifo_consumer: Consumer, run: Run
    ) -> None:
        """Of a group no more than ten can be seen, and the remedy for the one behind them works."""
        for number in range(11):
            fifo_consumer.dead_letter({"order_id": str(number)})
        ended = run("redrive", "--key", "10", "--yes", "--json")
        assert ended.code == ExitCode.NOT_FOUND
        assert "about 1 others are behind the first ten" in ended.answer["error"]
        assert "--group (group)" in ended.answer["error"]
        assert ended.answer["whole"] is False
        ended = run("redrive", "--group", "group", "--yes", "--json")
        moved = [each["record_ids"] for each in ended.answer["moved"]]
        assert moved == [[f"orders#{number}"] for number in range(11)]
        assert ended.answer["whole"] is True

    def test_ten_of_a_group_are_all(self, fifo_consumer: Consumer, run: Run) -> None:
        """A group of exactly ten is seen whole, and the output says so."""
        for number in range(10):
            fifo_consumer.dead_letter({"order_id": str(number)})
        ended = run("redrive", "--key", "none", "--yes", "--json")
        assert "seen all messages of the dead-letter queue (10)" in ended.answer["error"]
        assert ended.answer["whole"] is True


@pytest.mark.parametrize(("source", "foreign"), [("mails", True), ("orders", False)])
def test_messages_of_other_queues_stay(
    consumer: Consumer, run: Run, monkeypatch: pytest.MonkeyPatch, source: str, foreign: bool
) -> None:
    """Neither redrive nor resolve touches what SQS moved from another queue, same key or not."""
    arn = arn_of(consumer.client("sqs"), consumer.queue_url)
    moved_from = f"{arn.rpartition(':')[0]}:{source}"
    translate_error = dead_letters.ReceivedMessages._read_message

    def as_moved(self: Any, raw: Any) -> Any:  # moto does not say whence
        attributes = {**raw["Attributes"], "DeadLetterQueueSourceArn": moved_from}
        return translate_error(self, {**raw, "Attributes": attributes})

    monkeypatch.setattr(dead_letters.ReceivedMessages, "_read_message", as_moved)
    consumer.dead_letter({"order_id": "ORDER-1"})
    consumer.put("orders#ORDER-1", "PARKED")
    answer = run("redrive", "--dry-run", "--json").answer
    assert (len(answer["moved"]), answer["left"]["of_other_queues"]) == (not foreign, foreign)
    deleted = run("resolve", "ORDER-1", "--completed", "--yes", "--json").answer["deleted"]
    assert len(deleted) == (not foreign)
    assert len(consumer.messages(consumer.dead_letter_queue_url)) == foreign


@pytest.mark.parametrize("sent", [True, False])
def test_a_hidden_copy_is_not_taken_for_none(consumer: Consumer, run: Run, sent: bool) -> None:
    """While a copy may be hidden its record stays; without one sent there is none to wait for."""
    consumer.put("orders#ORDER-1", "PARKED")
    if not sent:
        consumer.client("dynamodb").update_item(
            TableName="orders-idempotency",
            Key={"id": {"S": "orders#ORDER-1"}},
            UpdateExpression="REMOVE dead_lettered_at",
        )
    consumer.dead_letter({"order_id": "ORDER-1"}, token=OWNER)
    assert consumer.messages(consumer.dead_letter_queue_url)
    ended = run("resolve", "ORDER-1", "--retry", "--yes")
    assert ended.code == (ExitCode.REFUSED if sent else ExitCode.OK)
    assert (consumer.record("orders#ORDER-1") is not None) is sent
