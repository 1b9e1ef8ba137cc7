"""How clients of AWS are made: quick to start, quick to give up."""

import os
from typing import Any

import botocore.session
from botocore.config import Config

from idempotent_lambda import __version__
from idempotent_lambda.clock import REQUEST_MILLIS

CONNECT_TIMEOUT_MILLIS = 500
READ_TIMEOUT_MILLIS = REQUEST_MILLIS - CONNECT_TIMEOUT_MILLIS

CONNECTIONS = 10
"""Eight calls side by side, while the two threads of a batch may ask too."""


def new_client(service: str = "dynamodb") -> Any:
    """A client with static short timeouts and no retries: those are ours, inside the deadline.

    Made from botocore's session, which starts faster than boto3's. Region, credentials and
    endpoint come from the environment, as Lambda sets it.
    """
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_MILLIS / 1000,
        read_timeout=READ_TIMEOUT_MILLIS / 1000,
        retries={"mode": "standard", "total_max_attempts": 1},
        parameter_validation=False,
        max_pool_connections=CONNECTIONS,
        # Otherwise the SDK composes its own for every call, a fifth of what a call costs.
        user_agent=f"idempotent-lambda/{__version__}",
        tcp_keepalive=True,
    )
    client = botocore.session.get_session().create_client(service, config=config)
    made_in = os.getpid()

    def notice_fork(**_: object) -> None:
        # A forked child would share its parent's connections, and each read the other's answers.
        nonlocal made_in
        if os.getpid() != made_in:
            made_in = os.getpid()
            client.close()

    client.meta.events.register("before-send", notice_fork)
    return client
