"""One role in two Regions, a table from elsewhere, and what a protected table keeps."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from scripts.support import observation
from scripts.support.emulator import ROOT, Emulator, new_account
from scripts.support.observation import Aws
from scripts.support.source import repository
from scripts.support.stack import apply_stack, write_stack
from scripts.support.terraform import Terraform, TerraformError, environment

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.terraform,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.extended,
]

STACK = ROOT / "tests" / "end_to_end" / "places"
RENAMED = "-var=name=store"
UNPROTECTED = "-var=protected=false"
KEPT = "Nothing was destroyed."


@dataclass
class Places:
    """The stack, and the account that it is in."""

    terraform: Terraform
    aws: Aws
    account: str
    outputs: dict[str, Any] = field(default_factory=dict)

    def refuse(self, command: str, *arguments: str) -> str:
        """Run a command that has to fail; return what terraform says, in one line."""
        with pytest.raises(TerraformError) as failure:
            getattr(self.terraform, command)(*arguments)
        return " ".join(failure.value.output.replace("│", " ").split())

    def policies(self, role: str) -> dict[str, str]:
        """Return a role's inline policies, by name."""
        names = self.aws.iam.list_role_policies(RoleName=role)["PolicyNames"]
        documents = (
            self.aws.iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for name in names
        )
        return dict(zip(names, map(json.dumps, documents), strict=True))


def test_places_and_protection(tmp_path: Path, emulator: Emulator, account: str) -> None:
    """Two Regions share a role, a table from elsewhere is refused, and protection keeps all."""
    root = write_stack(tmp_path, STACK, repository(tmp_path / "module.git"))
    variables = {"TF_VAR_account": account} | emulator.environment(account)
    terraform = Terraform(directory=root, environment=environment(variables))
    places = Places(terraform, Aws.of(emulator, account), account)
    terraform.init()

    refuse_a_table_of_another_account(places)
    places.outputs = apply_stack(terraform, places.aws)["stack"]
    assert not terraform.plan(), "the plan after an apply is not empty"
    find_a_policy_for_each_region(places)
    refuse_a_table_of_another_region(places)
    keep_everything(places)


def refuse_a_table_of_another_account(places: Places) -> None:
    """Apply with such a table; the others are made, and of the guest only what names no table."""
    stranger = new_account()
    arn = f"arn:aws:dynamodb:eu-central-1:{stranger}:table/claims"
    said = places.refuse("apply", f"-var=guests_table_arn={arn}")
    assert f'table.existing.arn = "{arn}", and the AWS provider deploys to the account' in said
    assert "in another Region or account than the new dead-letter queue, arn:aws:sqs" in said
    made = {name for name in observation.resources(places.aws) if "guest" in name}
    assert {name.split()[0] for name in made} == {"log", "queue", "role"}
    assert [name for name in made if name.startswith("queue")] == [
        f"queue {places.aws.sqs.get_queue_url(QueueName='guest-dead-letters')['QueueUrl']}"
    ]
    (role,) = (name.removeprefix("role ") for name in made if name.startswith("role"))
    assert places.policies(role) == {}


def refuse_a_table_of_another_region(places: Places) -> None:
    """Plan with such a table: the plan fails, so nothing is made."""
    arn = places.outputs["tables"]["us-east-1"]
    said = places.refuse("plan", f"-var=guests_table_arn={arn}")
    assert f'table.existing.arn = "{arn}", and the AWS provider deploys to the Region' in said
    assert "pass a provider of us-east-1" in said


def find_a_policy_for_each_region(places: Places) -> None:
    """Look at the role: it has a policy for the table in each Region."""
    found = places.policies("shop")
    for region, table in places.outputs["tables"].items():
        (policy,) = (text for name, text in found.items() if f"-{region}-shop-" in name)
        assert table in policy
    assert len(found) == len(places.outputs["tables"])


def keep_everything(places: Places) -> None:
    """Rename while the protection is taken away, and destroy: all is refused, all is kept."""
    url = places.outputs["dead_letters"]
    places.aws.sqs.send_message(QueueUrl=url, MessageBody="parked")
    before = observation.resources(places.aws), places.policies("shop")
    for command, arguments in (
        ("apply", [RENAMED, UNPROTECTED]),
        ("destroy", ["-target=module.here.aws_sqs_queue.dead_letter"]),
    ):
        said = places.refuse(command, *arguments)
        assert KEPT in said
        assert "shop-idempotency, which table.deletion_protection protects" in said
        assert (observation.resources(places.aws), places.policies("shop")) == before
    assert observation.backlog(places.aws, url) == 1
