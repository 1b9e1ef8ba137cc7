"""``discard`` deletes the message that it has shown, and none that a record needs."""

import json

import pytest

from idempotent_lambda_toolkit.cli.exit_codes import ExitCode

from .conftest import OWNER, Consumer, Run, fail_calls
from .test_redrive import BINARY, TEXT, refusal

pytestmark = pytest.mark.slow


def test_a_message_by_its_id(consumer: Consumer, run: Run) -> None:
    """Only this message is deleted, and the answer has what its producer sent."""
    there = consumer.dead_letter("poison \x1b[2J", attributes={"Tenant": TEXT, "Digest": BINARY})
    other = consumer.dead_letter({"order_id": "ORDER-1"})
    ended = run("discard", "--message-id", there, "--yes", "--json")
    assert ended.code == ExitCode.OK
    (kept,) = ended.answer["discarded"]
    assert (kept["message_id"], kept["body"]) == (there, "poison \x1b[2J")
    assert kept["message_attributes"] == {
        "Tenant": TEXT,
        "Digest": {"DataType": "Binary", "BinaryValue": "AP8="},
    }
    left = [each["MessageId"] for each in consumer.messages(consumer.dead_letter_queue_url)]
    assert left == [other]
    assert consumer.messages(consumer.queue_url) == []


def test_messages_by_their_key(consumer: Consumer, run: Run) -> None:
    """Every message with the key is shown and deleted."""
    ids = {consumer.dead_letter({"order_id": "ORDER-1"}) for _ in range(12)}
    consumer.dead_letter({"order_id": "ORDER-2"})
    ended = run("discard", "--key", "ORDER-1", "--yes", "--json")
    assert {each["message_id"] for each in ended.answer["discarded"]} == ids
    assert all(f"message {each}, key ORDER-1" in ended.err for each in ids)
    assert len(consumer.messages(consumer.dead_letter_queue_url)) == 1


def test_dry_run(consumer: Consumer, run: Run) -> None:
    """A dry run shows the message with the beginning of its body, and deletes nothing."""
    there = consumer.dead_letter("\x1b[2J" + "x" * 2000)
    ended = run("discard", "--message-id", there, "--show-body", "--dry-run")
    assert ended.code == ExitCode.OK
    assert "the body has 2,004 bytes" in ended.out
    assert r"body: \u001b[2Jxx" in ended.out
    assert "x …" in ended.out
    assert "the body is a text" in ended.out  # the reason why every delivery refuses it
    assert "body: " not in run("discard", "--message-id", there, "--dry-run").out
    assert len(consumer.messages(consumer.dead_letter_queue_url)) == 1


@pytest.mark.parametrize("key", ["body.order_id", "body.other"])
@pytest.mark.parametrize("status", ["PARKED", "IN_PROGRESS", "COMPLETED"])
def test_a_copy_that_its_record_needs(consumer: Consumer, run: Run, status: str, key: str) -> None:
    """A copy stays while its record can only run by it, even if its key cannot be read."""
    variables = consumer.variables() | {"IDEMPOTENCY_KEY": key}
    consumer.client("lambda").update_function_configuration(
        FunctionName="orders", Environment={"Variables": variables}
    )
    owner = {"PARKED": OWNER}.get(status, "b" * 32)
    consumer.put("orders#ORDER-1", status, owner=owner, unlocked_by=OWNER)
    there = consumer.dead_letter({"order_id": "ORDER-1"}, token=OWNER)
    ended = run("discard", "--message-id", there, "--yes")
    if status == "COMPLETED":
        assert ended.code == ExitCode.OK
        return
    assert ended.code == ExitCode.REFUSED
    assert f"whose record is {status}" in ended.err
    assert len(consumer.messages(consumer.dead_letter_queue_url)) == 1


def test_a_copy_after_the_record_was_completed(consumer: Consumer, run: Run) -> None:
    """The remedy that the refusal names works."""
    consumer.put("orders#ORDER-1", "PARKED")
    there = consumer.dead_letter({"order_id": "ORDER-1"}, token=OWNER)
    assert "resolve KEY --completed" in run("discard", "--message-id", there, "--yes").err
    assert run("resolve", "ORDER-1", "--completed", "--yes").code == ExitCode.OK
    assert consumer.messages(consumer.dead_letter_queue_url) == []


def test_a_copy_of_an_unknown_record(consumer: Consumer, run: Run) -> None:
    """Without the table, nobody knows whether a record needs the copy."""
    there = consumer.dead_letter({"order_id": "ORDER-1"}, token=OWNER)
    url = ("--dead-letter-queue-url", consumer.dead_letter_queue_url)
    ended = run("discard", "--message-id", there, "--yes", *url, function=None)
    assert ended.code == ExitCode.USAGE
    assert "set --function" in ended.err


def test_nothing_to_discard(consumer: Consumer, run: Run) -> None:
    """Without a selection, a match or a consent, nothing is deleted."""
    consumer.dead_letter({"order_id": "ORDER-1"})
    assert run("discard", "--yes").code == ExitCode.USAGE
    assert run("discard", "--key", "ORDER-1").code == ExitCode.USAGE  # no terminal to ask on
    ended = run("discard", "--key", "ORDER-2", "--yes", "--json")
    assert ended.code == ExitCode.NOT_FOUND
    assert "seen all messages of the dead-letter queue (1)" in ended.answer["error"]
    assert len(consumer.messages(consumer.dead_letter_queue_url)) == 1


def test_a_deletion_that_aws_refuses(consumer: Consumer, run: Run) -> None:
    """A message that could not be deleted is named with the reason, and is still there."""
    there = consumer.dead_letter({"order_id": "ORDER-1"})
    with pytest.MonkeyPatch.context() as patch:
        error = refusal("AccessDenied", "DeleteMessageBatch")
        fail_calls(patch, "DeleteMessageBatch", error)
        ended = run("discard", "--key", "ORDER-1", "--yes", "--json")
    assert ended.code == ExitCode.AWS
    assert ended.answer["not_discarded"] == [there]
    assert "AccessDenied" in ended.answer["error"]
    assert json.loads(ended.out)["discarded"] == []
