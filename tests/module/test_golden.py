"""A stack of an earlier version is taken over as it stands: nothing in it is lost or made anew."""

import re
import shutil
from pathlib import Path

import pytest

from scripts.lab.terraform import Terraform
from tests.module.stacks import copy_module, offline_quickstart

GOLDEN = Path(__file__).parent / "golden"
STATES = sorted(GOLDEN.glob("*/state.json"))
VERSIONS = [path.parent.name for path in STATES]


def test_there_is_a_state_of_the_first_version() -> None:
    """The versions that are upgraded from start with the first."""
    assert "v0.1" in VERSIONS


@pytest.mark.parametrize("state", STATES, ids=VERSIONS)
def test_a_state_names_no_machine(state: Path) -> None:
    """No path, port or user of the machine that made it."""
    text = state.read_text(encoding="utf-8")
    assert "127.0.0.1" not in text
    assert "localhost" not in text
    absolute = re.findall(r'"(/[^"]*)"', text)
    assert set(absolute) <= {"/", "/aws/lambda/orders"}


@pytest.mark.terraform
@pytest.mark.parametrize("state", STATES, ids=VERSIONS)
def test_an_upgrade_replaces_nothing(state: Path, tmp_path: Path) -> None:
    """Only the function's code and its role's policy are updated, and the zip is built."""
    quickstart = offline_quickstart(copy_module(tmp_path / "checkout"))
    shutil.copy(state, quickstart / "terraform.tfstate")
    terraform = Terraform(directory=quickstart)
    terraform.init("-backend=false")
    terraform.plan("-refresh=false", "-out=plan")
    changes = {
        change["address"]: change["change"]["actions"]
        for change in terraform.show("plan")["resource_changes"]
        if change["change"]["actions"] != ["no-op"]
    }
    # Fewer where the package or the policy is still that of the state.
    assert (
        changes.items()
        <= {
            "module.orders.aws_iam_role_policy.function": ["update"],
            "module.orders.aws_lambda_function.consumer": ["update"],
            "module.orders.terraform_data.package[0]": ["delete", "create"],
        }.items()
    )
