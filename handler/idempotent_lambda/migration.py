"""The records of an earlier idempotency check, which you read while you change to this package.

    from idempotent_lambda.migration import PowertoolsRecords

    before = PowertoolsRecords(table="old-table", prefix="orders.app.charge")


    def process(message):
        if before.find_completion(message.body["order_id"]):
            return
        ...

Ask at the beginning of a processor: its message is claimed then, so only one instance of this
package asks at a time. Nothing is written. Each question is one consistent GetItem. Any error that
prevents an answer is raised, botocore's errors included, so that the claim is released and the
message comes again.
"""

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import botocore.session
from botocore.config import Config

from idempotent_lambda.clients import CONNECT_TIMEOUT_MILLIS, READ_TIMEOUT_MILLIS
from idempotent_lambda.clock import Clock, SystemClock
from idempotent_lambda.errors import (
    AlreadyInProgressError,
    ConfigurationError,
    PayloadMismatchError,
    StoreRefusedError,
    UnsupportedKeyError,
)  # fmt: skip
from idempotent_lambda.store.items import AttributeValue, DynamoDBClient, StoredItem, encode_value

__all__ = ["CustomTableRecords", "PastCompletion", "PowertoolsRecords"]

POWERTOOLS_LEASE_MARGIN_MILLIS = 5000
"""The time added to the end of a Powertools run: clocks differ, and Lambda takes time to kill
it."""

QUESTION_ATTEMPTS = 3
"""The number of attempts for one question: at most 4.5 s, and 3 s between the attempts."""


@dataclass(frozen=True, kw_only=True)
class _Records:
    """A table with a record for each key.

    Attributes:
        table: name of the table, in the function's region and with its credentials.
        clock: clock that record times are compared with.
    """

    table: str
    clock: Clock = field(default_factory=SystemClock, repr=False)

    @cached_property
    def _client(self) -> DynamoDBClient:
        config = Config(
            connect_timeout=CONNECT_TIMEOUT_MILLIS / 1000,
            read_timeout=READ_TIMEOUT_MILLIS / 1000,
            retries={"mode": "standard", "total_max_attempts": QUESTION_ATTEMPTS},
        )
        session: Any = botocore.session.get_session()
        client: DynamoDBClient = session.create_client("dynamodb", config=config)
        return client

    def _read_item(self, key: StoredItem) -> StoredItem | None:
        answer = self._client.get_item(TableName=self.table, Key=key, ConsistentRead=True)
        return answer.get("Item")


@dataclass(frozen=True, slots=True)
class PastCompletion:
    """The work was completed before the change-over."""

    _data: str | None = field(default=None, repr=False)

    @property
    def result(self) -> Any:
        """The stored result, decoded from JSON; None if nothing was stored.

        Raises:
            ValueError: the stored text is not JSON.
        """
        return None if self._data is None else json.loads(self._data)


@dataclass(frozen=True, kw_only=True)
class PowertoolsRecords(_Records):
    """The records of a function that Powertools for AWS Lambda (Python) made idempotent.

    All attributes but ``prefix`` have the names and defaults of Powertools'
    ``DynamoDBPersistenceLayer`` and ``IdempotencyConfig``: copy your values from there.

    Attributes:
        prefix: beginning of the record ids, before ``#``: your ``key_prefix``, or the Lambda
            function's name, the module and the function, separated by dots.
        static_pk_value: the constant partition key of a table with a sort key.
    """

    prefix: str
    key_attr: str = "id"
    static_pk_value: str | None = None
    sort_key_attr: str | None = None
    expiry_attr: str = "expiration"
    in_progress_expiry_attr: str = "in_progress_expiration"
    status_attr: str = "status"
    data_attr: str = "data"
    validation_key_attr: str = "validation"
    hash_function: str = "md5"

    def __post_init__(self) -> None:
        """Refuse settings that could find no record.

        Raises:
            ConfigurationError: a sort key has no partition key, or the hash function is unknown.
        """
        if self.sort_key_attr is not None and not self.static_pk_value:
            raise ConfigurationError(
                "a sort key needs a constant partition key: set static_pk_value, which by default "
                "was idempotency# and the Lambda function's name"
            )
        if self.hash_function not in hashlib.algorithms_available:
            raise ConfigurationError(
                f"{self.hash_function!r} is not a hash function: copy its name"
            )

    def id_of(self, data: object) -> str:
        """Return the id of the record. Compare it with ids in the table before you change over.

        Args:
            data: see `find_completion`.

        Raises:
            UnsupportedKeyError: the data is empty or null, so Powertools keeps no record of it.
            TypeError: the data is not JSON.
        """
        parts = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
        if data in (None, "", [], {}) or (parts and all(part is None for part in parts)):
            raise UnsupportedKeyError(
                f"Powertools has no record of a {type(data).__name__} that is empty or null: pass "
                "the value that its event_key_jmespath found"
            )
        return f"{self.prefix}#{self._hash(data)}"

    def find_completion(self, data: object, *, payload: object = None) -> PastCompletion | None:
        """Return the earlier completion; None without a record, or if it has expired: run the work.

        Args:
            data: value that ``event_key_jmespath`` found, as JSON; without such an expression, the
                whole event.
            payload: value that ``payload_validation_jmespath`` found, if it was set.

        Raises:
            AlreadyInProgressError: a run is in progress, or was interrupted and is not over yet.
            PayloadMismatchError: the key was used for another payload.
            StoreRefusedError: the record is not a Powertools record with these attributes.
            UnsupportedKeyError, TypeError: see `id_of`.
        """
        found: AttributeValue = {"S": self.id_of(data)}
        key = {self.key_attr: found}
        if self.sort_key_attr is not None:
            key = {self.key_attr: {"S": str(self.static_pk_value)}, self.sort_key_attr: found}
        item = self._read_item(key)
        if item is None:
            return None
        try:
            return self._judge_item(item, payload)
        except (KeyError, ValueError) as error:
            text = f"the record {found['S']!r} is not as Powertools writes it, fix it: {error!r}"
            raise StoreRefusedError("UnknownRecord", text, maybe_written=False) from error

    def _judge_item(self, item: StoredItem, payload: object) -> PastCompletion | None:
        status, now = item[self.status_attr]["S"], self.clock.now()
        # The expiry is in whole seconds, the last of which still counts.
        ends_at = (int(item[self.expiry_attr]["N"]) + 1) * 1000
        if status == "INPROGRESS" and self.in_progress_expiry_attr in item:
            ends_at = int(item[self.in_progress_expiry_attr]["N"]) + POWERTOOLS_LEASE_MARGIN_MILLIS
        if ends_at <= now:
            return None
        validation = item.get(self.validation_key_attr)
        if payload is not None and validation and validation["S"] != self._hash(payload):
            raise PayloadMismatchError(f"{item[self.key_attr]['S']!r} was used for another payload")
        if status == "INPROGRESS":
            raise AlreadyInProgressError(ends_at)
        if status != "COMPLETED":
            raise ValueError(status)
        return PastCompletion(item.get(self.data_attr, {}).get("S"))

    def _hash(self, data: object) -> str:
        text = json.dumps(data, sort_keys=True).encode()
        return hashlib.new(self.hash_function, text, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, kw_only=True)
class CustomTableRecords(_Records):
    """The items of a check that you wrote yourself: work has begun, and is perhaps not done.

    Attributes:
        key: name of the partition key attribute.
        expiry: name of the attribute, in epoch seconds, that your check compared with the time.
            None if an item counted until it was deleted.
    """

    key: str
    expiry: str | None = None

    def has_item(self, key: str | int) -> bool:
        """Whether the key has an item that counts.

        Raises:
            KeyError, ValueError: the item's expiry is missing or not a whole number.
        """
        item = self._read_item({self.key: encode_value(key)})
        if item is None or self.expiry is None:
            return item is not None
        return self.clock.now() < (int(item[self.expiry]["N"]) + 1) * 1000
