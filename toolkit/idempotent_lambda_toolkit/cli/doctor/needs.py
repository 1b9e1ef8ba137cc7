"""The requests that a function and its event source mappings make; docs/permissions.md explains."""

from collections.abc import Iterable, Iterator

from idempotent_lambda_toolkit.cli.doctor.inventory import Key, Queue, SourceMapping
from idempotent_lambda_toolkit.cli.doctor.policies import Request, describe_request

ON_TABLE = (
    "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchGetItem",
    "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete",
)  # fmt: skip
ON_QUEUE = (
    "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes",
    "sqs:ChangeMessageVisibility",
)  # fmt: skip
ON_DEAD_LETTER_QUEUE = ("sqs:SendMessage",)

ON_LOG = ("logs:CreateLogStream", "logs:PutLogEvents")
"""https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html"""

ON_STREAM = {
    "kinesis": ("kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"),
    "dynamodb": (
        "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator",
    ),
}  # fmt: skip
"""https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html"""

ON_DESTINATION = {"sqs": "sqs:SendMessage", "sns": "sns:Publish"}
"""The permission to report a record of a stream. The owner of a bucket is not known from here."""

ON_KEY = {
    "table": ("dynamodb", ("kms:Decrypt",)),
    "queue": ("sqs", ("kms:Decrypt",)),
    "dead-letter queue": ("sqs", ("kms:Decrypt", "kms:GenerateDataKey")),
}
"""The service through which the key of each part is used, and the actions.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
"""


def list_requests(
    role: str,
    *,
    log_arn: str,
    namespace: str,
    table_arn: str | None,
    queue: Queue | None,
    dead_letter_queue: Queue | None,
    mappings: Iterable[SourceMapping],
    keys: Iterable[Key],
) -> list[Request]:
    """Return the requests of a role.

    The queue is the one that a mapping reads, and the mappings are the ones of streams.
    """
    pairs: list[tuple[str, str]] = [
        *((action, log_arn) for action in ON_LOG),
        *((action, table_arn) for action in ON_TABLE if table_arn),
        *((action, queue.arn) for action in ON_QUEUE if queue),
        *((action, dead_letter_queue.arn) for action in ON_DEAD_LETTER_QUEUE if dead_letter_queue),
        *(pair for mapping in mappings for pair in _list_for_stream(mapping)),
    ]
    requests = [
        describe_request(action, resource, role, namespace=namespace)
        for action, resource in dict.fromkeys(pairs)
    ]
    for key in keys:
        service, actions = ON_KEY[key.part]
        used = [describe_request(action, key.arn, role, via=service) for action in actions]
        requests += [request for request in used if request not in requests]
    return requests


def _list_for_stream(mapping: SourceMapping) -> Iterator[tuple[str, str]]:
    # A registered consumer of a Kinesis stream needs other actions on other ARNs.
    if "/consumer/" not in mapping.source_arn:
        for action in ON_STREAM.get(mapping.service, ()):
            yield action, mapping.source_arn
    destination = mapping.failure_destination or ""
    for service in destination.split(":")[2:3]:  # A destination of Kafka is not an ARN.
        if service in ON_DESTINATION:
            yield ON_DESTINATION[service], destination
