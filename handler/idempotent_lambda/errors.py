"""Every error this package raises. Each text names the input, the rule and the remedy.

::

    IdempotencyError
    ├── ConfigurationError          at cold start: no message is touched
    │   ├── InvalidSettingsError    environment variables (all problems in one error)
    │   └── InvalidProcessorError   the processor cannot be imported or called
    ├── UnsupportedEventError       the invocation is not one this version understands
    ├── BatchFailedError            an invocation that Lambda repeats only if it fails
    ├── MessageError                one message: rejected, its processor never runs
    │   ├── MissingKeyError         the key expression finds nothing in it
    │   ├── UndecodableBodyError    the key needs a JSON body and this one is not
    │   ├── UnreadableRecordError   it is not as its source documents it
    │   ├── UnconfirmedCopyError    it only says that it is the copy of a parked message
    │   └── UnsupportedKeyError     what it finds cannot be a key
    ├── InvalidResultError          what was returned has not run, or cannot be stored as it is
    ├── TransactionError            a write cannot be part of the transaction
    ├── PermanentFailure            raised by a processor: a retry is of no use, park the message
    ├── AlreadyInProgressError      a decorated function: another call with this key is running
    ├── ResultUnavailableError      a decorated function: done before, its result is not stored
    ├── PayloadMismatchError        a decorated function: the key was used for something else
    ├── ParkedError                 a decorated function: this key waits for a person
    ├── LostLeaseError              a decorated function: ended too late, and is not recorded
    └── StoreError                  the table, or the dead-letter queue, did not do what was asked
        ├── StoreRefusedError       it answered no: permissions, missing table, bad record
        └── StoreUnavailableError   no answer in time, or throttled; perhaps written
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

NO_TIME = "NoTime"
"""The code of a call that was not made, as it might not have ended in time."""


def text_of(error: BaseException, ask: "Callable[[Any], str]" = str) -> str:
    """The text of an error, whatever class a user has made it of; its type where it has none."""
    try:
        return str.__str__(ask(error))  # a plain text, also of a subclass
    except BaseException as raised:  # noqa: BLE001  # it must not cost a batch
        return f"{type(error).__name__}, whose text raises {type(raised).__name__}"


class IdempotencyError(Exception):
    """Base of every error of this package."""


class ConfigurationError(IdempotencyError):
    """The function is set up wrongly; raised at cold start, so nothing is received and lost."""


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
        name: the name as it was configured.
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"processor {name!r}: {problem}")
        self.name = name


class UnsupportedEventError(IdempotencyError):
    """The event is from a source, or of a shape, that cannot be answered message by message.

    Raised out of the handler on purpose: Lambda then delivers the whole batch again, so nothing
    is lost.
    """


class BatchFailedError(IdempotencyError):
    """Some of an invocation is not done, and its source knows no partial response.

    Raised out of the handler on purpose: Lambda then repeats an asynchronous invocation, and what
    is completed is not repeated with it.

    Attributes:
        ids: what is not done, in the order of the event.
    """

    def __init__(self, ids: tuple[str, ...]) -> None:
        super().__init__(
            f"not done: {', '.join(ids)}; the invocation fails so that it is repeated; the log "
            "lines of its messages say why"
        )
        self.ids = ids


class MessageError(IdempotencyError):
    """A message that cannot be protected; it is rejected and never processed."""


class MissingKeyError(MessageError):
    """The key expression finds nothing usable, or there is none and the event has no id.

    Attributes:
        expression: the key expression; None without one.
    """

    def __init__(self, expression: str | None, found: str, argument: str | None = None) -> None:
        needed = "a non-empty text, a whole number, true or false, or an array of these"
        super().__init__(
            f"key expression {expression!r} finds {found}; every call needs {needed}: correct the "
            f"caller or the expression, the {argument} of @idempotent"
            if argument
            else f"key expression {expression!r} finds {found}; every message needs {needed}: "
            "correct the producer or the expression, idempotency.key (a field of a JSON body is "
            "body.name, one of what wrapped it is wrapped.name)"
            if expression
            else "this event has no id that its repetitions share: set idempotency.key (a field "
            "of a JSON body is body.name)"
        )
        self.expression = expression


class UndecodableBodyError(MessageError):
    """The key expression finds nothing, and the body is not the JSON it would have to be.

    Attributes:
        expression: the key expression.
        problem: why the body is not JSON; never quotes the body.
    """

    def __init__(self, expression: str, problem: str) -> None:
        super().__init__(
            f"key expression {expression!r} finds nothing because the body is not JSON "
            f"({problem}): correct the producer, or take the key from an attribute"
        )
        self.expression = expression
        self.problem = problem


class UnconfirmedCopyError(MessageError):
    """The message says that it is the copy of a parked one; its record does not confirm that."""

    def __init__(self) -> None:
        super().__init__(
            "the attribute IdempotencyOwner says that this is the copy of a parked message, but "
            "the record of its key does not belong to such a copy, so that key does not count: if "
            "it is a copy, its record is gone, and you send its body again without the attribute; "
            "otherwise its sender forged it"
        )


class UnreadableRecordError(MessageError):
    """The record has its id, and not the rest of what its source documents."""


class UnsupportedKeyError(MessageError):
    """The value found cannot be written as a key."""


class InvalidResultError(IdempotencyError):
    """What was returned is a generator or an awaitable, whose work has not run, or no JSON."""


class TransactionError(IdempotencyError):
    """An action that a transaction cannot take. The transaction is as it was before."""


class PermanentFailure(IdempotencyError):  # noqa: N818  # raised by users, who read it as it is
    """To be raised by a processor when no retry will help: the message is parked at once."""

    @property
    def reason(self) -> str:
        """The text that people will read."""
        return text_of(self)


class AlreadyInProgressError(IdempotencyError):
    """Another call with this key is running, or was interrupted and its lease goes on.

    Attributes:
        lease_expires_at: until when it excludes others, in epoch milliseconds.
    """

    def __init__(self, lease_expires_at: int, key: str = "this key") -> None:
        super().__init__(
            f"another call with {key} holds it until {lease_expires_at} (epoch milliseconds): "
            "let the event be delivered again after that"
        )
        self.lease_expires_at = lease_expires_at


class ResultUnavailableError(IdempotencyError):
    """The call was completed before, and its result could not be stored then."""


class PayloadMismatchError(IdempotencyError):
    """The key was used before for another payload."""


class ParkedError(IdempotencyError):
    """The key is parked: it waits for a person."""


class LostLeaseError(IdempotencyError):
    """The function returned after its lease, and no call's stored result replaces its own."""


class StoreError(IdempotencyError):
    """The table, or the dead-letter queue, did not do what was asked.

    Attributes:
        code: the service's error code, or the name of the client's error.
        maybe_written: one of the attempts may have been carried out all the same.
    """

    def __init__(self, code: str, problem: str, *, maybe_written: bool) -> None:
        super().__init__(problem)
        self.code = code
        self.maybe_written = maybe_written


class StoreRefusedError(StoreError):
    """The table answered no. A retry will not help; a person will."""


class StoreUnavailableError(StoreError):
    """No answer in time, or throttled: worth another try, later."""
