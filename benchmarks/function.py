"""What every contender is given alike: the user's code, and the context of an invocation."""

import time
from typing import Any, Final

TIMEOUT_MILLIS: Final = 30_000
"""The function's timeout."""

VISIBILITY_SECONDS: Final = 6 * TIMEOUT_MILLIS // 1000
"""What AWS advises for a queue that feeds a function."""


class Workload:
    """What the user's code does.

    Attributes:
        seconds: how long one message takes.
        runs: how many messages it has processed.
    """

    seconds = 0.0
    runs = 0


def process(message: Any) -> None:
    """Take the time that the case asks for; instantly where it asks for none."""
    del message
    Workload.runs += 1
    if Workload.seconds:
        time.sleep(Workload.seconds)


class Context:
    """The Lambda context, as far as the contenders read it."""

    function_name = "benchmark"
    aws_request_id = "79b4f56e-95b1-4643-9700-2807f4e68189"

    def __init__(self) -> None:
        self._ends = time.monotonic() + TIMEOUT_MILLIS / 1000

    def get_remaining_time_in_millis(self) -> int:
        """What is left of the invocation."""
        return int(1000 * (self._ends - time.monotonic()))
