"""From the failed deliveries to the response that Lambda expects."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from idempotent_lambda.errors import BatchFailedError

if TYPE_CHECKING:
    from idempotent_lambda.sources.delivery import Delivery


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


def find_failures(result: Any) -> BatchFailedError | None:
    """Return the error for the failures that a result of user code reports; None without any.

    Lambda reads a missing, null or empty ``batchItemFailures`` as a success. It delivers the whole
    batch again if the field is malformed or names a message that the batch does not have.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    if not issubclass(type(result), dict):
        return None
    try:
        failures: Any = dict.get(result, "batchItemFailures")
    except Exception:  # noqa: BLE001  # a key's own code may raise anything
        return None
    kind = next((kind for kind in (list, tuple) if issubclass(type(failures), kind)), None)
    parts = [*kind.__iter__(failures)] if kind else [failures]
    if failures is None or not parts:
        return None
    found = (dict.get(part, "itemIdentifier") for part in parts if issubclass(type(part), dict))
    names = (str.__str__(name) for name in found if issubclass(type(name), str))
    ids = tuple(filter(None, names))
    text = f"the result reports failures in batchItemFailures ({', '.join(ids) or 'without an id'})"
    if len(ids) < len(parts):
        text += ", some of them without a usable itemIdentifier, so Lambda delivers the batch again"
    return BatchFailedError(ids, f"{text}: the call is not done, and the next one runs again")
