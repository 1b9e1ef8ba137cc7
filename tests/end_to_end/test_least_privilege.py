"""The quickstart under enforced IAM: its role grants all that the function needs, and no more."""

import io
import json
import re
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.support import observation
from scripts.support.emulator import ROOT, Emulator, running
from scripts.support.observation import Aws
from scripts.support.source import repository
from scripts.support.stack import EXAMPLES, apply_stack, write_stack
from scripts.support.terraform import Terraform, environment
from tests.waiting import eventually

OVERRIDE = """
module "orders" {
  source      = "MODULE_SOURCE"
  idempotency = { key = "body.order_id", lease_margin_seconds = 1 }
  queue       = { max_receive_count = 3 }

  function = {
    timeout_seconds   = 10
    environment       = { LEDGER_TABLE = aws_dynamodb_table.ledger.name }
    policy_statements = [
      { actions = ["dynamodb:PutItem"], resources = [aws_dynamodb_table.ledger.arn] },
    ]
  }
}
"""

# It runs under the role of the consumer, makes calls and reports which of them IAM denied.
PROBE = """
import boto3
from botocore.exceptions import ClientError


def handler(calls, context):
    return {name: verdict(*call) for name, call in calls.items()}


def verdict(service, operation, parameters):
    try:
        getattr(boto3.client(service), operation)(**parameters)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        return "denied" if "AccessDenied" in code else f"allowed ({code})"
    return "allowed"
"""

POLICY = "idempotent-lambda"
TIMEOUT_SECONDS = 10
"""As the override has it."""
VISIBILITY_SECONDS = 12
UNCHECKED = {"sqs", "logs", "xray", "kinesis", "sns"}
"""Services that Lambda itself calls in the role's name, which the emulator lets pass."""
ALWAYS, STREAMS, ADDED = (
    "# Permissions",
    "## Streams",
    "## KMS keys and VPC",
)
"""The parts of docs/permissions.md that have a table of actions; only `streams` adds the second."""
PARTIQL = {"dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete"}
"""What AWS asks for, by the statement's verb. The emulator knows none of them."""
EMULATED = "dynamodb:BatchExecuteStatement"
"""What the emulator asks for instead; AWS has no such action."""

Call = tuple[str, str, dict[str, Any]]


@dataclass(frozen=True)
class Stack:
    """A deployed quickstart and, under its role, a probe."""

    aws: Aws
    outputs: Mapping[str, Any]
    role: str
    group: str

    def policy(self) -> dict[str, Any]:
        found = self.aws.iam.get_role_policy(RoleName=self.role, PolicyName=POLICY)
        document: dict[str, Any] = found["PolicyDocument"]
        return document

    def granted(self) -> dict[str, str]:
        """The resource of every granted action."""
        return {
            action: statement["Resource"]
            for statement in self.policy()["Statement"]
            for action in statement["Action"]
        }

    @contextmanager
    def without(self, *actions: str) -> Iterator[None]:
        """Take actions out of the deployed policy while the block runs."""
        whole = self.policy()
        left = [
            {**statement, "Action": kept}
            for statement in whole["Statement"]
            if (kept := [action for action in statement["Action"] if action not in actions])
        ]
        self._put({**whole, "Statement": left})
        try:
            yield
        finally:
            self._put(whole)

    @contextmanager
    def with_partiql(self) -> Iterator[None]:
        """Grant what the emulator asks for in place of the PartiQL actions."""
        whole = self.policy()
        # It does not look for tables in statements, so no table's ARN fits.
        more = {"Effect": "Allow", "Action": [EMULATED], "Resource": "*"}
        self._put({**whole, "Statement": [*whole["Statement"], more]})
        try:
            yield
        finally:
            self._put(whole)

    def start_cold(self) -> None:
        """Have the next invocation start a new process."""
        name = self.outputs["function_name"]
        # Of no other change, not even this one to the same value, does the emulator take notice.
        self.aws.functions.update_function_configuration(FunctionName=name, Timeout=TIMEOUT_SECONDS)

    def fallen_back(self) -> list[str]:
        """Why functions fell back to single calls: the texts of their log lines."""
        lines = observation.log_lines(self.aws, self.group, "batch_calls_unavailable")
        return [str(line["errors"][0]["text"]) for line in lines]

    def logged(self) -> set[str]:
        """The orders that the log has a line about."""
        return {line["key"] for line in observation.log_lines(self.aws, self.group)}

    def _put(self, document: Mapping[str, Any]) -> None:
        self.aws.iam.put_role_policy(
            RoleName=self.role, PolicyName=POLICY, PolicyDocument=json.dumps(document)
        )

    def probe(self, calls: Mapping[str, Call]) -> dict[str, str]:
        """What IAM says to these calls under the function's role."""
        answer = self.aws.functions.invoke(FunctionName="probe", Payload=json.dumps(calls).encode())
        verdicts: dict[str, str] = json.load(answer["Payload"])
        assert "FunctionError" not in answer, verdicts
        return verdicts

    def deliver(self, *bodies: str, receive_count: int = 1) -> bool:
        """Hand the function a batch, past the queue; whether it acknowledged all of it."""
        records = [
            {
                "messageId": f"direct-{time.time_ns()}-{number}",
                "receiptHandle": "none",
                "body": body,
                "attributes": {"ApproximateReceiveCount": str(receive_count)},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:orders",
                "awsRegion": "eu-central-1",
            }
            for number, body in enumerate(bodies)
        ]
        answer = self.aws.functions.invoke(
            FunctionName=self.outputs["function_name"],
            Payload=json.dumps({"Records": records}).encode(),
        )
        response = json.load(answer["Payload"])
        assert "FunctionError" not in answer, response
        return not response["batchItemFailures"]

    def send(self, *bodies: str) -> list[str]:
        answer = self.aws.sqs.send_message_batch(
            QueueUrl=self.outputs["queue_url"],
            Entries=[{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)],
        )
        return [entry["MessageId"] for entry in answer["Successful"]]

    def charges(self) -> Counter[str]:
        rows = observation.rows(self.aws, self.outputs["ledger_table_name"])
        return Counter(row["order_id"] for row in rows)

    def status(self, order_id: str) -> str | None:
        """The status of an order's record."""
        rows = observation.rows(self.aws, self.outputs["records_table_name"])
        return next((row["status"] for row in rows if row["id"] == f"orders#{order_id}"), None)


def order(order_id: str) -> str:
    """The body of an order."""
    return json.dumps({"order_id": order_id, "amount_cents": 100, "currency": "EUR"})


def refused(order_id: str) -> str:
    """The body of an order that the processor raises at."""
    return json.dumps({"order_id": order_id, "currency": "EUR"})


def deployed(directory: Path, emulator: Emulator, account: str) -> Stack:
    """Apply the quickstart, and make what its role must not reach and the probe that tries."""
    override = directory / "git_override.tf"
    override.write_text(OVERRIDE)
    source = repository(directory / "module.git")
    root = write_stack(directory, EXAMPLES / "quickstart", source, tf=[override])
    terraform = Terraform(directory=root, environment=environment(emulator.environment(account)))
    terraform.init()
    aws = Aws.of(emulator, account)
    outputs = apply_stack(terraform, aws)
    aws.sqs.set_queue_attributes(
        QueueUrl=outputs["queue_url"], Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)}
    )
    aws.sqs.create_queue(QueueName="another")
    aws.logs.create_log_group(logGroupName="/another")
    aws.dynamodb.create_table(
        TableName="another",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    consumer = aws.functions.get_function(FunctionName=outputs["function_name"])["Configuration"]
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("probe.py", PROBE)
    aws.functions.create_function(
        FunctionName="probe",
        Runtime="python3.13",
        Handler="probe.handler",
        Role=consumer["Role"],
        Timeout=60,
        Code={"ZipFile": package.getvalue()},
    )
    role = consumer["Role"].rsplit("/", 1)[-1]
    return Stack(aws=aws, outputs=outputs, role=role, group=outputs["log_group_name"])


def granted_calls(stack: Stack) -> dict[str, Call]:
    """Return a call for each action on the table and the queue that the emulator distinguishes."""
    queue, table = stack.outputs["queue_url"], stack.outputs["records_table_name"]
    return {
        "dynamodb:UpdateItem": ("dynamodb", "update_item", keyed(table)),
        "dynamodb:DeleteItem": ("dynamodb", "delete_item", keyed(table)),
        "dynamodb:BatchGetItem": (
            "dynamodb",
            "batch_get_item",
            {"RequestItems": {table: {"Keys": [{"id": {"S": "probe"}}]}}},
        ),
        "sqs:ReceiveMessage": ("sqs", "receive_message", {"QueueUrl": queue}),
        "sqs:DeleteMessage": (
            "sqs",
            "delete_message",
            {"QueueUrl": queue, "ReceiptHandle": "none"},
        ),
        "sqs:GetQueueAttributes": ("sqs", "get_queue_attributes", {"QueueUrl": queue}),
        "sqs:ChangeMessageVisibility": (
            "sqs",
            "change_message_visibility",
            {"QueueUrl": queue, "ReceiptHandle": "none", "VisibilityTimeout": 1},
        ),
        # IAM allows it, and SQS refuses the delay: dead-lettered messages are counted below.
        "sqs:SendMessage": (
            "sqs",
            "send_message",
            {
                "QueueUrl": stack.outputs["dead_letter_queue_url"],
                "MessageBody": "probe",
                "DelaySeconds": 901,
            },
        ),
    }


def forbidden_calls(stack: Stack) -> dict[str, Call]:
    """What nobody granted: other resources, and other actions on the module's own."""
    queue, table = stack.outputs["queue_url"], stack.outputs["records_table_name"]
    another = queue.rsplit("/", 1)[0] + "/another"
    item = {"id": {"S": "probe"}}
    return {
        "update another table": ("dynamodb", "update_item", keyed("another")),
        "delete from another table": ("dynamodb", "delete_item", keyed("another")),
        "update the ledger": ("dynamodb", "update_item", keyed(stack.outputs["ledger_table_name"])),
        "scan": ("dynamodb", "scan", {"TableName": table}),
        "query": (
            "dynamodb",
            "query",
            {
                "TableName": table,
                "KeyConditionExpression": "id = :id",
                "ExpressionAttributeValues": {":id": {"S": "probe"}},
            },
        ),
        "get": ("dynamodb", "get_item", keyed(table)),
        "put": ("dynamodb", "put_item", {"TableName": table, "Item": item}),
        "batch write": (
            "dynamodb",
            "batch_write_item",
            {"RequestItems": {table: [{"PutRequest": {"Item": item}}]}},
        ),
        "read another table together": (
            "dynamodb",
            "batch_get_item",
            {"RequestItems": {"another": {"Keys": [{"id": {"S": "probe"}}]}}},
        ),
        "select": (
            "dynamodb",
            "execute_statement",
            {"Statement": f'SELECT * FROM "{table}"'},  # noqa: S608 (to be denied)
        ),
        "delete the table": ("dynamodb", "delete_table", {"TableName": table}),
        "receive from another queue": ("sqs", "receive_message", {"QueueUrl": another}),
        "receive from the dead-letter queue": (
            "sqs",
            "receive_message",
            {"QueueUrl": stack.outputs["dead_letter_queue_url"]},
        ),
        "send": ("sqs", "send_message", {"QueueUrl": queue, "MessageBody": "probe"}),
        "purge": ("sqs", "purge_queue", {"QueueUrl": queue}),
        "write to another log group": (
            "logs",
            "create_log_stream",
            {"logGroupName": "/another", "logStreamName": "probe"},
        ),
        "make a log group": ("logs", "create_log_group", {"logGroupName": "/made"}),
        "list roles": ("iam", "list_roles", {}),
    }


def keyed(table: str) -> dict[str, Any]:
    """The parameters of a call on one item that nobody else uses."""
    return {"TableName": table, "Key": {"id": {"S": "probe"}}}


@pytest.mark.emulator
@pytest.mark.terraform
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_role_grants_what_is_needed_and_no_more(tmp_path: Path, account: str) -> None:
    """Under enforced IAM the stack works, breaks without its actions, and reaches no more."""
    with running(enforce_iam=True) as emulator:
        stack = deployed(tmp_path, emulator, account)
        granted = stack.granted()

        # It works.
        poison = stack.send(refused("poison"))
        stack.send(*(order(f"order-{n}") for n in (1, 2, 3, 1)))
        eventually(lambda: len(stack.charges()) == 3, "the orders are charged")
        assert stack.charges() == {f"order-{n}": 1 for n in (1, 2, 3)}

        # Nothing more is granted, and nothing on other resources.
        calls = granted_calls(stack)
        assert granted.keys() == documented(ALWAYS).keys()
        # Of traces the emulator checks nothing. Of logs it compares a resource with the bare name
        # of the group, and so denies what AWS allows by the form that its documentation gives.
        untried = granted.keys() - calls.keys() - PARTIQL
        assert {action.split(":")[0] for action in untried} == {"logs", "xray"}
        assert granted["logs:PutLogEvents"].endswith(f":log-group:{stack.group}:*")
        verdicts = stack.probe(calls)
        assert {name for name, verdict in verdicts.items() if verdict == "denied"} == set()
        forbidden = stack.probe(forbidden_calls(stack))
        assert {name: said for name, said in forbidden.items() if said != "denied"} == {}

        # Each action is granted by its own name: without it, its call is denied, and only that.
        for action in calls:
            with stack.without(action):
                verdicts = stack.probe(calls)
                assert [each for each, said in verdicts.items() if said == "denied"] == [action]

        # The table's actions are needed by the run.
        with stack.without("dynamodb:UpdateItem"):
            assert not stack.deliver(order("unclaimed"))
        assert stack.charges()["unclaimed"] == 0
        assert stack.deliver(order("unclaimed"))
        assert stack.charges()["unclaimed"] == 1
        with stack.without("dynamodb:DeleteItem"):
            assert not stack.deliver(refused("unreleased"))
        assert stack.status("unreleased") == "IN_PROGRESS"
        assert not stack.deliver(refused("released"))
        assert stack.status("released") is None

        # What is still delivered by the queue would start processes that fall back, too.
        eventually(
            lambda: observation.backlog(stack.aws, stack.outputs["queue_url"]) == 0,
            "the refused order has left the queue",
        )
        dead = observation.drain(stack.aws, stack.outputs["dead_letter_queue_url"])
        assert sorted(dead) == sorted(poison)
        falls_back_and_forth(stack)

        # The rest is needed by Lambda, which the emulator does not hold to IAM. Should it begin to,
        # this fails: then show the queue's and the log's actions necessary by the run, too.
        unchecked = [action for action in granted if action.split(":")[0] in UNCHECKED]
        with stack.without(*unchecked):
            stack.send(order("unchecked"))
            eventually(lambda: stack.charges()["unchecked"] == 1, "the emulator looks away")
            eventually(lambda: "unchecked" in stack.logged(), "it looks away from the log")


def falls_back_and_forth(stack: Stack) -> None:
    """Denied calls for many become single ones; only the denial does that."""
    # Statements are denied here whatever is granted.
    assert set(stack.granted()) >= PARTIQL
    assert EMULATED not in stack.granted()
    report_batch_calls_unavailable(stack, "statements", named="BatchExecuteStatement")
    # A batch that was delivered before is read first.
    with stack.without("dynamodb:BatchGetItem"):
        report_batch_calls_unavailable(stack, "reads", named="BatchGetItem", receive_count=2)
    # Nothing else is missing: with the emulator's own action everything is done together.
    with stack.with_partiql():
        stack.start_cold()
        before = stack.fallen_back()
        pair = [order(f"together-{number}") for number in range(2)]
        assert stack.deliver(*pair)
        assert stack.deliver(*pair)
        assert stack.deliver(*pair, receive_count=2)
        assert not stack.deliver(refused("together-2"), refused("together-3"))
        assert stack.fallen_back() == before
    assert [stack.charges()[f"together-{number}"] for number in range(4)] == [1, 1, 0, 0]
    assert stack.status("together-2") is None


def report_batch_calls_unavailable(
    stack: Stack, name: str, *, named: str, receive_count: int = 1
) -> None:
    """A new process is denied a call for many, says so once, and charges every order once."""
    stack.start_cold()
    before = stack.fallen_back()
    orders = [f"{name}-{number}" for number in range(6)]
    for batch in (orders[:3], orders[3:], orders[2:4]):
        assert stack.deliver(*map(order, batch), receive_count=receive_count)
    # One of the three is refused: its release is a single call too.
    assert not stack.deliver(refused(f"{name}-refused"), order(orders[0]), order(f"{name}-last"))
    assert stack.status(f"{name}-refused") is None
    (why,) = list((Counter(stack.fallen_back()) - Counter(before)).elements())
    assert why.startswith(f"{named} on table")
    assert "AccessDenied" in why
    charges = stack.charges()
    assert [charges[each] for each in (*orders, f"{name}-last")] == [1] * 7


def documented(part: str) -> dict[str, str]:
    """The proof that a part of docs/permissions.md gives for each of its actions."""
    text = (ROOT / "docs" / "permissions.md").read_text()
    (found,) = re.findall(rf"^{part}\n(.*?)(?:^## |\Z)", text, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| ((?:`\w+:\w+`(?:, )?)+) \|.*\| ([^|]+) \|$", found, re.MULTILINE)
    return {action: proof for cell, proof in rows for action in re.findall(r"`([^`]+)`", cell)}


def granted(configuration: str) -> set[str]:
    """What the role of a configuration may do, by the document that is kept of it."""
    kept = ROOT / "tests" / "module" / "golden" / "policies" / f"{configuration}.json"
    policy = json.loads(kept.read_text())["aws_iam_role_policy.function[0].policy"]
    allowed = (each["Action"] for each in policy["Statement"] if each["Effect"] == "Allow")
    return {action for actions in allowed for action in actions}


@pytest.mark.parametrize(
    ("part", "with_it", "without_it"),
    [
        (ALWAYS, "default", []),
        (STREAMS, "streams", ["default"]),
        (ADDED, "vpc_key_and_tracing", ["default", "streams"]),
    ],
)
def test_the_documented_actions_are_those_of_the_module(
    part: str, with_it: str, without_it: list[str]
) -> None:
    """Each table in docs/permissions.md lists exactly the actions that its settings add."""
    before = set().union(*map(granted, without_it))
    added = granted(with_it) - before
    # What goes to a queue goes to failure destinations that are queues, too.
    assert documented(part).keys() - before == added
    assert added


def test_every_action_has_its_proof() -> None:
    """The run proves each action that the emulator checks; every other one cites AWS's pages."""
    added = documented(STREAMS) | documented(ADDED)
    for action, proof in (*documented(ALWAYS).items(), *added.items()):
        if action.split(":")[0] in UNCHECKED or action in PARTIQL or action in added:
            assert "(https://docs.aws.amazon.com/" in proof, action
        else:
            assert proof.endswith("shown by the test"), action
