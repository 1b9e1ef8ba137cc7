"""The permissions of the function's role."""

from collections.abc import Iterator, Mapping

from idempotent_lambda_toolkit.cli.doctor.findings import Checks, Finding, failure, warning
from idempotent_lambda_toolkit.cli.doctor.inventory import Inventory

_ONE_BY_ONE = "without it, every claim and settlement is a separate call"
WITHOUT: Mapping[str, str] = {
    "dynamodb:BatchGetItem": _ONE_BY_ONE,
    "dynamodb:PartiQLInsert": _ONE_BY_ONE,
    "dynamodb:PartiQLUpdate": _ONE_BY_ONE,
    "dynamodb:PartiQLDelete": _ONE_BY_ONE,
    "sqs:ChangeMessageVisibility": "without it, failed messages wait for the visibility timeout",
}
"""Actions that a role may lack, with the consequence."""


def _permissions(inventory: Inventory) -> Iterator[Finding]:
    for action, resource in inventory.denied or ():
        value = f"the role lacks {action} on {resource}"
        if action in WITHOUT:
            yield warning(value, WITHOUT[action], "apply the module again, or add it")
        else:
            rule = "docs/permissions.md lists what the function needs"
            yield failure(value, rule, "apply the module again, or add it")


CHECKS: Checks = {
    "permissions": _permissions,
}
