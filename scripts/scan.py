"""Runs checkov over the module, every example and a plan, without a network: ``make scan``.

tests/module/test_scan.py scans the source of the module, the directory of each example as its user
would, and the plan of `examples/complete`. A check that does not apply is skipped only where it
fails, with the reason. ``scripts/scan_files`` has the data that checkov cannot find by itself.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from scripts.support.terraform import ROOT, Terraform

CHECKOV: Final = ROOT / ".venv-checkov" / "bin" / "checkov"
FILES: Final = ROOT / "scripts" / "scan_files"
MODULE: Final = (
    *("--directory=.", "--skip-path=examples", "--skip-path=scripts", "--skip-path=tests"),
    *("--framework=terraform", f"--var-file={FILES / 'defaults.tfvars'}"),
)
# The skips are in the source.
PLAN: Final = ("--file", "plan.json", "--repo-root-for-plan-enrichment", ".")
ENVIRONMENT: Final = {
    "LOG_LEVEL": "ERROR",
    "CKV_PARSE_ERROR_FAIL": "true",
    "HCL_PARSE_TIMEOUT_SEC": "600",  # long enough for a busy machine
    # No request leaves the machine: nobody listens there.
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9"),
}


def write_plan(checkout: Path) -> None:
    """Plan the example, and write the plan in terraform's JSON."""
    shutil.copytree(FILES / "plan", checkout, dirs_exist_ok=True)
    example = Terraform(directory=checkout / "examples" / "complete")
    example.init("-backend=false")
    example.plan("-out=tfplan")
    plan = example.run("show", "-json", "tfplan")
    (checkout / "plan.json").write_text(plan, encoding="utf-8")


def run_checkov(checkout: Path, *arguments: str) -> tuple[int, str]:
    """Run checkov; return its exit code (0 if every check passes on every file) and its output."""
    done = subprocess.run(
        [CHECKOV, "--config-file", ROOT / ".checkov.yaml", *arguments],
        cwd=checkout,
        # The caller's configuration, or a key of checkov's platform, would change the checks.
        env={"PATH": os.environ["PATH"], "HOME": str(checkout), **ENVIRONMENT},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout
