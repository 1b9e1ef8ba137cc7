"""From the failed deliveries to the response that Lambda expects."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from idempotent_lambda.errors import BatchFailedError

if TYPE_CHECKING:
    from idempotent_lambda.sources.delivery import Delivery


MAX_SHOWN_IDS = 20
"""The most ids in an error."""


class BatchItemFailure(TypedDict):
    """One message to deliver again."""

    itemIdentifier: str


class PartialBatchResponse(TypedDict):
    """The response of a consumer: every message that it does not name is acknowledged."""

    batchItemFailures: list[BatchItemFailure]


def name_failures(ids: Iterable[str]) -> PartialBatchResponse:
    """Return the response that names these ids."""
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in ids]}


def build_response(
    deliveries: "Sequence[Delivery]", failed: "Iterable[Delivery]"
) -> PartialBatchResponse | None:
    """Build the response after which exactly the ``failed`` deliveries are delivered again.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html

    Returns:
        For SQS, the response names every failed message. For a stream, it names the first, because
        Lambda retries from the lowest sequence number on. Other sources accept no response but an
        error, after which Lambda repeats an asynchronous invocation; None if nothing failed.

    Raises:
        BatchFailedError: some deliveries failed, and the source accepts no partial response.
    """
    if not deliveries:
        return name_failures(())
    failed_ids = {delivery.id for delivery in failed}
    ids = dict.fromkeys(delivery.id for delivery in deliveries if delivery.id in failed_ids)
    return deliveries[0].adapter.build_response(tuple(ids))


def read_fields(value: Any) -> Any:
    """Return the fields of any value; none if it has no fields.

    Only the code of ``_asdict`` runs, as in Lambda's runtime client. The objects of Powertools and
    of `collections.UserDict` hold the dict itself:
    https://docs.aws.amazon.com/powertools/python/latest/utilities/data_classes/
    """
    kind = type(value)
    if issubclass(kind, dict):
        return value
    if hasattr(kind, "_asdict"):
        return value._asdict()
    fields: Any = object.__getstate__(value) or {}
    if type(fields) is tuple:
        fields = fields[0] or fields[1]  # the second has the fields in slots
    return (hasattr(kind, "keys") and (fields.get("_data") or fields.get("data"))) or fields


def find_failures(result: Any) -> BatchFailedError | None:
    """Return the error for the failures that a result of user code reports; None without any.

    Lambda reads a missing, null or empty ``batchItemFailures`` as a success. It delivers the whole
    batch again if the field is malformed or names a message that the batch does not have.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    failures: Any = None
    ids: tuple[str, ...] = ()
    text = "without usable ids"
    try:
        failures = dict.get(read_fields(result), "batchItemFailures")
        if failures in (None, [], ()):
            return None
        found = [failure["itemIdentifier"] for failure in failures]
        text = ", ".join(found[:MAX_SHOWN_IDS])
        ids = tuple(found)
    except Exception:  # noqa: BLE001  # the code of a key or a value may raise anything
        if failures is None:
            return None
    text = f"the result reports batchItemFailures ({text})"
    return BatchFailedError(ids, f"{text}: the call is not done, and the next one runs again")
