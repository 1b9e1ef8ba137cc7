"""One message that always kills its process, among nine good ones."""

import json
from collections import Counter
from pathlib import Path

import pytest

from scripts.support import observation
from scripts.support.emulator import Emulator
from scripts.support.observation import Aws
from scripts.support.source import repository
from scripts.support.stack import EXAMPLES, apply_stack, write_stack
from scripts.support.terraform import Terraform, environment
from tests.waiting import eventually

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.terraform,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.extended,
]

PROCESSOR = """
import os
import time

import boto3
import orders

tables = boto3.client("dynamodb")


def process(message):
    if message.body.get("bad"):
        # A kill at once could catch a confirmation on its way, and repeat what it is for: the demo
        # and the soak account for that.
        while not is_confirmed():
            time.sleep(0.1)
        os._exit(70)
    orders.process(message)


def is_confirmed():
    charged = {row["order_id"]["S"] for row in rows("LEDGER_TABLE")}
    claimed = (row for row in rows("IDEMPOTENCY_TABLE") if row["status"]["S"] == "IN_PROGRESS")
    return not charged & {row["id"]["S"].split("#", 1)[1] for row in claimed}


def rows(variable):
    return tables.scan(TableName=os.environ[variable], ConsistentRead=True)["Items"]
"""

# Everything that decides who ends where is the module's default: batches of 10, 5 receives.
OVERRIDE = """
module "orders" {
  source      = "MODULE_SOURCE"
  processor   = "apple.process"
  idempotency = { key = "body.order_id", lease_margin_seconds = 1 }

  function = {
    timeout_seconds   = 5
    environment       = { LEDGER_TABLE = aws_dynamodb_table.ledger.name }
    policy_statements = [
      { actions = ["dynamodb:PutItem"], resources = [aws_dynamodb_table.ledger.arn] },
    ]
  }
}
"""

# Longer than a lease of 6 s. The module's own 30 s are for throttling, which the emulator has not.
VISIBILITY_SECONDS = 8
PLACES = (0, 4, 9)
"""Where the bad one lies in its batch, round by round."""


def batch(number: int, place: int) -> list[dict[str, object]]:
    """The orders of a round: nine good ones, and a bad one among them."""
    orders: list[dict[str, object]] = [
        {"order_id": f"good-{number}-{n}", "amount_cents": 100, "currency": "EUR"} for n in range(9)
    ]
    orders.insert(place, {"order_id": f"bad-{number}", "bad": True})
    return orders


def test_only_the_bad_one_is_dead_lettered(
    tmp_path: Path, emulator: Emulator, account: str
) -> None:
    """With default receives only the message that kills its process is dead-lettered."""
    processor, override = tmp_path / "apple.py", tmp_path / "git_override.tf"
    processor.write_text(PROCESSOR)
    override.write_text(OVERRIDE)
    source = repository(tmp_path / "module.git")
    root = write_stack(tmp_path, EXAMPLES / "quickstart", source, code=[processor], tf=[override])
    terraform = Terraform(directory=root, environment=environment(emulator.environment(account)))
    aws = Aws.of(emulator, account)
    terraform.init()
    outputs = apply_stack(terraform, aws)
    queue = outputs["queue_url"]
    attributes = aws.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])
    receives = int(json.loads(attributes["Attributes"]["RedrivePolicy"])["maxReceiveCount"])
    assert receives == 5
    aws.sqs.set_queue_attributes(
        QueueUrl=queue, Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)}
    )

    (mapping,) = aws.functions.list_event_source_mappings()["EventSourceMappings"]

    bad, good = set(), set()
    for number, place in enumerate(PLACES):
        orders = batch(number, place)
        # Held back meanwhile, or it may be quick enough to receive half of the batch.
        aws.functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        answer = aws.sqs.send_message_batch(
            QueueUrl=queue,
            Entries=[
                {"Id": str(n), "MessageBody": json.dumps(order)} for n, order in enumerate(orders)
            ],
        )
        aws.functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
        ids = {int(entry["Id"]): entry["MessageId"] for entry in answer["Successful"]}
        bad.add(ids.pop(place))
        good |= set(ids.values())
        eventually(lambda: observation.backlog(aws, queue) == 0, "the queue is empty")

    assert set(observation.drain(aws, outputs["dead_letter_queue_url"])) == bad
    charges = observation.rows(aws, outputs["ledger_table_name"])
    assert Counter(charge["order_id"] for charge in charges) == {
        f"good-{number}-{n}": 1 for number in range(len(PLACES)) for n in range(9)
    }
    # In the first receives the bad message waits until its neighbours are done, and then ends the
    # process: their answer is lost. At their last receive but one the function defers the bad
    # message, and acknowledges them with a receive to spare; with 3, at their second or third.
    lines = list(observation.log_lines(aws, outputs["log_group_name"]))
    acknowledged = {
        line["message_id"]: line["receive_count"] for line in lines if line["acknowledged"]
    }
    assert acknowledged == dict.fromkeys(good, receives - 1)
    stood_back = [line for line in lines if line["outcome"] == "deferred"]
    assert {line["message_id"] for line in stood_back} == bad
