"""Consumers of existing tables, queues and functions, and what new names cost."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from scripts import pack
from scripts.support import observation
from scripts.support.emulator import ROOT, Emulator
from scripts.support.observation import Aws
from scripts.support.producer import enqueue, hand_over, invoke_later
from scripts.support.source import repository
from scripts.support.stack import apply_stack, write_stack
from scripts.support.terraform import Terraform, environment
from tests.waiting import eventually

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.terraform,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.extended,
]

STACK = ROOT / "tests" / "end_to_end" / "existing"
# Of terraform's operations. A queue takes 25 s, and keeps one of its usual 10 all the while.
AT_ONCE = "-parallelism=30"

QUEUED = ("owner", "sharer", "fed", "worker", "unattached")
INVOKED = ("owner", "queueless")
"""Those that the topic invokes."""
CONSUMERS = tuple(dict.fromkeys(QUEUED + INVOKED))
ORDERS = [f"order-{number}" for number in range(3)]
LATER = "order-later"

REPLACED = ["delete", "create"]
# A function that the module creates, and the resources that belong to it alone. Not its mapping:
# Terraform updates the mapping to the new function.
FUNCTION = (
    "aws_cloudwatch_log_group.function[0]",
    "aws_iam_role.function[0]",
    "aws_iam_role_policy.function[0]",
    "aws_iam_role_policy.processor[0]",
    "aws_lambda_function.consumer[0]",
    "terraform_data.code[0]",
    "terraform_data.package[0]",
)
MADE_ANEW = {
    "module.owner.aws_lambda_function.consumer[0]": REPLACED,
    "module.owner.aws_lambda_alias.consumer[0]": REPLACED,
    'module.owner.aws_lambda_permission.invoker["topic"]': REPLACED,
    "module.owner.aws_lambda_event_source_mapping.queue[0]": ["update"],
    "aws_sns_topic_subscription.owner": REPLACED,
}
"""What goes with a function that is replaced: alias and permissions would be lost."""

RENAMED = {
    **{f"module.owner.{each}": REPLACED for each in FUNCTION},
    "module.owner.aws_lambda_alias.consumer[0]": REPLACED,
    'module.owner.aws_lambda_permission.invoker["topic"]': REPLACED,
    "module.owner.aws_lambda_event_source_mapping.queue[0]": ["update"],
    "aws_sns_topic_subscription.owner": REPLACED,
    # All but the existing table.
    **{f"module.sharer.{each}": REPLACED for each in FUNCTION},
    "module.sharer.aws_lambda_event_source_mapping.queue[0]": REPLACED,
    "module.sharer.aws_sqs_queue.dead_letter[0]": REPLACED,
    "module.sharer.aws_sqs_queue.source[0]": REPLACED,
    # All.
    **{f"module.queueless.{each}": REPLACED for each in FUNCTION},
    'module.queueless.aws_lambda_permission.invoker["topic"]': REPLACED,
    "module.queueless.aws_dynamodb_table.records[0]": REPLACED,
    "module.queueless.aws_sqs_queue.dead_letter[0]": REPLACED,
    "module.queueless.terraform_data.deletion_guard[0]": REPLACED,
    "aws_sns_topic_subscription.queueless": REPLACED,
}


@dataclass
class Stack:
    """What was deployed."""

    terraform: Terraform
    aws: Aws
    outputs: dict[str, Any] = field(default_factory=dict)

    def apply(self, *arguments: str) -> None:
        """Apply; there has to be nothing to do after that."""
        self.outputs = apply_stack(self.terraform, self.aws, AT_ONCE, *arguments)["stack"]
        assert not self.terraform.plan(), "the plan after an apply is not empty"

    def changes(self, *arguments: str) -> dict[str, list[str]]:
        """What a plan, left in tfplan, would do to which resource."""
        self.terraform.plan("-out=tfplan", *arguments)
        planned = self.terraform.show("tfplan")["resource_changes"]
        return {
            each["address"]: each["change"]["actions"]
            for each in planned
            if each["change"]["actions"] not in (["no-op"], ["read"])
        }

    def deliver(self, orders: Sequence[str]) -> None:
        """Send orders into every queue, publish others, and wait until all are settled."""
        for url in self.outputs["queues"].values():
            list(enqueue(self.aws, url, [json.dumps({"order_id": each}) for each in orders]))
        for order in published(orders):
            message = json.dumps({"order_id": order})
            self.aws.sns.publish(TopicArn=self.outputs["topic"], Message=message)
        due = due_of(orders)
        eventually(
            lambda: all(done.keys() >= set(due[name]) for name, done in self.effects().items()),
            "each consumer has done each order",
        )
        # Once more to those that the topic invokes, in a way that has an answer.
        for name, function in self.outputs["invoked"].items():
            for order in due[name]:
                hand_over(self.aws, function, {"order_id": order}, at_once=1)
        eventually(lambda: not self.waiting(), "nothing waits in a queue")

    def waiting(self) -> Counter[str]:
        """How many messages wait for whom."""
        queues = self.outputs["queues"].items()
        return +Counter({each: observation.backlog(self.aws, url) for each, url in queues})

    def effects(self) -> dict[str, dict[str, int]]:
        """How often each consumer has worked on each order."""
        found: dict[str, dict[str, int]] = {consumer: {} for consumer in CONSUMERS}
        for row in observation.rows(self.aws, self.outputs["effects"]):
            orders = found[row["consumer"]]
            orders[row["order_id"]] = orders.get(row["order_id"], 0) + 1
        return found

    def records(self, consumer: str) -> dict[str, str]:
        """The status of each record in a consumer's table, by its id."""
        table = self.outputs["tables"][consumer]
        return {row["id"]: row["status"] for row in observation.rows(self.aws, table)}

    def policies(self, role: str) -> dict[str, Any]:
        """A role's inline policies, by name."""
        names = self.aws.iam.list_role_policies(RoleName=role)["PolicyNames"]
        return {
            name: self.aws.iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for name in names
        }


def published(orders: Sequence[str]) -> list[str]:
    """The orders that go to the topic when these go into the queues."""
    return [f"{each}-published" for each in orders]


def due_of(orders: Sequence[str]) -> dict[str, list[str]]:
    """What each consumer then has to do."""
    return {
        consumer: [
            *(orders if consumer in QUEUED else ()),
            *(published(orders) if consumer in INVOKED else ()),
        ]
        for consumer in CONSUMERS
    }


def build_zip(sources: Path, destination: Path) -> None:
    """Build the zip that a stack deploys itself: its sources and the package."""
    files = pack.collect_sources(sources, ROOT / "handler", pack.PACKAGE_EXCLUDE)
    pack.write_zip({name: pack.read_content(path) for name, path in files.items()}, destination)


def test_existing_parts_and_new_names(tmp_path: Path, emulator: Emulator, account: str) -> None:
    """Each consumer does each order once, and a new name replaces what it has to."""
    root = write_stack(tmp_path, STACK, repository(tmp_path / "module.git"))
    build_zip(root / "src", root / "function.zip")
    terraform = Terraform(directory=root, environment=environment(emulator.environment(account)))
    stack = Stack(terraform, Aws.of(emulator, account))
    terraform.init()

    stack.apply()
    once_each(stack)
    records_apart(stack)
    attach_existing_roles(stack)
    dead_letters(stack)

    assert stack.changes("-replace=module.owner.aws_lambda_function.consumer[0]") == MADE_ANEW
    (root / "renamed.auto.tfvars").write_text("renamed = true\n")
    assert stack.changes() == RENAMED
    stack.apply("tfplan")
    what_is_remembered(stack)

    terraform.destroy(AT_ONCE)
    assert observation.resources(stack.aws) == []


def once_each(stack: Stack) -> None:
    """Deliver twice in a batch, and again later."""
    stack.deliver([each for each in ORDERS for _ in range(2)])
    stack.deliver(ORDERS)
    assert stack.effects() == {name: dict.fromkeys(due, 1) for name, due in due_of(ORDERS).items()}


def records_apart(stack: Stack) -> None:
    """Look at the tables: the shared one holds the records of two, each in its namespace."""
    found = {name: stack.records(name) for name in CONSUMERS}
    due = due_of(ORDERS)
    expected = {name: {f"{name}#{order}": "COMPLETED" for order in due[name]} for name in CONSUMERS}
    shared = expected["owner"] | {f"sharing#{order}": "COMPLETED" for order in due["sharer"]}
    assert found == expected | {"owner": shared, "sharer": shared}
    tables = stack.outputs["tables"]
    assert tables["owner"] == tables["sharer"]
    assert len(set(tables.values())) == len(CONSUMERS) - 1


def attach_existing_roles(stack: Stack) -> None:
    """Look at two roles: the module adds its policy only to the role that it knows."""
    worker = stack.policies("a-worker")
    unattached = stack.policies("an-unattached")
    (ours,) = worker.keys() - {"effects"}
    assert ours.startswith("idempotent-lambda-eu-central-1-worker-")
    assert unattached.keys() == {"effects", "idempotency"}
    of_the_worker = json.dumps(worker[ours])
    of_the_other = json.dumps(unattached["idempotency"])
    assert of_the_other == of_the_worker.replace("worker", "unattached")


def dead_letters(stack: Stack) -> None:
    """Find in a dead-letter queue what can't be done: an existing one, and one without a queue."""
    urls = stack.outputs["dead_letter_queues"]
    impossible = json.dumps({"order_id": "order-impossible", "impossible": True})
    list(enqueue(stack.aws, stack.outputs["queues"]["fed"], [impossible]))
    without_key = {"amount_cents": 1}
    invoke_later(stack.aws, stack.outputs["invoked"]["queueless"], without_key)
    eventually(lambda: observation.backlog(stack.aws, urls["fed"]) == 1, "it is set aside")
    eventually(lambda: observation.backlog(stack.aws, urls["queueless"]) == 1, "it is given up")
    assert list(observation.drain(stack.aws, urls["fed"]).values()) == [impossible]
    eventually(lambda: not stack.waiting(), "it has left the queue")


def what_is_remembered(stack: Stack) -> None:
    """Deliver old orders and a new one: only who has lost table or namespace does the old again."""
    stack.deliver([*ORDERS, LATER, LATER])
    effects = {name: dict.fromkeys(due, 1) for name, due in due_of([*ORDERS, LATER]).items()}
    effects["queueless"].update(dict.fromkeys(published(ORDERS), 2))
    assert stack.effects() == effects
    assert stack.records("sharer").keys() >= {f"sharing#{LATER}", f"owner#{LATER}"}
    assert stack.records("queueless").keys() == {
        f"queueless-2#{order}" for order in published([*ORDERS, LATER])
    }
