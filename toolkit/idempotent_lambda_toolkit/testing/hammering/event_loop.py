"""Runs synchronous code from a test that is a coroutine."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def run_outside_event_loop(function: Callable[[], Result]) -> Result:
    """Call a function, in another thread if an event loop runs in this one.

    Lambda calls a handler without a running loop, so the code may call `asyncio.run` or
    `asyncio.get_event_loop`. The thread has the caller's context variables and its own loop.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return function()
    results: list[Result] = []
    errors: list[BaseException] = []
    context = contextvars.copy_context()

    def work() -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            results.append(context.run(function))
        except BaseException as error:  # noqa: BLE001  # raised below
            errors.append(error)
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    thread = threading.Thread(target=work, name="hammer", daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
