"""Every error this package raises. Each text names the input, the rule and the remedy.

::

    IdempotencyError
    ├── ConfigurationError          at cold start: no message is touched
    │   ├── InvalidSettingsError    environment variables (all problems in one error)
    │   └── InvalidProcessorError   the processor cannot be imported or called
    ├── UnsupportedEventError       the invocation is not one this version understands
    ├── MessageError                one message: rejected, its processor never runs
    │   ├── MissingKeyError         the key expression finds nothing in it
    │   ├── UndecodableBodyError    the key needs a JSON body and this one is not
    │   └── UnsupportedKeyError     what it finds cannot be a key
    ├── InvalidResultError          the processor returned work that has not run
    └── StoreError                  the table did not do what was asked
        ├── StoreRefusedError       it answered no: permissions, missing table, bad record
        └── StoreUnavailableError   no answer in time, or throttled; perhaps written
"""


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


class MessageError(IdempotencyError):
    """A message that cannot be protected; it is rejected and never processed."""


class MissingKeyError(MessageError):
    """The key expression finds nothing usable.

    Attributes:
        expression: the key expression.
    """

    def __init__(self, expression: str, found: str) -> None:
        super().__init__(
            f"key expression {expression!r} finds {found}; every message needs a non-empty "
            "text, a whole number, true or false, or an array of these: correct the producer or "
            "idempotency.key (a field of a JSON body is body.name)"
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


class UnsupportedKeyError(MessageError):
    """The value found cannot be written as a key."""


class InvalidResultError(IdempotencyError):
    """The processor returned a generator or an awaitable, so its work has not run."""


class StoreError(IdempotencyError):
    """The table did not do what was asked.

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
