"""AWS operations are side effects, for every client and resource of boto3."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError, ReadTimeoutError

from idempotent_lambda_toolkit.testing import Effects, HammerError, Reason, Report, events, hammer

pytestmark = pytest.mark.slow

ORDER = events.sqs({"order_id": "ORDER-1"})
REGION = "eu-central-1"
QUEUE = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"


def make(kind: Callable[..., Any], service: str) -> Any:
    """Make a client or resource."""
    # It reaches nothing, so that what is not replaced fails at once.
    once = Config(retries={"max_attempts": 0}, connect_timeout=0.1)
    return kind(service, region_name=REGION, endpoint_url="http://127.0.0.1:9", config=once)


@pytest.fixture(autouse=True, scope="module")
def no_credentials() -> Iterator[None]:
    """Without credentials and profile."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="module")
def s3() -> Any:
    """A client that existed before."""
    return make(boto3.client, "s3")


@pytest.fixture(scope="module")
def sqs() -> Any:
    """A client that existed before."""
    return make(boto3.client, "sqs")


@pytest.fixture(scope="module")
def table() -> Any:
    """A resource."""
    return make(boto3.resource, "dynamodb").Table("orders")


def judge(process: Callable[[Any], object], operation: str, **options: Any) -> Report:
    """Hammer a processor that calls one operation."""
    effects = Effects()
    with effects.patch_aws(operation, **options):
        return hammer(process, ORDER, effects=effects, key="body.order_id")


def put_in_batches(table: Any, message: Any) -> None:
    """Write an item as one of many."""
    with table.batch_writer() as batch:
        batch.put_item(Item={"id": message.key})


@pytest.mark.parametrize(
    ("operation", "process"),
    [
        ("s3.PutObject", lambda s3, _, __, m: s3.put_object(Bucket="b", Key=m.key, Body=b"")),
        ("s3.PutObject", lambda s3, _, __, m: s3.upload_fileobj(io.BytesIO(b"a"), "b", m.key)),
        (
            "sqs.SendMessage",
            lambda _, sqs, __, m: sqs.send_message(QueueUrl=QUEUE, MessageBody=m.key),
        ),
        ("dynamodb.PutItem", lambda _, __, table, m: table.put_item(Item={"id": m.key, "n": 5})),
        ("dynamodb.BatchWriteItem", lambda _, __, table, m: put_in_batches(table, m)),
    ],
    ids=["client", "transfer", "sqs", "resource", "batch writer"],
)
def test_every_way_to_call(s3: Any, sqs: Any, table: Any, operation: str, process: Any) -> None:
    """An operation is seen however the code calls it, and a swallowed failure too."""
    report = judge(lambda message: process(s3, sqs, table, message), operation)
    assert (report.passed, report.effects) == (True, (operation,)), report

    failed: set[str] = set()

    def swallows(message: Any) -> None:
        try:
            process(s3, sqs, table, message)
        except ClientError as error:
            failed.add(error.operation_name)

    report = judge(swallows, operation)
    assert [finding.reason for finding in report.findings] == [Reason.SWALLOWED], report
    assert failed == {operation.partition(".")[2]}


def test_clients_that_the_code_creates() -> None:
    """A client that is created in the middle is replaced too."""
    report = judge(
        lambda message: make(boto3.client, "sns").publish(TopicArn="a", Message=message.key),
        "sns.Publish",
    )
    assert report.passed, report


def test_resources_and_their_queues() -> None:
    """An action of a resource gets the operation's response."""
    queue = make(boto3.resource, "sqs").Queue(QUEUE)
    sent: list[Any] = []

    def process(_: Any) -> None:
        sent.append(queue.send_message(MessageBody="a")["MessageId"])

    assert judge(process, "sqs.SendMessage", function=lambda **_: {"MessageId": "m-1"}).passed
    assert {*sent} == {"m-1"}


def test_tokens(s3: Any, sqs: Any, table: Any) -> None:
    """The token is a parameter, or a function of all parameters."""
    effects = Effects()
    with (
        effects.patch_aws("s3.PutObject", token="Key"),
        effects.patch_aws("sqs.SendMessage", token="MessageDeduplicationId", name="send"),
        effects.patch_aws("dynamodb.PutItem", token=lambda **params: params["Item"]["id"]),
    ):
        s3.put_object(Bucket="b", Key="a.json")
        sqs.send_message(QueueUrl=QUEUE, MessageBody="a")
        table.put_item(Item={"id": 5})
    assert [(call.name, call.token) for call in effects.calls] == [
        ("s3.PutObject", "'a.json'"),
        ("send", None),
        ("dynamodb.PutItem", "5"),
    ]
    assert effects.calls[2].kwargs == {"TableName": "orders", "Item": {"id": 5}}


def test_a_conditional_write(table: Any) -> None:
    """A write that its condition lets happen once has the item for its token."""

    def process(message: Any) -> None:
        item = {"id": message.key}
        table.put_item(Item=item, ConditionExpression="attribute_not_exists(id)")

    effects = Effects()
    with effects.patch_aws("dynamodb.PutItem", token="Item"):
        report = hammer(process, ORDER, effects=effects, key="body.order_id", exactly_once=True)
    assert report.passed, report


def test_failures(sqs: Any, table: Any) -> None:
    """The default failure is the service's own, and a given one comes instead."""

    def fail(process: Callable[[], object], operation: str, **options: Any) -> list[Exception]:
        raised: list[Exception] = []

        def record(_: Any) -> None:
            try:
                process()
            except Exception as error:
                raised.append(error)
                raise

        judge(record, operation, **options)
        return raised

    (error, *_) = fail(lambda: table.put_item(Item={"id": 1}), "dynamodb.PutItem")
    assert isinstance(error, table.meta.client.exceptions.InternalServerError)
    assert cast("ClientError", error).response["Error"]["Code"] == "InternalServerError"
    (error, *_) = fail(lambda: sqs.send_message(QueueUrl=QUEUE, MessageBody=""), "sqs.SendMessage")
    assert "hammer made 'sqs.SendMessage' fail" in str(error)
    assert cast("ClientError", error).response["ResponseMetadata"]["HTTPStatusCode"] == 503
    (error, *_) = fail(
        lambda: sqs.send_message(QueueUrl=QUEUE, MessageBody=""),
        "sqs.SendMessage",
        failure=ConnectionError("away"),
    )
    assert isinstance(error, ConnectionError)


def test_wrong_parameters(s3: Any) -> None:
    """Parameters that do not fit are refused as in production."""
    effects = Effects()
    with effects.patch_aws("s3.PutObject"):
        with pytest.raises(ParamValidationError, match=r'Missing required parameter.*"Key"'):
            s3.put_object(Bucket="b")
        with pytest.raises(ParamValidationError, match="Invalid bucket name"):
            s3.put_object(Bucket="not a bucket", Key="a")
    assert effects.calls == []


def test_responses(sqs: Any) -> None:
    """A response without a function has no failures, and the error names what it does not have."""
    effects = Effects()
    with effects.patch_aws("sqs.SendMessageBatch"), effects.patch_aws("sqs.SendMessage"):
        entries = [{"Id": "1", "MessageBody": "a"}]
        answer = sqs.send_message_batch(QueueUrl=QUEUE, Entries=entries)
        assert (answer["Failed"], answer.get("Failed")) == ([], None)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
        answer = sqs.send_message(QueueUrl=QUEUE, MessageBody="a")
        with pytest.raises(KeyError, match=r"no MessageId: give it a function, such as lambda"):
            assert answer["MessageId"]
        with pytest.raises(KeyError, match=r"^'Nothing'$"):
            assert answer["Nothing"]


def test_other_operations_go_where_they_went(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not declared is not replaced, and an earlier replacement still works."""
    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", lambda *call: call[1:])
    with Effects().patch_aws("s3.PutObject"):
        assert s3.delete_object(Bucket="b", Key="a") == (
            "DeleteObject",
            {"Bucket": "b", "Key": "a"},
        )
        assert s3.put_object(Bucket="b", Key="a")["ResponseMetadata"]
    assert s3.put_object(Bucket="b", Key="a")[0] == "PutObject"


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ("PutObject", "names no service: write service and operation, such as 's3.PutObject'"),
        ("s3.PutObjekt", "s3 has no 'PutObjekt': write 's3.PutObject' or"),
        ("dynamodb.put_item", "dynamodb has no 'put_item': write 'dynamodb.PutItem'$"),
        ("s3.zzzzzzz", "s3 has no 'zzzzzzz': the AWS API reference has its name"),
        ("dynamodbb.PutItem", "no service 'dynamodbb': write 'dynamodb.PutItem'"),
        ("zzzzzzz.PutItem", r"no service 'zzzzzzz': boto3\.client\(\.\.\.\) has its name"),
    ],
)
def test_operations_that_do_not_exist(operation: str, message: str) -> None:
    """An unknown operation is refused, with the names that are near."""
    with pytest.raises(ValueError, match=message) as raised:
        Effects().patch_aws(operation).__enter__()
    assert repr(operation) in str(raised.value)


def test_a_token_that_does_not_exist() -> None:
    """A token that is not a parameter of the operation is refused."""
    with pytest.raises(
        ValueError, match=r"no parameter 'ClientToken', its token: .*ClientRequestT"
    ):
        Effects().patch_aws("dynamodb.TransactWriteItems", token="ClientToken").__enter__()


def test_an_upload_of_many_parts(tmp_path: Path, s3: Any) -> None:
    """An upload of several parts is declared by its last operation."""
    big = tmp_path / "big"
    big.write_bytes(bytes(9 * 1024 * 1024))
    effects = Effects()
    with (
        effects.patch_aws("s3.CreateMultipartUpload", function=lambda **_: {"UploadId": "u"}),
        effects.patch_aws("s3.UploadPart", function=lambda **_: {"ETag": "e"}),
        effects.patch_aws("s3.CompleteMultipartUpload"),
    ):
        s3.upload_file(str(big), "b", "a")
    assert [call.name for call in effects.calls] == [
        "s3.CreateMultipartUpload",
        "s3.UploadPart",
        "s3.UploadPart",
        "s3.CompleteMultipartUpload",
    ]


def test_the_operations_that_ran(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a declared operation, the error lists those that ran."""
    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", lambda *_: {})

    def process(message: Any) -> None:
        s3.put_object(Bucket="b", Key=message.key)

    with pytest.raises(HammerError) as raised:
        hammer(process, ORDER, effects=Effects(), key="body.order_id")
    assert "boto3 operations that ran: s3.PutObject" in str(raised.value)
    assert 'hammer.aws("s3.PutObject")' in str(raised.value)


def test_lost_answers(sqs: Any) -> None:
    """A retry after a read timeout sends twice, and the declared exception may come instead."""

    def send(message: Any) -> None:
        sqs.send_message(QueueUrl=QUEUE, MessageBody=message.key)

    def send_again(error: type[Exception]) -> Callable[[Any], None]:
        def process(message: Any) -> None:
            try:
                send(message)
            except error:
                send(message)

        return process

    report = judge(send_again(ReadTimeoutError), "sqs.SendMessage")
    assert {finding.reason for finding in report.findings} == {Reason.REPEATS_AFTER_LOST_ANSWER}
    assert judge(send, "sqs.SendMessage").passed
    report = judge(send_again(EOFError), "sqs.SendMessage", lost_answer=EOFError("gone"))
    assert {finding.reason for finding in report.findings} == {Reason.REPEATS_AFTER_LOST_ANSWER}
