"""Checkov finds nothing in the module and in `examples/complete`, and would find a defect."""

import json
from pathlib import Path
from typing import Any

import hcl2
import pytest

from scripts.inputs import variables
from scripts.scan import (
    DEFAULTS,
    Finding,
    copied,
    planned,
    report_of,
    scan_example,
    scan_module,
    scan_plan,
)
from tests.module.stacks import ROOT

UNSIGNED, NOT_SCALED = "CKV_AWS_272", "CKV2_AWS_16"
REASONS = {
    UNSIGNED: "Packed where terraform applies, it has no signature. "
    "Bring a signed function with function.existing.",
    NOT_SCALED: "Billed per request it scales by itself. "
    "With table.provisioned the units are fixed, as the user says.",
}
FUNCTION, TABLE = "aws_lambda_function.consumer", "aws_dynamodb_table.records"
QUEUES = ("aws_sqs_queue.dead_letter", "aws_sqs_queue.source")
UNENCRYPTED_QUEUE = "CKV_AWS_27"


def skips(address: str = "", index: str = "") -> dict[str, list[Finding]]:
    """What is skipped in a scan, by the name of the scan's kind."""
    unsigned, not_scaled = (
        Finding(check, f"{address}{resource}{index}", REASONS[check])
        for check, resource in ((UNSIGNED, FUNCTION), (NOT_SCALED, TABLE))
    )
    # A plan knows how the table is billed.
    return {"source": [not_scaled, unsigned], "plan": [unsigned]}


def unencrypted(value: Any) -> None:
    """Take the encryption away from the queues in a plan's JSON."""
    if isinstance(value, dict):
        if value.get("type") == "aws_sqs_queue" and "values" in value:
            value["values"] |= {"kms_master_key_id": None, "sqs_managed_sse_enabled": False}
        for each in value.values():
            unencrypted(each)
    if isinstance(value, list):
        for each in value:
            unencrypted(each)


@pytest.mark.terraform
@pytest.mark.slow
def test_the_source(tmp_path: Path) -> None:
    """Nothing fails, two checks are skipped, and queues without encryption are found."""
    checkout = copied(tmp_path / "checkout")
    module, example = report_of(scan_module(checkout)), report_of(scan_example(checkout))
    assert (module.failed, example.failed) == ([], [])
    assert (module.passed > 20, example.passed > 60) == (True, True)
    assert module.skipped == skips()["source"]
    assert example.skipped == skips("module.orders.")["source"]

    queue = checkout / "queue.tf"
    lines = queue.read_text(encoding="utf-8").splitlines(keepends=True)
    settings = ("  sqs_managed_sse_enabled ", "  kms_master_key_id ")
    kept = [line for line in lines if not line.startswith(settings)]
    assert len(lines) - len(kept) == len(settings) * len(QUEUES)
    queue.write_text("".join(kept), encoding="utf-8")
    found = report_of(scan_module(checkout)).failed
    assert {each.resource for each in found if each.check == UNENCRYPTED_QUEUE} == set(QUEUES)


@pytest.mark.terraform
@pytest.mark.slow
def test_the_plan(tmp_path: Path) -> None:
    """Nothing fails, one check is skipped, and queues without encryption are found."""
    checkout = copied(tmp_path / "checkout")
    plan = planned(checkout)
    report = report_of(scan_plan(checkout, plan))
    assert report.failed == []
    assert report.passed > 80
    assert report.skipped == skips("module.orders.", "[0]")["plan"]

    insecure = json.loads(plan.read_text(encoding="utf-8"))
    unencrypted(insecure["planned_values"])
    plan.write_text(json.dumps(insecure), encoding="utf-8")
    found = report_of(scan_plan(checkout, plan)).failed
    assert {each.resource for each in found if each.check == UNENCRYPTED_QUEUE} >= {
        f"module.orders.{each}[0]" for each in QUEUES
    }


def test_the_defaults() -> None:
    """What the scan of the source is told of attributes are their defaults."""
    inputs = variables((ROOT / "variables.tf").read_text(encoding="utf-8"))
    defaults = {
        f"{each.name}.{one.path}": one.default for each in inputs for one in each.attributes
    }
    told = {
        f"{name}.{attribute}": json.dumps(value)
        for name, values in hcl2.loads(DEFAULTS).items()
        if isinstance(values, dict)
        for attribute, value in values.items()
    }
    assert len(told) == DEFAULTS.count(" true ")
    assert told.items() <= defaults.items()
