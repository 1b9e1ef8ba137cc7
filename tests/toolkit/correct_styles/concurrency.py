"""Styles with several calls at the same time."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import events
from tests.toolkit.styles import Style

from . import BODY, KEY, ONCE, ORDER


async def charge(order):
    """A placeholder for a call to the payment provider."""
    await asyncio.sleep(0)


def charge_now(order):
    """A placeholder for a call to the payment provider."""


async def reserve(line, token):
    """A placeholder for a call to the warehouse."""
    await asyncio.sleep(0)


def reserve_now(line, token):
    """A placeholder for a call to the warehouse."""


def name_line(message, line):
    return f"{message.idempotency_token[:40]}-{line['sku']}"


def run_a_coroutine(message):
    asyncio.run(charge(message.body))


@idempotent(name="charge_later", key="order.order_id", lease_seconds=60)
async def charge_later(order):
    await charge(order)
    return order["order_id"]


def await_a_decorated_coroutine(event, context):
    return asyncio.run(charge_later(event["detail"]))


def list_failures(records, results):
    return {
        "batchItemFailures": [
            {"itemIdentifier": record["messageId"]}
            for record, result in zip(records, results, strict=True)
            if isinstance(result, BaseException)
        ]
    }


def gather_decorated_coroutines(event, context):
    async def charge_all():
        calls = (charge_later(json.loads(record["body"])) for record in event["Records"])
        return await asyncio.gather(*calls, return_exceptions=True)

    return list_failures(event["Records"], asyncio.run(charge_all()))


@idempotent(name="charge_order", key="order.order_id", lease_seconds=60)
def charge_order(order):
    charge_now(order)
    return order["order_id"]


@idempotent(name="charge_two", key="order.order_id", lease_seconds=60)
def charge_two(order):
    charge_order(order)
    charge_now(order)


def nest_decorated_functions(event, context):
    for record in event["Records"]:
        charge_two(json.loads(record["body"]))


def submit_decorated_functions(event, context):
    with ThreadPoolExecutor(4) as pool:
        futures = [
            pool.submit(charge_order, json.loads(record["body"])) for record in event["Records"]
        ]
    return list_failures(event["Records"], [future.exception() for future in futures])


def gather_with_tokens(message):
    async def reserve_all():
        await asyncio.gather(
            *(reserve(line, name_line(message, line)) for line in message.body["lines"])
        )

    asyncio.run(reserve_all())


def group_tasks_with_tokens(message):
    async def reserve_all():
        async with asyncio.TaskGroup() as group:
            for line in message.body["lines"]:
                group.create_task(reserve(line, token=name_line(message, line)))

    asyncio.run(reserve_all())


def raise_at_a_timeout(message):
    async def reserve_all():
        async with asyncio.timeout(message.remaining_millis() / 1000):
            for line in message.body["lines"]:
                await asyncio.wait_for(reserve(line, name_line(message, line)), timeout=10)

    asyncio.run(reserve_all())


def map_threads_with_tokens(message):
    lines = message.body["lines"]
    with ThreadPoolExecutor(2) as pool:
        tokens = [name_line(message, line) for line in lines]
        list(pool.map(reserve_now, lines, tokens))


RESERVES = {"reserve": {"token": "token"}}
STYLES = {
    "run a coroutine": Style(
        handler=run_a_coroutine, event=ORDER, effects={"charge": {}}, options=KEY
    ),
    "await a decorated coroutine": Style(
        handler=await_a_decorated_coroutine, event=events.eventbridge(BODY), effects={"charge": {}}
    ),
    "gather decorated coroutines": Style(
        handler=gather_decorated_coroutines, event=ORDER, effects={"charge": {}}
    ),
    "nest decorated functions": Style(
        handler=nest_decorated_functions, event=ORDER, effects={"charge_now": {}}
    ),
    "submit decorated functions": Style(
        handler=submit_decorated_functions, event=ORDER, effects={"charge_now": {}}
    ),
    "gather with tokens": Style(
        handler=gather_with_tokens, event=ORDER, effects=RESERVES, options=ONCE
    ),
    "group tasks with tokens": Style(
        handler=group_tasks_with_tokens, event=ORDER, effects=RESERVES, options=ONCE
    ),
    "raise at a timeout": Style(
        handler=raise_at_a_timeout, event=ORDER, effects=RESERVES, options=ONCE
    ),
    "map threads with tokens": Style(
        handler=map_threads_with_tokens,
        event=ORDER,
        effects={"reserve_now": {"token": "token"}},
        options=ONCE,
    ),
}
