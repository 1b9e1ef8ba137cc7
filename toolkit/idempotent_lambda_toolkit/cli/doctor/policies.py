"""Policies of roles and resources, read as IAM reads them.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from idempotent_lambda_toolkit.cli.doctor.conditions import (
    Context,
    both,
    either,
    evaluate,
    list_of,
    list_unknown_keys,
    matches,
)

Statement = Mapping[str, Any]

LEADING_KEYS = "dynamodb:LeadingKeys"
VIA_SERVICE = "kms:ViaService"
"""The condition keys that the module's own policies use."""


@dataclass(frozen=True, slots=True)
class Request:
    """A call that the function or its event source mapping makes.

    Attributes:
        context: the values of the condition keys that are known.
    """

    action: str
    resource: str
    context: Context


def describe_request(
    action: str, resource: str, role: str, *, namespace: str = "", via: str | None = None
) -> Request:
    """Return the request of a role, with the condition keys that are the same in every call.

    A VPC endpoint, an organization or a tag is not known from here, so it is not in the context.
    A KMS key is used through a service, such as ``sqs``.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    _, partition, service, region, account, *_ = resource.split(":")
    known = {
        "aws:PrincipalAccount": role.split(":")[4],
        "aws:PrincipalArn": role,
        "aws:PrincipalIsAWSService": "false",
        "aws:PrincipalType": "AssumedRole",
        "aws:RequestedRegion": region,
        "aws:ResourceAccount": account,
        "aws:SecureTransport": "true",
    }
    if service == "dynamodb" and ":table/" in resource and "/stream/" not in resource:
        known[LEADING_KEYS] = f"{namespace}#doctor"
    if via is not None:
        domain = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
        known[VIA_SERVICE] = f"{via}.{region}.{domain}"
    return Request(action, resource, {name.lower(): (value,) for name, value in known.items()})


def list_statements(document: Mapping[str, Any] | None) -> list[Statement]:
    """Return the statements of a policy; an empty list without a policy."""
    return list_of((document or {}).get("Statement"))


def is_allowed(
    statements: Iterable[Statement],
    request: Request,
    role: str,
    *,
    boundary: Iterable[Statement] | None = None,
    granted: Iterable[Statement] = (),
) -> bool | None:
    """Return whether a role may make a request; None if that depends on keys that are not known.

    The statements are the ones of all policies of the role. Without a permissions boundary, the
    boundary is None. The resource's policy may grant the request, too, if it names the role.
    """
    own = list(statements)
    denied = either(
        _applies(statement, request) for statement in own if statement.get("Effect") == "Deny"
    )
    allowed = [
        _applies(statement, request) for statement in own if statement.get("Effect") == "Allow"
    ]
    allowed += [
        both([is_principal(grant, role, by_account=False), _applies(grant, request)])
        for grant in granted
        if grant.get("Effect") == "Allow"
    ]
    answers = [None if denied is None else not denied, either(allowed)]
    if boundary is not None:
        answers.append(is_allowed(boundary, request, role))
    return both(answers)


def list_undecided(statements: Iterable[Statement], request: Request) -> list[str]:
    """Return the comparisons of statements that leave the answer to a request open."""
    return [
        comparison
        for statement in statements
        if _applies(statement, request) is None
        for comparison in list_unknown_keys(statement.get("Condition") or {}, request.context)
    ]


def find_denials(
    statements: Iterable[Statement], request: Request, role: str
) -> tuple[list[Statement], list[str]]:
    """Find the statements of a resource's policy that deny a role's request.

    Returns:
        The statements that deny it, and descriptions of conditions that may deny it.
    """
    certain, possible = [], []
    for statement in statements:
        if statement.get("Effect") != "Deny":
            continue
        applies = both([is_principal(statement, role), _applies(statement, request)])
        if applies:
            certain.append(statement)
        elif applies is None:
            keys = list_unknown_keys(statement.get("Condition") or {}, request.context)
            name = statement.get("Sid") or "a statement without Sid"
            possible.append(f"{name} ({', '.join(keys) or 'its principals'})")
    return certain, possible


def is_principal(statement: Statement, role: str, *, by_account: bool = True) -> bool | None:
    """Return whether a role is a principal of a resource's statement; None if not known.

    In a denial, the role's account means the role, too. In a grant, it does not: it leaves the
    decision to the role's policies.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    if "NotPrincipal" in statement:
        # Whoever is not listed is denied. A role is listed by its ARN, account and session.
        return (
            True if _names_role(statement["NotPrincipal"], role, by_account=True) is False else None
        )
    return _names_role(statement.get("Principal"), role, by_account=by_account)


def _names_role(principal: Any, role: str, *, by_account: bool) -> bool | None:
    if principal == "*":
        return True
    _, partition, _, _, account, *_ = role.split(":")
    name = role.rsplit("/", 1)[-1]
    names = {"*", role}
    if by_account:
        names |= {account, f"arn:{partition}:iam::{account}:root"}
    session = f"arn:{partition}:sts::{account}:assumed-role/{name}/"
    listed = list_of(principal.get("AWS")) if isinstance(principal, Mapping) else []
    return either(None if text.startswith(session) else text in names for text in listed)


def _applies(statement: Statement, request: Request) -> bool | None:
    return both(
        [
            _names(statement, "Action", request.action, request.context),
            _names(statement, "Resource", request.resource, request.context),
            evaluate(statement.get("Condition") or {}, request.context),
        ]
    )


def _names(statement: Statement, element: str, value: str, context: Context) -> bool | None:
    is_action = element == "Action"
    inverted = statement.get(f"Not{element}")
    patterns = statement.get(element) if inverted is None else inverted
    found = either(
        matches(pattern, value, context, ignore_case=is_action) for pattern in list_of(patterns)
    )
    return found if found is None or inverted is None else not found
