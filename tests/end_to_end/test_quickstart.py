"""The quickstart, as another repository would use it, from apply to destroy."""

import json
import re
import shutil
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    # `make test` applies the quickstart in the demo and as a newcomer does.
    pytest.mark.extended,
]

# Short times, so that the poison order is dead-lettered within two minutes.
OVERRIDE = """
module "orders" {
  source      = "MODULE_SOURCE"
  idempotency = { key = "body.order_id", lease_margin_seconds = 1 }
  queue       = { max_receive_count = 3 }

  function = {
    timeout_seconds   = 6
    environment       = { LEDGER_TABLE = aws_dynamodb_table.ledger.name }
    policy_statements = [
      { actions = ["dynamodb:PutItem"], resources = [aws_dynamodb_table.ledger.arn] },
    ]
  }
}
"""

ORDERS = [f"order-{number}" for number in range(10)]
POISON = json.dumps({"order_id": "poison", "currency": "EUR"})
POISON_WITHOUT_KEY = json.dumps({"amount_cents": 1, "currency": "EUR"})


@dataclass
class Stack:
    """A deployed quickstart."""

    terraform: Terraform
    aws: Aws
    outputs: dict[str, Any]

    def send(self, *bodies: str) -> list[str]:
        """Send messages as a producer does; their ids."""
        answer = self.aws.sqs.send_message_batch(
            QueueUrl=self.outputs["queue_url"],
            Entries=[{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)],
        )
        return [entry["MessageId"] for entry in answer["Successful"]]

    def charges(self) -> list[dict[str, Any]]:
        """The ledger."""
        return observation.rows(self.aws, self.outputs["ledger_table_name"])

    def outcomes(self) -> Counter[str]:
        """How many deliveries the log says ended how."""
        lines = observation.log_lines(self.aws, self.outputs["log_group_name"])
        return Counter(line["outcome"] for line in lines)

    def backlog(self) -> int:
        """Messages that wait or are being processed."""
        return observation.backlog(self.aws, self.outputs["queue_url"])


def order(order_id: str) -> str:
    """The body of an order."""
    return json.dumps({"order_id": order_id, "amount_cents": 100, "currency": "EUR"})


def changes(terraform: Terraform) -> dict[str, str]:
    """What a plan, left in tfplan, would do to which AWS resource."""
    planned = terraform.run("plan", "-input=false", "-out=tfplan")
    found = re.findall(r"^  # (\S+) (?:will|must) be (.+)$", planned, re.MULTILINE)
    return {address: action for address, action in found if ".aws_" in address}


def test_from_apply_to_destroy(tmp_path: Path, emulator: Emulator, account: str) -> None:
    """Apply, charge once despite duplicates, dead-letter poison, edit, clone, destroy."""
    override = tmp_path / "git_override.tf"
    override.write_text(OVERRIDE)
    source = repository(tmp_path / "module.git")
    root = write_stack(tmp_path, EXAMPLES / "quickstart", source, tf=[override])
    variables = environment(emulator.environment(account))
    terraform = Terraform(directory=root, environment=variables)
    aws = Aws.of(emulator, account)

    terraform.init()
    stack = Stack(terraform, aws, apply_stack(terraform, aws))
    assert not terraform.plan(), "the second plan is not empty"

    # Duplicates in the same batch, and in a later one.
    poison = stack.send(POISON, POISON_WITHOUT_KEY)
    stack.send(*(order(each) for each in ORDERS))
    stack.send(*(order(each) for each in ORDERS[:5] for _ in range(2)))
    eventually(lambda: stack.backlog() <= len(poison), "only poison is left in the queue")
    assert Counter(charge["order_id"] for charge in stack.charges()) == dict.fromkeys(ORDERS, 1)
    records = observation.rows(aws, stack.outputs["records_table_name"])
    assert {record["id"]: record["status"] for record in records} == {
        f"orders#{each}": "COMPLETED" for each in ORDERS
    }
    assert all(record["expires_at"] > time.time() + 10 * 86400 for record in records)
    eventually(lambda: stack.outcomes()["duplicate"] >= 1, "the log reports a duplicate")

    # Another version of the code, deployed in place; its records go on suppressing duplicates.
    code = root / "src" / "orders.py"
    code.write_text(
        code.read_text().replace('"currency": {', '"edited": {"S": "yes"}, "currency": {')
    )
    assert changes(terraform) == {
        "module.orders.aws_lambda_function.consumer[0]": "updated in-place"
    }
    terraform.run("apply", "-input=false", "tfplan")
    assert not terraform.plan(), "the plan after a code edit is not empty"
    stack.send(order("after-the-edit"), order(ORDERS[0]))
    eventually(lambda: len(stack.charges()) > len(ORDERS), "the new order is charged")
    edited = [charge["order_id"] for charge in stack.charges() if "edited" in charge]
    assert edited == ["after-the-edit"]

    # Another machine: the state is there, the zip is not.
    clone = tmp_path / "clone"
    shutil.copytree(root, clone, ignore=shutil.ignore_patterns(".terraform*", "tfplan"))
    assert not list(clone.rglob("*.zip"))
    elsewhere = Terraform(directory=clone, environment=variables)
    elsewhere.init()
    assert not elsewhere.plan(), "the plan of a fresh clone is not empty"

    eventually(lambda: stack.backlog() == 0, "the poison has left the queue")
    dead = observation.drain(aws, stack.outputs["dead_letter_queue_url"])
    assert sorted(dead) == sorted(poison)
    assert len(stack.charges()) == len(ORDERS) + 1

    terraform.destroy()
    assert observation.resources(aws) == []
