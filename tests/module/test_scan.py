"""Checkov finds nothing in the module and in the examples, and would find a defect."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import hcl2
import pytest

from scripts import scan
from scripts.inputs import variables
from scripts.scan import (
    DEFAULTS,
    PARALLEL,
    Finding,
    Report,
    copy_sources,
    list_examples,
    print_reports,
    scan_example,
    scan_module,
    scan_plan,
    summarize,
    write_plan,
)
from scripts.support.terraform import TerraformError
from tests.module.stacks import ROOT
from tests.waiting import eventually

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

NOT_RECOVERABLE, AWS_KEY = "CKV_AWS_28", "CKV_AWS_119"
ON_BY_DEFAULT = (
    "The module turns recovery on by default, but checkov does not see the default of an "
    "optional attribute."
)
NOTHING_TO_RECOVER = (
    "This table replaces a real service in the example, so it holds nothing to recover."
)
OWNED_BY_AWS = (
    "DynamoDB encrypts this table with a key that AWS owns, and examples/complete uses a "
    "customer managed key."
)
TABLES = {
    "dependencies": {"invoices": [AWS_KEY]},
    "exactly-once": {"balances": [AWS_KEY]},
    "existing-handler": {"ledger": [AWS_KEY, NOT_RECOVERABLE]},
    "fifo": {"accounts": [AWS_KEY]},
    "quickstart": {"ledger": [AWS_KEY, NOT_RECOVERABLE]},
    "sns-fanout": {"work": [AWS_KEY, NOT_RECOVERABLE]},
    "streams": {"parcels": [AWS_KEY], "timelines": [AWS_KEY]},
}
"""The skips of the examples for the tables that they create themselves."""


def skips(address: str = "", index: str = "") -> dict[str, list[Finding]]:
    """What is skipped in a scan, by the name of the scan's kind."""
    unsigned, not_scaled = (
        Finding(check, f"{address}{resource}{index}", REASONS[check])
        for check, resource in ((UNSIGNED, FUNCTION), (NOT_SCALED, TABLE))
    )
    # A plan knows how the table is billed.
    return {"source": [not_scaled, unsigned], "plan": [unsigned]}


def list_skips(example: Path) -> list[Finding]:
    """All that an example skips: nothing for its own resources but what TABLES lists."""
    found = []
    for block in hcl2.loads((example / "main.tf").read_text(encoding="utf-8"))["module"]:
        for name, arguments in block.items():
            address = "module.{}.".format(name.strip('"'))
            found += skips(address)["source"]
            if "table" not in arguments:
                found.append(Finding(NOT_RECOVERABLE, f"{address}{TABLE}", ON_BY_DEFAULT))
    reasons = {AWS_KEY: OWNED_BY_AWS, NOT_RECOVERABLE: NOTHING_TO_RECOVER}
    for table, checks in TABLES.get(example.name, {}).items():
        found += [Finding(each, f"aws_dynamodb_table.{table}", reasons[each]) for each in checks]
    return sorted(found)


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
    checkout = copy_sources(tmp_path / "checkout")
    module = summarize(scan_module(checkout))
    assert module.failed == []
    assert module.passed > 20
    assert module.skipped == skips()["source"]

    queue = checkout / "queue.tf"
    lines = queue.read_text(encoding="utf-8").splitlines(keepends=True)
    settings = ("  sqs_managed_sse_enabled ", "  kms_master_key_id ")
    kept = [line for line in lines if not line.startswith(settings)]
    assert len(lines) - len(kept) == len(settings) * len(QUEUES)
    queue.write_text("".join(kept), encoding="utf-8")
    found = summarize(scan_module(checkout)).failed
    assert {each.resource for each in found if each.check == UNENCRYPTED_QUEUE} == set(QUEUES)


@pytest.mark.terraform
@pytest.mark.extended
def test_the_examples(tmp_path: Path) -> None:
    """Nothing fails in any example, each skip is known, and a new example without one fails."""
    checkout = copy_sources(tmp_path / "checkout")
    new = checkout / "examples" / "new"
    new.mkdir()
    for file in (checkout / "examples" / "quickstart").glob("*.tf"):
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if "checkov:skip" not in line]
        (new / file.name).write_text("".join(kept), encoding="utf-8")

    examples = list_examples(checkout)
    with ThreadPoolExecutor(PARALLEL) as pool:
        found = pool.map(lambda example: summarize(scan_example(checkout, example)), examples)
        reports = {example.name: report for example, report in zip(examples, found, strict=True)}

    unskipped = reports.pop("new")
    assert set(reports) == {each.parent.name for each in (ROOT / "examples").glob("*/main.tf")}
    assert [(name, report.failed) for name, report in reports.items() if report.failed] == []
    assert {name: report.skipped for name, report in reports.items()} == {
        name: list_skips(ROOT / "examples" / name) for name in reports
    }
    assert [name for name, report in reports.items() if report.passed <= 20] == []
    assert reports["complete"].passed > 60
    assert {(each.check, each.resource) for each in unskipped.failed} == {
        (AWS_KEY, "aws_dynamodb_table.ledger"),
        (NOT_RECOVERABLE, "aws_dynamodb_table.ledger"),
        (NOT_RECOVERABLE, f"module.orders.{TABLE}"),
    }


@pytest.mark.terraform
@pytest.mark.extended
def test_the_plan(tmp_path: Path) -> None:
    """Nothing fails, one check is skipped, and queues without encryption are found."""
    checkout = copy_sources(tmp_path / "checkout")
    plan = write_plan(checkout)
    report = summarize(scan_plan(checkout, plan))
    assert report.failed == []
    assert report.passed > 80
    assert report.skipped == skips("module.orders.", "[0]")["plan"]

    insecure = json.loads(plan.read_text(encoding="utf-8"))
    unencrypted(insecure["planned_values"])
    plan.write_text(json.dumps(insecure), encoding="utf-8")
    found = summarize(scan_plan(checkout, plan)).failed
    assert {each.resource for each in found if each.check == UNENCRYPTED_QUEUE} >= {
        f"module.orders.{each}[0]" for each in QUEUES
    }


def test_a_failed_plan_stops_the_scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan that is interrupted does not wait for checkov, and leaves no process of it."""
    checkov, started = tmp_path / "checkov", tmp_path / "started"
    checkov.write_text(f'#!/bin/sh\necho $$ >>"{started}"\nexec sleep 300\n')
    checkov.chmod(0o755)
    monkeypatch.setattr(scan, "CHECKOV", checkov)

    def fail(_: Path) -> Path:
        eventually(
            lambda: started.exists() and started.read_text().count("\n") == PARALLEL,
            "as many scans as run at a time",
        )
        raise TerraformError("no plan")

    monkeypatch.setattr(scan, "write_plan", fail)
    with pytest.raises(TerraformError, match="no plan"):
        scan.scan_all(tmp_path)
    stopped = [int(pid) for pid in started.read_text().split()]
    assert len(stopped) == PARALLEL
    for pid in stopped:
        with pytest.raises(ProcessLookupError):
            os.killpg(pid, 0)


def test_a_summary_counts_every_framework() -> None:
    """What checkov reports per framework is one report: nothing that fails is left out."""

    def result(check: str, resource: str) -> dict[str, Any]:
        return {
            "check_id": check,
            "check_name": "a name",
            "resource": resource,
            "check_result": {"suppress_comment": "a reason"},
        }

    found = [
        {
            "results": {
                "passed_checks": [result("CKV_1", "a")],
                "failed_checks": [result("CKV_3", "a"), result("CKV_2", "b")],
                "skipped_checks": [],
            }
        },
        {
            "results": {
                "passed_checks": [result("CKV_9", "c")],
                "failed_checks": [result("CKV_1", "c")],
                "skipped_checks": [result("CKV_4", "c")],
            }
        },
    ]
    assert summarize(found) == Report(
        passed=2,
        failed=[
            Finding("CKV_1", "c", "a name"),
            Finding("CKV_2", "b", "a name"),
            Finding("CKV_3", "a", "a name"),
        ],
        skipped=[Finding("CKV_4", "c", "a reason")],
    )


def test_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """A line per target comes first, then each reason once with its targets, then what failed."""
    skipped = [Finding("CKV_2", "table.a", "no need"), Finding("CKV_2", "table.b", "no need")]
    print_reports(
        {
            "module": Report(passed=3, failed=[], skipped=[Finding("CKV_1", "x", "not here")]),
            "examples/one": Report(passed=2, failed=[], skipped=skipped),
            "examples/two": Report(
                passed=1, failed=[Finding("CKV_3", "topic", "Encrypt it")], skipped=skipped[:1]
            ),
        }
    )
    assert capsys.readouterr().out == (
        "module: 3 passed, 0 failed, 1 skipped\n"
        "examples/one: 2 passed, 0 failed, 2 skipped\n"
        "examples/two: 1 passed, 1 failed, 1 skipped\n"
        "skipped CKV_1: not here\n"
        "  module\n"
        "skipped CKV_2: no need\n"
        "  examples/one, examples/two\n"
        "FAILED CKV_3 in examples/two, topic: Encrypt it\n"
    )


def test_the_defaults() -> None:
    """What the scan of the source is told of attributes are their defaults."""
    inputs = variables((ROOT / "variables.tf").read_text(encoding="utf-8"))
    defaults = {
        f"{each.name}.{one.path}": one.default for each in inputs for one in each.attributes
    }
    reported = {
        f"{name}.{attribute}": json.dumps(value)
        for name, values in hcl2.loads(DEFAULTS).items()
        if isinstance(values, dict)
        for attribute, value in values.items()
    }
    assert len(reported) == DEFAULTS.count(" true ")
    assert reported.items() <= defaults.items()
