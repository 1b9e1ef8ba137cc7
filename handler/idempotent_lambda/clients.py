"""The creation of AWS clients that start quickly and give up quickly."""

import os
from typing import Any

import botocore.session
from botocore.config import Config

from idempotent_lambda import __version__
from idempotent_lambda.clock import REQUEST_MILLIS

CONNECT_TIMEOUT_MILLIS = 500
READ_TIMEOUT_MILLIS = REQUEST_MILLIS - CONNECT_TIMEOUT_MILLIS

CONNECTIONS = 10
"""Eight parallel calls, and the calls of the two threads of a batch."""


def new_client(service: str = "dynamodb") -> Any:
    """Create a client with short, fixed timeouts and without retries.

    The package itself retries within the deadline. botocore's session, which makes the client,
    starts faster than boto3's. Region, credentials and endpoint come from Lambda's environment.
    """
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_MILLIS / 1000,
        read_timeout=READ_TIMEOUT_MILLIS / 1000,
        retries={"mode": "standard", "total_max_attempts": 1},
        parameter_validation=False,
        max_pool_connections=CONNECTIONS,
        # Otherwise the SDK composes a user agent for every call, a fifth of the cost of a call.
        user_agent=f"idempotent-lambda/{__version__}",
        tcp_keepalive=True,
    )
    client = botocore.session.get_session().create_client(service, config=config)
    made_in = os.getpid()

    def notice_fork(**_: object) -> None:
        # A forked child and its parent would share connections and read each other's answers.
        nonlocal made_in
        if os.getpid() != made_in:
            made_in = os.getpid()
            client.close()

    client.meta.events.register("before-send", notice_fork)
    return client
