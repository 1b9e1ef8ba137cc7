"""The operator's command on a deployed stack while its function runs."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from idempotent_lambda_toolkit.cli.exit_codes import ExitCode
from scripts.support import observation
from scripts.support.emulator import ROOT, Emulator
from scripts.support.observation import Aws
from scripts.support.source import repository
from scripts.support.stack import apply_stack
from scripts.support.terraform import Terraform, environment
from tests.waiting import SECONDS, eventually

DOCUMENT = (ROOT / "docs" / "cli.md").read_text()

STACK = """
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80, < 7"
    }
  }
}

provider "aws" {}

module "orders" {
  source      = "%s"
  name        = "orders"
  code        = { source_dir = "${path.module}/src" }
  processor   = "effects.process"
  idempotency = { key = "body.order_id", on_interrupted = "park", lease_margin_seconds = 1 }
  queue       = { max_receive_count = 3 }

  function = {
    timeout_seconds   = 120
    environment       = { NOTES_TABLE = aws_dynamodb_table.notes.name }
    policy_statements = [{
      actions   = ["dynamodb:PutItem", "dynamodb:GetItem"]
      resources = [aws_dynamodb_table.notes.arn]
    }]
  }
}

resource "aws_dynamodb_table" "notes" {
  name         = "notes"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "note_id"

  attribute {
    name = "note_id"
    type = "S"
  }
}

output "stack" {
  value = {
    dead_letter_queue = module.orders.dead_letter_queue
    mapping           = module.orders.event_source_mapping.uuid
    queue             = module.orders.queue
    role              = module.orders.function.role_name
    table             = module.orders.table.name
  }
}
"""

EFFECTS = '''
"""Notes each run; refuses for good what nobody has permitted."""

import os
import time
import uuid

import boto3

from idempotent_lambda import PermanentFailure

table = boto3.client("dynamodb")
NOTES = os.environ["NOTES_TABLE"]


def process(message):
    order = message.body["order_id"]
    item = {"note_id": {"S": str(uuid.uuid4())}, "order_id": {"S": order}}
    table.put_item(TableName=NOTES, Item=item)
    while message.body.get("held") and not is_permitted(order):
        time.sleep(0.2)
    time.sleep(message.body.get("seconds", 0))
    if message.body.get("refused") and not is_permitted(order):
        raise PermanentFailure("the card is stolen")


def is_permitted(order):
    key = {"note_id": {"S": f"permit {order}"}}
    return "Item" in table.get_item(TableName=NOTES, Key=key)
'''


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def answer(self) -> dict[str, Any]:
        """Its one JSON object."""
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass
class Stack:
    """What was deployed, and which of the documented commands have been run on it."""

    aws: Aws
    variables: dict[str, str]
    outputs: dict[str, Any]
    shown: set[str] = field(default_factory=set)

    def run(self, *arguments: str) -> Ended:
        """Run the command in a separate process."""
        done = subprocess.run(
            [sys.executable, "-m", "idempotent_lambda_toolkit.cli", *arguments],
            env=self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)

    def documented(self, command: str) -> Ended:
        """Run a command as docs/cli.md has it; it must do what it says."""
        line = f"idempotent-lambda --function orders {command}"
        assert line in documented_commands()
        self.shown.add(line)
        ended = self.run(*shlex.split(line)[1:])
        assert ended.code == ExitCode.OK, ended
        return ended

    def send(self, url: str, *bodies: dict[str, Any]) -> None:
        for body in bodies:
            self.aws.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))

    def order(self, *bodies: dict[str, Any]) -> None:
        """Send orders to the queue."""
        self.send(self.outputs["queue"]["url"], *bodies)

    def bury(self, *bodies: dict[str, Any]) -> None:
        """Put orders into the dead-letter queue."""
        self.send(self.outputs["dead_letter_queue"]["url"], *bodies)

    def buried(self) -> int:
        return observation.backlog(self.aws, self.outputs["dead_letter_queue"]["url"])

    def permit(self, order_id: str) -> None:
        """Have the processor no longer refuse or hold an order."""
        item = {"note_id": {"S": f"permit {order_id}"}}
        self.aws.dynamodb.put_item(TableName="notes", Item=item)

    def runs(self) -> Counter[str]:
        """How often each order was run."""
        rows = observation.rows(self.aws, "notes")
        return Counter(row["order_id"] for row in rows if "order_id" in row)

    def status(self, order_id: str) -> str | None:
        rows = observation.rows(self.aws, self.outputs["table"])
        return next((row["status"] for row in rows if row["id"] == f"orders#{order_id}"), None)

    def messages(self, order_id: str) -> list[str]:
        """Return the ids of the messages that carried an order, one for each line of the log."""
        lines = observation.log_lines(self.aws, "/aws/lambda/orders")
        return [line["message_id"] for line in lines if line["key"] == order_id]

    def becomes(self, order_id: str, status: str) -> None:
        """Wait until an order's record has a status."""
        eventually(lambda: self.status(order_id) == status, f"{order_id} is {status}")

    def park_interrupted(self, order_id: str) -> None:
        """Have an order parked, its copy in the dead-letter queue."""
        before = self.buried()
        self.order({"order_id": order_id, "refused": True})
        self.becomes(order_id, "PARKED")
        eventually(lambda: self.buried() == before + 1, f"the copy of {order_id} is sent")


def documented_commands() -> list[str]:
    """The examples in docs/cli.md."""
    blocks = re.findall(r"^```sh\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    lines = (line.split("   #")[0].strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if line.startswith("idempotent-lambda ")]


@pytest.fixture
def stack(tmp_path: Path, emulator: Emulator, account: str) -> Stack:
    """The stack, applied."""
    root = tmp_path / "stack"
    (root / "src").mkdir(parents=True)
    (root / "main.tf").write_text(STACK % repository(tmp_path / "module.git"))
    (root / "src" / "effects.py").write_text(EFFECTS)
    variables = emulator.environment(account)
    terraform = Terraform(directory=root, environment=environment(variables))
    aws = Aws.of(emulator, account)
    terraform.init()
    outputs = apply_stack(terraform, aws)
    paths = os.pathsep.join(str(ROOT / name) for name in ("handler", "toolkit"))
    here = {"PATH": os.environ["PATH"], "PYTHONPATH": paths, **variables}
    return Stack(aws, here, outputs["stack"])


@pytest.mark.emulator
@pytest.mark.terraform
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_operators_day(stack: Stack, tmp_path: Path) -> None:
    """Every documented command does what it says, also while a function is at work."""
    assert "no problem found in: " in stack.documented("doctor").out
    look(stack)
    never_beside_a_live_claim(stack)
    decide(stack)
    decide_on_stale_claims(stack, tmp_path)
    send_back(stack)
    each_fault_is_found(stack)
    assert stack.shown == set(documented_commands())


def look(stack: Stack) -> None:
    """See what is parked and what is done."""
    stack.park_interrupted("ORDER-1")
    stack.order({"order_id": "ORDER-2"})
    stack.becomes("ORDER-2", "COMPLETED")
    reported = stack.documented("inspect ORDER-1").out
    assert "parked: the card is stolen" in reported
    assert "copy of a parked message" in reported
    assert "0 records" in stack.documented("list --status parked --older-than 15m").out
    reported = stack.documented("stats").out
    assert "dead-letter queue: about 1 waiting" in reported
    answer = stack.run("--function", "orders", "stats", "--json").answer
    assert answer["records"] == {"parked": 1, "completed": 1}
    # By the message's id, which the log knows.
    eventually(lambda: stack.messages("ORDER-2") != [], "the log has a line of ORDER-2")
    # A busy machine may have the message delivered again.
    (message,) = set(stack.messages("ORDER-2"))
    answer = stack.run("--function", "orders", "inspect", message, "--json").answer
    assert answer["record"]["id"] == "orders#ORDER-2"


def never_beside_a_live_claim(stack: Stack) -> None:
    """While an order runs nothing touches its record."""
    stack.order({"order_id": "SLOW", "held": True})
    stack.becomes("SLOW", "IN_PROGRESS")
    for command in (["forget"], ["resolve", "--completed"], ["resolve", "--retry"]):
        ended = stack.run("--function", "orders", *command, "SLOW", "--yes", "--json")
        assert (ended.code, ended.answer["record"]["status"]) == (ExitCode.REFUSED, "IN_PROGRESS")
    assert stack.status("SLOW") == "IN_PROGRESS"
    stack.permit("SLOW")
    stack.becomes("SLOW", "COMPLETED")
    assert stack.runs()["SLOW"] == 1


def decide(stack: Stack) -> None:
    """Let a parked order run; forget it; declare it done."""
    stack.documented("resolve ORDER-1 --retry --dry-run")
    assert (stack.status("ORDER-1"), stack.buried()) == ("PARKED", 1)
    stack.permit("ORDER-1")
    reported = stack.documented("resolve ORDER-1 --retry --yes").out
    assert "sent back to the queue" in reported
    stack.becomes("ORDER-1", "COMPLETED")
    assert (stack.runs()["ORDER-1"], stack.buried()) == (2, 0)

    reported = stack.documented("forget ORDER-1 --yes").out
    assert "orders#ORDER-1: COMPLETED → deleted" in reported
    stack.aws.dynamodb.delete_item(TableName="notes", Key={"note_id": {"S": "permit ORDER-1"}})
    stack.park_interrupted("ORDER-1")
    assert stack.runs()["ORDER-1"] == 3

    reported = stack.documented("resolve ORDER-1 --completed --yes").out
    assert "orders#ORDER-1: PARKED → COMPLETED" in reported
    assert stack.buried() == 0
    stack.order({"order_id": "ORDER-1"}, {"order_id": "AFTER"})
    stack.becomes("AFTER", "COMPLETED")
    eventually(
        lambda: observation.backlog(stack.aws, stack.outputs["queue"]["url"]) == 0,
        "the duplicate is acknowledged",
    )
    assert stack.runs()["ORDER-1"] == 3


def decide_on_stale_claims(stack: Stack, directory: Path) -> None:
    """Read what became of an order; declare done what was claimed long ago, also in bulk."""
    assert "ORDER-1" in stack.documented("history ORDER-1 --since 2d").out
    claim: dict[str, Any] = {
        "status": {"S": "IN_PROGRESS"},
        "owner": {"S": "a" * 32},
        "attempts": {"N": "1"},
    }
    claim |= {name: {"N": "1"} for name in ("created_at", "lease_expires_at")}
    claim |= {"expires_at": {"N": "9999999999"}}
    for record_id in ("orders##@charge#ORDER-1", "orders#STALE"):
        item = {"id": {"S": record_id}, **claim}
        stack.aws.dynamodb.put_item(TableName=stack.outputs["table"], Item=item)
    done = "--completed --result '{\"charge_id\": 1}' --yes"
    stack.documented(f"resolve ORDER-1 --decorated charge {done}")

    lines = (
        "list --status stale --json > stale.json",
        "resolve --from-file stale.json --completed",
    )
    stack.shown |= {f"idempotent-lambda --function orders {line}" for line in lines}
    path = directory / "stale.json"
    listed = stack.run("--function", "orders", "list", "--status", "stale", "--json")
    assert [record["id"] for record in listed.answer["records"]] == ["orders#STALE"]
    path.write_text(listed.out)
    chosen = ("resolve", "--from-file", str(path), "--completed", "--yes")
    assert stack.run("--function", "orders", *chosen).code == ExitCode.OK
    assert stack.status("STALE") == "COMPLETED"


def send_back(stack: Stack) -> None:
    """Redrive one key, then all, while the function consumes other orders."""
    stack.run("--function", "orders", "forget", "ORDER-1", "--yes")
    late = [{"order_id": f"late-{number}"} for number in range(12)]
    stack.bury({"order_id": "ORDER-1"}, *late, late[0])
    stack.documented("redrive --key ORDER-1 --yes")
    stack.becomes("ORDER-1", "COMPLETED")
    assert stack.buried() == len(late) + 1

    fresh = [{"order_id": f"fresh-{number}", "seconds": 0.2} for number in range(10)]
    stack.order(*fresh)
    reported = stack.documented("redrive --limit 100 --yes").out
    assert "13 sent back to" in reported
    names = [each["order_id"] for each in (*late, *fresh)]
    eventually(lambda: set(names) <= set(stack.runs()), "all of them ran")
    eventually(
        lambda: observation.backlog(stack.aws, stack.outputs["queue"]["url"]) == 0,
        "all of them are acknowledged",
    )
    assert {name: stack.runs()[name] for name in names} == dict.fromkeys(names, 1)
    assert stack.buried() == 0


def each_fault_is_found(stack: Stack) -> None:
    """Plant one misconfiguration after another: the doctor names it, and nothing else."""
    for name, planted in faults(stack).items():
        with planted:
            ended = stack.run("--function", "orders", "doctor", "--json")
            found = [each["name"] for each in ended.answer["findings"]]
            expected = re.sub(r" .*", "", name)
            assert (ended.code, found) == (ExitCode.FOUND, [expected]), (name, ended)
    ended = stack.run("--function", "orders", "doctor", "--json")
    assert (ended.code, ended.answer["findings"], ended.answer["not_checked"]) == (
        ExitCode.OK,
        [],
        {},
    )


def faults(stack: Stack) -> dict[str, Any]:
    """Each misconfiguration by the check that is to name it."""
    queue, dead = stack.outputs["queue"], stack.outputs["dead_letter_queue"]
    redrive = {"deadLetterTargetArn": dead["arn"], "maxReceiveCount": 3}
    return {
        "ttl": no_ttl(stack),
        "record-retention": variables(stack, IDEMPOTENCY_RETENTION_SECONDS="3600"),
        "visibility-timeout": attributes(stack, queue["url"], VisibilityTimeout="121"),
        "visibility-timeout (below the advice)": attributes(
            stack, queue["url"], VisibilityTimeout="719"
        ),
        "partial-responses": mapping(stack, FunctionResponseTypes=[]),
        "mapping": mapping(stack, Enabled=False),
        "dead-letter-queue": attributes(stack, queue["url"], RedrivePolicy=""),
        "max-receive-count": attributes(
            stack, queue["url"], RedrivePolicy=json.dumps({**redrive, "maxReceiveCount": 7})
        ),
        "dead-letter-retention": attributes(stack, dead["url"], MessageRetentionPeriod="345600"),
        "dead-letter-size": attributes(stack, dead["url"], MaximumMessageSize="1024"),
        "dead-letter-url": variables(stack, IDEMPOTENCY_DEAD_LETTER_QUEUE_URL=None),
        "dead-letter-url (of the queue itself)": variables(
            stack, IDEMPOTENCY_DEAD_LETTER_QUEUE_URL=queue["url"]
        ),
        "settings": variables(stack, IDEMPOTENCY_MODE="enforced"),
        "lease-margin": variables(stack, IDEMPOTENCY_LEASE_MARGIN_MILLIS="100"),
        "runtime": configuration(stack, Runtime="python3.9"),
        "concurrency": concurrency(stack, 5),
        "permissions": without(stack, "dynamodb:UpdateItem"),
    }


@contextmanager
def no_ttl(stack: Stack) -> Iterator[None]:
    """Switch off TTL."""
    put = stack.aws.dynamodb.update_time_to_live
    on = {"Enabled": True, "AttributeName": "expires_at"}
    put(TableName=stack.outputs["table"], TimeToLiveSpecification={**on, "Enabled": False})
    yield
    put(TableName=stack.outputs["table"], TimeToLiveSpecification=on)


def await_update(stack: Stack) -> None:
    """Wait until the function has taken its last change: until then, the doctor warns."""

    def is_ready() -> bool:
        found = stack.aws.functions.get_function_configuration(FunctionName="orders")
        return (found["State"], found["LastUpdateStatus"]) == ("Active", "Successful")

    eventually(is_ready, "the function is updated")


@contextmanager
def variables(stack: Stack, **changes: str | None) -> Iterator[None]:
    """Change the function's environment; None takes a variable away."""
    found = stack.aws.functions.get_function_configuration(FunctionName="orders")
    before = found["Environment"]["Variables"]
    after = {name: of for name, of in {**before, **changes}.items() if of is not None}
    put = stack.aws.functions.update_function_configuration
    put(FunctionName="orders", Environment={"Variables": after})
    await_update(stack)
    yield
    put(FunctionName="orders", Environment={"Variables": before})
    await_update(stack)


@contextmanager
def configuration(stack: Stack, **changes: Any) -> Iterator[None]:
    """Change the function."""
    found = stack.aws.functions.get_function_configuration(FunctionName="orders")
    put = stack.aws.functions.update_function_configuration
    put(FunctionName="orders", **changes)
    await_update(stack)
    yield
    put(FunctionName="orders", **{name: found[name] for name in changes})
    await_update(stack)


@contextmanager
def attributes(stack: Stack, url: str, **changes: str) -> Iterator[None]:
    """Change a queue."""
    names = list(changes)
    before = stack.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    stack.aws.sqs.set_queue_attributes(QueueUrl=url, Attributes=changes)
    yield
    stack.aws.sqs.set_queue_attributes(QueueUrl=url, Attributes=before)


@contextmanager
def mapping(stack: Stack, **changes: Any) -> Iterator[None]:
    """Change what reads the queue."""
    usual = {"FunctionResponseTypes": ["ReportBatchItemFailures"], "Enabled": True}
    put = stack.aws.functions.update_event_source_mapping
    put(UUID=stack.outputs["mapping"], **changes)
    yield
    put(UUID=stack.outputs["mapping"], **{name: usual[name] for name in changes})


@contextmanager
def concurrency(stack: Stack, reserved: int) -> Iterator[None]:
    """Reserve fewer instances than the mapping may use."""
    put = stack.aws.functions.put_function_concurrency
    put(FunctionName="orders", ReservedConcurrentExecutions=reserved)
    yield
    stack.aws.functions.delete_function_concurrency(FunctionName="orders")


@contextmanager
def without(stack: Stack, action: str) -> Iterator[None]:
    """Take an action out of the role's policy."""
    names = {"RoleName": stack.outputs["role"], "PolicyName": "idempotent-lambda"}
    whole = stack.aws.iam.get_role_policy(**names)["PolicyDocument"]
    left = [
        {**each, "Action": [one for one in each["Action"] if one != action]}
        for each in whole["Statement"]
    ]
    put = stack.aws.iam.put_role_policy
    put(**names, PolicyDocument=json.dumps({**whole, "Statement": left}))
    yield
    put(**names, PolicyDocument=json.dumps(whole))
