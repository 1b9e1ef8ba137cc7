"""Policies are read as IAM reads them, and an answer stays open where nobody can know it."""

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from idempotent_lambda_toolkit.cli.doctor.conditions import evaluate, matches
from idempotent_lambda_toolkit.cli.doctor.permissions import find_permissions
from idempotent_lambda_toolkit.cli.doctor.policies import (
    describe_request,
    find_denials,
    is_allowed,
    is_principal,
)

ROLE = "arn:aws:iam::123456789012:role/service/orders"
QUEUE = "arn:aws:sqs:eu-central-1:123456789012:orders"
TABLE = "arn:aws:dynamodb:eu-central-1:123456789012:table/records"
SEND = describe_request("sqs:SendMessage", QUEUE, ROLE)
CLAIM = describe_request("dynamodb:UpdateItem", TABLE, ROLE, namespace="orders")
VPC = {"StringEquals": {"aws:SourceVpce": "vpce-1"}}


def allow(actions: Any, resources: Any = "*", **more: Any) -> dict[str, Any]:
    """A statement that allows."""
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def deny(actions: Any, resources: Any = "*", **more: Any) -> dict[str, Any]:
    """A statement that denies."""
    return {**allow(actions, resources, **more), "Effect": "Deny"}


@pytest.mark.parametrize(
    ("statements", "answer"),
    [
        ([allow(["sqs:Send*"], "arn:*:orders")], True),
        ([allow("SQS:sendmessage")], True),
        ([allow("sqs:*", QUEUE)], True),
        ([allow("sqs:?endMessage", f"{QUEUE}*")], True),
        ([allow("sqs:*", "arn:aws:sqs:${aws:RequestedRegion}:*:orders")], True),
        ([allow("sqs:*", "arn:aws:sqs:*:*:${aws:username}")], None),
        ([allow("sqs:*", "arn:aws:sqs:*:*:others-${aws:username}")], False),
        ([allow("sqs:ReceiveMessage")], False),
        ([allow("sqs:*", "arn:aws:sqs:others")], False),
        ([allow("sqs:*", "arn:aws:sqs:*:*:[o]rders")], False),
        ([{"Effect": "Allow", "NotAction": "sqs:Receive*", "Resource": "*"}], True),
        ([{"Effect": "Allow", "NotAction": ["sqs:Send*"], "Resource": "*"}], False),
        ([{"Effect": "Allow", "Action": "*", "NotResource": QUEUE}], False),
        ([allow("sqs:*"), {"Effect": "Deny", "NotAction": "dynamodb:*", "Resource": "*"}], False),
        ([allow("sqs:*"), {"Effect": "Deny", "Action": "*", "NotResource": f"{QUEUE}*"}], True),
        ([allow("sqs:*"), deny("sqs:*")], False),
        ([allow("sqs:*"), deny("*", Condition={"Bool": {"aws:SecureTransport": "false"}})], True),
        ([allow("sqs:*"), deny("*", Condition=VPC)], None),
        ([allow("sqs:*"), deny("sqs:Purge*", Condition=VPC)], True),
        ([allow("sqs:*", Condition=VPC)], None),
        ([allow("sqs:*", Condition=VPC), allow("sqs:SendMessage")], True),
        ([allow("sqs:*", Condition=VPC), deny("sqs:*")], False),
        ([], False),
    ],
)
def test_statements(statements: list[dict[str, Any]], answer: bool | None) -> None:
    """A statement applies by action, resource and condition, and a denial wins."""
    assert is_allowed(statements, SEND, ROLE) is answer


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        ({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "orders#*"}}, True),
        ({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["refunds#*"]}}, False),
        ({"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["orders#*"]}}, False),
        ({"ForAnyValue:StringLike": {"dynamodb:leadingkeys": ["refunds#*", "orders#*"]}}, True),
        ({"ForAllValues:StringNotLike": {"dynamodb:LeadingKeys": ["refunds#*"]}}, True),
        ({"StringLike": {"dynamodb:LeadingKeys": "orders#*"}}, None),
        ({"Null": {"dynamodb:LeadingKeys": "false"}}, True),
        ({"Null": {"dynamodb:LeadingKeys": "true"}}, False),
        ({"Bool": {"aws:SecureTransport": True}}, True),
        ({"StringEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}}, True),
        ({"StringNotEquals": {"aws:ResourceAccount": ["1", "2"]}}, True),
        ({"StringNotEqualsIfExists": {"aws:RequestedRegion": "EU-central-1"}}, True),
        ({"StringEqualsIgnoreCase": {"aws:RequestedRegion": "EU-central-1"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/service/*"}}, True),
        ({"ArnNotEquals": {"aws:PrincipalArn": ROLE}}, False),
        ({"NumericLessThan": {"aws:MultiFactorAuthAge": "60"}}, None),
        ({"NumericLessThan": {"aws:RequestedRegion": "60"}}, None),
        ({**VPC, "Bool": {"aws:SecureTransport": "false"}}, False),
        ({}, True),
    ],
)
def test_conditions(condition: dict[str, Any], answer: bool | None) -> None:
    """A condition on a known key is decided, and one on an unknown key stays open."""
    assert evaluate(condition, CLAIM.context) is answer


def test_escaped_wildcards_are_plain_characters() -> None:
    """A namespace with a wildcard, as the module escapes it, matches only itself."""
    assert matches("a${*}b${$}${?}#*", "a*b$?#key", {}) is True
    assert matches("a${*}b#*", "axb#key", {}) is False


@pytest.mark.parametrize(
    ("principal", "answer"),
    [
        ({"Principal": "*"}, True),
        ({"Principal": {"AWS": "*"}}, True),
        ({"Principal": {"AWS": [ROLE]}}, True),
        ({"Principal": {"AWS": "123456789012"}}, True),
        ({"Principal": {"AWS": "arn:aws:iam::123456789012:root"}}, True),
        ({"Principal": {"AWS": "arn:aws:iam::210987654321:root"}}, False),
        ({"Principal": {"AWS": "arn:aws:sts::123456789012:assumed-role/orders/orders"}}, None),
        ({"Principal": {"Service": "sns.amazonaws.com"}}, False),
        ({"NotPrincipal": {"AWS": "arn:aws:iam::123456789012:user/admin"}}, True),
        ({"NotPrincipal": {"AWS": ROLE}}, None),
    ],
)
def test_principals(principal: dict[str, Any], answer: bool | None) -> None:
    """A denial reaches the role by its ARN, its account or everybody."""
    assert is_principal(principal, ROLE) is answer
    certain, possible = find_denials([deny("sqs:*", **principal)], SEND, ROLE)
    assert (bool(certain), bool(possible)) == (answer is True, answer is None)


def test_a_boundary_and_a_grant() -> None:
    """A boundary takes away; the resource's policy gives, unless it only names the account."""
    role, narrow = [allow("sqs:*")], [allow("dynamodb:*")]
    assert is_allowed(role, SEND, ROLE, boundary=narrow) is False
    assert is_allowed(role, SEND, ROLE, boundary=[allow("*")]) is True
    root = {"AWS": "arn:aws:iam::123456789012:root"}
    assert is_allowed([], SEND, ROLE, granted=[allow("sqs:*", Principal=root)]) is False
    assert is_allowed([], SEND, ROLE, granted=[allow("sqs:*", Principal={"AWS": ROLE})]) is True


class Iam:
    """An IAM whose simulation gives one answer, and whose role has one policy.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html
    """

    def __init__(self, statements: list[dict[str, Any]] | None, **result: Any) -> None:
        self._statements, self._result = statements, result
        self.asked: list[dict[str, Any]] = []

    def simulate_principal_policy(self, **call: Any) -> dict[str, Any]:
        """Answer every action alike."""
        self.asked.append(call)
        names = call["ActionNames"]
        return {"EvaluationResults": [{"EvalActionName": name, **self._result} for name in names]}

    def get_paginator(self, operation: str) -> Any:
        """Return the pages of the role's policies."""
        if self._statements is None:
            answer: Any = {"Error": {"Code": "AccessDenied", "Message": "not you"}}
            raise ClientError(answer, operation)
        names = ["own"] if operation == "list_role_policies" else []
        page = {"PolicyNames": names, "AttachedPolicies": []}
        return SimpleNamespace(paginate=lambda **_call: [page])

    def get_role_policy(self, **_call: Any) -> dict[str, Any]:
        """Return the policy."""
        return {"PolicyDocument": {"Statement": self._statements}}

    def get_role(self, **_call: Any) -> dict[str, Any]:
        """Return the role, which has no boundary."""
        return {"Role": {}}


OWN = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "orders#*"}}
DENIED = {"EvalDecision": "implicitDeny"}
SCP = {"OrganizationsDecisionDetail": {"AllowedByOrganizations": False}}
MISSING = {"MissingContextValues": ["aws:SourceVpce"]}


@pytest.mark.parametrize(
    ("iam", "denied", "undecided"),
    [
        (Iam(None, EvalDecision="allowed"), False, ""),
        (Iam(None, **DENIED), True, ""),
        (Iam(None, **DENIED, **MISSING), False, "aws:SourceVpce"),
        (Iam([], **DENIED), True, ""),
        (Iam([allow("dynamodb:*", Condition=OWN)], **DENIED), False, ""),
        (Iam([allow("dynamodb:*")], EvalDecision="explicitDeny", **SCP), True, ""),
        (Iam([allow("*", Condition=VPC)], **DENIED), False, "StringEquals aws:SourceVpce"),
        (Iam([allow("*", f"{TABLE[:-7]}${{aws:userid}}")], **DENIED), False, "policy variables"),
    ],
)
def test_the_simulation_and_the_policies(iam: Iam, denied: bool, undecided: str) -> None:
    """A simulation that ignores the context denies nothing that the policies allow."""
    deployment: Any = SimpleNamespace(client=lambda _service: iam)
    found = find_permissions(deployment, ROLE, [CLAIM], {})
    assert found.denied == (((CLAIM.action, TABLE),) if denied else ())
    assert undecided in " ".join(found.undecided)
    assert bool(found.undecided) is bool(undecided)


def test_the_simulation_gets_the_known_keys() -> None:
    """The simulation is asked with a key of the namespace, or with the service of a KMS key."""
    iam = Iam([], EvalDecision="allowed")
    deployment: Any = SimpleNamespace(client=lambda _service: iam)
    key = "arn:aws-cn:kms:cn-north-1:123456789012:key/1"
    requests = [CLAIM, SEND, describe_request("kms:Decrypt", key, ROLE, via="sqs")]
    find_permissions(deployment, ROLE, requests, {})
    entries = [
        {entry["ContextKeyName"]: entry["ContextKeyValues"] for entry in call["ContextEntries"]}
        for call in iam.asked
    ]
    assert entries == [
        {"dynamodb:LeadingKeys": ["orders#doctor"]},
        {},
        {"kms:ViaService": ["sqs.cn-north-1.amazonaws.com.cn"]},
    ]
