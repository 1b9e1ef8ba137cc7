"""The calls for one record, and the calls for many records at once.

A call for one record is a conditional write, alone or in a transaction with a request's actions.
A call for many is a batch of statements that write, or a read. It relies on
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchExecuteStatement.html:
at most 25 statements, each for another item, no reads among writes, and an answer for each
statement, errors included, inside a call that succeeded.
"""

import os
from collections.abc import Callable, Sequence
from typing import Generic, assert_never

from botocore.exceptions import ClientError

from idempotent_lambda.clients import Failure
from idempotent_lambda.errors import StoreError
from idempotent_lambda.protocol.claims import ClaimRequest, Request
from idempotent_lambda.store.items import (
    DynamoDBClient,
    OutcomeT,
    RequestT,
    Statement,
    StatementAnswer,
    StoredItem,
    WriteAnswer,
)
from idempotent_lambda.store.retries import CallErrors, Refusal, StoreCall
from idempotent_lambda.store.writes import Write


def choose_call(
    client: DynamoDBClient, table_name: str, write: Write[RequestT, OutcomeT], request: RequestT
) -> StoreCall[RequestT, OutcomeT | Refusal]:
    """Return the call for one request: a transaction if the request has actions."""
    parameters = write.build_call(table_name, request)
    if not request.actions:
        return SingleWrite(client, CallErrors(write.operation, table_name), write, parameters)
    # An update that returns values cannot be part of a transaction.
    update = {name: value for name, value in parameters.items() if name != "ReturnValues"}
    transaction: dict[str, object] = {
        "TransactItems": [{"Update": update}, *request.actions],
        "ClientRequestToken": request.owner,
    }
    return TransactionWrite(
        client, CallErrors("TransactWriteItems", table_name), write, transaction
    )


def has_common_item(requests: Sequence[Request]) -> bool:
    """Whether the actions of the requests write to one item more than once.

    Parallel transactions on one item would cancel each other.
    """
    items = [
        repr((body["TableName"], body.get("Key") or body["Item"]))
        for request in requests
        for action in request.actions
        for body in action.values()
    ]
    return len(items) > len(set(items))


class SingleWrite(Generic[RequestT, OutcomeT]):
    """One conditional write, which returns the record if it is refused.

    Attributes:
        errors: see `StoreCall.errors`.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        errors: CallErrors,
        write: Write[RequestT, OutcomeT],
        parameters: dict[str, object],
    ) -> None:
        self.errors = errors
        self._client, self._write, self._parameters = client, write, parameters

    def send(self, requests: Sequence[RequestT]) -> list[OutcomeT]:
        """See `StoreCall.send`; for one request."""
        (request,) = requests
        return [self._write.read_success(request, self._call())]

    def translate(self, failure: Exception) -> Refusal | StoreError:
        """See `StoreCall.translate`."""
        return self.errors.translate_write(failure)

    def _call(self) -> WriteAnswer:
        match self._write.operation:
            case "UpdateItem":
                return self._client.update_item(**self._parameters)
            case "DeleteItem":
                return self._client.delete_item(**self._parameters)
            case operation:
                assert_never(operation)


class TransactionWrite(SingleWrite[RequestT, OutcomeT]):
    """One conditional write together with the actions of its request: all or none take effect.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
    """

    def _call(self) -> WriteAnswer:
        try:
            return self._client.transact_write_items(**self._parameters)
        except ClientError as error:
            if "CancellationReasons" in error.response:
                # An attempt with an unknown result keeps its token; a cancelled attempt is over.
                self._parameters["ClientRequestToken"] = os.urandom(16).hex()
            raise


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
