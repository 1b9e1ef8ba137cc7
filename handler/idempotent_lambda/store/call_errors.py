"""What the failure of a call means: the one place that knows botocore's errors.

The codes of calls end in ``Exception``, those of statements do not, so only beginnings are
compared.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from botocore import exceptions

from idempotent_lambda.errors import StoreError, StoreRefusedError, StoreUnavailableError
from idempotent_lambda.store.api_types import Reason, StoredItem

_TRANSIENT = re.compile(
    "LimitExceeded|ProvisionedThroughputExceeded|ReplicatedWriteConflict|RequestLimitExceeded|"
    "Throttling|TransactionConflict|TransactionInProgress|UnprocessedKeys"
)
"""Nothing was written, and the same request may succeed later."""

_MISSING_OPERATION = re.compile("AccessDenied|NotImplemented|UnknownOperation|UnsupportedOperation")
"""The role or the engine lacks the operation."""

_CONDITION_FAILED = re.compile("ConditionalCheckFailed|DuplicateItem")
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Refusal:
    """The condition of a write did not hold.

    Attributes:
        item: the record as it is; also None if the answer does not show it.
    """

    item: StoredItem | None = None


@dataclass(frozen=True, slots=True)
class CallErrors:
    """Makes the errors of one operation on one table.

    Attributes:
        operation: its name in the API.
        table_name: the table's name.
    """

    operation: str
    table_name: str

    def build(
        self, code: str, text: str, *, maybe_written: bool = False, is_transient: bool = False
    ) -> StoreError:
        """The error with this code; `StoreUnavailableError` if a later attempt may succeed.

        Args:
            code: the code of the service, or the name of the client's error.
            text: what the service or the client says.
            maybe_written: the request was sent, and may have been carried out.
            is_transient: a later attempt may succeed, whatever the code says.
        """
        kind: type[StoreError] = StoreRefusedError
        remedy = "name, region and the role's permissions"
        if is_transient or maybe_written or _TRANSIENT.match(code):
            kind, remedy = StoreUnavailableError, "capacity and network path"
        problem = (
            f"{self.operation} on table {self.table_name!r}: {code}: {text}; check the table's"
        )
        return kind(code, f"{problem} {remedy}", maybe_written=maybe_written)

    def translate_write(self, failure: Exception) -> Refusal | StoreError:
        """What it means that the call of a write has raised this."""
        if isinstance(failure, exceptions.ClientError):
            response: Mapping[str, Any] = failure.response
            if "CancellationReasons" in response:
                return self._translate_cancellation(response["CancellationReasons"])
            if _CONDITION_FAILED.match(response["Error"]["Code"]):
                return Refusal(response.get("Item"))
        return self.translate(failure)

    def translate(self, failure: Exception) -> StoreError:
        """What it means that any other call has raised this."""
        if isinstance(failure, exceptions.ClientError):
            error = failure.response["Error"]
            status = failure.response["ResponseMetadata"]["HTTPStatusCode"]
            text = error.get("Message", "")
            return self.build(error["Code"], text, maybe_written=status >= _SERVER_ERROR)
        if isinstance(failure, exceptions.BotoCoreError):
            return self.build(
                type(failure).__name__,
                str(failure),
                maybe_written=isinstance(failure, exceptions.HTTPClientError),
                is_transient=isinstance(failure, exceptions.ConnectionError),
            )
        text = f"the answer is not understood: {failure!r}"
        return self.build("BadAnswer", text, maybe_written=True)

    def translate_statement(self, reason: Reason) -> Refusal | StoreError:
        """What it means that a statement has failed inside a call that succeeded."""
        code = reason["Code"]
        if _CONDITION_FAILED.match(code):
            return Refusal()
        maybe_written = code == "InternalServerError"
        return self.build(code, reason.get("Message", ""), maybe_written=maybe_written)

    def _translate_cancellation(self, reasons: Sequence[Reason]) -> Refusal | StoreError:
        """What it means that a transaction was cancelled.

        The record comes first. If it belongs to another owner, it says nothing that the
        processor's own conditions fail too.
        """
        own, *others = [reason.get("Code", "None") for reason in reasons] or ["None"]
        if _CONDITION_FAILED.match(own):
            return Refusal(reasons[0].get("Item"))
        for code in (own, *others):
            if _TRANSIENT.match(code):
                return self.build(code, "another transaction or too little capacity")
        failed = [
            f"action {number} of the processor: {reason['Code']}: {reason.get('Message', '')}"
            for number, reason in enumerate(reasons)
            if reason.get("Code", "None") != "None"
        ]
        problem = f"{self.operation} was cancelled, so nothing is written: {'; '.join(failed)}"
        return StoreRefusedError("TransactionCanceled", problem, maybe_written=False)


def is_unsupported(answer: object) -> TypeGuard[StoreError]:
    """Whether the answer says that this operation cannot be had at all."""
    return isinstance(answer, StoreError) and _MISSING_OPERATION.match(answer.code) is not None


def keep_doubt(answer: object, earlier: object) -> None:
    """Note in an error that an earlier attempt at the same request may have been carried out."""
    if isinstance(answer, StoreError) and isinstance(earlier, StoreError):
        answer.maybe_written |= earlier.maybe_written
