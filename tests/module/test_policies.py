"""The module grants exactly these permissions, and grants nothing on all resources."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from scripts.golden import POLICIES, format_documents, list_documents, plan_runs
from scripts.support.terraform import Terraform
from tests.module.stacks import ROOT, copy_module

NAMES = sorted(path.stem for path in (ROOT / POLICIES).glob("*.json"))
NETWORK = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}
LOGS = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/orders:*"
VERSIONS = "arn:aws:lambda:eu-central-1:123456789012:function:orders:*"

ALLOWED = {
    # What does not come over TLS, whatever and whoever it is.
    "Deny sqs:*",
    'Deny to "*" if {"Bool": {"aws:SecureTransport": "false"}}',
    # The streams of one log group.
    f"Allow logs:CreateLogStream on {LOGS}",
    f"Allow logs:PutLogEvents on {LOGS}",
    # These know no resources, or Lambda asks for all of them.
    "Allow xray:PutTelemetryRecords on *",
    "Allow xray:PutTraceSegments on *",
    *(f"Allow {action} on *" for action in NETWORK),
    # Not for the function's code, in any of its versions.
    *(f"Deny {action} on *" for action in {*NETWORK, "ec2:DetachNetworkInterface"}),
    f"Deny if ArnLike lambda:SourceFunctionArn {VERSIONS}",
    # Its environment, in any of its versions.
    f"Allow if ArnLike kms:EncryptionContext:aws:lambda:FunctionArn {VERSIONS}",
    # A service in the Region, with whatever domain its partition has.
    *(
        f"Allow if StringLike kms:ViaService {service}.eu-central-1.*"
        for service in ("dynamodb", "kinesis", "sqs")
    ),
    # All objects of a bucket. s3:ListBucket is about the bucket.
    "Allow s3:ListBucket on arn:aws:s3:::failed/*",
    "Allow s3:PutObject on arn:aws:s3:::failed/*",
    # Records of one namespace.
    "Allow if ForAllValues:StringLike dynamodb:LeadingKeys orders#*",
    "Allow if ForAllValues:StringLike dynamodb:LeadingKeys shop/a${*}b${?}c${$}d#*",
}
"""Every pattern there is."""

TAGGED = {
    "aws_cloudwatch_log_group",
    "aws_cloudwatch_metric_alarm",
    "aws_dynamodb_table",
    "aws_iam_role",
    "aws_lambda_event_source_mapping",
    "aws_lambda_function",
    "aws_sqs_queue",
}
UNTAGGED = {
    "aws_cloudwatch_dashboard",
    "aws_iam_role_policy",
    "aws_iam_role_policy_attachment",
    "aws_lambda_alias",
    "aws_lambda_permission",
    "terraform_data",
}
"""What AWS takes no tags for."""


def golden(name: str) -> Any:
    """The documents of a configuration, as they are kept."""
    return json.loads((ROOT / POLICIES / f"{name}.json").read_text(encoding="utf-8"))


def statements(kept: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All statements of a configuration's documents."""
    for document in kept.values():
        yield from document.get("Statement", ())


def listed(value: Any) -> list[str]:
    """What IAM lets stand alone or in a list, and under types in a principal, as a list."""
    if isinstance(value, dict):
        return [each for values in value.values() for each in listed(values)]
    return [value] if isinstance(value, str) else list(value)


def patterns(statement: dict[str, Any]) -> set[str]:
    """Everything in a statement that means more than it names."""
    effect = statement["Effect"]
    conditions = statement.get("Condition", {})
    actions, resources, principals = (
        listed(statement.get(element, [])) for element in ("Action", "Resource", "Principal")
    )
    found = {f"{effect} {element}" for element in statement if element.startswith("Not")}
    found |= {f"{effect} {action}" for action in actions if is_pattern(action)}
    found |= {
        f"{effect} {action} on {resource}"
        for resource in resources
        if is_pattern(resource)
        for action in actions
    }
    found |= {
        f"{effect} to {json.dumps(statement['Principal'])} if {json.dumps(conditions)}"
        for principal in principals
        if is_pattern(principal)
    }
    return found | {
        f"{effect} if {operator} {key} {value}"
        for operator, keys in conditions.items()
        for key, values in keys.items()
        for value in listed(values)
        if is_pattern(value)
    }


def is_pattern(value: str) -> bool:
    """Whether IAM may take the value for more than itself."""
    return "*" in value or "?" in value


def planted(statement: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The statement with one of its elements opened to everything."""
    effect = {**statement, "Effect": "Allow"}
    service = listed(statement["Action"])[0].split(":")[0]
    yield {**effect, "Action": f"{service}:*"}
    yield {**effect, "Action": ["s3:GetObject"], "Resource": "*"}
    yield {**effect, "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::orders/*"]}
    yield {**effect, "Principal": {"AWS": ["*"]}}
    yield {**effect, "Condition": {"StringLike": {"aws:SourceArn": "*"}}}
    yield {**{name: effect[name] for name in effect if name != "Action"}, "NotAction": ["s3:Get"]}


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each configuration plans."""
    module = Terraform(directory=copy_module(tmp_path_factory.mktemp("policies") / "checkout"))
    module.init("-backend=false")
    return plan_runs(module)


@pytest.mark.terraform
@pytest.mark.parametrize("name", NAMES)
def test_every_policy_is_the_one_that_is_kept(name: str, planned: dict[str, Any]) -> None:
    """Each document of a configuration matches its file, and no document is missing."""
    found = format_documents(list_documents(planned[name]))
    assert found == format_documents(golden(name)), (
        "if it is meant: python -m scripts.golden policies"
    )


@pytest.mark.terraform
def test_everything_that_takes_tags_has_them(planned: dict[str, Any]) -> None:
    """Each resource whose schema has tags is planned with them, and the others are known."""
    taking: dict[str, set[str]] = {}
    others = set()
    for plan in planned.values():
        for change in plan["resource_changes"]:
            after = change["change"]["after"]
            if change["mode"] == "data":
                continue
            if "tags" in after:
                taking.setdefault(change["type"], set()).add(json.dumps(after["tags"]))
            else:
                others.add(change["type"])
    assert taking == {kind: {'{"team": "payments"}'} for kind in TAGGED}
    assert others == UNTAGGED


@pytest.mark.parametrize("name", NAMES)
def test_a_kept_file_holds_all_kinds_of_documents(name: str) -> None:
    """A configuration has the documents of the parts that it makes, and the policy for its role."""
    expected = {"output.policy", "aws_iam_role_policy.function[0].policy"}
    if name != "everything_existing":
        expected |= {
            "aws_iam_role.function[0].assume_role_policy",
            "aws_sqs_queue.dead_letter[0].policy",
            "aws_sqs_queue.dead_letter[0].redrive_allow_policy",
        }
    if name not in {"everything_existing", "no_queue"}:
        expected |= {"aws_sqs_queue.source[0].policy", "aws_sqs_queue.source[0].redrive_policy"}
    assert set(golden(name)) == expected


@pytest.mark.parametrize("name", NAMES)
def test_the_text_is_that_of_the_tool(name: str) -> None:
    """A kept file is written as python -m scripts.golden writes it."""
    kept = (ROOT / POLICIES / f"{name}.json").read_text(encoding="utf-8")
    assert kept == format_documents(json.loads(kept))


def test_no_statement_means_more_than_is_allowed() -> None:
    """The patterns of all documents are exactly the patterns of the list above."""
    found = {each for name in NAMES for one in statements(golden(name)) for each in patterns(one)}
    assert found == ALLOWED


@pytest.mark.parametrize("name", NAMES)
def test_a_planted_pattern_is_found(name: str) -> None:
    """Whichever statement is opened to everything, it is no longer within what is allowed."""
    missed = [
        worse
        for statement in statements(golden(name))
        for worse in planted(statement)
        if patterns(worse) <= ALLOWED
    ]
    assert not missed


def test_no_policy_is_too_long() -> None:
    """IAM takes 10,240 characters in a role's own policies, and SQS 8,192 in a queue's."""
    limits = {"aws_iam_role_policy": 10_240, "aws_sqs_queue": 8_192}
    lengths = [
        len(json.dumps(document, separators=(",", ":"))) / limits[address.split(".")[0]]
        for name in NAMES
        for address, document in golden(name).items()
        if address.split(".")[0] in limits
    ]
    assert 0.1 < max(lengths) < 0.5


def test_the_configurations_stand_beside_their_files() -> None:
    """A file without a configuration would be compared with nothing."""
    runs = (ROOT / POLICIES / "configurations.tftest.hcl").read_text(encoding="utf-8")
    assert len(NAMES) == runs.count("\nrun ")
    assert all(f'\nrun "{name}" {{' in runs for name in NAMES)


def test_a_document_is_found_wherever_it_is() -> None:
    """Every attribute that is a policy counts, whatever has it, if it is JSON text."""
    change = {
        "address": "aws_s3_bucket_policy.any",
        "change": {
            "after": {"policy": '{"a": 1}', "other": "{}", "inline_policy": [{}], "x_policy": "x"}
        },
    }
    output = {"policy": {"after": '{"b": 2}'}}
    found = list_documents({"resource_changes": [change], "output_changes": output})
    assert found == {"aws_s3_bucket_policy.any.policy": {"a": 1}, "output.policy": {"b": 2}}
