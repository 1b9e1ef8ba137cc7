"""Calls for one record: a conditional write, alone or in a transaction with a request's actions."""

import os
from collections.abc import Sequence
from typing import Generic, assert_never

from botocore.exceptions import ClientError

from idempotent_lambda.errors import StoreError
from idempotent_lambda.protocol.requests import Request
from idempotent_lambda.store.api_types import DynamoDBClient, WriteAnswer
from idempotent_lambda.store.call_errors import CallErrors, Refusal
from idempotent_lambda.store.items import OutcomeT, RequestT
from idempotent_lambda.store.retries import StoreCall
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
