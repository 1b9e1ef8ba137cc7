"""Copies of the module in which terraform may run, and a provider that calls nothing."""

import json
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scripts.support.terraform import OFFLINE, Terraform, environment

ROOT = Path(__file__).resolve().parents[2]

OFFLINE_PROVIDER = """\
provider "aws" {
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}
"""

# How a sentence starts that says what to do about a message.
REMEDY = re.compile(
    r"[.:;] (?:Set|Raise|Lower|Choose|Rename|Remove|Replace|Shorten|Leave|Use|Give|Build|Check|"
    r"Correct|Install|Name|For |Round|Prefer)"
)

# An override replaces only the constraint on this provider.
PROVIDER_OVERRIDE = """\
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = %s
    }
  }
}
"""


def copy_module(destination: Path) -> Path:
    """Copy what a checkout holds of the module, its examples and its tests' files.

    The copy takes only the versions of the provider that PROVIDER_VERSION allows, if it is set.
    """
    destination.mkdir(parents=True)
    for file in ROOT.glob("*.tf"):
        shutil.copy(file, destination)
    leave_out = shutil.ignore_patterns("__pycache__", ".terraform*", "*.tfstate*")
    for part in (
        "handler",
        "examples",
        "mocks",
        "scripts",
        "tests/mocks",
        "tests/module",
        "tests/rejections",
        "tests/zip",
    ):
        shutil.copytree(ROOT / part, destination / part, ignore=leave_out)
    for file in (ROOT / "tests").glob("*.tftest.hcl"):
        shutil.copy(file, destination / "tests")
    if versions := os.environ.get("PROVIDER_VERSION"):
        override = PROVIDER_OVERRIDE % json.dumps(versions)
        (destination / "provider_override.tf").write_text(override)
    return destination


def pretend_provider(module: Path, *, has_provider_6: bool) -> None:
    """Make a copy of the module take the provider for version 6 or newer, or for an older one."""
    file, detection = (
        module / "provider-versions.tf",
        'contains(keys(data.aws_region.current), "region")',
    )
    text = file.read_text(encoding="utf-8")
    assert text.count(detection) == 1
    file.write_text(text.replace(detection, json.dumps(has_provider_6)), encoding="utf-8")


def offline_quickstart(checkout: Path) -> Path:
    """The quickstart of a checkout, with a provider that calls nothing while it plans."""
    directory = checkout / "examples" / "quickstart"
    (directory / "offline_override.tf").write_text(OFFLINE_PROVIDER)
    return directory


def pack_by_terraform(checkout: Path, build_dir: Path, code: str, **variables: str) -> Path:
    """Have Terraform pack, with mocks for AWS; the zip."""
    mocks = 'mock_provider "aws" {\n  source = "./mocks"\n}\n'
    arguments = f'{code}, build_dir = "{build_dir}"'
    (checkout / "tests" / "packing.tftest.hcl").write_text(
        f'{mocks}run "packed" {{\n  variables {{\n    name = "orders"\n'
        f'    code = {{ {arguments} }}\n    processor = "orders.process"\n  }}\n}}\n'
    )
    module = Terraform(directory=checkout, environment={**environment(OFFLINE), **variables})
    module.init("-backend=false")
    module.run("test", "-filter=tests/packing.tftest.hcl")
    (zipped,) = build_dir.rglob("*.zip")
    return zipped


def diagnostics(output: str) -> Iterable[dict[str, Any]]:
    """The errors among the lines that terraform prints with -json."""
    for line in output.splitlines():
        if line.startswith("{"):
            found = json.loads(line).get("diagnostic")
            if found and found["severity"] == "error":
                yield found
