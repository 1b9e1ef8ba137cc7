"""The user's code and the context of an invocation, the same for every contender."""

import time
from typing import Any, Final

TIMEOUT_MILLIS: Final = 30_000
"""The function's timeout."""

VISIBILITY_SECONDS: Final = 6 * TIMEOUT_MILLIS // 1000
"""The visibility timeout that AWS recommends for a queue that feeds a function."""


class Workload:
    """The work of the user's code.

    Attributes:
        seconds: the time that one message takes.
        runs: the number of messages processed so far.
    """

    seconds = 0.0
    runs = 0


def process(message: Any) -> None:
    """Sleep for the time of the case, if it has one."""
    del message
    Workload.runs += 1
    if Workload.seconds:
        time.sleep(Workload.seconds)


class Context:
    """The parts of the Lambda context that the contenders read."""

    function_name = "benchmark"
    aws_request_id = "79b4f56e-95b1-4643-9700-2807f4e68189"

    def __init__(self) -> None:
        self._ends = time.monotonic() + TIMEOUT_MILLIS / 1000

    def get_remaining_time_in_millis(self) -> int:
        """Return the remaining time of the invocation."""
        return int(1000 * (self._ends - time.monotonic()))
