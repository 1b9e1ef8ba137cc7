"""The old code as a Lambda worker: reads requests as JSON lines, answers each with one.

Runs in ``.venv-peers`` on its own and imports nothing of this repository. The old code is the text
of a module; its ``from shop import charge`` is answered here: `charge` notes that the effect ran.

    {"code": …, "module": "app", "options": {…}, "call": "handler" | "batch" | "ids",
     "event": …, "behaviour": "return" | "raise" | "hold", "charges": a file}
    → {"answer": …} or {"error": …}, and while it holds {"holding": true}
"""

import json
import os
import sys
import time
import types
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 30


class Context:
    """The Lambda context, as far as Powertools reads it."""

    function_name = "orders-function"

    def __init__(self) -> None:
        self.began = time.monotonic()

    def get_remaining_time_in_millis(self) -> int:
        return int(1000 * (TIMEOUT_SECONDS - (time.monotonic() - self.began)))


class Shop:
    """What the old code charges with."""

    def __init__(self, request: dict[str, Any], answers: Any) -> None:
        self.request, self.answers = request, answers

    def charge(self, order: Any) -> Any:
        behaviour = self.request["behaviour"]
        if behaviour == "hold":
            print('{"holding": true}', file=self.answers, flush=True)
            behaviour = sys.stdin.readline().strip()
        if behaviour == "raise":
            raise ValueError(order)
        with Path(self.request["charges"]).open("a") as file:
            file.write(json.dumps(order) + "\n")
        return {"charged": order}


def loaded(request: dict[str, Any], answers: Any) -> Any:
    """The old code, imported afresh as the module that its prefix names."""
    shop: Any = types.ModuleType("shop")
    shop.charge = Shop(request, answers).charge
    options: Any = types.ModuleType("options")
    vars(options).update(request.get("options", {}))
    module = types.ModuleType(request["module"])
    sys.modules |= {"shop": shop, "options": options, request["module"]: module}
    exec(request["code"], vars(module))  # noqa: S102  # it is the test's own
    return module


def batch(module: Any, event: Any, context: Any) -> Any:
    """What the batch processor answers, with each record idempotent."""
    from aws_lambda_powertools.utilities.batch import (  # noqa: PLC0415  # only when used
        BatchProcessor,
        EventType,
        process_partial_response,
    )

    module.config.register_lambda_context(context)
    return process_partial_response(
        event=event,
        record_handler=lambda record: module.process(record=record),
        processor=BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False),
        context=context,
    )


def ids(module: Any, event: Any, context: Any) -> Any:
    """The ids that the library gives to values."""
    del context
    module.store.configure(module.config, key_prefix=module.options.PREFIX)
    return [module.store._get_hashed_idempotency_key(data) for data in event]


def main() -> None:
    """Serve."""
    answers = os.fdopen(os.dup(1), "w")
    # What the old code prints must not be taken for an answer.
    os.dup2(2, 1)
    # Not `for line in sys.stdin`, which reads ahead of who holds.
    while line := sys.stdin.readline():
        request = json.loads(line)
        try:
            module = loaded(request, answers)
            made = {"batch": batch, "ids": ids}.get(request["call"])
            context = Context() if request.get("in_lambda", True) else None
            if made:
                answer = made(module, request["event"], context)
            else:
                answer = getattr(module, request["call"])(request["event"], context)
            reported = {"answer": answer}
        except Exception as error:  # noqa: BLE001  # Lambda reports every error
            reported = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reported), file=answers, flush=True)


if __name__ == "__main__":
    main()
