"""The checks of a deployed stack. They read the facts in an inventory and nothing else.

Each check names a rule of the module or of AWS. It reports nothing if its facts are not known.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from math import ceil
from typing import Any

from idempotent_lambda.clock import RESERVE_MILLIS
from idempotent_lambda.errors import InvalidSettingsError
from idempotent_lambda.settings import (
    DEFAULT_LEASE_MARGIN_MILLIS,
    DEFAULT_MAX_RECEIVE_COUNT,
    DEFAULT_MINIMUM_REMAINING_MILLIS,
    MANAGED_INSTANCES_CHOICES,
    Settings,
)

ENTRY_POINT = "idempotent_lambda.entrypoint.handler"
TTL_ATTRIBUTE = "expires_at"
OLDEST_RUNTIME = (3, 11)
LEAST_MARGIN_MILLIS = 1000
LEAST_RECEIVES = 3
LEAST_CONCURRENCY = 2
"""The least maximum concurrency of a mapping.

https://docs.aws.amazon.com/lambda/latest/api/API_ScalingConfig.html"""

LEAST_POLLERS = 2
"""https://docs.aws.amazon.com/lambda/latest/api/API_ProvisionedPollerConfig.html"""

POLLER_CONCURRENCY = 10
"""The most invocations of a provisioned poller at a time, which excludes a maximum concurrency.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"""

MAX_RETENTION_SECONDS = 1_209_600
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html"""

VISIBILITY_FACTOR = 6
"""https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""


class Severity(StrEnum):
    """The weight of a finding. A note does not make a stack unhealthy."""

    FAILURE = "failure"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A queue; times in seconds.

    Attributes:
        max_message_bytes: the size of the largest message that it takes.
        dead_letter_arn: the target of its redrive policy; None without a policy.
        max_receive_count: the limit in its redrive policy; None without a policy.
    """

    arn: str
    visibility_seconds: int
    retention_seconds: int
    max_message_bytes: int
    delay_seconds: int = 0
    dead_letter_arn: str | None = None
    max_receive_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The table of records.

    Attributes:
        key: attribute name, type and role of each part of its key: ``("id", "S", "HASH")``.
        ttl_attribute: the attribute for TTL; None if TTL is off.
        point_in_time_recovery: whether it is on; None if not known.
    """

    key: tuple[tuple[str, str, str], ...]
    ttl_attribute: str | None
    point_in_time_recovery: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceMapping:
    """An event source mapping, which reads the queue and invokes the function.

    Attributes:
        state: the state as Lambda reports it: ``Enabled``, ``Disabled``, ``Enabling`` …
        partial_responses: whether ReportBatchItemFailures is on.
        window_seconds: the batching window.
        maximum_concurrency: the limit; None without a limit.
        maximum_pollers: the most pollers that Lambda keeps for it; None without provisioned mode.
    """

    state: str
    partial_responses: bool
    window_seconds: int = 0
    maximum_concurrency: int | None = None
    maximum_pollers: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The known facts of a stack; None for a part that does not exist or is not known.

    Attributes:
        runtime: the runtime; None for an image.
        managed_instances: whether it runs on Lambda Managed Instances.
        reserved_concurrency: the reserved concurrency; None if nothing is reserved.
        mappings: the mappings of the queue; None if not known.
        denied: the actions that the role lacks, each with its resource; None if not known.
        skew_millis: this machine's clock minus AWS's, as far as it is certain; None if not known.
        unknown: the facts that could not be read, with the reason.
        missing: the parts that do not exist, with the answer of AWS.
    """

    environment: Mapping[str, str]
    handler: str
    timeout_seconds: int
    runtime: str | None = None
    managed_instances: bool = False
    reserved_concurrency: int | None = None
    table: Table | None = None
    queue: Queue | None = None
    dead_letter_queue: Queue | None = None
    mappings: tuple[SourceMapping, ...] | None = None
    denied: tuple[tuple[str, str], ...] | None = None
    skew_millis: int | None = None
    unknown: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def uses_entry_point(self) -> bool:
        """Whether the package's own entry point runs."""
        return self.handler == ENTRY_POINT

    @property
    def margin_millis(self) -> int | None:
        """The lease margin; None if it is not valid."""
        default = str(DEFAULT_LEASE_MARGIN_MILLIS)
        return _whole(self.environment.get("IDEMPOTENCY_LEASE_MARGIN_MILLIS", default))

    @property
    def record_seconds(self) -> int | None:
        """The retention of records; None if it is not valid."""
        return _whole(self.environment.get("IDEMPOTENCY_RETENTION_SECONDS", ""))


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """A rule that the stack breaks.

    Attributes:
        name: the name of the check.
        value: the value that was found.
        rule: the rule.
        remedy: the remedy.
    """

    severity: Severity
    name: str
    value: str
    rule: str
    remedy: str

    def plain(self) -> dict[str, Any]:
        """Return the fields for ``--json``."""
        return {
            "severity": self.severity.value,
            "name": self.name,
            "value": self.value,
            "rule": self.rule,
            "remedy": self.remedy,
        }


Said = Iterator[tuple[Severity, str, str, str]]
_failure = partial(lambda kind, *said: (kind, *said), Severity.FAILURE)
_warning = partial(lambda kind, *said: (kind, *said), Severity.WARNING)
_note = partial(lambda kind, *said: (kind, *said), Severity.NOTE)


def findings(inventory: Inventory) -> list[CheckFinding]:
    """Return the findings of all checks, in the order of the checks."""
    return [
        CheckFinding(severity, name, value, rule, remedy)
        for name, check in CHECKS.items()
        for severity, value, rule, remedy in check(inventory)
    ]


def _existence(inventory: Inventory) -> Said:
    for part, said in inventory.missing.items():
        rule = f"the {part} that the function uses must exist"
        remedy = "apply the module again; point-in-time recovery may restore a lost table"
        yield _failure(f"there is no {part}: {said}", rule, remedy)


def _settings(inventory: Inventory) -> Said:
    try:
        Settings.from_environment(
            inventory.environment, require_processor=inventory.uses_entry_point
        )
    except InvalidSettingsError as error:
        for problem in error.problems:
            if not problem.startswith("IDEMPOTENCY_DEAD_LETTER_QUEUE_URL"):  # has its own check
                rule = "the function refuses to start with wrong settings"
                yield _failure(problem, rule, "apply the module again, or correct the variable")


def _observing(inventory: Inventory) -> Said:
    if inventory.environment.get("IDEMPOTENCY_MODE") == "observe":
        remedy = 'set idempotency.mode = "enforce" once the reported duplicates are right'
        yield _note("mode is observe", "nothing is suppressed in this mode", remedy)


def _runtime(inventory: Inventory) -> Said:
    if inventory.runtime is None:
        return
    parts = inventory.runtime.removeprefix("python").split(".")
    numbers = tuple(int(each) for each in parts if each.isdecimal())
    if not inventory.runtime.startswith("python") or numbers < OLDEST_RUNTIME:
        remedy = 'set function.runtime = "python3.13"'
        yield _failure(f"runtime is {inventory.runtime}", "python3.11 or newer", remedy)


def _managed_instances(inventory: Inventory) -> Said:
    if not inventory.managed_instances:
        return
    value, rule = "it runs on Lambda Managed Instances", "they stop no run at its timeout, so "
    accepted = MANAGED_INSTANCES_CHOICES[1]
    if inventory.environment.get("IDEMPOTENCY_MANAGED_INSTANCES") == accepted:
        rule += "a side effect may happen twice at the same time"
        yield _note(value, rule, "end each run before its timeout, or run the function elsewhere")
    else:
        remedy = f'run it elsewhere, or set idempotency.managed_instances = "{accepted}"'
        yield _failure(value, rule + "the function refuses to start there", remedy)


def _table_key(inventory: Inventory) -> Said:
    if inventory.table and inventory.table.key != (("id", "S", "HASH"),):
        found = ", ".join(" ".join(part) for part in inventory.table.key)
        remedy = "create a table with this key, and use it"
        yield _failure(f"the key is {found}", "a partition key id of type S, no sort key", remedy)


def _ttl(inventory: Inventory) -> Said:
    if inventory.table and inventory.table.ttl_attribute != TTL_ATTRIBUTE:
        found = inventory.table.ttl_attribute
        value = f"TTL is on {found!r}" if found else "TTL is off"
        rule = f"TTL must be on for {TTL_ATTRIBUTE}; otherwise expired records stay and cost money"
        yield _failure(value, rule, "switch it on, or apply the module again")


def _recovery(inventory: Inventory) -> Said:
    if inventory.table and inventory.table.point_in_time_recovery is False:
        rule = "without it, a table that is deleted by mistake cannot be restored"
        yield _note(
            "point-in-time recovery is off", rule, "set table.point_in_time_recovery = true"
        )


def _record_retention(inventory: Inventory) -> Said:
    queue, kept = inventory.queue, inventory.record_seconds
    if queue is None or kept is None:
        return
    if kept < queue.retention_seconds:
        value = f"records are kept for {kept} s, messages for {queue.retention_seconds} s"
        rule = "a record must live as long as its message can be delivered again"
        yield _failure(value, rule, "raise idempotency.retention_seconds, or set it to null")
    elif inventory.dead_letter_queue:
        whole = 2 * queue.retention_seconds + inventory.dead_letter_queue.retention_seconds
        if kept < whole:
            value = f"records are kept for {kept} s, below {whole} s"
            rule = "a message can be in the queue, in the dead-letter queue, and in the queue again"
            yield _note(value, rule, "redrive sooner, or set idempotency.retention_seconds to null")


def _visibility(inventory: Inventory) -> Said:
    if inventory.queue is None or inventory.margin_millis is None:
        return
    found, timeout = inventory.queue.visibility_seconds, inventory.timeout_seconds
    lease = timeout + inventory.margin_millis / 1000
    window = max((each.window_seconds for each in inventory.mappings or ()), default=0)
    advised = VISIBILITY_FACTOR * timeout + window
    value = f"the visibility timeout is {found} s"
    remedy = f"set it to {max(advised, ceil(lease + 1))} s"
    if found <= lease:
        rule = f"above the longest lease, {lease:g} s: function timeout plus lease margin"
        yield _failure(value, rule, remedy)
    elif found < advised:
        rule = f"at least 6 times the function timeout plus the batching window: {advised} s"
        yield _warning(value, rule, remedy)


def _retries_fit(inventory: Inventory) -> Said:
    queue = inventory.queue
    if queue is None or queue.max_receive_count is None:
        return
    least = queue.delay_seconds + queue.max_receive_count * queue.visibility_seconds
    if queue.retention_seconds <= least:
        value = f"messages are kept for {queue.retention_seconds} s, but receives take {least} s"
        rule = "a failing message must reach the dead-letter queue before it expires"
        yield _failure(value, rule, "raise the queue's retention, or lower the receives")


def _mapping(inventory: Inventory) -> Said:
    if inventory.queue is None or inventory.mappings is None:
        return
    if not inventory.mappings:
        remedy = "if an alias has one, set --function name:alias; otherwise apply the module again"
        yield _failure("no mapping reads the queue", "the queue needs a mapping", remedy)
    for each in inventory.mappings:
        if each.state not in {"Enabled", "Enabling", "Creating", "Updating"}:
            remedy = "set queue.enabled = true, or enable the mapping"
            yield _warning(
                f"the mapping is {each.state}", "only an enabled mapping reads the queue", remedy
            )


def _partial_responses(inventory: Inventory) -> Said:
    if inventory.mappings and not all(each.partial_responses for each in inventory.mappings):
        rule = "without it, Lambda deletes messages that a batch reports as failed: they are lost"
        remedy = "set the mapping's FunctionResponseTypes to ReportBatchItemFailures"
        yield _failure("ReportBatchItemFailures is off", rule, remedy)


def _dead_letter_queue(inventory: Inventory) -> Said:
    if inventory.queue is None:
        return
    if inventory.queue.dead_letter_arn is None:
        rule = (
            "a message that always fails must go to a dead-letter queue; otherwise it is delivered "
            "until it expires"
        )
        yield _failure("the queue has no redrive policy", rule, "apply the module again")


def _max_receive_count(inventory: Inventory) -> Said:
    if inventory.queue is None or inventory.queue.max_receive_count is None:
        return
    found = inventory.queue.max_receive_count
    default = str(DEFAULT_MAX_RECEIVE_COUNT)
    said = _whole(inventory.environment.get("IDEMPOTENCY_MAX_RECEIVE_COUNT", default))
    if found < LEAST_RECEIVES:
        remedy = "raise maxReceiveCount in the redrive policy"
        rule = f"at least {LEAST_RECEIVES}: a delivery that meets a live claim uses one up, too"
        yield _failure(f"maxReceiveCount is {found}", rule, remedy)
    elif said is not None and said != found:
        value = f"maxReceiveCount is {found}, IDEMPOTENCY_MAX_RECEIVE_COUNT is {said}"
        rule = "the function must know which receive is the last"
        yield _warning(value, rule, "apply the module again, or correct queue.existing")


def _dead_letter_retention(inventory: Inventory) -> Said:
    queue, dead = inventory.queue, inventory.dead_letter_queue
    if queue is None or dead is None or queue.arn.endswith(".fifo"):
        return
    if dead.retention_seconds <= queue.retention_seconds:
        value = f"the dead-letter queue keeps messages for {dead.retention_seconds} s"
        value += f", the queue for {queue.retention_seconds} s"
        rule = "longer than the queue, because SQS counts a message's age from when it was sent"
        if dead.retention_seconds >= MAX_RETENTION_SECONDS:
            remedy = "lower the queue's retention, or redrive soon: SQS keeps no message longer"
            yield _warning(value, rule, remedy)
        else:
            most = f"{MAX_RETENTION_SECONDS} s at most"
            yield _failure(value, rule, f"raise the dead-letter queue's retention, {most}")


def _dead_letter_size(inventory: Inventory) -> Said:
    queue, dead = inventory.queue, inventory.dead_letter_queue
    if queue and dead and dead.max_message_bytes < queue.max_message_bytes:
        value = f"the dead-letter queue takes {dead.max_message_bytes} bytes"
        value += f", the queue {queue.max_message_bytes}"
        rule = "at least as many: SQS refuses the copy of a larger message, so it cannot be parked"
        yield _warning(value, rule, "raise MaximumMessageSize of the dead-letter queue")


def _dead_letter_url(inventory: Inventory) -> Said:
    url = inventory.environment.get("IDEMPOTENCY_DEAD_LETTER_QUEUE_URL")
    if not url:
        park_interrupted = inventory.environment.get("IDEMPOTENCY_ON_INTERRUPTED") == "park"
        kind = _failure if park_interrupted else _warning
        if inventory.uses_entry_point:
            rule = "the function sends copies of parked messages there"
            remedy = "set IDEMPOTENCY_DEAD_LETTER_QUEUE_URL, or apply the module again"
            yield kind("IDEMPOTENCY_DEAD_LETTER_QUEUE_URL is not set", rule, remedy)
        return
    target = inventory.queue.dead_letter_arn if inventory.queue else None
    if target and target.split(":")[-1] != url.rsplit("/", 1)[-1]:
        value = f"copies go to {url}, but the redrive policy names {target}"
        remedy = "apply the module again, or correct queue.existing.dead_letter_queue"
        yield _failure(value, "both must name the same dead-letter queue", remedy)


def _concurrency(inventory: Inventory) -> Said:
    reserved = inventory.reserved_concurrency
    if reserved is None:
        return
    if reserved == 0:
        rule = "with 0, every invocation is throttled"
        yield _failure("reserved concurrency is 0", rule, "raise or remove it")
        return
    for each in inventory.mappings or ():
        pollers = each.maximum_pollers
        most = each.maximum_concurrency if pollers is None else POLLER_CONCURRENCY * pollers
        if most is not None and most <= reserved:
            continue
        said = "no maximum concurrency" if most is None else f"maximum concurrency {most}"
        least = LEAST_CONCURRENCY
        remedy = f"set queue.maximum_concurrency to {reserved} at most"
        if pollers is not None:
            said = f"{pollers} pollers with {POLLER_CONCURRENCY} invocations each"
            remedy = f"reserve at least {most}, or lower queue.provisioned_poller_config: "
            remedy += f"{LEAST_POLLERS} pollers need {LEAST_POLLERS * POLLER_CONCURRENCY}"
        elif reserved < least:
            remedy = f"reserve at least {least}, and set queue.maximum_concurrency to {least}"
        value = f"the mapping has {said}, the function a reserved concurrency of {reserved}"
        rule = "not above the function's: throttled messages use up their receives"
        yield _warning(value, rule, remedy)


def _lease_margin(inventory: Inventory) -> Said:
    margin = inventory.margin_millis
    if margin is not None and margin < LEAST_MARGIN_MILLIS:
        rule = (
            f"at least {LEAST_MARGIN_MILLIS} ms: clocks differ, and Lambda may stop a function late"
        )
        default = f"{DEFAULT_LEASE_MARGIN_MILLIS / 1000:g} is the default"
        remedy = f"raise idempotency.lease_margin_seconds; {default}"
        yield _warning(f"the lease margin is {margin} ms", rule, remedy)


def _time_to_start(inventory: Inventory) -> Said:
    default = str(DEFAULT_MINIMUM_REMAINING_MILLIS)
    least = _whole(inventory.environment.get("IDEMPOTENCY_MINIMUM_REMAINING_MILLIS", default))
    if least is not None and least + RESERVE_MILLIS >= inventory.timeout_seconds * 1000:
        value = f"a start needs {least} ms of the timeout of {inventory.timeout_seconds} s"
        rule = f"that plus {RESERVE_MILLIS} ms of reserve must fit, or nothing starts"
        yield _failure(value, rule, "lower idempotency.minimum_remaining_seconds")


def _permissions(inventory: Inventory) -> Said:
    for action, resource in inventory.denied or ():
        value = f"the role lacks {action} on {resource}"
        if action in WITHOUT:
            yield _warning(value, WITHOUT[action], "apply the module again, or add it")
        else:
            rule = "docs/permissions.md lists what the function needs"
            yield _failure(value, rule, "apply the module again, or add it")


def _clock(inventory: Inventory) -> Said:
    skew, margin = inventory.skew_millis, inventory.margin_millis
    if skew is not None and margin is not None and abs(skew) > margin:
        value = f"this machine's clock is at least {abs(skew)} ms {'fast' if skew > 0 else 'slow'}"
        rule = f"clocks must differ by less than the lease margin, {margin} ms"
        yield _failure(
            value,
            rule,
            "set this machine's clock: the times that this command shows are wrong by that",
        )


_ONE_BY_ONE = "without it, every claim and settlement is a separate call"
WITHOUT: Mapping[str, str] = {
    "dynamodb:BatchGetItem": _ONE_BY_ONE,
    "dynamodb:PartiQLInsert": _ONE_BY_ONE,
    "dynamodb:PartiQLUpdate": _ONE_BY_ONE,
    "dynamodb:PartiQLDelete": _ONE_BY_ONE,
    "sqs:ChangeMessageVisibility": "without it, failed messages wait for the visibility timeout",
}
"""Actions that a role may lack, with the consequence."""

CHECKS: Mapping[str, Callable[[Inventory], Said]] = {
    "existence": _existence,
    "settings": _settings,
    "observe-mode": _observing,
    "runtime": _runtime,
    "managed-instances": _managed_instances,
    "table-key": _table_key,
    "ttl": _ttl,
    "point-in-time-recovery": _recovery,
    "record-retention": _record_retention,
    "visibility-timeout": _visibility,
    "retries-fit": _retries_fit,
    "mapping": _mapping,
    "partial-responses": _partial_responses,
    "dead-letter-queue": _dead_letter_queue,
    "dead-letter-url": _dead_letter_url,
    "dead-letter-retention": _dead_letter_retention,
    "dead-letter-size": _dead_letter_size,
    "max-receive-count": _max_receive_count,
    "concurrency": _concurrency,
    "lease-margin": _lease_margin,
    "time-to-start": _time_to_start,
    "permissions": _permissions,
    "clock": _clock,
}
"""The checks by name, in the order of their findings."""


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() else None
