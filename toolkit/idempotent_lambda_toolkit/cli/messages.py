"""A message of the dead-letter queue, and the record ids of its keys."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from idempotent_lambda.clock import EpochMillis
from idempotent_lambda.errors import MessageError, UnsupportedEventError
from idempotent_lambda.keys import KeyRule
from idempotent_lambda.protocol.record import Record, Status


@dataclass(frozen=True, slots=True, eq=False)
class DeadLetterMessage:
    """A message in the dead-letter queue. Each receive makes another object.

    Attributes:
        raw: the message as SQS returned it.
        record_ids: the record ids of its keys; empty if they are not known.
        token: the owner token of a copy of a parked message; None for other messages.
        first_id: the id of the message that was copied; None for other messages.
        foreign: whether SQS moved it here from a queue that the function does not read.
        refusal: the reason why no delivery of it can run, such as a missing key; None if it can
            run, or if that is not known.
    """

    raw: Mapping[str, Any] = field(repr=False)
    record_ids: frozenset[str]
    token: str | None
    first_id: str | None
    foreign: bool = False
    refusal: str | None = None

    @property
    def id(self) -> str:
        """The message id."""
        return str(self.raw["MessageId"])

    @property
    def sent_at(self) -> EpochMillis:
        """The time of sending, in epoch milliseconds of AWS's clock."""
        return EpochMillis(int(self.raw["Attributes"]["SentTimestamp"]))

    @property
    def group(self) -> str | None:
        """The message group; None without one."""
        found: str | None = self.raw["Attributes"].get("MessageGroupId")
        return found

    def is_named(self, message_id: str) -> bool:
        """Return whether this is its id, or the id of the message that was copied."""
        return message_id in (self.id, self.first_id)

    def is_copy_of(self, record: Record) -> bool:
        """Return whether this message can claim the record after a redrive.

        It can if the record is parked with its token. It can also continue a record that it has
        unlocked, unless that is parked again: then the function has sent a newer copy.
        """
        if self.token == record.owner:
            return True
        unlocked = self.token is not None and self.token == record.unlocked_by
        return unlocked and record.status != Status.PARKED

    def plain(self) -> dict[str, Any]:
        """Return the fields for ``--json``, without the body."""
        return {
            "message_id": self.id,
            "record_ids": sorted(self.record_ids),
            "parked_copy": self.token is not None,
            "foreign": self.foreign,
            "refusal": self.refusal,
            "sent_at": self.sent_at,
        }


def find_record_ids(
    message: Mapping[str, Any], arn: str, rule: KeyRule | None, unwrap: frozenset[str] = frozenset()
) -> tuple[frozenset[str], str | None]:
    """Return the record ids of a received message, as the function would build them.

    Args:
        message: the message as SQS returns it to a receiver.
        arn: the ARN of its queue.
        rule: the rule that gives the consumer's messages their keys; None if it is not known.
        unwrap: the services whose wrappers the function removes.

    Returns:
        The ids, and the reason why the function refuses the message; None if it does not.
    """
    if rule is None:
        return frozenset(), None
    # --help does without the package's larger parts.
    from idempotent_lambda.pipeline.grouping import find_key, find_stated_key  # noqa: PLC0415
    from idempotent_lambda.sources.event import read_event  # noqa: PLC0415

    found = set()
    try:
        for delivery in read_event({"Records": [_build_lambda_record(message, arn)]}, unwrap):
            key = find_stated_key(rule, delivery) or find_key(rule, delivery)
            found.add(key.record_id)
    except (MessageError, UnsupportedEventError) as error:
        return frozenset(found), str(error)  # perhaps the reason why it is here
    return frozenset(found), None


def _build_lambda_record(message: Mapping[str, Any], arn: str) -> dict[str, Any]:
    """Build the record that Lambda makes of a message.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """
    attributes: dict[str, Any] = {}
    for name, of in message.get("MessageAttributes", {}).items():
        attributes[name] = {"dataType": of["DataType"]}
        if "BinaryValue" in of:
            attributes[name]["binaryValue"] = base64.b64encode(of["BinaryValue"]).decode()
        else:
            attributes[name]["stringValue"] = of.get("StringValue")
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": attributes,
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
    }
