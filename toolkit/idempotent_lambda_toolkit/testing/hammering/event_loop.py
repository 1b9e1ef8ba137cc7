"""Code under test and event loops: the test's loop, and the loops of the code."""

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from idempotent_lambda_toolkit.testing.effects import EffectFailed
from idempotent_lambda_toolkit.testing.hammering.invocation import InjectedExit, Killed

Result = TypeVar("Result")


def run_outside_event_loop(function: Callable[[], Result]) -> Result:
    """Call a function, in another thread if an event loop runs in this one.

    Lambda calls a handler without a running loop, so the code may call `asyncio.run` or
    `asyncio.get_event_loop`. The thread has the caller's context variables and its own loop.
    """
    if not _is_loop_running():
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


def _is_loop_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def hide_injected_errors() -> None:
    """Keep event loops from logging that a task ended with a fault that `hammer` injected.

    This remains so afterwards, because a loop logs it when the garbage collector finds the task.
    """
    logging.getLogger("asyncio").addFilter(_is_real)  # adds it once


def _is_real(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, Killed | InjectedExit | EffectFailed)
