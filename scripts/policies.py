"""Keeps every policy document of some configurations, for the test of what the module grants.

    python -m scripts.policies

Plans each run of ``tests/module/golden/policies/configurations.tftest.hcl``, with mocks for AWS,
and writes what it finds into the JSON file of the run's name. Read the difference before you keep
it.
"""

import json
from pathlib import Path
from typing import Any, Final

from scripts.support.terraform import ROOT, Terraform, TerraformError, interruptible

GOLDEN: Final = Path("tests/module/golden/policies")


def main() -> None:
    """Plan, and write the files."""
    module = Terraform(directory=ROOT)
    with interruptible():
        module.init("-backend=false")
        found = plans(module)
    for name, plan in found.items():
        (ROOT / GOLDEN / f"{name}.json").write_text(text(documents(plan)), encoding="utf-8")
        print(f"wrote {GOLDEN / name}.json")


def plans(module: Terraform) -> dict[str, Any]:
    """What each run plans, in terraform's JSON, by its name.

    Raises:
        TerraformError: a run failed.
    """
    try:
        said = module.run("test", f"-test-directory={GOLDEN}", "-json", "-verbose")
    except TerraformError as error:
        # Each plan brings the provider's whole schema along: only the errors.
        errors = [line for line in error.output.splitlines() if '"@level":"error"' in line]
        raise TerraformError(f"cannot plan {GOLDEN}", "\n".join(errors)) from None
    events = [json.loads(line) for line in said.splitlines() if '"type":"test_plan"' in line]
    return {event["@testrun"]: event["test_plan"] for event in events}


def documents(plan: dict[str, Any]) -> dict[str, Any]:
    """Every policy document in a plan, by the address of what has it."""
    planned = {
        f"{change['address']}.{name}": value
        for change in plan["resource_changes"]
        for name, value in change["change"]["after"].items()
        if name.endswith("policy")
    }
    output = plan["output_changes"]["policy"]["after"]
    return {
        address: json.loads(value)
        for address, value in {**planned, "output.policy": output}.items()
        # A mock answers what is not set with a word of its own.
        if isinstance(value, str) and value.startswith("{")
    }


def text(documents: dict[str, Any]) -> str:
    """A golden file's text."""
    return json.dumps(documents, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    main()
