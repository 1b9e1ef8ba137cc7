"""What follows for a record or a message, by the function's settings, its queue and its log."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from idempotent_lambda.clock import EpochMillis, Millis
from idempotent_lambda.errors import InvalidSettingsError
from idempotent_lambda.protocol.record import Record, Status
from idempotent_lambda.settings import Settings
from idempotent_lambda_toolkit.cli import records, times
from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.function_log import LogLine


def describe_outlook(deployment: Deployment, record: Record) -> str | None:
    """Return what follows for a stale record; None for others, or if the function is not known."""
    if not deployment.function or records.state(record, times.now()) != "stale":
        return None
    try:
        settings = Settings.from_environment(deployment.environment, require_processor=False)
    except InvalidSettingsError:
        return "the function's settings are wrong, so nothing takes it over: doctor shows them"
    if settings.observe_only:
        return "the function is in observe mode: it claims nothing, so the record stays as it is"
    who, end = _name_next_claimant(deployment, record), "takes it over and runs"
    if settings.park_interrupted:
        end = "parks it (on_interrupted = park) and does not run"
    return f"{who} {end}"


def _name_next_claimant(deployment: Deployment, record: Record) -> str:
    if record.unlocked_by:
        return "only the redriven copy that has unlocked it"
    if records.is_decorated(record.id):
        return "the next call with this key"
    arns = [str(each["EventSourceArn"]) for each in deployment.mappings if "EventSourceArn" in each]
    if not arns:
        return "the next invocation with this key (the function has no event source mapping)"
    if all(arn.split(":")[2:3] == ["sqs"] for arn in arns):
        return "the next delivery of its message"
    return "the next delivery of its message or stream record"


@dataclass(frozen=True)
class QueueTerms:
    """When and how often a queue delivers a message.

    Attributes:
        visibility: how long a received message is hidden.
        max_receive_count: how often it is delivered before it is dead-lettered; None for no limit.
    """

    visibility: Millis
    max_receive_count: int | None

    @classmethod
    def read(cls, deployment: Deployment) -> "QueueTerms | None":
        """Read the terms of the consumer's queue; None if it has none. The SDK's errors pass."""
        if deployment.queue_url is None:
            return None
        names = ["VisibilityTimeout", "RedrivePolicy"]
        answer = deployment.client("sqs").get_queue_attributes(
            QueueUrl=deployment.queue_url, AttributeNames=names
        )
        found = answer["Attributes"]
        count = json.loads(found.get("RedrivePolicy") or "{}").get("maxReceiveCount")
        visibility = Millis(int(found["VisibilityTimeout"]) * 1000)
        return cls(visibility, int(count) if count else None)


def describe_lines(
    lines: Sequence[LogLine], terms: QueueTerms | None, record: Record | None, now: EpochMillis
) -> list[str]:
    """Describe the last log line of each message, and when the message comes back.

    Args:
        lines: the lines of one key or message, in order of time.
        terms: the terms of the queue; None without a queue.
        record: the record of the key; None without one.
        now: the time of this machine.
    """
    last = {line.message_id: line for line in lines}
    described = []
    for message_id, line in last.items():
        count = line.receive_count
        most = f" of {terms.max_receive_count}" if terms and terms.max_receive_count else ""
        receive = f", receive {count}{most}" if count is not None else ""
        at = times.moment(line.logged_at, now)
        text = f"message {message_id}: {line.fields.get('outcome')}{receive}, logged {at}"
        described.append(f"{text}; {_describe_return(line, terms, record, now)}")
        if line.errors:
            described.append(f"  {line.errors}")
    return described


def _describe_return(
    line: LogLine, terms: QueueTerms | None, record: Record | None, now: EpochMillis
) -> str:
    if line.is_acknowledged:
        return "it is not delivered again"
    count = line.receive_count
    if count is None or terms is None:
        return "it is not done: its source delivers it again, or its caller calls again"
    if terms.max_receive_count is not None and count >= terms.max_receive_count:
        return "that was its last receive: SQS moves it to the dead-letter queue"
    back = line.logged_at + terms.visibility
    if record is not None and record.status == Status.IN_PROGRESS:
        # --help does without the SDK.
        from idempotent_lambda.queues import POSTPONED_AFTER_LEASE_MILLIS  # noqa: PLC0415

        back = max(back, (record.lease_expires_at or 0) + POSTPONED_AFTER_LEASE_MILLIS)
    if back <= now:
        text = f"it came back {times.moment(back, now)} at the latest"
        return f"{text}: it is in the queue, or runs"
    return f"it comes back {times.moment(back, now)} at the latest"
