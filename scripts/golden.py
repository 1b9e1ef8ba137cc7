"""Keeps the module's policies and state in tests/module/golden, for tests of later versions.

    python -m scripts.golden policies
    python -m scripts.golden state

``policies`` plans each run of ``policies/configurations.tftest.hcl``, with mocks for AWS, and
writes its policy documents to the JSON file of its name. Read the difference before you keep it.

``state`` applies the quickstart on the emulator and writes ``v<version>/state.json``. Run it once
per release, and never change a golden state afterwards.
"""

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from scripts.support.emulator import REGION, running
from scripts.support.source import repository
from scripts.support.stack import EXAMPLES, write_stack
from scripts.support.terraform import ROOT, Terraform, TerraformError, environment, interruptible

GOLDEN: Final = Path("tests/module/golden")
POLICIES: Final = GOLDEN / "policies"
ACCOUNT: Final = "123456789012"


def plan_runs(module: Terraform, directory: Path = POLICIES) -> dict[str, Any]:
    """Plan each run of a folder's configurations; return the plans in terraform's JSON, by name."""
    try:
        output = module.run("test", f"-test-directory={directory}", "-json", "-verbose")
    except TerraformError as error:
        # Each plan has the provider's whole schema. Keep only the errors.
        errors = [line for line in error.output.splitlines() if '"@level":"error"' in line]
        raise TerraformError(f"cannot plan {directory}", "\n".join(errors)) from None
    events = [json.loads(line) for line in output.splitlines() if '"type":"test_plan"' in line]
    return {event["@testrun"]: event["test_plan"] for event in events}


def list_documents(plan: dict[str, Any]) -> dict[str, Any]:
    """Return every policy document in a plan, by the address of its resource or output."""
    values = {
        f"{change['address']}.{name}": value
        for change in plan["resource_changes"]
        for name, value in change["change"]["after"].items()
    }
    values["output.policy"] = plan["output_changes"]["policy"]["after"]
    return {
        address: json.loads(value)
        for address, value in values.items()
        # A mock sets an attribute without a value to a random word.
        if address.endswith("policy") and isinstance(value, str) and value.startswith("{")
    }


def format_documents(documents: dict[str, Any]) -> str:
    """Return the text of a golden file."""
    return json.dumps(documents, indent=2, sort_keys=True) + "\n"


def write_policies() -> None:
    """Plan the configurations, and write the files."""
    module = Terraform(directory=ROOT)
    module.init("-backend=false")
    for name, plan in plan_runs(module).items():
        text = format_documents(list_documents(plan))
        (ROOT / POLICIES / f"{name}.json").write_text(text, encoding="utf-8")


def write_state() -> None:
    """Apply the quickstart, and write its state."""
    with running() as emulator, tempfile.TemporaryDirectory() as directory:
        source = repository(Path(directory, "module.git"))
        stack = write_stack(Path(directory), EXAMPLES / "quickstart", source)
        override = f'module "orders" {{\n  source = "{source}"\n}}\n'
        (stack / "source_override.tf").write_text(override, encoding="utf-8")
        variables = environment(emulator.environment(ACCOUNT))
        quickstart = Terraform(directory=stack, environment=variables, report=print)
        quickstart.init()
        quickstart.apply()
        state = (stack / "terraform.tfstate").read_text(encoding="utf-8")
    package = (ROOT / "handler/idempotent_lambda/__init__.py").read_text(encoding="utf-8")
    (version,) = re.findall(r'__version__ = "(\d+\.\d+)\.', package)
    destination = ROOT / GOLDEN / f"v{version}" / "state.json"
    destination.parent.mkdir(parents=True, exist_ok=True)
    # A state of AWS would not have the emulator's address.
    text = state.replace(emulator.endpoint, f"https://sqs.{REGION}.amazonaws.com")
    destination.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    with interruptible():
        {"policies": write_policies, "state": write_state}[sys.argv[1]]()
