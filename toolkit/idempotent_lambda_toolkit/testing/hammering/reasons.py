"""The reasons why code under test is not idempotent."""

from enum import StrEnum


class Reason(StrEnum):
    """The name of a problem. docs/testing-reference.md has a table of all of them."""

    NEVER_HAPPENS = "never happens"
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
    ABANDONS_CALL = "abandons a call"
    SWALLOWED = "failure swallowed"
    FAILURES_NOT_READ = "failures not read"
    EXIT_SWALLOWED = "exit swallowed"
    NOT_NOW_SWALLOWED = "not now taken for done"
    GIVES_UP = "gives up silently"
    SKIPS_REDELIVERIES = "skips redeliveries"
    REMEMBERS = "remembers"
    DROPS_OLD = "drops old messages"
    REPEATS_ON_RETRY = "repeats on retry"
    REPEATS_AFTER_LOST_ANSWER = "repeats after a lost answer"
    REPEATS_AFTER_CRASH = "repeats after a crash"
    TOKEN_CHANGES = "token changes"  # noqa: S105  # its name, not a secret
    TOKEN_OF_THE_ENVELOPE = "token of the envelope"  # noqa: S105  # as above
    TOKEN_OF_THE_PROCESS = "token of the process"  # noqa: S105  # as above
    TOKEN_OF_THE_DAY = "token of the time"  # noqa: S105  # as above
    TOKEN_SHARED = "token of several consumers"  # noqa: S105  # as above

    @property
    def meaning(self) -> str:
        """The observation."""
        return _TEXTS[self][0]

    @property
    def fix(self) -> str:
        """The usual fix."""
        return _TEXTS[self][1]


_TEXTS = {
    Reason.NEVER_HAPPENS: (
        "a declared side effect is tried in no scenario: not called, or another name was replaced",
        "call it, `await` it; replace the name that the code finds; declare only this event's",
    ),
    Reason.NO_KEY: (
        "the key expression finds nothing in the message, so the message is refused and never runs",
        "write `body.name` for a field of the body, `body.detail.name` for an EventBridge event",
    ),
    Reason.KEY_CHANGES: (
        "the same message has another key when it is delivered again",
        "take the key from the producer's content, not from a receipt, a count, a clock, `hash()`",
    ),
    Reason.KEY_TOO_NARROW: (
        "a producer's retry has another key, so the side effect happens twice",
        "name the operation: `body.order_id`, not an id of the envelope",
    ),
    Reason.KEY_TOO_WIDE: (
        "different messages share a key or token, so the side effect of one never happens",
        "add a field that distinguishes them: `[body.order_id, body.action]`",
    ),
    Reason.KEY_OF_THE_BATCH: (
        "a record has another key when it is delivered in a different batch",
        "decorate the function that handles one record, with a key from that record alone",
    ),
    Reason.NOT_RUN: (
        "the code returns work instead of doing it (a coroutine, a function), or failures",
        "do the work before returning: `asyncio.run(...)`, a loop, not `yield`; raise failures",
    ),
    Reason.EXITS: (
        "the code ends its process, which looks like an interruption, so it runs again",
        "return, or raise an Exception",
    ),
    Reason.SLEEPS_TOO_LONG: (
        "the code sleeps until the function times out, every time",
        "raise an exception, so that the queue waits instead; or raise the function timeout",
    ),
    Reason.UNSTORABLE_RESULT: (
        "JSON cannot hold the decorated function's result, so duplicates get no result",
        'return strings, integers, lists and dicts; or set `results="discard"`',
    ),
    Reason.OUTSIDE: (
        "a side effect happens where no key is claimed, so it happens with every delivery",
        "move it into the processor or the decorated function, or give it a `token`",
    ),
    Reason.AFTER_RETURN: (
        "a thread continues after the return, when the message is already acknowledged",
        "wait for it: `thread.join()`, `future.result()`",
    ),
    Reason.ABANDONS_CALL: (
        "a call that timed out in the code goes on in its thread, so it happens later or twice",
        "give the timeout to the client that makes the call; or wait for the call's end",
    ),
    Reason.SWALLOWED: (
        "a side effect failed, and the message was acknowledged without it",
        "let the exception through, or raise another one",
    ),
    Reason.FAILURES_NOT_READ: (
        "a side effect failed, and the response says so in a shape that Lambda takes for success",
        'raise; or, for a queue or stream, `{"batchItemFailures": [{"itemIdentifier": id}, …]}`',
    ),
    Reason.EXIT_SWALLOWED: (
        "SystemExit ended a side effect, and the message was acknowledged without it",
        "catch only Exception; turn SystemExit into an Exception",
    ),
    Reason.NOT_NOW_SWALLOWED: (
        "the decorated call raised instead of running, and the message was acknowledged",
        "let its errors through, such as AlreadyInProgressError: the message is delivered again",
    ),
    Reason.GIVES_UP: (
        "with little time left, the code returns without the side effect",
        "raise an exception: a return acknowledges the message",
    ),
    Reason.SKIPS_REDELIVERIES: (
        "the code skips the side effect because of the receive count, which does not prove a run",
        "run it whatever the count is; to give up, raise `PermanentFailure`",
    ),
    Reason.REMEMBERS: (
        "the code or a test double remembers an earlier run, so a later run skips the side effect",
        "remove that memory, because the table remembers; clear test doubles in `fresh`",
    ),
    Reason.DROPS_OLD: (
        "the code skips the side effect of an old message, and the message is acknowledged",
        "raise `PermanentFailure`, so that you see what was dropped",
    ),
    Reason.REPEATS_ON_RETRY: (
        "a later side effect failed, and the retry repeated an earlier one",
        "one message per side effect; or `message.idempotency_token` as `token`; or `transaction`",
    ),
    Reason.REPEATS_AFTER_LOST_ANSWER: (
        "the answer of a side effect was lost, as by a read timeout, and the code did it again",
        "repeat it only with the same `token`; without one, raise, and let the next run ask first",
    ),
    Reason.REPEATS_AFTER_CRASH: (
        "only with `exactly_once=True`: a later delivery repeats what a crash or timeout left open",
        "pass `message.idempotency_token` as a `token`, or write through `transaction`",
    ),
    Reason.TOKEN_CHANGES: (
        "a repeated side effect has another idempotency token, so its receiver does it again",
        "use `message.idempotency_token`, not `message.owner`, a random value or the time",
    ),
    Reason.TOKEN_OF_THE_ENVELOPE: (
        "a producer's retry repeats the side effect with another idempotency token",
        "use `message.idempotency_token`, not `message.id`",
    ),
    Reason.TOKEN_OF_THE_PROCESS: (
        "the token comes from `hash()`, which differs in each process",
        "use `message.idempotency_token`, or a SHA-256",
    ),
    Reason.TOKEN_OF_THE_DAY: (
        "the token has the time or date in it, and a redelivery comes at another time",
        "use `message.idempotency_token`, or a date from the message",
    ),
    Reason.TOKEN_SHARED: (
        "another consumer passes the same token, so the receiver takes two operations for one",
        "use `message.idempotency_token`; in a decorated function, add its name to the token",
    ),
}
