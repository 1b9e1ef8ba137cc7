"""Posts each order to all subscribers at once."""

import asyncio
import logging
import os
import uuid

from idempotent_lambda_toolkit.testing import events

from . import BODY, OTHER, Case, Verdict

logger = logging.getLogger(__name__)

SUBSCRIBERS = os.environ.get(
    "SUBSCRIBERS", "https://crm.example.com/hooks,https://stock.example.com/hooks"
).split(",")


async def post_json(url, payload, headers):
    """A placeholder for a post with aiohttp."""


async def notify(url, order):
    headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
    await post_json(url, {"type": "order.placed", "data": order}, headers)
    logger.debug("posted to %s", url)


async def notify_all(order):
    results = await asyncio.gather(
        *(notify(url, order) for url in SUBSCRIBERS), return_exceptions=True
    )
    for url, result in zip(SUBSCRIBERS, results, strict=True):
        if isinstance(result, Exception):
            logger.error("could not post to %s: %r", url, result)
    return sum(not isinstance(result, BaseException) for result in results)


def process(message):
    posted = asyncio.run(notify_all(message.body))
    logger.info("posted to %d of %d subscribers", posted, len(SUBSCRIBERS))


CASE = Case(
    handler=process,
    event=events.fifo(BODY),
    effects={
        "post_json": {
            "function": post_json,
            "token": lambda _url, _payload, headers: headers["Idempotency-Key"],
            "failure": OSError("503 Service Unavailable"),
        }
    },
    options={"key": "body.order_id", "different": [events.fifo(OTHER)]},
    verdict=Verdict(
        findings=frozenset(
            {
                ("failure swallowed", "post_json"),
                ("token changes", "post_json"),
            }
        ),
        because="Errors come back as results that are only logged, and each try has a new token.",
    ),
)
