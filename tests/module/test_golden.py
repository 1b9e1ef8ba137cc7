"""A stack of an earlier version is upgraded in place: nothing is lost or created again."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from scripts.support.terraform import Terraform
from tests.module.stacks import copy_module, offline_quickstart

GOLDEN = Path(__file__).parent / "golden"
STATES = sorted(GOLDEN.glob("*/state.json"))
VERSIONS = [path.parent.name for path in STATES]
FUNCTION = "module.orders.aws_lambda_function.consumer[0]"


@pytest.fixture(scope="module", params=STATES, ids=VERSIONS)
def changes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What an upgrade of a state plans for each resource, by its address."""
    directory = tmp_path_factory.mktemp("golden") / "checkout"
    quickstart = offline_quickstart(copy_module(directory))
    shutil.copy(request.param, quickstart / "terraform.tfstate")
    terraform = Terraform(directory=quickstart)
    terraform.init("-backend=false")
    terraform.plan("-refresh=false", "-out=plan")
    planned = terraform.show("plan")["resource_changes"]
    return {change["address"]: change["change"] for change in planned}


def test_there_is_a_state_of_the_first_version() -> None:
    """The versions that are upgraded from start with the first."""
    assert "v0.1" in VERSIONS


@pytest.mark.parametrize("state", STATES, ids=VERSIONS)
def test_a_state_names_no_machine(state: Path) -> None:
    """No path, port or user of the machine that made it."""
    text = state.read_text(encoding="utf-8")
    assert "127.0.0.1" not in text
    assert "localhost" not in text
    absolute = re.findall(r'"(/[^"]*)"', text)
    assert set(absolute) <= {"/", "/aws/lambda/orders"}


@pytest.mark.terraform
def test_an_upgrade_replaces_nothing(changes: Any) -> None:
    """The function's code and the policies are updated in place, and the zip is built."""
    actions = {
        address: change["actions"]
        for address, change in changes.items()
        if change["actions"] != ["no-op"]
    }
    # There are fewer changes if the package or the policy has not changed since the state.
    assert (
        actions.items()
        <= {
            "module.orders.aws_iam_role_policy.function[0]": ["update"],
            FUNCTION: ["update"],
            "module.orders.aws_sqs_queue.dead_letter[0]": ["update"],
            "module.orders.aws_sqs_queue.source[0]": ["update"],
            "module.orders.terraform_data.checks": ["create"],
            "module.orders.terraform_data.code[0]": ["delete", "create"],
            "module.orders.terraform_data.deletion_guard[0]": ["create"],
            "module.orders.terraform_data.package[0]": ["delete", "create"],
        }.items()
    )


@pytest.mark.terraform
def test_an_upgrade_keeps_queues_and_tables(changes: Any) -> None:
    """Nothing but a queue's policy changes, and nothing in a table."""
    for address, change in changes.items():
        before, after = change["before"] or {}, change["after"] or {}
        changed = {name for name in before | after if before.get(name) != after.get(name)}
        if "aws_dynamodb_table" in address:
            assert changed == set()
        if "aws_sqs_queue" in address:
            assert changed <= {"policy"}


@pytest.mark.terraform
def test_an_upgraded_function_is_told_what_the_package_reads(changes: Any) -> None:
    """Its environment is the example's variable and a complete set of settings."""
    (environment,) = changes[FUNCTION]["after"]["environment"]
    assert environment["variables"] == {
        "LEDGER_TABLE": "orders-ledger",
        "IDEMPOTENCY_CONCURRENCY": "1",
        "IDEMPOTENCY_DEAD_LETTER_QUEUE_URL": (
            "https://sqs.eu-central-1.amazonaws.com/123456789012/orders-dead-letters"
        ),
        "IDEMPOTENCY_KEY": "body.order_id",
        "IDEMPOTENCY_LEASE_MARGIN_MILLIS": "5000",
        "IDEMPOTENCY_LOG": "all",
        "IDEMPOTENCY_LOG_KEYS": "plain",
        "IDEMPOTENCY_MANAGED_INSTANCES": "refuse",
        "IDEMPOTENCY_MAX_RECEIVE_COUNT": "5",
        "IDEMPOTENCY_METRICS": "off",
        "IDEMPOTENCY_MINIMUM_REMAINING_MILLIS": "1000",
        "IDEMPOTENCY_MODE": "enforce",
        "IDEMPOTENCY_NAMESPACE": "orders",
        "IDEMPOTENCY_ON_INTERRUPTED": "retry",
        "IDEMPOTENCY_PROCESSOR": "orders.process",
        "IDEMPOTENCY_RETENTION_SECONDS": "1900800",
        "IDEMPOTENCY_TABLE": "orders-idempotency",
    }
