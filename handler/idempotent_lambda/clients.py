"""How clients of AWS are made: quick to start, quick to give up."""

import os
import weakref
from typing import Any

import botocore.session
from botocore.config import Config

from idempotent_lambda import __version__
from idempotent_lambda.clock import REQUEST_MILLIS

CONNECT_TIMEOUT_MILLIS = 500
READ_TIMEOUT_MILLIS = REQUEST_MILLIS - CONNECT_TIMEOUT_MILLIS

CONNECTIONS = 10
"""Eight calls side by side, while the two threads of a batch may ask too."""

_clients: "weakref.WeakSet[Any]" = weakref.WeakSet()


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
    _clients.add(client)
    return client


def close_connections() -> None:
    """Close the connections that a forked child shares with its parent, but only the child's ends.

    On a shared one, parent and child would read each other's answers.
    """
    for client in _clients:
        client.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=close_connections)
