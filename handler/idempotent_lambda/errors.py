"""Every error that this package raises. Each text names the input, the rule and the remedy.

::

    IdempotencyError
    ├── ConfigurationError          at cold start, or before a claim: no message is touched
    │   ├── InvalidSettingsError    environment variables (all problems in one error)
    │   └── InvalidProcessorError   the processor cannot be imported or called
    ├── UnsupportedEventError       this version does not understand the event
    ├── BatchFailedError            messages of an invocation that Lambda delivers again
    ├── MessageError                one message: rejected, its processor never runs
    │   ├── MissingKeyError         the key expression finds nothing in the message
    │   ├── UndecodableBodyError    the key needs a JSON body, but the body is a text or bytes
    │   ├── UnreadableRecordError   the record or its body cannot be read, whatever the key
    │   ├── UnconfirmedCopyError    the message only claims to be the copy of a parked message
    │   └── UnsupportedKeyError     the value found cannot be a key
    ├── InvalidResultError          the returned work is not done, or the result cannot be stored
    ├── TransactionError            a write cannot be part of the transaction
    ├── PermanentFailure            raised by a processor: a retry is useless, park the message
    ├── AlreadyInProgressError      a decorated function: another call with this key is running
    ├── ResultUnavailableError      a decorated function: completed before, but without a result
    ├── PayloadMismatchError        a decorated function: the key was used for another payload
    ├── ParkedError                 a decorated function: the key waits for an operator
    ├── LostLeaseError              a decorated function: ended too late, and is not recorded
    └── StoreError                  the table or the dead-letter queue failed to do its work
        ├── StoreRefusedError       a refusal: permissions, missing table, bad record
        └── StoreUnavailableError   no answer in time, or throttled; perhaps written
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

NO_TIME = "NoTime"
"""The code of a call that was not made, because it might not have ended in time."""


def text_of(error: BaseException, ask: "Callable[[Any], str]" = str) -> str:
    """Return the text of any error; name the error's type if the text cannot be read."""
    try:
        return str.__str__(ask(error))  # a plain str, even from a subclass
    except BaseException as raised:  # noqa: BLE001  # a bad error class must not fail a batch
        return f"{type(error).__name__}, whose text raises {type(raised).__name__}"


class IdempotencyError(Exception):
    """The base of every error of this package."""


class ConfigurationError(IdempotencyError):
    """The function is set up or called wrongly; raised before a message could be lost."""


class InvalidSettingsError(ConfigurationError):
    """One or more environment variables are missing or wrong.

    Attributes:
        problems: one sentence per variable, in the order of the settings.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class InvalidProcessorError(ConfigurationError):
    """The processor's name does not lead to a plain function.

    Attributes:
        name: name of the processor as configured.
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"processor {name!r}: {problem}")
        self.name = name


class UnsupportedEventError(IdempotencyError):
    """The event has a source or a form that cannot be answered message by message.

    The handler raises it on purpose: Lambda then delivers the whole batch again. Nothing is lost.
    """


class BatchFailedError(IdempotencyError):
    """Some messages of an invocation are not done.

    The handler raises it on purpose if the source accepts no partial response: Lambda then repeats
    an asynchronous invocation, but completed messages are not processed again. A decorated function
    logs it if its result reports failures, and returns the result.

    Attributes:
        ids: ids of the messages that are not done, in the order of the event.
    """

    def __init__(self, ids: tuple[str, ...], problem: str | None = None) -> None:
        super().__init__(
            problem
            or f"messages failed: {', '.join(ids)}; the invocation fails so that Lambda repeats "
            "it; see the log for the error of each message"
        )
        self.ids = ids


class MessageError(IdempotencyError):
    """A message cannot be protected: it is rejected and never processed."""


class MissingKeyError(MessageError):
    """The key expression finds nothing usable, or there is no expression and the event has no id.

    Attributes:
        expression: key expression; None without one.
        found: what it finds, in words; never quotes the body. It begins with ``an error`` if the
            expression is a function that raised.
    """

    def __init__(self, expression: str | None, found: str, argument: str | None = None) -> None:
        needed = "a non-empty text, a whole number, true or false, or an array of these"
        super().__init__(
            f"key expression {expression!r} finds {found}; every call needs {needed}: correct the "
            f"caller or the expression, the {argument} of @idempotent"
            if argument
            else f"key expression {expression!r} finds {found}; every message needs {needed}: "
            "correct the producer or the expression, idempotency.key (a field of a JSON body is "
            "body.name, a field of its wrapper is wrapped.name)"
            if expression
            else "this event has no id that its repetitions share: set idempotency.key (a field "
            "of a JSON body is body.name)"
        )
        self.expression = expression
        self.found = found


class UndecodableBodyError(MessageError):
    """The key expression seeks a field of the body, which is not a JSON object or array.

    Attributes:
        expression: key expression.
        problem: what the body is instead; never quotes the body.
    """

    def __init__(self, expression: str, problem: str) -> None:
        super().__init__(
            f"key expression {expression!r} finds nothing because the body is {problem}: "
            "correct the producer, or take the key from an attribute"
        )
        self.expression = expression
        self.problem = problem


class UnconfirmedCopyError(MessageError):
    """The message claims to be the copy of a parked one, but its record does not confirm that."""

    def __init__(self) -> None:
        super().__init__(
            "the attribute IdempotencyOwner says that this is the copy of a parked message, but "
            "the record of its key does not belong to such a copy, so that key is ignored: if the "
            "message is a copy, its record is gone, so send its body without the attribute; "
            "otherwise its sender forged the attribute"
        )


class UnreadableRecordError(MessageError):
    """The record has an id, but cannot be read: no key helps.

    It lacks the rest of what its source documents, or its body is one that is never processed: a
    document with a number that Python cannot hold, such as NaN or 1e400; a request of SNS to
    confirm a subscription; or an aggregate of the Kinesis Producer Library.
    """


class UnsupportedKeyError(MessageError):
    """The value found cannot be written as a key."""


class InvalidResultError(IdempotencyError):
    """The result is work that is not done, failures that a processor must raise, or not JSON."""


class TransactionError(IdempotencyError):
    """A transaction cannot take an action. The transaction stays as it was before."""


class PermanentFailure(IdempotencyError):  # noqa: N818  # users raise it as a signal
    """Raise this in a processor when no retry will help: the message is parked at once."""

    @property
    def reason(self) -> str:
        """The text for operators."""
        return text_of(self)


class AlreadyInProgressError(IdempotencyError):
    """Another call with this key is running, or was interrupted and its lease is still live.

    Attributes:
        lease_expires_at: end of that call's lease, in epoch milliseconds.
    """

    def __init__(self, lease_expires_at: int, key: str = "this key") -> None:
        super().__init__(
            f"another call with {key} holds it until {lease_expires_at} (epoch milliseconds): "
            "let the event be delivered again after that"
        )
        self.lease_expires_at = lease_expires_at


class ResultUnavailableError(IdempotencyError):
    """The call was completed before, but its result could not be stored."""


class PayloadMismatchError(IdempotencyError):
    """The key was used before for another payload."""


class ParkedError(IdempotencyError):
    """The key is parked: it waits for an operator."""


class LostLeaseError(IdempotencyError):
    """The function returned after its lease, and no other call's stored result replaces its own."""


class StoreError(IdempotencyError):
    """The table or the dead-letter queue did not carry out a request.

    Attributes:
        code: service's error code, or the name of the client's error.
        maybe_written: whether an attempt may have been carried out nevertheless.
    """

    def __init__(self, code: str, problem: str, *, maybe_written: bool) -> None:
        super().__init__(problem)
        self.code = code
        self.maybe_written = maybe_written


class StoreRefusedError(StoreError):
    """The request was refused. A retry will not help; an operator must act."""


class StoreUnavailableError(StoreError):
    """The request got no answer in time or was throttled: a later retry may succeed."""
