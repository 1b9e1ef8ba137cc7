"""Checkov finds nothing in the module and in the examples, and would find a defect."""

import json
from pathlib import Path
from typing import Any

import hcl2
import pytest

from scripts.scan import FILES, MODULE, PLAN, run_checkov, write_plan
from tests.inputs import read_inputs
from tests.module.stacks import ROOT, copy_module

Check = tuple[str, str, str]
UNSIGNED, NOT_SCALED = "CKV_AWS_272", "CKV2_AWS_16"
REASONS = {
    UNSIGNED: "Code packed at apply has no signature. Use function.existing for a signed function.",
    NOT_SCALED: "On-demand capacity scales by itself. Only table.provisioned fixes the capacity.",
}
FUNCTION, TABLE = "aws_lambda_function.consumer", "aws_dynamodb_table.records"
QUEUES = ("aws_sqs_queue.dead_letter", "aws_sqs_queue.source")
UNENCRYPTED_QUEUE = "CKV_AWS_27"

NOT_RECOVERABLE, AWS_KEY = "CKV_AWS_28", "CKV_AWS_119"
ON_BY_DEFAULT = (
    "Recovery is on by default, but checkov does not see the default of an optional attribute."
)
NOTHING_TO_RECOVER = (
    "This table replaces a real service in the example, so it holds nothing to recover."
)
OWNED_BY_AWS = (
    "AWS owns the key that encrypts this table. examples/complete uses a customer managed key."
)
TABLES = {
    "dependencies": {"invoices": [AWS_KEY]},
    "exactly-once": {"balances": [AWS_KEY]},
    "existing-handler": {"ledger": [AWS_KEY, NOT_RECOVERABLE]},
    "fifo": {"accounts": [AWS_KEY]},
    "http-api": {"ledger": [AWS_KEY, NOT_RECOVERABLE]},
    "quickstart": {"ledger": [AWS_KEY, NOT_RECOVERABLE]},
    "sns-fanout": {"work": [AWS_KEY, NOT_RECOVERABLE]},
    "streams": {"parcels": [AWS_KEY], "timelines": [AWS_KEY]},
}
"""The skips of the examples for the tables that they create themselves."""


def skips(address: str = "", index: str = "") -> dict[str, list[Check]]:
    """What is skipped in a scan, by the name of the scan's kind."""
    unsigned, not_scaled = (
        (check, f"{address}{resource}{index}", REASONS[check])
        for check, resource in ((UNSIGNED, FUNCTION), (NOT_SCALED, TABLE))
    )
    # A plan knows how the table is billed.
    return {"source": [not_scaled, unsigned], "plan": [unsigned]}


def list_skips(example: Path) -> list[Check]:
    """All that an example skips: nothing for its own resources but what TABLES lists."""
    found = []
    for block in hcl2.loads((example / "main.tf").read_text(encoding="utf-8"))["module"]:
        for name, arguments in block.items():
            address = "module.{}.".format(name.strip('"'))
            found += skips(address)["source"]
            if "table" not in arguments:
                found.append((NOT_RECOVERABLE, f"{address}{TABLE}", ON_BY_DEFAULT))
    reasons = {AWS_KEY: OWNED_BY_AWS, NOT_RECOVERABLE: NOTHING_TO_RECOVER}
    for table, checks in TABLES.get(example.name, {}).items():
        found += [(each, f"aws_dynamodb_table.{table}", reasons[each]) for each in checks]
    return sorted(found)


def read_reports(checkout: Path, *arguments: str) -> list[dict[str, Any]]:
    """Run checkov; its reports, one for each framework that found something to check."""
    code, output = run_checkov(checkout, "--output", "json", *arguments)
    found = json.loads(output)
    reports: list[dict[str, Any]] = found if isinstance(found, list) else [found]
    assert code == (1 if list_checks(reports, "failed") else 0)
    return reports


def list_checks(reports: list[dict[str, Any]], kind: str) -> list[Check]:
    """List checks that "passed", "failed" or were "skipped": id, resource, and name or reason."""
    return sorted(
        (check["check_id"], check["resource"], comment or check["check_name"])
        for report in reports
        for check in report["results"][f"{kind}_checks"]
        for comment in [check["check_result"].get("suppress_comment")]
    )


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
def test_the_module(tmp_path: Path) -> None:
    """Nothing fails, two checks are skipped, and queues without encryption are found."""
    checkout = copy_module(tmp_path / "checkout")
    module = read_reports(checkout, *MODULE)
    assert list_checks(module, "failed") == []
    assert len(list_checks(module, "passed")) > 20
    assert list_checks(module, "skipped") == skips()["source"]

    queue = checkout / "queue.tf"
    lines = queue.read_text(encoding="utf-8").splitlines(keepends=True)
    settings = ("  sqs_managed_sse_enabled ", "  kms_master_key_id ")
    kept = [line for line in lines if not line.startswith(settings)]
    assert len(lines) - len(kept) == len(settings) * len(QUEUES)
    queue.write_text("".join(kept), encoding="utf-8")
    found = list_checks(read_reports(checkout, *MODULE), "failed")
    assert {where for check, where, _ in found if check == UNENCRYPTED_QUEUE} == set(QUEUES)


@pytest.mark.terraform
@pytest.mark.extended
def test_the_examples(tmp_path: Path) -> None:
    """Nothing fails in any example, each skip is known, and a new example without one fails."""
    checkout = copy_module(tmp_path / "checkout")
    new = checkout / "examples" / "new"
    new.mkdir()
    for file in (checkout / "examples" / "quickstart").glob("*.tf"):
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if "checkov:skip" not in line]
        (new / file.name).write_text("".join(kept), encoding="utf-8")

    reports = {
        example.parent.name: read_reports(checkout, f"--directory={example.parent}")
        for example in checkout.glob("examples/*/main.tf")
    }

    unskipped = reports.pop("new")
    assert set(reports) == {each.parent.name for each in (ROOT / "examples").glob("*/main.tf")}
    failed = {name: list_checks(report, "failed") for name, report in reports.items()}
    assert failed == {name: [] for name in reports}
    assert {name: list_checks(report, "skipped") for name, report in reports.items()} == {
        name: list_skips(ROOT / "examples" / name) for name in reports
    }
    passed = {name: len(list_checks(report, "passed")) for name, report in reports.items()}
    assert min(passed.values()) > 20
    assert passed["complete"] > 60
    assert {(check, where) for check, where, _ in list_checks(unskipped, "failed")} == {
        (AWS_KEY, "aws_dynamodb_table.ledger"),
        (NOT_RECOVERABLE, "aws_dynamodb_table.ledger"),
        (NOT_RECOVERABLE, f"module.orders.{TABLE}"),
    }


@pytest.mark.terraform
@pytest.mark.extended
def test_the_plan(tmp_path: Path) -> None:
    """Nothing fails, one check is skipped, and queues without encryption are found."""
    checkout = copy_module(tmp_path / "checkout")
    write_plan(checkout)
    report = read_reports(checkout, *PLAN)
    assert list_checks(report, "failed") == []
    assert len(list_checks(report, "passed")) > 80
    assert list_checks(report, "skipped") == skips("module.orders.", "[0]")["plan"]

    plan = checkout / "plan.json"
    insecure = json.loads(plan.read_text(encoding="utf-8"))
    unencrypted(insecure["planned_values"])
    plan.write_text(json.dumps(insecure), encoding="utf-8")
    found = list_checks(read_reports(checkout, *PLAN), "failed")
    assert {where for check, where, _ in found if check == UNENCRYPTED_QUEUE} >= {
        f"module.orders.{each}[0]" for each in QUEUES
    }


@pytest.mark.slow
def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A file that checkov cannot read fails the scan."""
    (tmp_path / "main.tf").write_text('resource "aws_sqs_queue" {')
    code, _ = run_checkov(tmp_path, "--directory", ".")
    assert code == 1


def test_the_checks_of_every_framework_count() -> None:
    """The reports of checkov for each framework become one list that has every failure."""
    check = {"check_name": "a name", "resource": "a", "check_result": {}}
    found = [
        {"results": {"failed_checks": [check | {"check_id": each}]}} for each in ("CKV_2", "CKV_1")
    ]
    assert list_checks(found, "failed") == [("CKV_1", "a", "a name"), ("CKV_2", "a", "a name")]


def test_the_defaults() -> None:
    """The attributes that the scan of the source sets have the values of their defaults."""
    inputs = read_inputs().values()
    defaults = {
        f"{each.name}.{one.path}": one.default for each in inputs for one in each.attributes
    }
    text = (FILES / "defaults.tfvars").read_text(encoding="utf-8")
    reported = {
        f"{name}.{attribute}": json.dumps(value)
        for name, values in hcl2.loads(text).items()
        if isinstance(values, dict)
        for attribute, value in values.items()
    }
    assert len(reported) == text.count(" true ")
    assert reported.items() <= defaults.items()
