"""Scans the module and every example with checkov, without a network: ``make scan``.

    python -m scripts.scan

It scans the source of the module, the directory of each example as its user would, and the plan of
`examples/complete`. The reports go to ``build/scan``. A check that does not apply is skipped where
it is broken, with the reason, and nowhere else. Options of checkov are in ``.checkov.yaml``.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from scripts.support.terraform import Terraform, TerraformError, interruptible

ROOT: Final = Path(__file__).resolve().parents[1]
CHECKOV: Final = ROOT / ".venv-checkov" / "bin" / "checkov"
REPORTS: Final = ROOT / "build" / "scan"
PLANNED: Final = Path("examples", "complete")
PARALLEL: Final = 2

# Checkov reads source without terraform, and does not know what an optional attribute is when
# nobody sets it (a test compares).
DEFAULTS: Final = """\
function = { tracing = true }
table    = { point_in_time_recovery = true }
"""

# A plan does not know what AWS will answer, and checkov takes what is unknown for missing. So we
# say where we are and which key there will be; then the plan has all that is built of these.
PARTS: Final = '{ partition = "aws", region = "eu-central-1", account = "123456789012" }'
KEY: Final = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-4000-8000-000000000000"
KNOWN_IN_MODULE: Final = f"locals {{\n  arn_parts = {PARTS}\n}}\n"
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

Reports = list[dict[str, Any]]
"""What checkov prints as JSON: a report for each framework that found something to check."""


class ScanError(Exception):
    """Checkov is missing, or did not finish; the text says which."""


def copy_sources(destination: Path) -> Path:
    """Copy what is scanned, and all that a plan of it needs."""
    destination.mkdir(parents=True)
    hidden = shutil.ignore_patterns(".terraform*", "*.tfstate*", "__pycache__")
    # A plan hashes the packers. Other scripts hold stacks of their own, which are not for users.
    for file in (*ROOT.glob("*.tf"), ROOT / "scripts" / "pack.py", ROOT / "scripts" / "wheels.py"):
        copy = destination / file.relative_to(ROOT)
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(file, copy)
    for part in ("examples", "handler"):
        shutil.copytree(ROOT / part, destination / part, ignore=hidden)
    return destination


def list_examples(checkout: Path) -> list[str]:
    """The directories of the examples, relative to the checkout."""
    return sorted(f"examples/{path.parent.name}" for path in checkout.glob("examples/*/main.tf"))


def scan_module(checkout: Path) -> Reports:
    """Scan the module by itself, with its defaults."""
    (checkout / "defaults.tfvars").write_text(DEFAULTS, encoding="utf-8")
    source = ("--framework", "terraform", "--directory", ".", "--skip-path", "examples")
    return run_checkov(checkout, *source, "--var-file", str(checkout / "defaults.tfvars"))


def scan_example(checkout: Path, example: str) -> Reports:
    """Scan an example by default, and the module as the example calls it."""
    return run_checkov(checkout, "--directory", example)


def scan_plan(checkout: Path, plan: Path) -> Reports:
    """Scan a plan in terraform's JSON; checkov finds the skips in the source."""
    source = ("--repo-root-for-plan-enrichment", ".")
    return run_checkov(checkout, "--framework", "terraform_plan", "--file", str(plan), *source)


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


def run_checkov(checkout: Path, *arguments: str) -> Reports:
    """Run checkov in a directory.

    Raises:
        ScanError: it is missing, did not finish, or cannot read a file.
    """
    if not CHECKOV.exists():
        raise ScanError(f"{CHECKOV} is missing: run this through make")
    # Nothing of the caller's: a configuration or a key of a platform would change what is checked.
    environment = {"PATH": os.environ["PATH"], "HOME": str(checkout), "LOG_LEVEL": "ERROR"}
    # And nothing goes out: nobody listens there.
    environment |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    done = subprocess.run(
        [CHECKOV, "--config-file", ROOT / ".checkov.yaml", "--soft-fail", *arguments],
        cwd=checkout,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        found = json.loads(done.stdout)
    except ValueError:
        found = None
    # One report, or one for each framework.
    reports: Reports = found if isinstance(found, list) else [found]
    if done.returncode or not all(report and "results" in report for report in reports):
        raise ScanError(f"checkov did not finish:\n{done.stdout}{done.stderr}")
    for report in reports:
        if report["summary"]["parsing_errors"]:
            raise ScanError(f"checkov cannot read {report['results']['parsing_errors']}")
    return reports


def list_checks(reports: Reports, kind: str) -> list[tuple[str, str, str]]:
    """List checks that "passed", "failed" or were "skipped": id, resource, and name or reason."""
    return sorted(
        (check["check_id"], check["resource"], comment or check["check_name"])
        for report in reports
        for check in report["results"][f"{kind}_checks"]
        for comment in [check["check_result"].get("suppress_comment")]
    )


def main() -> int:
    """Scan and print what was found; return the exit code."""
    try:
        with interruptible(), tempfile.TemporaryDirectory() as directory:
            sources = copy_sources(Path(directory, "sources"))
            # What is written for a plan would be scanned as source.
            planned = copy_sources(Path(directory, "planned"))
            plan = write_plan(planned)
            targets = ["module", *list_examples(sources)]
            with ThreadPoolExecutor(PARALLEL) as pool:
                scans = [pool.submit(scan_module, sources)]
                scans += [pool.submit(scan_example, sources, target) for target in targets[1:]]
                scans.append(pool.submit(scan_plan, planned, plan))
                found = [scan.result() for scan in scans]
    except (ScanError, TerraformError) as error:
        print(error, file=sys.stderr)
        return 1
    REPORTS.mkdir(parents=True, exist_ok=True)
    for target, reports in zip([*targets, "plan"], found, strict=True):
        file = REPORTS / f"{target.replace('/', '-')}.json"
        file.write_text(json.dumps(reports, indent=1), encoding="utf-8")
        kinds = ("passed", "failed", "skipped")
        counts = (f"{len(list_checks(reports, kind))} {kind}" for kind in kinds)
        print(f"{target}: {', '.join(counts)}")
        for kind in ("skipped", "failed"):
            for check in list_checks(reports, kind):
                print(f"  {kind} {', '.join(check)}")
    return 1 if any(list_checks(reports, "failed") for reports in found) else 0


if __name__ == "__main__":
    sys.exit(main())
