"""The permissions of the function's role: simulated by IAM, or read from the policies."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.doctor.inventory import Denial
from idempotent_lambda_toolkit.cli.doctor.policies import (
    LEADING_KEYS,
    VIA_SERVICE,
    Request,
    Statement,
    find_denials,
    is_allowed,
    list_statements,
    list_undecided,
)

SIMULATED_KEYS = {LEADING_KEYS: "stringList", VIA_SERVICE: "string"}
"""The condition keys of the simulation, with their types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """The answers about a role.

    Attributes:
        denied: the actions that the role lacks, each with its resource.
        undecided: the actions that depend on what is not known from here, in words.
    """

    denied: tuple[tuple[str, str], ...] = ()
    undecided: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Suspect:
    """A request that the simulation denies, or that nobody simulated."""

    request: Request
    is_certain: bool = False
    missing_keys: tuple[str, ...] = ()


def find_permissions(
    deployment: Deployment,
    role: str,
    requests: Sequence[Request],
    granted: Mapping[str, Sequence[Statement]],
) -> Permissions:
    """Find the actions that the role lacks, by IAM's simulation and by policies.

    An emulator's simulation may ignore the context, and IAM's does not read the policies of
    resources. So an action is denied only if the policies do not allow it either. The statements
    of the resources' policies come by the resource's ARN.

    Raises:
        ClientError, BotoCoreError: neither the simulation nor the policies are allowed.
    """
    client = deployment.client("iam")
    try:
        suspects = _simulate(client, role, requests)
        is_simulated = True
    except (BotoCoreError, ClientError):
        suspects, is_simulated = [_Suspect(request) for request in requests], False
    if not suspects:
        return Permissions()
    try:
        statements = list(_read_statements(client, role))
        boundary, is_bounded = _read_boundary(client, role)
    except (BotoCoreError, ClientError):
        if not is_simulated:
            raise
        return Permissions(
            denied=tuple(_pair(one.request) for one in suspects if not one.missing_keys),
            undecided=_describe((one.request, one.missing_keys) for one in suspects),
        )
    denied: list[tuple[str, str]] = []
    undecided: list[tuple[Request, Iterable[str]]] = []
    for suspect in suspects:
        request = suspect.request
        grants = granted.get(request.resource, ())
        answer = is_allowed(statements, request, role, boundary=boundary, granted=grants)
        if suspect.is_certain or answer is False:
            denied.append(_pair(request))
        elif answer is None:
            policies = [*statements, *(boundary or ()), *grants]
            keys = list_undecided(policies, request) or ["policy variables"]
            undecided.append((request, keys))
        elif is_bounded is None:
            undecided.append((request, ["the role's permissions boundary"]))
    return Permissions(denied=tuple(denied), undecided=_describe(undecided))


def find_resource_denials(
    role: str, requests: Iterable[Request], policies: Mapping[str, Sequence[Statement]]
) -> tuple[tuple[Denial, ...], tuple[str, ...]]:
    """Find the statements of resources' policies that deny the role what it needs.

    Returns:
        The denials, one for each statement, and in words the denials that depend on conditions
        which are not known from here.
    """
    actions: dict[tuple[str, str], list[str]] = {}
    undecided: dict[str, None] = {}
    for request in requests:
        certain, possible = find_denials(policies.get(request.resource, ()), request, role)
        for statement in certain:
            sid = str(statement.get("Sid") or "without Sid")
            actions.setdefault((request.resource, sid), []).append(request.action)
        undecided |= {f"{name} of {request.resource}": None for name in possible}
    denials = tuple(
        Denial(resource=resource, sid=sid, actions=tuple(dict.fromkeys(found)))
        for (resource, sid), found in actions.items()
    )
    return denials, tuple(undecided)


def _simulate(client: Any, role: str, requests: Sequence[Request]) -> list[_Suspect]:
    groups: dict[tuple[str, tuple[tuple[str, str, str], ...]], list[Request]] = {}
    for request in requests:
        entries = tuple(
            (name, kind, request.context[name.lower()][0])
            for name, kind in SIMULATED_KEYS.items()
            if name.lower() in request.context
        )
        groups.setdefault((request.resource, entries), []).append(request)
    suspects = []
    for (resource, entries), group in groups.items():
        answer = client.simulate_principal_policy(
            PolicySourceArn=role,
            ActionNames=[request.action for request in group],
            ResourceArns=[resource],
            ContextEntries=[
                {"ContextKeyName": name, "ContextKeyType": kind, "ContextKeyValues": [value]}
                for name, kind, value in entries
            ],
        )
        results = {result["EvalActionName"]: result for result in answer["EvaluationResults"]}
        for request in group:
            result = results.get(request.action, {})
            if result.get("EvalDecision") != "allowed":
                # The policies of an organization decide, and nobody can read them from here.
                organization = result.get("OrganizationsDecisionDetail") or {}
                is_certain = organization.get("AllowedByOrganizations") is False
                missing = () if is_certain else tuple(result.get("MissingContextValues") or ())
                suspects.append(_Suspect(request, is_certain, missing))
    return suspects


def _read_statements(client: Any, role: str) -> Iterable[Statement]:
    """Yield the statements of a role's policies, inline and attached."""
    name = role.rsplit("/", 1)[-1]
    for page in client.get_paginator("list_role_policies").paginate(RoleName=name):
        for policy in page["PolicyNames"]:
            found = client.get_role_policy(RoleName=name, PolicyName=policy)
            yield from list_statements(found["PolicyDocument"])
    for page in client.get_paginator("list_attached_role_policies").paginate(RoleName=name):
        for policy in page["AttachedPolicies"]:
            yield from _read_policy(client, policy["PolicyArn"])


def _read_boundary(client: Any, role: str) -> tuple[list[Statement] | None, bool | None]:
    """Return the statements of the permissions boundary, and whether there is one, if known."""
    try:
        found = client.get_role(RoleName=role.rsplit("/", 1)[-1])["Role"]
        arn = (found.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")
        return (_read_policy(client, arn), True) if arn else (None, False)
    except (BotoCoreError, ClientError):
        return None, None


def _read_policy(client: Any, arn: str) -> list[Statement]:
    version = client.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    found = client.get_policy_version(PolicyArn=arn, VersionId=version)
    return list_statements(found["PolicyVersion"]["Document"])


def _pair(request: Request) -> tuple[str, str]:
    return request.action, request.resource


def _describe(undecided: Iterable[tuple[Request, Iterable[str]]]) -> tuple[str, ...]:
    """Say what the answers depend on, once for each resource and reason."""
    actions: dict[tuple[str, str], list[str]] = {}
    for request, keys in undecided:
        reason = ", ".join(dict.fromkeys(keys))
        if reason:
            actions.setdefault((request.resource, reason), []).append(request.action)
    return tuple(
        f"{', '.join(names)} on {resource} depend on {reason}"
        for (resource, reason), names in actions.items()
    )
