"""Reads the parts of a stack: mappings, queues, table and keys."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.doctor.inventory import Key, Queue, SourceMapping, Table
from idempotent_lambda_toolkit.cli.doctor.policies import list_statements
from idempotent_lambda_toolkit.cli.doctor.reader import Reader

SERVICE_ALIASES = frozenset({"alias/aws/sqs", "alias/aws/dynamodb"})
"""The keys that AWS manages, whose policies AWS sets."""

NO_LIMIT = -1
"""https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html"""


def read_mapping(deployment: Deployment, found: Mapping[str, Any], read: Reader) -> SourceMapping:
    """Return a mapping from Lambda's list, with its filters, which a list has only in plain text.

    https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html
    """
    if found.get("KMSKeyArn") and not found.get("FilterCriteria"):
        client = deployment.client("lambda")
        whole = read("filters", lambda: client.get_event_source_mapping(UUID=found["UUID"]))
        error = (whole or {}).get("FilterCriteriaError")
        if error:
            text = f"{error.get('ErrorCode')}: {error.get('Message')}"
            read.unknown["filters"] = f"{text}; ask for kms:Decrypt on {found['KMSKeyArn']}"
        found = {**found, "FilterCriteria": (whole or {}).get("FilterCriteria")}
    return parse_mapping(found)


def parse_mapping(found: Mapping[str, Any]) -> SourceMapping:
    """Return a mapping from Lambda's answer."""
    destination = ((found.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    return SourceMapping(
        state=found.get("State", "Enabled"),
        partial_responses="ReportBatchItemFailures" in (found.get("FunctionResponseTypes") or ()),
        window_seconds=found.get("MaximumBatchingWindowInSeconds") or 0,
        maximum_concurrency=(found.get("ScalingConfig") or {}).get("MaximumConcurrency"),
        maximum_pollers=(found.get("ProvisionedPollerConfig") or {}).get("MaximumPollers"),
        uuid=found.get("UUID", ""),
        source_arn=found.get("EventSourceArn") or "",
        function_arn=found.get("FunctionArn", ""),
        state_reason=found.get("StateTransitionReason") or "",
        last_result=found.get("LastProcessingResult") or "",
        filters=tuple(
            criterion.get("Pattern") or ""
            for criterion in (found.get("FilterCriteria") or {}).get("Filters") or ()
        ),
        failure_destination=destination,
        maximum_retries=_parse_limit(found.get("MaximumRetryAttempts")),
        maximum_age_seconds=_parse_limit(found.get("MaximumRecordAgeInSeconds")),
        tumbling_window_seconds=found.get("TumblingWindowInSeconds") or 0,
    )


def list_readers(deployment: Deployment, arn: str) -> tuple[SourceMapping, ...]:
    """Return all mappings of a queue, of any function."""
    pages = deployment.client("lambda").get_paginator("list_event_source_mappings")
    return tuple(
        parse_mapping(found)
        for page in pages.paginate(EventSourceArn=arn)
        for found in page["EventSourceMappings"]
        if found.get("EventSourceArn") == arn
    )


def read_queue(deployment: Deployment, url: str | None) -> Queue:
    """Return the settings of a queue."""
    answer = deployment.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    found = answer["Attributes"]
    policy = json.loads(found.get("RedrivePolicy") or "{}")
    allowed = json.loads(found.get("RedriveAllowPolicy") or "{}")
    receives = policy.get("maxReceiveCount")
    return Queue(
        arn=found["QueueArn"],
        visibility_seconds=int(found["VisibilityTimeout"]),
        retention_seconds=int(found["MessageRetentionPeriod"]),
        max_message_bytes=int(found["MaximumMessageSize"]),
        delay_seconds=int(found.get("DelaySeconds", 0)),
        dead_letter_arn=policy.get("deadLetterTargetArn"),
        max_receive_count=None if receives is None else int(receives),
        redrive_permission=allowed.get("redrivePermission", "allowAll"),
        redrive_sources=tuple(allowed.get("sourceQueueArns") or ()),
        statements=tuple(list_statements(json.loads(found.get("Policy") or "{}"))),
        key_id=found.get("KmsMasterKeyId") or None,
    )


def read_table(deployment: Deployment, name: str, read: Reader) -> Table:
    """Return the settings of the table."""
    client = deployment.client("dynamodb")
    found = client.describe_table(TableName=name)["Table"]
    types = {part["AttributeName"]: part["AttributeType"] for part in found["AttributeDefinitions"]}
    key = tuple(
        (part["AttributeName"], types[part["AttributeName"]], part["KeyType"])
        for part in found["KeySchema"]
    )
    ttl = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    is_on = ttl.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}
    here = found["TableArn"].split(":")[3]
    regions = [replica["RegionName"] for replica in found.get("Replicas") or ()]
    return Table(
        key=key,
        ttl_attribute=ttl.get("AttributeName") if is_on else None,
        point_in_time_recovery=read("point-in-time recovery", lambda: _has_recovery(client, name)),
        status=found.get("TableStatus", "ACTIVE"),
        replicas=tuple(region for region in regions if region != here),
        is_strongly_consistent=found.get("MultiRegionConsistency") == "STRONG",
        statements=read("table policy", lambda: _read_policy(client, found["TableArn"])),
        key_id=(found.get("SSEDescription") or {}).get("KMSMasterKeyArn"),
    )


def read_key(deployment: Deployment, part: str, key_id: str, read: Reader) -> Key | None:
    """Return the KMS key of a part, given its id, ARN or alias; None if AWS manages it."""
    if key_id.rsplit(":", 1)[-1] in SERVICE_ALIASES:
        return None
    client = deployment.client("kms")
    found = client.describe_key(KeyId=key_id)["KeyMetadata"]
    if found.get("KeyManager") == "AWS":
        return None
    arn = found["Arn"]

    def ask() -> tuple[Mapping[str, Any], ...]:
        policy = client.get_key_policy(KeyId=arn, PolicyName="default")["Policy"]
        return tuple(list_statements(json.loads(policy)))

    statements = read(f"policy of the key of the {part}", ask)
    return Key(arn=arn, part=part, state=found.get("KeyState", "Enabled"), statements=statements)


def _has_recovery(client: Any, name: str) -> bool:
    found = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = found.get("PointInTimeRecoveryDescription") or {}
    return bool(recovery.get("PointInTimeRecoveryStatus") == "ENABLED")


def _read_policy(client: Any, arn: str) -> tuple[Mapping[str, Any], ...]:
    try:
        policy = client.get_resource_policy(ResourceArn=arn)["Policy"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "PolicyNotFoundException":
            return ()
        raise
    return tuple(list_statements(json.loads(policy)))


def _parse_limit(value: int | None) -> int | None:
    return None if value == NO_LIMIT else value
