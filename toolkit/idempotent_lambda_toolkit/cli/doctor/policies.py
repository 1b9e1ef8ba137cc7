"""The permissions of the function's role: simulated by IAM, or read from its policies."""

import fnmatch
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from idempotent_lambda_toolkit.cli.deployment import Deployment


def list_denied(
    deployment: Deployment, role: str, needed: Iterable[tuple[str, str]], namespace: str
) -> tuple[tuple[str, str], ...]:
    """List the actions that the role lacks, by IAM's simulation, or by policies if it is denied."""
    needed = list(needed)
    try:
        return _simulate_policy(deployment.client("iam"), role, needed, namespace)
    except (BotoCoreError, ClientError):
        statements = list(_statements(deployment.client("iam"), role.rsplit("/", 1)[-1]))
        return tuple(each for each in needed if not allows(statements, *each))


def _simulate_policy(
    client: Any, role: str, needed: list[tuple[str, str]], namespace: str
) -> tuple[tuple[str, str], ...]:
    lacking = []
    for resource in dict.fromkeys(resource for _, resource in needed):
        # On shared tables the actions are allowed for keys of the namespace only.
        keys = {
            "ContextKeyName": "dynamodb:LeadingKeys",
            "ContextKeyType": "stringList",
            "ContextKeyValues": [f"{namespace}#doctor"],
        }
        answer = client.simulate_principal_policy(
            PolicySourceArn=role,
            ActionNames=[action for action, on in needed if on == resource],
            ResourceArns=[resource],
            ContextEntries=[keys],
        )
        lacking += [
            (each["EvalActionName"], resource)
            for each in answer["EvaluationResults"]
            if each["EvalDecision"] != "allowed"
        ]
    return tuple(lacking)


def _statements(client: Any, role: str) -> Iterable[Mapping[str, Any]]:
    """Yield the statements of a role's policies, inline and attached."""
    documents = [
        client.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for page in client.get_paginator("list_role_policies").paginate(RoleName=role)
        for name in page["PolicyNames"]
    ]
    for page in client.get_paginator("list_attached_role_policies").paginate(RoleName=role):
        for each in page["AttachedPolicies"]:
            arn = each["PolicyArn"]
            version = client.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            found = client.get_policy_version(PolicyArn=arn, VersionId=version)
            documents.append(found["PolicyVersion"]["Document"])
    for document in documents:
        yield from _many(document["Statement"])


def allows(statements: Iterable[Mapping[str, Any]], action: str, resource: str) -> bool:
    """Return whether policy statements allow an action on a resource, if their conditions hold.

    A denial under a condition is ignored, because nothing here knows whether it holds.
    """
    matching = [
        each
        for each in statements
        if _fits(each.get("Action"), action.lower(), lower=True)
        and _fits(each.get("Resource"), resource)
    ]
    denied = any(each["Effect"] == "Deny" and not each.get("Condition") for each in matching)
    return not denied and any(each["Effect"] == "Allow" for each in matching)


def _fits(patterns: Any, value: str, *, lower: bool = False) -> bool:
    return any(
        fnmatch.fnmatchcase(value, each.lower() if lower else each) for each in _many(patterns)
    )


def _many(one_or_many: Any) -> list[Any]:
    if one_or_many is None:
        return []
    return one_or_many if isinstance(one_or_many, list) else [one_or_many]
