"""The quickstart plans to what its README promises, without any account."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import tftest

from scripts.lab.terraform import OFFLINE, binary, environment
from tests.module.stacks import ROOT, copy_module, offline_quickstart

MODULE = "module.orders"
SOURCES = ROOT / "examples" / "quickstart"


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The plan of the quickstart."""
    checkout = copy_module(tmp_path_factory.mktemp("quickstart") / "checkout")
    with pytest.MonkeyPatch.context() as patch:
        # tftest adds to the whole environment of this process.
        for name in list(os.environ):
            if name.startswith(("AWS_", "TF_")):
                patch.delenv(name)
        stack = tftest.TerraformTest(
            str(offline_quickstart(checkout)), binary=binary(), env=environment(OFFLINE)
        )
        stack.setup()
        return stack.plan(output=True)


@pytest.mark.terraform
def test_the_plan_holds_these_resources_and_no_others(plan: Any) -> None:
    """The consumer's ten resources, one of them for the user's statements, and the ledger."""
    assert sorted(plan.resource_changes) == [
        "aws_dynamodb_table.ledger",
        f"{MODULE}.aws_cloudwatch_log_group.function",
        f"{MODULE}.aws_dynamodb_table.records",
        f"{MODULE}.aws_iam_role.function",
        f"{MODULE}.aws_iam_role_policy.function",
        f"{MODULE}.aws_iam_role_policy.processor[0]",
        f"{MODULE}.aws_lambda_event_source_mapping.queue",
        f"{MODULE}.aws_lambda_function.consumer",
        f"{MODULE}.aws_sqs_queue.dead_letter",
        f"{MODULE}.aws_sqs_queue.source",
        f"{MODULE}.terraform_data.package[0]",
    ]


@pytest.mark.terraform
def test_no_output_tells_a_hash_of_the_code(plan: Any) -> None:
    """An output with a hash would change at every edit, after the apply that made it."""
    assert sorted(plan.outputs) == [
        "dead_letter_queue_url",
        "function_name",
        "ledger_table_name",
        "log_group_name",
        "queue_url",
        "records_table_name",
    ]
    for file in (ROOT / "outputs.tf", SOURCES / "outputs.tf"):
        assert "hash" not in file.read_text()
        assert "sha256" not in file.read_text()


def test_the_module_block_is_short() -> None:
    """A working consumer takes at most 15 lines."""
    block = re.search(r'^module "orders" {.*?^}', _read("main.tf"), re.MULTILINE | re.DOTALL)
    assert block
    assert len(block[0].splitlines()) <= 15


def test_nothing_in_the_processor_is_idempotent() -> None:
    """The user's code knows nothing of the package, and every charge gets a new id."""
    source = _read("src/orders.py")
    assert "idempoten" not in source
    assert "Condition" not in source
    assert '"charge_id": {"S": str(uuid.uuid4())}' in source


def _read(name: str) -> str:
    return Path(SOURCES, name).read_text(encoding="utf-8")
