"""A consumer in moto for the operator's command: table, queues, function and mapping."""

import io
import json
import os
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.sqs.models import SQSBackend

from idempotent_lambda.store.items import encode_value
from idempotent_lambda_toolkit.cli import dead_letters, main
from idempotent_lambda_toolkit.cli.deployment import Deployment

from .answers import Answers

REGION = "eu-central-1"
TABLE = "orders-idempotency"
OWNER = "a" * 32
TTL = {"Enabled": True, "AttributeName": "expires_at"}


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it asked of AWS: ``service:Operation``."""

    code: int
    out: str
    err: str
    calls: frozenset[str] = frozenset()

    @property
    def answer(self) -> dict[str, Any]:
        """Its one JSON object."""
        found: dict[str, Any] = json.loads(self.out)
        return found


Run = Callable[..., Ended]


@dataclass
class Consumer:
    """The resources of a consumer in moto."""

    fifo: bool
    queue_url: str = ""
    dead_letter_queue_url: str = ""

    @staticmethod
    @cache
    def client(service: str) -> Any:
        make: Any = boto3.session.Session().client
        return make(service, region_name=REGION)

    def put(self, record_id: str, status: str, *, owner: str = OWNER, **more: Any) -> None:
        """A record, as the package writes it; without an attribute that is None."""
        now = int(time.time() * 1000)
        values: dict[str, Any] = {"created_at": now - 60_000}
        if status == "IN_PROGRESS":
            values |= {"lease_expires_at": now + 60_000, "attempts": 1, "expires_at": now // 1000}
        elif status == "COMPLETED":
            values |= {"completed_at": now - 30_000, "expires_at": now // 1000 + 86_400}
        else:
            values |= {"reason": "the card is stolen", "dead_lettered_at": now - 30_000}
        values |= more
        item = {"id": {"S": record_id}, "status": {"S": status}, "owner": {"S": owner}}
        item |= {name: encode_value(of) for name, of in values.items() if of is not None}
        self.client("dynamodb").put_item(TableName=TABLE, Item=item)

    def record(self, record_id: str) -> dict[str, Any] | None:
        """What the record holds, as plain values; None if there is none."""
        found = self.client("dynamodb").get_item(TableName=TABLE, Key={"id": {"S": record_id}})
        if "Item" not in found:
            return None
        return {name: next(iter(of.values())) for name, of in found["Item"].items()}

    def dead_letter(
        self, body: Any, *, token: str | None = None, attributes: Mapping[str, Any] | None = None
    ) -> str:
        """Put a message into the dead-letter queue; its id."""
        marks = dict(attributes or {})
        if token:
            marks["IdempotencyOwner"] = {"DataType": "String", "StringValue": token}
        text = body if isinstance(body, str) else json.dumps(body)
        call: dict[str, Any] = {"MessageBody": text, "MessageAttributes": marks}
        if self.fifo:
            call |= {"MessageGroupId": "group", "MessageDeduplicationId": f"{time.time_ns()}"}
        sent = self.client("sqs").send_message(QueueUrl=self.dead_letter_queue_url, **call)
        return str(sent["MessageId"])

    def messages(self, url: str) -> list[dict[str, Any]]:
        """What can be received of a queue; it is hidden from then on."""
        found: list[dict[str, Any]] = []
        while (
            part := self.client("sqs")
            .receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=10,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            .get("Messages")
        ):
            found += part
        return found

    def variables(self) -> dict[str, str]:
        """The function's environment."""
        lambda_ = self.client("lambda")
        found = lambda_.get_function_configuration(FunctionName="orders")["Environment"]
        variables: dict[str, str] = found["Variables"]
        return variables


def made(*, fifo: bool = False) -> Consumer:
    """A consumer, as the module makes it."""
    consumer = Consumer(fifo)
    sqs, dynamodb = consumer.client("sqs"), consumer.client("dynamodb")
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.update_time_to_live(TableName=TABLE, TimeToLiveSpecification=TTL)
    dynamodb.update_continuous_backups(
        TableName=TABLE, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    end, kind = (".fifo", {"FifoQueue": "true"}) if fifo else ("", {})
    kept = {"MessageRetentionPeriod": "1209600"}
    dead = sqs.create_queue(QueueName=f"orders-dead-letters{end}", Attributes={**kind, **kept})
    consumer.dead_letter_queue_url = dead["QueueUrl"]
    arn = arn_of(sqs, consumer.dead_letter_queue_url)
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})
    attributes = {**kind, "RedrivePolicy": policy, "VisibilityTimeout": "180"}
    made_queue = sqs.create_queue(QueueName=f"orders{end}", Attributes=attributes)
    consumer.queue_url = made_queue["QueueUrl"]
    deploy(consumer, arn)
    return consumer


def arn_of(sqs: Any, url: str) -> str:
    """The ARN of a queue."""
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])


def deploy(consumer: Consumer, dead_letter_arn: str) -> None:
    """Make the function with its role and its mapping."""
    iam, lambda_ = consumer.client("iam"), consumer.client("lambda")
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda"}}
    role = iam.create_role(RoleName="orders", AssumeRolePolicyDocument=document(trust))
    queue_arn = arn_of(consumer.client("sqs"), consumer.queue_url)
    iam.put_role_policy(
        RoleName="orders",
        PolicyName="idempotent-lambda",
        PolicyDocument=document(
            allowed(["dynamodb:*"], "arn:aws:dynamodb:*:*:table/orders-idempotency"),
            allowed(["sqs:ReceiveMessage", "sqs:DeleteMessage"], queue_arn),
            allowed(["sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"], queue_arn),
            allowed(["sqs:SendMessage"], dead_letter_arn),
            allowed(["logs:CreateLogStream", "logs:PutLogEvents"], "arn:aws:logs:*:*:*"),
        ),
    )
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("orders.py", "")
    lambda_.create_function(
        FunctionName="orders",
        Runtime="python3.13",
        Handler="idempotent_lambda.entrypoint.handler",
        Role=role["Role"]["Arn"],
        Timeout=30,
        Code={"ZipFile": package.getvalue()},
        Environment={
            "Variables": {
                "IDEMPOTENCY_TABLE": TABLE,
                "IDEMPOTENCY_PROCESSOR": "orders.process",
                "IDEMPOTENCY_NAMESPACE": "orders",
                "IDEMPOTENCY_KEY": "body.order_id",
                "IDEMPOTENCY_RETENTION_SECONDS": "1900800",
                "IDEMPOTENCY_MAX_RECEIVE_COUNT": "5",
                "IDEMPOTENCY_DEAD_LETTER_QUEUE_URL": consumer.dead_letter_queue_url,
            }
        },
    )
    lambda_.create_event_source_mapping(
        EventSourceArn=queue_arn,
        FunctionName="orders",
        FunctionResponseTypes=["ReportBatchItemFailures"],
        # Otherwise moto takes what is sent, to run it in Docker.
        Enabled=False,
    )


def allowed(actions: list[str], resource: str) -> dict[str, Any]:
    """A statement of a policy."""
    return {"Effect": "Allow", "Action": actions, "Resource": resource}


def document(*statements: Mapping[str, Any]) -> str:
    """A policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def fail_calls(
    patch: pytest.MonkeyPatch, operation: str, error: Exception, *, after: int = 0
) -> list[Any]:
    """Let the calls of one operation fail, after some that succeed; return their parameters."""
    make, asked = BaseClient._make_api_call, list[Any]()

    def call(self: Any, name: str, parameters: Any) -> Any:
        if name == operation:
            asked.append(parameters)
            if len(asked) > after:
                raise error
        return make(self, name, parameters)

    patch.setattr(BaseClient, "_make_api_call", call)
    return asked


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty account in moto."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_REGION", "IDEMPOTENT_LAMBDA_FUNCTION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    # moto has one server: no need to wait for others.
    monkeypatch.setattr(dead_letters, "WAIT_SECONDS", 0)
    monkeypatch.setattr(SQSBackend, "send_message_batch", send_with_headers)
    monkeypatch.setattr(Deployment, "client", share_client)
    with mock_aws():
        yield


_make_client = Deployment.client
_clients: dict[Any, Any] = {}


def share_client(self: Deployment, service: str) -> Any:
    """Return the client of an earlier run that had the same options: a new one takes long."""
    chosen = (self.options.profile, self.options.region, self.options.endpoint_url)
    variables = tuple(sorted(part for part in os.environ.items() if part[0].startswith("AWS_")))
    key = (service, chosen, variables)
    if key not in _clients:
        _clients[key] = _make_client(self, service)
    return _clients[key]


_send_message_batch = SQSBackend.send_message_batch


def send_with_headers(self: Any, queue_name: str, entries: dict[str, Any]) -> Any:
    """Do as SQS does: moto drops the trace headers of a batch."""
    messages, failed = _send_message_batch(self, queue_name, entries)
    headers = {entry["Id"]: entry.get("MessageSystemAttributes", {}) for entry in entries.values()}
    for message in messages:
        message.system_attributes = headers[message.user_id]
    return messages, failed


@pytest.fixture
def consumer(account: None) -> Consumer:  # noqa: ARG001  # creates moto's account
    """A consumer of a standard queue."""
    return made()


@pytest.fixture
def fifo_consumer(account: None) -> Consumer:  # noqa: ARG001  # creates moto's account
    """A consumer of a FIFO queue."""
    return made(fifo=True)


@pytest.fixture
def run(account: None, capsys: pytest.CaptureFixture[str]) -> Run:  # noqa: ARG001  # asks it
    """Return a function that runs the command, by default on the function ``orders``."""

    def runs(*arguments: str, function: str | None = "orders") -> Ended:
        capsys.readouterr()
        chosen = ["--function", function] if function else []
        calls: set[str] = set()
        make = BaseClient._make_api_call

        def noted(self: Any, operation: str, parameters: Any) -> Any:
            calls.add(f"{self.meta.service_model.service_name}:{operation}")
            if operation == "SimulatePrincipalPolicy":  # which moto lacks
                answer: Any = {"Error": {"Code": "AccessDenied", "Message": "not you"}}
                raise ClientError(answer, operation)
            return make(self, operation, parameters)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(BaseClient, "_make_api_call", noted)
            with pytest.raises(SystemExit) as ended:
                main([*chosen, *arguments])
        said = capsys.readouterr()
        return Ended(int(ended.value.code or 0), said.out, said.err, frozenset(calls))

    return runs


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Return the answers of AWS that a test changes."""
    return Answers(monkeypatch)
