"""Changes of a healthy stack, for tests of `doctor`."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .answers import Ask
from .conftest import REGION, allowed, arn_of, document
from .stacks import ACCOUNT, FUNCTION_ARN, Stack

ROLE = f"arn:aws:iam::{ACCOUNT}:role/orders"
TABLE_ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders-idempotency"
STREAM = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/clicks"
REPORTS = f"arn:aws:sqs:{REGION}:{ACCOUNT}:reports"


def queue_arn(stack: Stack) -> str:
    """The ARN of the queue."""
    return arn_of(stack.client("sqs"), stack.consumer.queue_url)


def dead_letter_arn(stack: Stack) -> str:
    """The ARN of the dead-letter queue."""
    return arn_of(stack.client("sqs"), stack.consumer.dead_letter_queue_url)


def change_queue(stack: Stack, **attributes: str) -> None:
    """Change attributes of the queue."""
    stack.client("sqs").set_queue_attributes(
        QueueUrl=stack.consumer.queue_url, Attributes=attributes
    )


def change_dead_letter_queue(stack: Stack, **attributes: str) -> None:
    """Change attributes of the dead-letter queue."""
    stack.client("sqs").set_queue_attributes(
        QueueUrl=stack.consumer.dead_letter_queue_url, Attributes=attributes
    )


def allow_redrive(stack: Stack, **policy: Any) -> None:
    """Set the redrive allow policy of the dead-letter queue, which moto does not keep.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
    """

    def describe(ask: Ask, call: Mapping[str, Any]) -> Any:
        answer = ask(call)
        if call["QueueUrl"] == stack.consumer.dead_letter_queue_url:
            answer["Attributes"]["RedriveAllowPolicy"] = json.dumps(policy)
        return answer

    stack.answers.replace("GetQueueAttributes", describe)


def redrive_to(arn: str) -> str:
    """A redrive policy."""
    return json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})


def deny(actions: str, resource: str, **elements: Any) -> dict[str, Any]:
    """A statement that denies actions to everybody, with further elements or others."""
    statement = {"Sid": "Closed", "Effect": "Deny", "Action": actions, "Resource": resource}
    return {**statement, "Principal": "*", **elements}


def add_mapping(stack: Stack, function: str, source_arn: str) -> None:
    """Add a mapping."""
    stack.client("lambda").create_event_source_mapping(
        EventSourceArn=source_arn,
        FunctionName=function,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )


def add_permissions(stack: Stack, *statements: Mapping[str, Any]) -> None:
    """Add a policy to the function's role."""
    stack.client("iam").put_role_policy(
        RoleName="orders", PolicyName="more", PolicyDocument=document(*statements)
    )


def add_stream(stack: Stack, **changes: Any) -> None:
    """Add a mapping of a stream, as the module makes it but for the changes.

    moto makes no such mapping without its stream, nor keeps all of its settings.
    https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html
    """
    mapping = {
        "UUID": "00000000-0000-4000-8000-000000000001",
        "EventSourceArn": STREAM,
        "FunctionArn": FUNCTION_ARN,
        "State": "Enabled",
        "StateTransitionReason": "User action",
        "LastProcessingResult": "OK",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "StartingPosition": "TRIM_HORIZON",
        "MaximumRetryAttempts": 10,
        "MaximumRecordAgeInSeconds": 86_400,
        "DestinationConfig": {"OnFailure": {"Destination": REPORTS}},
        **changes,
    }

    def list_mappings(ask: Ask, call: Mapping[str, Any]) -> Any:
        answer = ask(call)
        if call.get("EventSourceArn") not in {None, mapping["EventSourceArn"]}:
            return answer
        return {**answer, "EventSourceMappings": [*answer["EventSourceMappings"], mapping]}

    stack.answers.replace("ListEventSourceMappings", list_mappings)
    add_permissions(
        stack,
        allowed(["kinesis:*", "dynamodb:*Stream*", "dynamodb:Get*"], "*"),
        allowed(["sqs:SendMessage"], REPORTS),
    )


def encrypt(stack: Stack, policy: Sequence[Mapping[str, Any]] = ()) -> str:
    """Encrypt both queues with a key of the user's, which the role may use; return its ARN."""
    open_policy = allowed(["kms:*"], "*") | {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
    key = stack.client("kms").create_key(Policy=document(open_policy, *policy))["KeyMetadata"]
    change_queue(stack, KmsMasterKeyId=key["KeyId"])
    change_dead_letter_queue(stack, KmsMasterKeyId=key["Arn"])
    via = {"StringLike": {"kms:ViaService": [f"sqs.{REGION}.*"]}}
    use = allowed(["kms:Decrypt", "kms:GenerateDataKey"], key["Arn"]) | {"Condition": via}
    add_permissions(stack, use)
    return str(key["Arn"])


def filter_with(stack: Stack, *patterns: Any) -> None:
    """Set the filters of the mapping."""
    criteria = {"Filters": [{"Pattern": json.dumps(pattern)} for pattern in patterns]}
    add_to_mapping(stack, FilterCriteria=criteria)


def add_to_mapping(stack: Stack, **fields: Any) -> None:
    """Add fields to the mapping of the queue, which moto does not keep."""

    def list_mappings(ask: Ask, call: Mapping[str, Any]) -> Any:
        answer = ask(call)
        found = [{**mapping, **fields} for mapping in answer["EventSourceMappings"]]
        return {**answer, "EventSourceMappings": found}

    stack.answers.replace("ListEventSourceMappings", list_mappings)


def change_table(stack: Stack, **fields: Any) -> None:
    """Change fields of the table's description."""
    stack.answers.replace(
        "DescribeTable", lambda ask, call: {"Table": {**ask(call)["Table"], **fields}}
    )


def encrypt_filters(stack: Stack) -> None:
    """Encrypt the filters of the mapping."""
    add_to_mapping(stack, KMSKeyArn=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/filters")
