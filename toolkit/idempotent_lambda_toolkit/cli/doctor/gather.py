"""Gathers the facts that `doctor` checks.

A fact that cannot be read is noted with the reason, and is not a failure.
"""

import json
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from idempotent_lambda_toolkit.cli import times
from idempotent_lambda_toolkit.cli.aws_errors import translate_error
from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.doctor.inventory import Inventory, Queue, SourceMapping, Table
from idempotent_lambda_toolkit.cli.doctor.policies import list_denied
from idempotent_lambda_toolkit.cli.exit_codes import CommandError, NotFoundError

T = TypeVar("T")

ON_TABLE = (
    "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchGetItem",
    "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete",
)  # fmt: skip
ON_QUEUE = (
    "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes",
    "sqs:ChangeMessageVisibility",
)  # fmt: skip
ON_DEAD_LETTER_QUEUE = ("sqs:SendMessage",)
"""The actions that the role needs; docs/permissions.md explains them."""

PARTS = frozenset({"table", "queue", "dead-letter queue"})
"""The parts that must exist."""


def gather(deployment: Deployment) -> Inventory:
    """Gather the facts of a function's stack.

    Raises:
        NotFoundError, AwsRefusedError: the function cannot be read; the SDK's errors pass, too.
    """
    before = times.now()
    function = deployment.function
    skew = skew_millis(function, before, times.now())
    unknown: dict[str, str] = {}
    missing: dict[str, str] = {}
    if skew is None:
        unknown["clock"] = "the answer has no Date"
    read = _Reader(unknown, missing)
    mappings = read("mappings", lambda: _mappings(deployment))
    queue_url = read("queue", lambda: deployment.queue_url)
    queue = read("queue", lambda: _queue(deployment, queue_url)) if queue_url else None
    # The target of the redrive policy; `doctor` compares the destination of copies with it.
    target = queue.dead_letter_arn if queue else None
    dead_url = deployment.dead_letter_queue_url
    if target:
        dead_url = read("dead-letter queue", lambda: deployment.find_url(target))
    dead = read("dead-letter queue", lambda: _queue(deployment, dead_url)) if dead_url else None
    table_name = deployment.environment.get("IDEMPOTENCY_TABLE") or deployment.options.table
    table = read("table", lambda: _table(deployment, table_name, read)) if table_name else None
    needed = [
        *((action, _table_arn(function, table_name)) for action in ON_TABLE if table_name),
        *((action, queue.arn) for action in ON_QUEUE if queue and mappings),
        *((action, dead.arn) for action in ON_DEAD_LETTER_QUEUE if dead),
    ]
    namespace = deployment.environment.get("IDEMPOTENCY_NAMESPACE", "")
    denied = read(
        "permissions", lambda: list_denied(deployment, function["Role"], needed, namespace)
    )
    return Inventory(
        environment=deployment.environment,
        handler=_handler(function),
        timeout_seconds=function["Timeout"],
        runtime=function.get("Runtime"),
        managed_instances=bool(function.get("CapacityProviderConfig")),
        reserved_concurrency=read(
            "reserved concurrency", lambda: _read_reserved_concurrency(deployment, function)
        ),
        table=table,
        queue=queue,
        dead_letter_queue=dead,
        mappings=mappings,
        denied=denied,
        skew_millis=skew,
        unknown=unknown,
        missing=missing,
    )


def skew_millis(answer: Mapping[str, Any], before: int, after: int) -> int | None:
    """Return this machine's clock minus AWS's, as far as one answer proves a difference.

    Args:
        answer: the answer to any call; its Date is in whole seconds.
        before: this machine's clock when the call began, in epoch milliseconds.
        after: the clock when the call ended.

    Returns:
        Milliseconds, positive if this clock is fast; 0 if it may be right; None without a Date.
    """
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if not date:
        return None
    second = int(parsedate_to_datetime(date).timestamp() * 1000)
    least, most = before - (second + 1000), after - second
    return least if least > 0 else min(most, 0)


class _Reader:
    """Reads facts one by one, and notes those that cannot be read or do not exist."""

    def __init__(self, unknown: dict[str, str], missing: dict[str, str]) -> None:
        self._unknown, self._missing = unknown, missing

    def __call__(self, what: str, ask: Callable[[], T]) -> T | None:
        try:
            return ask()
        except (BotoCoreError, ClientError, CommandError) as error:
            found = translate_error(error) or error
            absent = isinstance(found, NotFoundError) and what in PARTS
            (self._missing if absent else self._unknown)[what] = str(found)
            return None


def _handler(function: Mapping[str, Any]) -> str:
    image = (function.get("ImageConfigResponse") or {}).get("ImageConfig") or {}
    return str(function.get("Handler") or next(iter(image.get("Command") or ()), ""))


def _mappings(deployment: Deployment) -> tuple[SourceMapping, ...]:
    return tuple(
        SourceMapping(
            state=each.get("State", "Enabled"),
            partial_responses="ReportBatchItemFailures"
            in (each.get("FunctionResponseTypes") or ()),
            window_seconds=each.get("MaximumBatchingWindowInSeconds") or 0,
            maximum_concurrency=(each.get("ScalingConfig") or {}).get("MaximumConcurrency"),
            maximum_pollers=(each.get("ProvisionedPollerConfig") or {}).get("MaximumPollers"),
        )
        for each in deployment.mappings
        if each.get("EventSourceArn", "").split(":")[2:3] == ["sqs"]
    )


def _queue(deployment: Deployment, url: str | None) -> Queue:
    answer = deployment.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    found = answer["Attributes"]
    policy = json.loads(found.get("RedrivePolicy") or "{}")
    receives = policy.get("maxReceiveCount")
    return Queue(
        arn=found["QueueArn"],
        visibility_seconds=int(found["VisibilityTimeout"]),
        retention_seconds=int(found["MessageRetentionPeriod"]),
        max_message_bytes=int(found["MaximumMessageSize"]),
        delay_seconds=int(found.get("DelaySeconds", 0)),
        dead_letter_arn=policy.get("deadLetterTargetArn"),
        max_receive_count=None if receives is None else int(receives),
    )


def _table(deployment: Deployment, name: str, read: _Reader) -> Table:
    client = deployment.client("dynamodb")
    found = client.describe_table(TableName=name)["Table"]
    types = {each["AttributeName"]: each["AttributeType"] for each in found["AttributeDefinitions"]}
    key = tuple(
        (each["AttributeName"], types[each["AttributeName"]], each["KeyType"])
        for each in found["KeySchema"]
    )
    ttl = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    is_on = ttl.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}
    return Table(
        key=key,
        ttl_attribute=ttl.get("AttributeName") if is_on else None,
        point_in_time_recovery=read("point-in-time recovery", lambda: _has_recovery(client, name)),
    )


def _has_recovery(client: Any, name: str) -> bool:
    found = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = found.get("PointInTimeRecoveryDescription") or {}
    return bool(recovery.get("PointInTimeRecoveryStatus") == "ENABLED")


def _read_reserved_concurrency(deployment: Deployment, function: Mapping[str, Any]) -> int | None:
    answer = deployment.client("lambda").get_function_concurrency(
        FunctionName=function["FunctionName"]
    )
    reserved: int | None = answer.get("ReservedConcurrentExecutions")
    return reserved


def _table_arn(function: Mapping[str, Any], name: str | None) -> str:
    _, partition, _, region, account, *_ = function["FunctionArn"].split(":")
    return f"arn:{partition}:dynamodb:{region}:{account}:table/{name}"
