"""What a row answers when the target does what the emulator can't do."""

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from scripts.support.observation import Aws
from scripts.support.producer import Answer
from tests.verify.rows import conftest, test_functions, test_queues, test_tables
from tests.verify.rows.conftest import Site

pytestmark = pytest.mark.slow

QUEUES = ("moved", "moved-dead-letters")


@pytest.fixture
def answer() -> dict[str, str]:
    """What a row has answered."""
    return {}


def make_site(answer: dict[str, str], aws: Any, outputs: dict[str, Any]) -> Site:
    """A site on AWS, as far as a row can see."""
    return Site(aws=aws, is_aws=True, outputs=outputs, versions={}, record=answer.__setitem__)


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of moto's queues, in which a redrive starts at the third receive."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setattr(conftest, "POLL_SECONDS", 0)
    with mock_aws():
        sqs: Any = boto3.session.Session().client("sqs")
        source, dead = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in QUEUES)
        attributes = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
        policy = {"deadLetterTargetArn": attributes["Attributes"]["QueueArn"], "maxReceiveCount": 3}
        sqs.set_queue_attributes(QueueUrl=source, Attributes={"RedrivePolicy": json.dumps(policy)})
        yield SimpleNamespace(sqs=sqs, source=source, dead=dead)


@pytest.mark.parametrize(
    ("survivors", "relied_on"),
    [
        ({"MessageAttributes", "MessageGroupId", "MessageSystemAttributes"}, "yes"),
        ({"MessageGroupId", "MessageSystemAttributes"}, "no"),
        ({"MessageAttributes", "MessageSystemAttributes"}, "no"),
        ({"MessageAttributes", "MessageGroupId"}, "no"),
    ],
)
def test_a_redrive(
    queues: Any, answer: dict[str, str], survivors: set[str], relied_on: str
) -> None:
    """The row compares everything, of a copy and of a message that SQS has moved."""
    kept = {name: value for name, value in test_queues.MESSAGE.items() if name in survivors}

    def move(SourceArn: str, DestinationArn: str) -> None:  # noqa: N803 (boto3's names)
        assert SourceArn.endswith(QUEUES[1])
        assert DestinationArn.endswith(QUEUES[0])
        found = queues.sqs.receive_message(QueueUrl=queues.dead, MaxNumberOfMessages=10)
        for message in found["Messages"]:
            queues.sqs.send_message(QueueUrl=queues.source, MessageBody=message["Body"], **kept)

    queues.sqs.start_message_move_task = move
    outputs = {"queues": {"moved": queues.source}, "dead_letters": {"moved": queues.dead}}
    test_queues.test_redrive(make_site(answer, Aws(sqs=queues.sqs), outputs))
    assert answer["relied_on"] == relied_on
    for body in ("copy", "moved"):
        fact = "kept" if "MessageAttributes" in survivors else "lost"
        assert f"{body}: attributes {fact}" in answer["answer"]
        assert "message id lost" in answer["answer"]


SINGLE = {test_tables.OWN: "allowed", test_tables.OTHER: "AccessDeniedException"}


@pytest.mark.parametrize(
    ("row", "ended", "relied_on"),
    [
        ("leading_keys_of_partiql", ("allowed", "AccessDenied"), "yes"),
        ("leading_keys_of_partiql", ("AccessDenied", "AccessDenied"), "no"),
        ("leading_keys_of_partiql", ("allowed", "allowed"), "no"),
        ("leading_keys_of_partiql", ("allowed", "ConditionalCheckFailed"), "no"),
        ("leading_keys_of_transactions", ("allowed", "AccessDeniedException"), "yes"),
        ("leading_keys_of_transactions", ("AccessDeniedException", "AccessDeniedException"), "no"),
    ],
)
def test_leading_keys(
    monkeypatch: pytest.MonkeyPatch,
    answer: dict[str, str],
    row: str,
    ended: tuple[str, str],
    relied_on: str,
) -> None:
    """The row accepts only that IAM allows the own keys and denies the others."""
    own, other = ended

    def try_calls(_: Site, calls: dict[str, Any]) -> dict[str, str]:
        if calls.keys() == SINGLE.keys():
            return SINGLE
        return {name: own if "own" in name else other for name in calls}

    monkeypatch.setattr(test_tables, "try_calls", try_calls)
    outputs = {"tables": {"shared": "shared", "notes": "notes"}}
    ask: Callable[[Site], None] = getattr(test_tables, f"test_{row}")
    ask(make_site(answer, None, outputs))
    assert answer["relied_on"] == relied_on
    assert own in answer["answer"]
    assert other in answer["answer"]


def test_a_role_without_its_condition(
    monkeypatch: pytest.MonkeyPatch, answer: dict[str, str]
) -> None:
    """On AWS, a role that may write any key is a mistake of the stack, and no answer."""
    monkeypatch.setattr(test_tables, "try_calls", lambda _, calls: dict.fromkeys(calls, "allowed"))
    site = make_site(answer, None, {"tables": {"shared": "shared", "notes": "notes"}})
    with pytest.raises(AssertionError, match="may write keys of other namespaces"):
        test_tables.test_leading_keys_of_partiql(site)
    assert answer == {}


@pytest.mark.parametrize(
    ("notes", "relied_on"),
    [
        (["123456", "3456"], "yes"),
        (["1", "23456", "456"], "yes"),
        (["123456", "56"], "no"),
        (["123456", "123456"], "no"),
        (["123456"], "no"),
    ],
)
def test_the_lowest_sequence_number(
    monkeypatch: pytest.MonkeyPatch, answer: dict[str, str], notes: list[str], relied_on: str
) -> None:
    """The row takes the batch that was large enough, and compares what came after it."""
    written: list[dict[str, Any]] = []

    def write(**_: object) -> None:
        written.extend({"entries": list(numbers)} for numbers in notes)

    monkeypatch.setattr(Site, "read_notes", lambda *_: written)
    monkeypatch.setattr(Site, "wait", lambda *_, **__: 1.0)
    aws = Aws(dynamodb=SimpleNamespace(batch_write_item=write))
    test_functions.test_lowest_sequence_number(
        make_site(answer, aws, {"tables": {"source": "source"}})
    )
    assert answer["relied_on"] == relied_on


def test_a_function_that_ends_by_itself(
    monkeypatch: pytest.MonkeyPatch, answer: dict[str, str]
) -> None:
    """Only a function that was killed at its timeout says how late that was."""
    failed = Answer("ClientError", {"errorType": "ClientError", "errorMessage": "throttled"})
    monkeypatch.setattr(test_functions, "invoke", lambda *_: failed)
    tables = SimpleNamespace(get_item=lambda **_: {"Item": {"late": {"N": "-1.5"}}})
    outputs = {"functions": {"sleeper": "sleeper"}, "tables": {"notes": "notes"}}
    with pytest.raises(AssertionError, match="it was not killed"):
        test_functions.test_kill_at_the_timeout(make_site(answer, Aws(dynamodb=tables), outputs))
    assert answer == {}


def test_a_visibility_that_was_not_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A delivery counts only if the function could change the visibility timeout."""
    noted: list[object] = []

    def refuse(**_: object) -> None:
        raise PermissionError

    client = SimpleNamespace(
        put_item=lambda **item: noted.append(item),
        get_queue_url=lambda **_: {"QueueUrl": "url"},
        change_message_visibility=refuse,
    )
    monkeypatch.setenv("NOTES_TABLE", "notes")
    monkeypatch.setattr(boto3, "client", lambda _: client)
    path = Path(__file__).parent / "functions" / "observe.py"
    spec: Any = importlib.util.spec_from_file_location("observe", path)
    observe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(observe)
    record = {
        "body": "late",
        "messageId": "1",
        "receiptHandle": "h",
        "eventSourceARN": "arn:aws:sqs:eu-north-1:111122223333:postpone",
        "attributes": {"ApproximateReceiveCount": "1"},
    }
    with pytest.raises(PermissionError):
        observe.postpone({"Records": [record]}, None)
    assert noted == []
    client.change_message_visibility = lambda **_: None
    assert observe.postpone({"Records": [record]}, None) == {
        "batchItemFailures": [{"itemIdentifier": "1"}]
    }
    assert len(noted) == 1
