"""Gathers the facts that `doctor` checks.

A fact that cannot be read is noted with the reason, and is not a failure.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from idempotent_lambda_toolkit.cli import times
from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.doctor.gather_function import gather_function
from idempotent_lambda_toolkit.cli.doctor.inventory import (
    ENCRYPTED_PARTS,
    Inventory,
    Key,
    Queue,
    SourceMapping,
    Table,
)
from idempotent_lambda_toolkit.cli.doctor.needs import list_requests
from idempotent_lambda_toolkit.cli.doctor.permissions import (
    Permissions,
    find_permissions,
    find_resource_denials,
)
from idempotent_lambda_toolkit.cli.doctor.policies import Request, Statement
from idempotent_lambda_toolkit.cli.doctor.reader import Reader
from idempotent_lambda_toolkit.cli.doctor.resources import (
    list_readers,
    read_key,
    read_mapping,
    read_queue,
    read_table,
)


def gather(deployment: Deployment, *, invoke: bool = False) -> Inventory:
    """Gather the facts of a function's stack.

    Args:
        deployment: the stack.
        invoke: whether to invoke the function with an empty batch.

    Raises:
        NotFoundError, AwsRefusedError: the function cannot be read; the SDK's errors pass, too.
    """
    before = times.now()
    function = deployment.function
    skew = times.skew_millis(function, before, times.now())
    read = Reader({}, {})
    if skew is None:
        read.unknown["clock"] = "the answer has no Date"
    mappings = read("mappings", lambda: _read_mappings(deployment, read))
    queue_url = read("queue", lambda: deployment.queue_url)
    queue = read("queue", lambda: read_queue(deployment, queue_url)) if queue_url else None
    # The target of the redrive policy; `doctor` compares the destination of copies with it.
    target = queue.dead_letter_arn if queue else None
    dead_url = deployment.dead_letter_queue_url
    if target:
        dead_url = read("dead-letter queue", lambda: deployment.find_url(target))
    dead = read("dead-letter queue", lambda: read_queue(deployment, dead_url)) if dead_url else None
    table_name = deployment.environment.get("IDEMPOTENCY_TABLE") or deployment.options.table
    table = read("table", lambda: read_table(deployment, table_name, read)) if table_name else None
    of_queue, of_streams = _sort_mappings(mappings, queue)
    keys = _read_keys(
        deployment, read, dict(zip(ENCRYPTED_PARTS, (table, queue, dead), strict=True))
    )
    role = function["Role"]
    requests = list_requests(
        role,
        log_arn=_log_arn(function, str(deployment.log_group)),
        namespace=deployment.environment.get("IDEMPOTENCY_NAMESPACE", ""),
        table_arn=_table_arn(function, table_name) if table_name else None,
        queue=queue if of_queue else None,
        dead_letter_queue=None if dead and queue and dead.arn == queue.arn else dead,
        mappings=of_streams or (),
        keys=keys,
    )
    policies: dict[str, Sequence[Statement]] = {key.arn: key.statements or () for key in keys}
    policies |= {part.arn: part.statements for part in (queue, dead) if part}
    if table and table_name:
        policies[_table_arn(function, table_name)] = table.statements or ()
    permissions = _read_permissions(deployment, read, requests, policies)
    denials, undecided = find_resource_denials(role, requests, policies)
    if undecided:
        read.unknown["resource policies"] = "; ".join(undecided)
    handler = _handler(function)
    return Inventory(
        environment=deployment.environment,
        handler=handler,
        function=gather_function(deployment, handler, read, read.unknown, invoke=invoke),
        function_arn=function["FunctionArn"],
        timeout_seconds=function["Timeout"],
        runtime=function.get("Runtime"),
        managed_instances=bool(function.get("CapacityProviderConfig")),
        reserved_concurrency=read(
            "reserved concurrency", lambda: _read_reserved_concurrency(deployment, function)
        ),
        table=table,
        queue=queue,
        dead_letter_queue=dead,
        mappings=of_queue,
        stream_mappings=of_streams,
        queue_readers=_read_readers(deployment, read, "queue", queue),
        dead_letter_readers=_read_readers(deployment, read, "dead-letter queue", dead),
        denied=permissions.denied if permissions else None,
        denials=denials,
        keys=keys,
        skew_millis=skew,
        unknown=read.unknown,
        missing=read.missing,
    )


def _handler(function: Mapping[str, Any]) -> str:
    image = (function.get("ImageConfigResponse") or {}).get("ImageConfig") or {}
    return str(function.get("Handler") or next(iter(image.get("Command") or ()), ""))


def _read_mappings(deployment: Deployment, read: Reader) -> tuple[SourceMapping, ...]:
    return tuple(read_mapping(deployment, found, read) for found in deployment.mappings)


def _sort_mappings(
    mappings: tuple[SourceMapping, ...] | None, queue: Queue | None
) -> tuple[tuple[SourceMapping, ...] | None, tuple[SourceMapping, ...] | None]:
    """Return the mappings of the queue, and all that read anything but a queue."""
    if mappings is None:
        return None, None
    return (
        tuple(
            mapping
            for mapping in mappings
            if mapping.service == "sqs" and (queue is None or mapping.source_arn == queue.arn)
        ),
        tuple(mapping for mapping in mappings if mapping.service != "sqs"),
    )


def _read_readers(
    deployment: Deployment, read: Reader, part: str, queue: Queue | None
) -> tuple[SourceMapping, ...] | None:
    if queue is None:
        return None
    return read(f"readers of the {part}", lambda: list_readers(deployment, queue.arn))


def _read_keys(
    deployment: Deployment, read: Reader, parts: Mapping[str, Table | Queue | None]
) -> tuple[Key, ...]:
    found = (
        read(f"key of the {name}", partial(read_key, deployment, name, part.key_id, read))
        for name, part in parts.items()
        if part and part.key_id
    )
    return tuple(filter(None, found))


def _read_permissions(
    deployment: Deployment,
    read: Reader,
    requests: Sequence[Request],
    policies: Mapping[str, Sequence[Statement]],
) -> Permissions | None:
    role = deployment.function["Role"]

    def ask() -> Permissions | None:
        try:
            return find_permissions(deployment, role, requests, policies)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchEntity":
                raise
            read.missing["role"] = str(error)
            return None

    found = read("permissions", ask)
    if found and found.undecided:
        read.unknown["permissions"] = "; ".join(found.undecided)
    return found


def _read_reserved_concurrency(deployment: Deployment, function: Mapping[str, Any]) -> int | None:
    answer = deployment.client("lambda").get_function_concurrency(
        FunctionName=function["FunctionName"]
    )
    reserved: int | None = answer.get("ReservedConcurrentExecutions")
    return reserved


def _log_arn(function: Mapping[str, Any], group: str) -> str:
    """Return the ARN of a log stream, as a role's request has it."""
    _, partition, _, region, account, *_ = function["FunctionArn"].split(":")
    return f"arn:{partition}:logs:{region}:{account}:log-group:{group}:log-stream:any"


def _table_arn(function: Mapping[str, Any], name: str) -> str:
    if name.startswith("arn:"):
        return name
    _, partition, _, region, account, *_ = function["FunctionArn"].split(":")
    return f"arn:{partition}:dynamodb:{region}:{account}:table/{name}"
