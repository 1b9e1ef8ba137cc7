"""The Lambda handler, which wires the consumer once per cold start.

Importing this module reads the environment, imports the processor and creates the client. So a
wrong setting stops the function before it has received anything.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from idempotent_lambda.clients import new_client
from idempotent_lambda.clock import CONTEXT_REMEDY, SystemClock, read_context
from idempotent_lambda.errors import ConfigurationError, InvalidProcessorError
from idempotent_lambda.log import JsonLines
from idempotent_lambda.pipeline.consumer import Consumer
from idempotent_lambda.pipeline.processor import Processor
from idempotent_lambda.queues import SqsQueues
from idempotent_lambda.settings import Settings
from idempotent_lambda.sources.response import PartialBatchResponse
from idempotent_lambda.store.dynamodb import DynamoDBClaimStore


class LambdaContext(Protocol):
    """The part of Lambda's context that the handler uses.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    @property
    def aws_request_id(self) -> str:
        """The id of the invocation, for log lines; empty if the context of a test lacks it."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends the invocation, which determine the lease."""


def load_processor(name: str) -> Processor:
    """Return the function that ``module.function`` names.

    Raises:
        InvalidProcessorError: there is no such function, its module fails to import, or it is a
            coroutine or generator function. The error lists the existing functions or modules.
    """
    module_name, _, function_name = name.rpartition(".")
    if not module_name or not function_name:
        raise InvalidProcessorError(name, 'write it as "module.function", such as "orders.process"')
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and _is_part_of(module_name, error.name):
            found = [module.name for module in pkgutil.iter_modules([str(Path.cwd())])]
            problem = f"there is no module {error.name!r}; the package has {_join_names(found)}"
            raise InvalidProcessorError(name, problem) from None
        problem = f"importing its module failed: {type(error).__name__}: {error}"
        raise InvalidProcessorError(name, problem) from error
    processor: Processor | None = getattr(module, function_name, None)
    if not callable(processor):
        functions = inspect.getmembers(module, inspect.isfunction)
        found = [name for name, function in functions if function.__module__ == module_name]
        problem = f"{module_name!r} has no such function; it has {_join_names(found)}"
        raise InvalidProcessorError(name, problem)
    kinds = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    if any(kind(processor) for kind in kinds):
        problem = (
            "it is a coroutine or generator function, so a call runs nothing; write a plain "
            "function (asyncio.run(...) runs a coroutine inside one)"
        )
        raise InvalidProcessorError(name, problem)
    arguments = {"transaction": None} if _takes_transaction(processor) else {}
    try:
        inspect.signature(processor).bind(None, **arguments)
    except TypeError as error:
        problem = (
            f"it cannot be called with one message ({error}): write def process(message), or "
            "def process(message, transaction)"
        )
        raise InvalidProcessorError(name, problem) from None
    except ValueError:
        pass  # written in C: it has no signature
    return processor


def _takes_transaction(processor: Processor) -> bool:
    try:
        return "transaction" in inspect.signature(processor).parameters
    except (TypeError, ValueError):  # written in C: it has no signature
        return False


def _is_part_of(module_name: str, missing: str | None) -> bool:
    """Whether the missing module is the named module, or a package that should contain it.

    Otherwise the named module exists, but a module that it imports is missing.
    """
    return missing is not None and f"{module_name}.".startswith(f"{missing}.")


def _join_names(names: list[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def wire(settings: Settings) -> Callable[[object, LambdaContext], PartialBatchResponse | None]:
    """Build the Lambda handler for some settings.

    The handler raises `ConfigurationError` if its second argument is not a Lambda context.

    Raises:
        InvalidProcessorError: see `load_processor`.
    """
    clock = SystemClock()
    observer = JsonLines.from_settings(clock, settings)
    processor = load_processor(settings.processor)
    consumer = Consumer(
        processor=processor,
        transactional=_takes_transaction(processor),
        settings=settings,
        store=DynamoDBClaimStore(new_client(), settings.table, clock, observer),
        queues=SqsQueues(settings.dead_letter_queue_url, observer),
        clock=clock,
        observer=observer,
    )

    def handle(event: object, context: LambdaContext) -> PartialBatchResponse | None:
        found = read_context(context)
        if found is None:
            problem = "is not a Lambda context, which returns its remaining time as a number"
            text = f"the second argument, of type {type(context).__name__}, {problem}"
            raise ConfigurationError(f"{text}: pass the context of Lambda; {CONTEXT_REMEDY}")
        return consumer.consume(event, found.remaining, found.request_id)

    return handle


handler = wire(Settings.from_environment())
"""The function that Lambda calls."""
