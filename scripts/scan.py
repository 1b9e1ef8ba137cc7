"""Scans the module and `examples/complete` with checkov, without a network: ``make scan``.

    python -m scripts.scan

Three times: the source of each, and the plan of the example. The reports go to ``build/scan``. A
check that does not apply is skipped where it is broken, with the reason, and nowhere else.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scripts.lab.terraform import Terraform, TerraformError, interruptible

ROOT: Final = Path(__file__).resolve().parents[1]
CHECKOV: Final = ROOT / ".venv-checkov" / "bin" / "checkov"
REPORTS: Final = ROOT / "build" / "scan"
EXAMPLE: Final = Path("examples", "complete")

# Checkov reads source without terraform, and does not know what an optional attribute is when
# nobody sets it (a test compares).
DEFAULTS: Final = """\
function = { tracing = true }
table    = { point_in_time_recovery = true }
"""

# A plan does not know what AWS will answer, and checkov takes what is unknown for missing. So we
# say where we are and which key there will be; then the plan has all that is built of these.
HERE: Final = '{ partition = "aws", region = "eu-central-1", account = "123456789012" }'
KEY: Final = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-4000-8000-000000000000"
KNOWN_IN_MODULE: Final = f"locals {{\n  here = {HERE}\n}}\n"
KNOWN_IN_EXAMPLE: Final = f"""\
{KNOWN_IN_MODULE}
module "orders" {{
  kms_key_arn = "{KEY}"
}}

provider "aws" {{
  region                      = "eu-central-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}}
"""


class ScanError(Exception):
    """Checkov is missing, or did not finish; the text says which."""


@dataclass(frozen=True, order=True)
class Finding:
    """A check that failed, or that was skipped.

    Attributes:
        check: its id, such as CKV_AWS_27.
        resource: the address.
        why: the reason to skip it, or the name of the check that failed.
    """

    check: str
    resource: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one scan found."""

    passed: int
    failed: list[Finding]
    skipped: list[Finding]


def main() -> int:
    """Scan and print what was found; return the exit code."""
    try:
        with interruptible(), tempfile.TemporaryDirectory() as directory:
            checkout = copied(Path(directory) / "checkout")
            reports = {
                "module": scan_module(checkout),
                "example": scan_example(checkout),
                "plan": scan_plan(checkout, planned(checkout)),
            }
    except (ScanError, TerraformError) as error:
        print(error, file=sys.stderr)
        return 1
    REPORTS.mkdir(parents=True, exist_ok=True)
    failed = 0
    for name, found in reports.items():
        report = report_of(found)
        (REPORTS / f"{name}.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
        failed += len(report.failed)
        print(f"{name}: {report.passed} passed, {len(report.failed)} failed")
        for word, findings in (("skipped", report.skipped), ("FAILED", report.failed)):
            for each in findings:
                print(f"  {word} {each.check} {each.resource}: {each.why}")
    return 1 if failed else 0


def copied(destination: Path) -> Path:
    """A copy of what is scanned, with all that a plan of it needs."""
    destination.mkdir(parents=True)
    hidden = shutil.ignore_patterns(".terraform*", "*.tfstate*", "__pycache__")
    for file in ROOT.glob("*.tf"):
        shutil.copy(file, destination)
    for part in (EXAMPLE, Path("handler")):
        shutil.copytree(ROOT / part, destination / part, ignore=hidden)
    return destination


def scan_module(checkout: Path) -> dict[str, Any]:
    """What checkov says of the module by itself, with its defaults."""
    defaults = checkout / "defaults.tfvars"
    defaults.write_text(DEFAULTS, encoding="utf-8")
    return _checkov(
        checkout,
        "terraform",
        *("--directory", ".", "--skip-path", "examples", "--var-file", str(defaults)),
    )


def scan_example(checkout: Path) -> dict[str, Any]:
    """What checkov says of the example, and of the module as it calls it."""
    return _checkov(checkout, "terraform", "--directory", str(EXAMPLE))


def scan_plan(checkout: Path, plan: Path) -> dict[str, Any]:
    """What checkov says of a plan in terraform's JSON; it finds the skips in the source."""
    return _checkov(
        checkout,
        "terraform_plan",
        *("--file", str(plan), "--repo-root-for-plan-enrichment", "."),
    )


def planned(checkout: Path) -> Path:
    """The file of the example's plan, in terraform's JSON."""
    (checkout / "known_override.tf").write_text(KNOWN_IN_MODULE, encoding="utf-8")
    (checkout / EXAMPLE / "known_override.tf").write_text(KNOWN_IN_EXAMPLE, encoding="utf-8")
    example = Terraform(directory=checkout / EXAMPLE)
    example.init("-backend=false")
    example.plan("-out=tfplan")
    plan = checkout / "plan.json"
    plan.write_text(json.dumps(example.show("tfplan")), encoding="utf-8")
    return plan


def report_of(found: dict[str, Any]) -> Report:
    """What checkov's JSON says, in short."""
    results = found["results"]
    failed = [
        Finding(each["check_id"], each["resource"], each["check_name"])
        for each in results["failed_checks"]
    ]
    skipped = [
        Finding(each["check_id"], each["resource"], each["check_result"]["suppress_comment"])
        for each in results["skipped_checks"]
    ]
    return Report(
        passed=len(results["passed_checks"]), failed=sorted(failed), skipped=sorted(skipped)
    )


def _checkov(checkout: Path, framework: str, *arguments: str) -> dict[str, Any]:
    if not CHECKOV.exists():
        raise ScanError(f"{CHECKOV.relative_to(ROOT)} is missing: run this through make")
    command = [
        str(CHECKOV),
        *("--framework", framework, "--output", "json", "--skip-download", "--soft-fail"),
        *arguments,
    ]
    # Nothing of the caller's: a configuration or a key of a platform would change what is checked.
    environment = {"PATH": os.environ["PATH"], "HOME": str(checkout), "LOG_LEVEL": "ERROR"}
    # And nothing goes out: nobody listens there.
    environment |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    done = subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    try:
        found = json.loads(done.stdout)
    except ValueError:
        found = None
    if done.returncode != 0 or not isinstance(found, dict) or "results" not in found:
        raise ScanError(f"checkov did not finish:\n{done.stdout}{done.stderr}")
    if found["summary"]["parsing_errors"]:
        raise ScanError(f"checkov cannot read {found['results']['parsing_errors']}")
    return found


if __name__ == "__main__":
    sys.exit(main())
