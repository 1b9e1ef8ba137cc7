"""Why code under test is not idempotent, by name."""

from enum import StrEnum


class Reason(StrEnum):
    """The name of what is wrong. docs/testing.md has all of them in a table."""

    NO_KEY = "no key"
    KEY_CHANGES = "key changes"
    KEY_TOO_NARROW = "key too narrow"
    KEY_TOO_WIDE = "key too wide"
    KEY_OF_THE_BATCH = "key of the batch"
    NOT_RUN = "not run"
    EXITS = "exits"
    SLEEPS_TOO_LONG = "sleeps too long"
    UNSTORABLE_RESULT = "unstorable result"
    OUTSIDE = "effect outside the claim"
    AFTER_RETURN = "work after return"
    SWALLOWED = "failure swallowed"
    EXIT_SWALLOWED = "exit swallowed"
    NOT_NOW_SWALLOWED = "not now taken for done"
    GIVES_UP = "gives up silently"
    SKIPS_REDELIVERIES = "skips redeliveries"
    REMEMBERS = "remembers"
    REPEATS_ON_RETRY = "repeats on retry"
    REPEATS_AFTER_CRASH = "repeats after a crash"
    TOKEN_CHANGES = "token changes"  # noqa: S105  # its name, not a secret
    TOKEN_OF_THE_ENVELOPE = "token of the envelope"  # noqa: S105  # as above

    @property
    def meaning(self) -> str:
        """What was seen."""
        return _TEXTS[self][0]

    @property
    def fix(self) -> str:
        """What usually helps."""
        return _TEXTS[self][1]


_TEXTS = {
    Reason.NO_KEY: (
        "the key expression finds nothing in the message, so it is refused and never run",
        "a field of the body is `body.name`; an EventBridge event's is `body.detail.name`",
    ),
    Reason.KEY_CHANGES: (
        "the same message has another key when it is delivered again",
        "take the key from what the producer sent, not from a receipt, a count or a clock",
    ),
    Reason.KEY_TOO_NARROW: (
        "a producer's retry has another key, so that the effect happens twice",
        "name the operation: `body.order_id`, not an id of the envelope",
    ),
    Reason.KEY_TOO_WIDE: (
        "different messages share a key or token, so that the effect of one never happens",
        "add what tells them apart: `[body.order_id, body.action]`",
    ),
    Reason.KEY_OF_THE_BATCH: (
        "a record has another key when it is delivered with others than before",
        "decorate what does one record, with a key from that record alone",
    ),
    Reason.NOT_RUN: (
        "a coroutine or generator is returned, whose work has not run",
        "do the work before returning: `asyncio.run(...)`, or a loop instead of `yield`",
    ),
    Reason.EXITS: (
        "the code ends its process, which looks like an interruption: it runs again",
        "return, or raise an Exception",
    ),
    Reason.SLEEPS_TOO_LONG: (
        "the code sleeps until Lambda ends it, every time",
        "raise, so that the queue waits instead; or give the function more time",
    ),
    Reason.UNSTORABLE_RESULT: (
        "the decorated function returns what JSON cannot hold as it is: duplicates get none",
        'return texts, whole numbers, lists and dicts; or set `results="discard"`',
    ),
    Reason.OUTSIDE: (
        "an effect happens where no key is claimed, so it happens with every delivery",
        "move it into the processor or the decorated function, or give it a `token`",
    ),
    Reason.AFTER_RETURN: (
        "a thread goes on after the return, when the message is acknowledged already",
        "wait for it: `thread.join()`, `future.result()`",
    ),
    Reason.SWALLOWED: (
        "an effect failed, and the message was acknowledged without it",
        "let the exception through, or raise another",
    ),
    Reason.EXIT_SWALLOWED: (
        "an effect ended by SystemExit, and the message was acknowledged without it",
        "let all but Exception through; of SystemExit make an Exception",
    ),
    Reason.NOT_NOW_SWALLOWED: (
        "the decorated call refused to run, as by AlreadyInProgressError, and the message passed",
        "let the errors of the decorated call through, so that the message is delivered again",
    ),
    Reason.GIVES_UP: (
        "with little time left the code returns without the effect: the message is acknowledged",
        "raise; returning means done",
    ),
    Reason.SKIPS_REDELIVERIES: (
        "the code leaves the effect out because of the receive count, which is no proof of a run",
        "run it whatever the count; to give it up, raise `PermanentFailure`",
    ),
    Reason.REMEMBERS: (
        "code or test double keeps a memory of its own, so that a later run leaves the effect out",
        "remove that memory: the table remembers; clear doubles of a test in `fresh`",
    ),
    Reason.REPEATS_ON_RETRY: (
        "a later effect failed, and the retry did an earlier one again",
        "one message per effect; or a `token`, such as `message.key`; or `transaction`",
    ),
    Reason.REPEATS_AFTER_CRASH: (
        "only with `exactly_once=True`: what was interrupted did the effect again",
        "pass `message.key` on as a `token`, or write through `transaction`",
    ),
    Reason.TOKEN_CHANGES: (
        "a repeated effect has another idempotency token, so that its receiver does it again",
        "use `message.key`: neither `message.owner` nor anything random or of the moment",
    ),
    Reason.TOKEN_OF_THE_ENVELOPE: (
        "a producer's retry repeats the effect with another idempotency token",
        "use `message.key`, not `message.id`",
    ),
}
