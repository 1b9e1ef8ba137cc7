"""Styles that wait, or read the time."""

import asyncio
import time
from datetime import UTC, datetime
from time import monotonic, sleep

from idempotent_lambda_toolkit.testing import events
from tests.toolkit.styles import Style

from . import BODY, ONCE

JOB_SECONDS = 4


def start_job(order, token):
    """A placeholder for the start of a job, which takes some time."""
    return {"done_at": time.time() + JOB_SECONDS}


def read_state(job):
    """A placeholder for a look at a job."""
    return "done" if time.time() >= job["done_at"] else "running"


def charge(order, cents, token):
    """A placeholder for a call to the payment provider."""


def wait_for_a_job(message):
    job = start_job(message.body, token=message.idempotency_token)
    deadline = time.monotonic() + 10
    while read_state(job) != "done":
        if time.monotonic() > deadline:
            raise TimeoutError("the job takes too long")
        time.sleep(1)


def wait_with_imported_names(message):
    job = start_job(message.body, token=message.idempotency_token)
    deadline = monotonic() + 10
    while read_state(job) != "done" and monotonic() < deadline:
        sleep(1)
    if read_state(job) != "done":
        raise TimeoutError("the job takes too long")


async def poll(job):
    async with asyncio.timeout(10):
        while read_state(job) != "done":
            await asyncio.sleep(1)


def poll_a_job(message):
    job = start_job(message.body, token=message.idempotency_token)
    asyncio.run(poll(job))


def discount_by_date(message):
    is_weekend = datetime.now(UTC).weekday() > 4
    cents = message.body["amount_cents"] * (90 if is_weekend else 100) // 100
    charge(message.body, cents, token=message.idempotency_token)


def log_the_time(message):
    started = time.perf_counter()
    charge(message.body, message.body["amount_cents"], token=message.idempotency_token)
    print(f"{datetime.now(UTC):%H:%M:%S} charged in {time.perf_counter() - started:.3f} s")


ORDER = events.sqs(BODY)
STARTS = {"start_job": {"token": "token"}}
CHARGES = {"charge": {"token": "token"}}
STYLES = {
    "wait for a job": Style(handler=wait_for_a_job, event=ORDER, effects=STARTS, options=ONCE),
    "wait with imported names": Style(
        handler=wait_with_imported_names, event=ORDER, effects=STARTS, options=ONCE
    ),
    "poll a job": Style(handler=poll_a_job, event=ORDER, effects=STARTS, options=ONCE),
    "discount by date": Style(handler=discount_by_date, event=ORDER, effects=CHARGES, options=ONCE),
    "log the time": Style(handler=log_the_time, event=ORDER, effects=CHARGES, options=ONCE),
}
