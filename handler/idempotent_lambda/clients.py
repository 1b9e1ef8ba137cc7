"""The creation of AWS clients that start quickly and give up quickly."""

import os
from typing import Any

from idempotent_lambda import __version__
from idempotent_lambda.clock import REQUEST_MILLIS
from idempotent_lambda.errors import ConfigurationError, text_of
from idempotent_lambda.sdk import PLACE, explain_failure, require_botocore

CONNECT_TIMEOUT_MILLIS = 500
READ_TIMEOUT_MILLIS = REQUEST_MILLIS - CONNECT_TIMEOUT_MILLIS

CONNECTIONS = 10
"""Eight parallel calls, and the calls of the two threads of a batch."""


def new_client(service: str = "dynamodb") -> Any:
    """Create a client with short, fixed timeouts and without retries.

    The package itself retries within the deadline. botocore's session, which makes the client,
    starts faster than boto3's. Region, credentials and endpoint come from Lambda's environment.

    Raises:
        ConfigurationError: botocore is too old or incomplete, or its configuration is wrong.
    """
    require_botocore()
    # The import of an old botocore may fail, which would hide the error above.
    import botocore.session  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

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
    try:
        client = botocore.session.get_session().create_client(service, config=config)
    except Exception as error:
        # botocore raises ValueError for an endpoint or a Region that cannot be one.
        remedy = PLACE if isinstance(error, ValueError) else explain_failure(error).remedy
        problem = f"botocore makes no client for {service}: {text_of(error)}"
        raise ConfigurationError(f"{problem}; {remedy}") from error
    made_in = os.getpid()

    def notice_fork(**_: object) -> None:
        # A forked child and its parent would share connections and read each other's answers.
        nonlocal made_in
        if os.getpid() != made_in:
            made_in = os.getpid()
            client.close()

    client.meta.events.register("before-send", notice_fork)
    return client
