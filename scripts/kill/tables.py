"""The tables and the dead-letter queue, as the campaign itself sees them."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from scripts.kill.account import Seen
from scripts.kill.queue import Record, make_record
from scripts.kill.worker import NAMESPACE

STILL_SECONDS: Final = 0.01
MOST_READS: Final = 100


class RestlessError(Exception):
    """A table still changes although nobody is at work on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The campaign's own clients of the account that the workers use."""

    dynamodb: Any
    sqs: Any
    dead_letter_queue_url: str

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
        """Read the records, by key; after a kill, once its last call has been carried out.

        Raises:
            RestlessError: the table still changes long after a kill.
        """
        items = self._scan(table)
        before, reads = None, 0
        while killed and items != before:
            if reads == MOST_READS:
                raise RestlessError(f"{table} still changes {reads} reads after a kill")
            time.sleep(STILL_SECONDS)
            before, items, reads = items, self._scan(table), reads + 1
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

    def take_copies(self, after: int) -> list[Record]:
        """Empty the dead-letter queue, as an operator's redrive does.

        Args:
            after: how many were taken before; makes their ids differ from those.
        """
        url, taken = self.dead_letter_queue_url, []
        while found := self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages", []):
            for copy in found:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=copy["ReceiptHandle"])
            taken += found
        return [
            make_record(
                f"copy-{after + place}", json.loads(copy["Body"])["id"], copy["MessageAttributes"]
            )
            for place, copy in enumerate(taken)
        ]

    def _scan(self, table: str) -> list[Mapping[str, Any]]:
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]
