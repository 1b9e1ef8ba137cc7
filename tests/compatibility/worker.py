"""One version of the package as a Lambda worker: reads requests as JSON lines, answers each.

Which version is for PYTHONPATH to say. Only what has been public in all of them is used: the entry
point, the environment, a message's body, and the decorator where there is one.

    {"event": …} → {"failed": [ids of messages that are to come again]}
    {"call": an order} → {"result": …} or {"error": its name}
    and in between, for an order whose ``then`` is to hold, {"holding": true}; then a line
    ``return`` or ``raise`` lets it go on
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from botocore.config import Config

PATIENCE = {"connect_timeout": 120, "read_timeout": 120}


class Context:
    """The Lambda context."""

    aws_request_id = "r-1"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


class Shop:
    """What orders are processed with."""

    def __init__(self, answers: Any) -> None:
        self.answers = answers

    def process(self, message: Any) -> None:
        self.charge(message.body)

    def charge(self, order: Any) -> Any:
        then = order.get("then", "return")
        if then == "hold":
            print('{"holding": true}', file=self.answers, flush=True)
            then = sys.stdin.readline().strip()
        if then == "linger":
            time.sleep(0.005)
        if then == "raise":
            raise ValueError(order)
        if then == "park":
            from idempotent_lambda import PermanentFailure  # noqa: PLC0415  # not in every version

            raise PermanentFailure(order["order_id"])
        with Path(os.environ["CHARGES"]).open("a") as file:
            file.write(f"{order['order_id']}\n")
        return {"charged_by": os.environ["WORKER"]}


def calls(shop: Shop) -> Any:
    """The decorated function."""
    from idempotent_lambda import idempotent  # noqa: PLC0415  # not in every version

    @idempotent(name="charge", key="order.order_id", payload="order.cents")
    def charge(order: Any, context: Any) -> Any:
        del context
        return shop.charge(order)

    return charge


def wait_patiently() -> None:
    """Have clients wait for an answer of a busy emulator, whatever their version's timeouts are."""
    make = Config.__init__

    def make_patient(self: Config, *args: Any, **options: Any) -> None:
        make(self, *args, **options | PATIENCE)

    Config.__init__ = make_patient


def main() -> None:
    """Serve."""
    wait_patiently()
    answers = os.fdopen(os.dup(1), "w")
    # The package logs on standard output.
    os.dup2(2, 1)
    shop = Shop(answers)
    sys.modules["shop"] = shop  # type: ignore[assignment]  # where the entry point looks for it
    from idempotent_lambda import entrypoint  # noqa: PLC0415  # it imports the processor

    # Not `for line in sys.stdin`, which reads ahead of who holds.
    while line := sys.stdin.readline():
        request = json.loads(line)
        reported: dict[str, Any]
        if "call" in request:
            try:
                reported = {"result": calls(shop)(request["call"], Context())}
            except Exception as error:  # noqa: BLE001  # the answer names every error
                reported = {"error": type(error).__name__}
        else:
            failures: Any = entrypoint.handler(request["event"], Context())
            reported = {
                "failed": [each["itemIdentifier"] for each in failures["batchItemFailures"]]
            }
        print(json.dumps(reported), file=answers, flush=True)


if __name__ == "__main__":
    main()
