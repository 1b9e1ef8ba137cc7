"""Scans the module and every example with checkov, without a network: ``make scan``.

    python -m scripts.scan

It scans the source of the module, the directory of each example as its user would, and the plan of
`examples/complete`. The reports go to ``build/scan``. A check that does not apply is skipped where
it is broken, with the reason, and nowhere else.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scripts.support.terraform import Terraform, TerraformError, interruptible

ROOT: Final = Path(__file__).resolve().parents[1]
CHECKOV: Final = ROOT / ".venv-checkov" / "bin" / "checkov"
REPORTS: Final = ROOT / "build" / "scan"
PLANNED: Final = Path("examples", "complete")
# Each takes one core for some seconds.
PARALLEL: Final = 2

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


Found = list[dict[str, Any]]
"""What checkov prints as JSON: a report for each framework that found something to check."""


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
            found = scan_all(Path(directory))
    except (ScanError, TerraformError) as error:
        print(error, file=sys.stderr)
        return 1
    REPORTS.mkdir(parents=True, exist_ok=True)
    for target, reports in found.items():
        file = REPORTS / f"{target.replace('/', '-').replace(' ', '-')}.json"
        file.write_text(json.dumps(reports, indent=1), encoding="utf-8")
    summaries = {target: summarize(reports) for target, reports in found.items()}
    print_reports(summaries)
    return 1 if any(each.failed for each in summaries.values()) else 0


def scan_all(directory: Path) -> dict[str, Found]:
    """What checkov says of each target, by the target's name; copies go to the directory."""
    sources = copy_sources(directory / "sources")
    # What is written for a plan would be scanned as source.
    planned = copy_sources(directory / "planned")
    pool = ThreadPoolExecutor(PARALLEL)
    try:
        scans: dict[str, Future[Found]] = {"module": pool.submit(scan_module, sources)}
        for example in list_examples(sources):
            scans[example.as_posix()] = pool.submit(scan_example, sources, example)
        plan = write_plan(planned)
        scans[f"plan of {PLANNED.as_posix()}"] = pool.submit(scan_plan, planned, plan)
        return {target: scan.result() for target, scan in scans.items()}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in tuple(_running):
            _kill(process)
        pool.shutdown()


def list_examples(checkout: Path) -> list[Path]:
    """The directories of the examples, relative to the checkout."""
    return sorted(path.parent.relative_to(checkout) for path in checkout.glob("examples/*/main.tf"))


def copy_sources(destination: Path) -> Path:
    """Copy what is scanned, and all that a plan of it needs."""
    destination.mkdir(parents=True)
    hidden = shutil.ignore_patterns(".terraform*", "*.tfstate*", "__pycache__")
    for file in ROOT.glob("*.tf"):
        shutil.copy(file, destination)
    for part in ("examples", "handler"):
        shutil.copytree(ROOT / part, destination / part, ignore=hidden)
    # A plan hashes the packers. Other scripts hold stacks of their own, which are not for users.
    (destination / "scripts").mkdir()
    for packer in ("pack.py", "wheels.py"):
        shutil.copy(ROOT / "scripts" / packer, destination / "scripts")
    return destination


def scan_module(checkout: Path) -> Found:
    """What checkov says of the module by itself, with its defaults."""
    defaults = checkout / "defaults.tfvars"
    defaults.write_text(DEFAULTS, encoding="utf-8")
    return _checkov(
        checkout,
        *("--framework", "terraform"),
        *("--directory", ".", "--skip-path", "examples", "--var-file", str(defaults)),
    )


def scan_example(checkout: Path, example: Path) -> Found:
    """What checkov says of an example by default, and of the module as the example calls it."""
    return _checkov(checkout, "--directory", str(example))


def scan_plan(checkout: Path, plan: Path) -> Found:
    """What checkov says of a plan in terraform's JSON; it finds the skips in the source."""
    return _checkov(
        checkout,
        *("--framework", "terraform_plan"),
        *("--file", str(plan), "--repo-root-for-plan-enrichment", "."),
    )


def write_plan(checkout: Path) -> Path:
    """Plan the example; the file of the plan, in terraform's JSON."""
    (checkout / "known_override.tf").write_text(KNOWN_IN_MODULE, encoding="utf-8")
    (checkout / PLANNED / "known_override.tf").write_text(KNOWN_IN_EXAMPLE, encoding="utf-8")
    example = Terraform(directory=checkout / PLANNED)
    example.init("-backend=false")
    example.plan("-out=tfplan")
    plan = checkout / "plan.json"
    plan.write_text(json.dumps(example.show("tfplan")), encoding="utf-8")
    return plan


def summarize(found: Found) -> Report:
    """What checkov's JSON says, in short."""
    results = [each["results"] for each in found]
    failed = [
        Finding(each["check_id"], each["resource"], each["check_name"])
        for result in results
        for each in result["failed_checks"]
    ]
    skipped = [
        Finding(each["check_id"], each["resource"], each["check_result"]["suppress_comment"])
        for result in results
        for each in result["skipped_checks"]
    ]
    passed = sum(len(result["passed_checks"]) for result in results)
    return Report(passed=passed, failed=sorted(failed), skipped=sorted(skipped))


def print_reports(reports: Mapping[str, Report]) -> None:
    """Print a line per target, each reason to skip a check once, and what failed."""
    skips: dict[tuple[str, str], dict[str, None]] = {}
    for target, report in reports.items():
        counts = f"{report.passed} passed, {len(report.failed)} failed"
        print(f"{target}: {counts}, {len(report.skipped)} skipped")
        for finding in report.skipped:
            skips.setdefault((finding.check, finding.why), {})[target] = None
    for (check, reason), targets in sorted(skips.items()):
        print(f"skipped {check}: {reason}")
        print(f"  {', '.join(targets)}")
    for target, report in reports.items():
        for finding in report.failed:
            print(f"FAILED {finding.check} in {target}, {finding.resource}: {finding.why}")


def _checkov(checkout: Path, *arguments: str) -> Found:
    if not CHECKOV.exists():
        raise ScanError(f"{CHECKOV.relative_to(ROOT)} is missing: run this through make")
    command = [
        str(CHECKOV),
        *("--output", "json", "--skip-download", "--soft-fail"),
        *arguments,
    ]
    # Nothing of the caller's: a configuration or a key of a platform would change what is checked.
    environment = {"PATH": os.environ["PATH"], "HOME": str(checkout), "LOG_LEVEL": "ERROR"}
    # And nothing goes out: nobody listens there.
    environment |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    with subprocess.Popen(
        command,
        cwd=checkout,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # It has workers, which end with it.
        start_new_session=True,
    ) as process:
        _running.add(process)
        try:
            output, errors = process.communicate()
        finally:
            _kill(process)
            _running.discard(process)
    try:
        said = json.loads(output)
    except ValueError:
        said = None
    # One report, or one for each framework.
    reports = said if isinstance(said, list) else [said]
    complete = all(isinstance(each, dict) and "results" in each for each in reports)
    if process.returncode != 0 or not complete:
        raise ScanError(f"checkov did not finish:\n{output}{errors}")
    found: Found = reports
    for report in found:
        if report["summary"]["parsing_errors"]:
            raise ScanError(f"checkov cannot read {report['results']['parsing_errors']}")
    return found


_running: set[subprocess.Popen[str]] = set()


def _kill(process: subprocess.Popen[str]) -> None:
    """End a checkov with its workers, if any of them runs."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
