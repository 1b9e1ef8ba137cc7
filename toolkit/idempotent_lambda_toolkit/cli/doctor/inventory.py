"""The facts of a deployed stack, which the checks read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from idempotent_lambda.settings import DEFAULT_LEASE_MARGIN_MILLIS
from idempotent_lambda_toolkit.cli.doctor.function_facts import FunctionFacts

ENTRY_POINT = "idempotent_lambda.entrypoint.handler"

ENCRYPTED_PARTS = ("table", "queue", "dead-letter queue")
"""The parts that a KMS key can encrypt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A queue; times in seconds.

    Attributes:
        max_message_bytes: the size of the largest message that it takes.
        dead_letter_arn: the target of its redrive policy; None without a policy.
        max_receive_count: the limit in its redrive policy; None without a policy.
        redrive_permission: which queues may have it as a dead-letter queue.
        redrive_sources: the ARNs of those queues, if the permission is ``byQueue``.
        statements: the statements of its policy.
        key_id: the KMS key that encrypts it; None for SQS's own key.
    """

    arn: str
    visibility_seconds: int
    retention_seconds: int
    max_message_bytes: int
    delay_seconds: int = 0
    dead_letter_arn: str | None = None
    max_receive_count: int | None = None
    redrive_permission: str = "allowAll"
    redrive_sources: tuple[str, ...] = ()
    statements: tuple[Mapping[str, Any], ...] = ()
    key_id: str | None = None

    @property
    def is_fifo(self) -> bool:
        """Whether it is a FIFO queue."""
        return self.arn.endswith(".fifo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The table of records.

    Attributes:
        key: attribute name, type and role of each part of its key: ``("id", "S", "HASH")``.
        ttl_attribute: the attribute for TTL; None if TTL is off.
        point_in_time_recovery: whether it is on; None if not known.
        status: the status as DynamoDB reports it.
        replicas: the other Regions of a global table.
        is_strongly_consistent: whether a global table is consistent across its Regions.
        statements: the statements of its policy; None if they are not known.
        key_id: the KMS key that encrypts it; None for DynamoDB's own key.
    """

    key: tuple[tuple[str, str, str], ...]
    ttl_attribute: str | None
    point_in_time_recovery: bool | None = None
    status: str = "ACTIVE"
    replicas: tuple[str, ...] = ()
    is_strongly_consistent: bool = False
    statements: tuple[Mapping[str, Any], ...] | None = ()
    key_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceMapping:
    """An event source mapping, which reads a queue or a stream and invokes a function.

    Attributes:
        state: the state as Lambda reports it: ``Enabled``, ``Disabled``, ``Enabling`` …
        partial_responses: whether ReportBatchItemFailures is on.
        window_seconds: the batching window.
        maximum_concurrency: the limit; None without a limit.
        maximum_pollers: the most pollers that Lambda keeps for it; None without provisioned mode.
        uuid: its id.
        source_arn: the queue or stream; empty for a source without an ARN.
        function_arn: the ARN of the function that it invokes, perhaps with a version or alias.
        state_reason: why it is in its state.
        last_result: the result of its last invocation.
        filters: the patterns of its filters. Lambda drops what matches none of them.
        failure_destination: the ARN for the records of a stream that Lambda gives up on.
        maximum_retries: the most retries for a stream; None without a limit.
        maximum_age_seconds: the greatest age of a record; None without a limit.
        tumbling_window_seconds: the tumbling window; 0 without one.
    """

    state: str
    partial_responses: bool
    window_seconds: int = 0
    maximum_concurrency: int | None = None
    maximum_pollers: int | None = None
    uuid: str = ""
    source_arn: str = ""
    function_arn: str = ""
    state_reason: str = ""
    last_result: str = ""
    filters: tuple[str, ...] = ()
    failure_destination: str | None = None
    maximum_retries: int | None = None
    maximum_age_seconds: int | None = None
    tumbling_window_seconds: int = 0

    @property
    def service(self) -> str:
        """The service that it reads from: ``sqs``, ``kinesis``, ``dynamodb`` or another one."""
        return self.source_arn.split(":")[2] if self.source_arn else "another source"

    @property
    def is_active(self) -> bool:
        """Whether it reads its source now or soon."""
        return self.state in ACTIVE_STATES

    @property
    def label(self) -> str:
        """Its name for a finding."""
        if self.service == "sqs" or not self.source_arn:
            return "the mapping"
        # A stream of a table ends with its time, and the table's name comes before that.
        return f"the mapping of {self.source_arn.split(':', 5)[-1].split('/stream/')[0]}"


ACTIVE_STATES = frozenset({"Enabled", "Enabling", "Creating", "Updating"})
"""https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html"""


@dataclass(frozen=True, slots=True)
class Denial:
    """A statement of a resource's policy that denies the role what it needs.

    Attributes:
        resource: the ARN of the resource.
        sid: the statement's name.
    """

    resource: str
    sid: str
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A KMS key of the user's that encrypts a part.

    Attributes:
        part: one of `ENCRYPTED_PARTS`.
        state: the state as KMS reports it.
        statements: the statements of its policy; None if they are not known.
    """

    arn: str
    part: str
    state: str
    statements: tuple[Mapping[str, Any], ...] | None = None

    @property
    def is_usable(self) -> bool:
        """Whether KMS encrypts and decrypts with it; ``Updating`` keys are usable.

        https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
        """
        return self.state in {"Enabled", "Updating"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The known facts of a stack; None for a part that does not exist or is not known.

    Attributes:
        function: the facts of the function beyond its settings.
        function_arn: the ARN of the function, perhaps with a version or alias.
        runtime: the runtime; None for an image.
        managed_instances: whether it runs on Lambda Managed Instances.
        reserved_concurrency: the reserved concurrency; None if nothing is reserved.
        mappings: the mappings of the queue; None if not known.
        stream_mappings: the function's other mappings; None if not known.
        queue_readers: all mappings of the queue, of any function; None if not known.
        dead_letter_readers: all mappings of the dead-letter queue; None if not known.
        denials: the statements of resources' policies that deny what the role needs.
        keys: the KMS keys of the user's that encrypt the parts.
        denied: the actions that the role lacks, each with its resource; None if not known.
        skew_millis: this machine's clock minus AWS's, as far as it is certain; None if not known.
        unknown: the facts that could not be read, with the reason.
        missing: the parts that do not exist, with the answer of AWS.
    """

    environment: Mapping[str, str]
    handler: str
    timeout_seconds: int
    function: FunctionFacts = field(default_factory=FunctionFacts)
    function_arn: str = ""
    runtime: str | None = None
    managed_instances: bool = False
    reserved_concurrency: int | None = None
    table: Table | None = None
    queue: Queue | None = None
    dead_letter_queue: Queue | None = None
    mappings: tuple[SourceMapping, ...] | None = None
    stream_mappings: tuple[SourceMapping, ...] | None = None
    queue_readers: tuple[SourceMapping, ...] | None = None
    dead_letter_readers: tuple[SourceMapping, ...] | None = None
    denials: tuple[Denial, ...] = ()
    keys: tuple[Key, ...] = ()
    denied: tuple[tuple[str, str], ...] | None = None
    skew_millis: int | None = None
    unknown: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def every_mapping(self) -> tuple[SourceMapping, ...]:
        """The function's known mappings, of the queue and of everything else."""
        return (*(self.mappings or ()), *(self.stream_mappings or ()))

    @property
    def shares_dead_letter_queue(self) -> bool:
        """Whether the queue is its own dead-letter queue."""
        queue, dead = self.queue, self.dead_letter_queue
        return queue is not None and dead is not None and queue.arn == dead.arn

    @property
    def uses_entry_point(self) -> bool:
        """Whether the package's own entry point runs."""
        return self.handler == ENTRY_POINT

    @property
    def margin_millis(self) -> int | None:
        """The lease margin; None if it is not valid."""
        default = str(DEFAULT_LEASE_MARGIN_MILLIS)
        return parse_whole(self.environment.get("IDEMPOTENCY_LEASE_MARGIN_MILLIS", default))

    @property
    def record_seconds(self) -> int | None:
        """The retention of records; None if it is not valid."""
        return parse_whole(self.environment.get("IDEMPOTENCY_RETENTION_SECONDS", ""))


def parse_whole(text: str) -> int | None:
    """Parse a text of decimal digits; None for any other text."""
    return int(text) if text.isascii() and text.isdecimal() else None
