"""Calls for many records at once: statements that write, and reads.

This module relies on
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchExecuteStatement.html:
at most 25 statements, each for another item, no reads among writes, and an answer for each
statement, errors included, inside a call that succeeded.
"""

from collections.abc import Callable, Sequence
from typing import Generic

from idempotent_lambda.clients import Failure
from idempotent_lambda.errors import StoreError
from idempotent_lambda.protocol.requests import ClaimRequest
from idempotent_lambda.store.api_types import DynamoDBClient, Statement, StatementAnswer, StoredItem
from idempotent_lambda.store.call_errors import CallErrors, Refusal
from idempotent_lambda.store.items import OutcomeT, RequestT
from idempotent_lambda.store.writes import Write

MAX_STATEMENTS = 25
MAX_KEYS = 100
"""The limit per read: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html"""


class BatchWrite(Generic[RequestT, OutcomeT]):
    """The same write to many records, each in a statement that can fail alone."""

    def __init__(
        self,
        client: DynamoDBClient,
        table_name: str,
        write: Write[RequestT, OutcomeT],
        build_statement: Callable[[str, RequestT], Statement],
    ) -> None:
        self.errors = CallErrors("BatchExecuteStatement", table_name)
        self._client, self._table_name = client, table_name
        self._write, self._build_statement = write, build_statement

    def send(self, requests: Sequence[RequestT]) -> list[OutcomeT | Refusal | StoreError]:
        """See `StoreCall.send`."""
        statements = [self._build_statement(self._table_name, request) for request in requests]
        answers = self._client.batch_execute_statement(Statements=statements)["Responses"]
        return [
            self._read_answer(request, answer)
            for request, answer in zip(requests, answers, strict=True)
        ]

    def translate(self, failure: Exception) -> Refusal | StoreError:
        """See `StoreCall.translate`."""
        return self.errors.translate_write(failure)

    def _read_answer(
        self, request: RequestT, answer: StatementAnswer
    ) -> OutcomeT | Refusal | StoreError:
        error = answer.get("Error")
        if error is None:
            return self._write.read_success(request, {})
        return self.errors.translate_statement(error)


class BatchRead:
    """A consistent read of the records of many claims; None for a missing record."""

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self.errors = CallErrors("BatchGetItem", table_name)
        self._client, self._table_name = client, table_name

    def send(self, requests: Sequence[ClaimRequest]) -> list[StoredItem | StoreError | None]:
        """See `StoreCall.send`."""
        keys = [{"id": {"S": request.record_id}} for request in requests]
        tables = {self._table_name: {"Keys": keys, "ConsistentRead": True}}
        answer = self._client.batch_get_item(RequestItems=tables)
        found: dict[str, StoredItem | StoreError] = {}
        if unread := answer.get("UnprocessedKeys", {}).get(self._table_name):
            failure = Failure("UnprocessedKeys", "the table had no capacity left for it")
            for key in unread["Keys"]:
                found[key["id"]["S"]] = self.errors.build(failure)
        for item in answer["Responses"].get(self._table_name, ()):
            found[item["id"]["S"]] = item
        return [found.get(request.record_id) for request in requests]

    def translate(self, failure: Exception) -> StoreError:
        """See `StoreCall.translate`."""
        return self.errors.translate(failure)
