"""The permissions of the function's role, and what takes them away."""

from collections.abc import Iterable, Iterator, Mapping

from idempotent_lambda_toolkit.cli.doctor.findings import Checks, Finding, failure, warning
from idempotent_lambda_toolkit.cli.doctor.inventory import Inventory

_ONE_BY_ONE = "without it, every claim and settlement is a separate call"
_NO_LOG = "without it, the log is empty: doctor sees no failed start, and there are no metrics"
WITHOUT: Mapping[str, str] = {
    "dynamodb:BatchGetItem": _ONE_BY_ONE,
    "dynamodb:PartiQLInsert": _ONE_BY_ONE,
    "dynamodb:PartiQLUpdate": _ONE_BY_ONE,
    "dynamodb:PartiQLDelete": _ONE_BY_ONE,
    "logs:CreateLogStream": _NO_LOG,
    "logs:PutLogEvents": _NO_LOG,
    "sqs:ChangeMessageVisibility": "without it, failed messages wait for the visibility timeout",
}
"""Actions that a role may lack, with the consequence."""


def _permissions(inventory: Inventory) -> Iterator[Finding]:
    # A role that lost one statement lacks all of its actions, and that is one finding.
    lacking: dict[str, list[str]] = {}
    for action, resource in inventory.denied or ():
        lacking.setdefault(resource, []).append(action)
    for resource, actions in lacking.items():
        value = f"the role lacks {', '.join(actions)} on {resource}"
        rule = "docs/permissions.md lists what the function needs"
        yield _judge(actions, value, rule, "apply the module again, or add it")


def _resource_policy(inventory: Inventory) -> Iterator[Finding]:
    for denial in inventory.denials:
        actions = ", ".join(denial.actions)
        value = f"the statement {denial.sid} of the policy of {denial.resource} denies {actions}"
        rule = "a denial in a resource's policy overrides what the role allows"
        remedy = "exclude the function's role from the statement, or remove it"
        yield _judge(denial.actions, value, rule, remedy)


def _judge(actions: Iterable[str], value: str, rule: str, remedy: str) -> Finding:
    consequences = [WITHOUT.get(action) for action in actions]
    if None in consequences:
        return failure(value, rule, remedy)
    return warning(value, "; ".join(dict.fromkeys(filter(None, consequences))), remedy)


def _key_state(inventory: Inventory) -> Iterator[Finding]:
    parts: dict[tuple[str, str], list[str]] = {}
    for key in inventory.keys:
        if not key.is_usable:
            parts.setdefault((key.arn, key.state), []).append(key.part)
    for (arn, state), names in parts.items():
        value = f"{arn}, the key of the {' and the '.join(names)}, is {state}"
        rule = "KMS decrypts nothing with it, so the function cannot use what it encrypts"
        yield failure(value, rule, "enable the key, or cancel its deletion")


CHECKS: Checks = {
    "permissions": _permissions,
    "resource-policy": _resource_policy,
    "key-state": _key_state,
}
