"""Copies of the module in which terraform may run, and a provider that calls nothing."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

OFFLINE_PROVIDER = """\
provider "aws" {
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}
"""


def copy_module(destination: Path) -> Path:
    """Copy what a checkout holds of the module, its examples and its tests' files."""
    destination.mkdir(parents=True)
    for file in ROOT.glob("*.tf"):
        shutil.copy(file, destination)
    leave_out = shutil.ignore_patterns("__pycache__", ".terraform*", "*.tfstate*")
    for part in ("handler", "examples", "scripts", "tests/mocks", "tests/module", "tests/zip"):
        shutil.copytree(ROOT / part, destination / part, ignore=leave_out)
    for file in (ROOT / "tests").glob("*.tftest.hcl"):
        shutil.copy(file, destination / "tests")
    return destination


def offline_quickstart(checkout: Path) -> Path:
    """The quickstart of a checkout, with a provider that calls nothing while it plans."""
    directory = checkout / "examples" / "quickstart"
    (directory / "offline_override.tf").write_text(OFFLINE_PROVIDER)
    return directory


def diagnostics(output: str) -> Iterable[dict[str, Any]]:
    """The errors among the lines that terraform prints with -json."""
    for line in output.splitlines():
        if line.startswith("{"):
            found = json.loads(line).get("diagnostic")
            if found and found["severity"] == "error":
                yield found
