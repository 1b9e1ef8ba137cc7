"""The exceptions that `hammer` raises instead of a side effect, or after it."""

import re


class EffectFailed(Exception):  # noqa: N818  # raised instead of a side effect, read by people
    """Raised by `hammer` instead of a side effect, like a service that refuses or is down."""


class AnswerLost(EffectFailed, TimeoutError):  # noqa: N818  # as above
    """Raised by `hammer` when a side effect may have happened, like a read timeout."""


_NO_ANSWER = re.compile("Timeout|Connection")
_NOT_SENT = re.compile("Refused|ConnectTimeout|ConnectError|NewConnection|EndpointConnection|Pool")
"""Of the exceptions that match `_NO_ANSWER`, these mean that no request was sent."""


def make_lost_answer(name: str, failure: Exception | None) -> Exception:
    """Return the failure if it can also mean that the side effect happened, else `AnswerLost`."""
    classes = [kind.__name__ for kind in type(failure).__mro__]
    if failure and any(map(_NO_ANSWER.search, classes)) and not any(map(_NOT_SENT.search, classes)):
        return failure
    return AnswerLost(f"hammer lost the answer of {name!r}")
