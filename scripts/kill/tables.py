"""The tables and the dead-letter queue, as the campaign itself sees them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from scripts.kill.account import Seen
from scripts.kill.worker import NAMESPACE

STILL_SECONDS: Final = 0.01
MOST_READS: Final = 100
MOST_MESSAGES: Final = 10


class RestlessError(Exception):
    """A table still changes although nobody is at work on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The campaign's own clients of the account that the workers use."""

    dynamodb: Any
    sqs: Any
    dead_letter_queue_url: str

    @classmethod
    def create(cls, dynamodb: Any, sqs: Any) -> "Tables":
        """Make the dead-letter queue."""
        url = sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
        return cls(dynamodb=dynamodb, sqs=sqs, dead_letter_queue_url=url)

    def create_tables(self, *names: str) -> None:
        """Make tables with a text ``id`` as their key."""
        for name in names:
            self.dynamodb.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )

    def delete_tables(self, *names: str) -> None:
        """Remove tables."""
        for name in names:
            self.dynamodb.delete_table(TableName=name)

    def read_records(self, table: str, *, killed: bool) -> dict[str, Seen]:
        """Read the records, by key.

        Raises:
            RestlessError: the table still changes long after a kill.
        """
        items = self._scan_when_still(table) if killed else self._scan(table)
        return {
            item["id"]["S"].removeprefix(f"{NAMESPACE}#"): Seen(
                status=item["status"]["S"],
                owner=item["owner"]["S"],
                dead_lettered="dead_lettered_at" in item,
            )
            for item in items
        }

    def read_counters(self, table: str) -> dict[str, int]:
        """Read how often each key's side effect was committed."""
        return {item["id"]["S"]: int(item["n"]["N"]) for item in self._scan(table)}

    def _scan_when_still(self, table: str) -> list[Mapping[str, Any]]:
        """Scan until the last call of a killed process has been carried out."""
        before = self._scan(table)
        for _ in range(MOST_READS):
            time.sleep(STILL_SECONDS)
            now = self._scan(table)
            if now == before:
                return now
            before = now
        raise RestlessError(f"the table {table} still changes {MOST_READS} reads after a kill")

    def _scan(self, table: str) -> list[Mapping[str, Any]]:
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]

    def take_copies(self) -> Sequence[Mapping[str, Any]]:
        """Empty the dead-letter queue."""
        url, taken = self.dead_letter_queue_url, []
        while found := self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=MOST_MESSAGES, MessageAttributeNames=["All"]
        ).get("Messages", []):
            entries = [
                {"Id": str(place), "ReceiptHandle": message["ReceiptHandle"]}
                for place, message in enumerate(found)
            ]
            self.sqs.delete_message_batch(QueueUrl=url, Entries=entries)
            taken += found
        return taken
