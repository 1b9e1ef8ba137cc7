"""The errors of failed calls. Only this module knows botocore's errors.

The error codes of calls end in ``Exception``, but the codes of statements do not. So only the
beginnings of codes are compared.
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
"""The codes after which nothing was written, and the same request may succeed later."""

_MISSING_OPERATION = re.compile("AccessDenied|NotImplemented|UnknownOperation|UnsupportedOperation")
"""The codes of a role or a backend that lacks the operation."""

_CONDITION_FAILED = re.compile("ConditionalCheckFailed|DuplicateItem")
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Refusal:
    """The condition of a write did not hold.

    Attributes:
        item: current record; None if there is no record, or if the answer does not show the record.
    """

    item: StoredItem | None = None


@dataclass(frozen=True, slots=True)
class CallErrors:
    """Builds the errors of one operation on one table.

    Attributes:
        operation: name of the operation in the API.
        table_name: name of the table.
    """

    operation: str
    table_name: str

    def build(
        self, code: str, text: str, *, maybe_written: bool = False, is_transient: bool = False
    ) -> StoreError:
        """Build the error for a code: `StoreUnavailableError` if a later attempt may succeed.

        Args:
            code: code of the service, or name of the client's error.
            text: text of the service or the client.
            maybe_written: whether the request was sent and may have been carried out.
            is_transient: whether a later attempt may succeed, whatever the code says.
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
        """Return the answer for an exception of a write."""
        if isinstance(failure, exceptions.ClientError):
            response: Mapping[str, Any] = failure.response
            if "CancellationReasons" in response:
                return self._translate_cancellation(response["CancellationReasons"])
            if _CONDITION_FAILED.match(response["Error"]["Code"]):
                return Refusal(response.get("Item"))
        return self.translate(failure)

    def translate(self, failure: Exception) -> StoreError:
        """Return the error for an exception of any other call."""
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
        """Return the answer for a statement that failed inside a call that succeeded."""
        code = reason["Code"]
        if _CONDITION_FAILED.match(code):
            return Refusal()
        maybe_written = code == "InternalServerError"
        return self.build(code, reason.get("Message", ""), maybe_written=maybe_written)

    def _translate_cancellation(self, reasons: Sequence[Reason]) -> Refusal | StoreError:
        """Return the answer for a cancelled transaction.

        The record's reason comes first. If the record belongs to another owner, it does not matter
        that conditions of the processor fail too.
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
    """Whether the answer says that this operation is not available at all."""
    return isinstance(answer, StoreError) and _MISSING_OPERATION.match(answer.code) is not None


def keep_doubt(answer: object, earlier: object) -> None:
    """Note in an error that an earlier attempt at the same request may have been carried out."""
    if isinstance(answer, StoreError) and isinstance(earlier, StoreError):
        answer.maybe_written |= earlier.maybe_written
