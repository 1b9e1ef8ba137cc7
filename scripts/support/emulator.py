"""The embedded emulator: one process that answers as AWS, on a free local port.

    with running() as emulator:
        sqs = emulator.client("sqs", new_account())

``running(enforce_iam=True)`` checks every call against IAM, those of a function under its own role,
and speaks TLS: the queues refuse anything else.

It runs in the environment ``.venv-emulator`` of its own, because functions run with its Python and
its packages: a shared one would hide a package that the deployed zip lacks. Every 12-digit account
is a world of its own, so one emulator serves any number of tests.

The process group belongs to a guard (see ``guard.py``), which ends it however this process ends.
"""

import contextlib
import http.client
import json
import os
import secrets
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3
import botocore.session
from botocore.config import Config

ROOT: Final = Path(__file__).resolve().parents[2]
INTERPRETER: Final = ROOT / ".venv-emulator" / "bin" / "python"
GUARD: Final = Path(__file__).with_name("guard.py")
LAUNCH: Final = Path(__file__).with_name("launch.py")
REGION: Final = "eu-central-1"
READY_SECONDS: Final = 30.0
STOP_SECONDS: Final = 15.0
ATTEMPTS: Final = 3
ENFORCING: Final = {"AUTH": "true", "USE_SSL": "1"}
# Where the emulator puts the one that it makes for itself, in its TMPDIR.
CERTIFICATE: Final = Path("ministack-tls", "server.crt")
NO_PROFILE: Final = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


class EmulatorError(Exception):
    """The emulator can't be started; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulator:
    """A running emulator.

    Attributes:
        endpoint: Its base URL, for ``AWS_ENDPOINT_URL``.
        directory: Its temporary directory; ``output.log`` in it is what it printed.
        certificate: The certificate of its endpoint, where that is https.
    """

    endpoint: str
    directory: Path
    certificate: Path | None = None

    def environment(self, account: str) -> dict[str, str]:
        """Variables that make an AWS client (SDK, Terraform provider) use this account here."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": account,
            "AWS_SECRET_ACCESS_KEY": "emulator",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            **({"AWS_CA_BUNDLE": str(self.certificate)} if self.certificate else {}),
        }

    def client(self, service: str, account: str) -> Any:
        """A boto3 client of the service ("sqs", "dynamodb", ...) in the account."""
        # A session of its own: the default one can't be shared by threads. It reads no profile and
        # no file of the developer's.
        session = boto3.session.Session(
            aws_access_key_id=account,
            aws_secret_access_key="emulator",
            region_name=REGION,
            botocore_session=botocore.session.Session(session_vars=NO_PROFILE),
        )
        # The service's name is only known at run time, which the typed overloads can't express.
        create: Any = session.client
        return create(
            service,
            endpoint_url=self.endpoint,
            verify=None if self.certificate is None else str(self.certificate),
            config=Config(
                max_pool_connections=64, retries={"mode": "standard", "total_max_attempts": 3}
            ),
        )


def new_account() -> str:
    """An account id that nobody else uses: 12 random digits, the first not zero."""
    return str(secrets.randbelow(9 * 10**11) + 10**11)


@contextlib.contextmanager
def running(*, enforce_iam: bool = False) -> Iterator[Emulator]:
    """Start an emulator, and stop it with all its workers when the block is left.

    Args:
        enforce_iam: Whether calls are checked against IAM. Those with an account's 12 digits as
            the access key are its root's, which may do anything.

    Raises:
        EmulatorError: Its environment is missing, or it did not become ready.
    """
    if not INTERPRETER.exists():
        raise EmulatorError(
            f"{INTERPRETER.relative_to(ROOT)} is missing: run this through make, which builds it"
        )
    for attempt in range(1, ATTEMPTS + 1):
        # Another process can take the port before the emulator binds it: then choose again.
        port = _free_port()
        mark = secrets.token_hex(8)
        variables = _environment(port, mark) | (ENFORCING if enforce_iam else {})
        with _add_guard(variables) as (guard, directory):
            emulator = Emulator(
                endpoint=f"{'https' if enforce_iam else 'http'}://127.0.0.1:{port}",
                directory=directory,
                certificate=directory / CERTIFICATE if enforce_iam else None,
            )
            if _is_ready(emulator, port, mark, guard):
                yield emulator
                return
            assert guard.stdin is not None  # noqa: S101 (tells the type checker what PIPE means)
            assert guard.stdout is not None  # noqa: S101
            guard.stdin.close()
            # Not communicate(), which loses what readline() has read ahead.
            output = guard.stdout.read()
        if attempt == ATTEMPTS:
            raise EmulatorError(f"the emulator did not become ready; it said:\n{output}")


def _environment(port: int, mark: str) -> dict[str, str]:
    # Nothing inherited: the emulator hands its own AWS_* variables to the functions it runs.
    return {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        # Otherwise it also listens on the fixed port 8883.
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        # Comes back in the health answer: proves that it is ours that answers.
        "MINISTACK_EDITION": mark,
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": tempfile.gettempdir(),
    }


@contextlib.contextmanager
def _add_guard(
    environment: Mapping[str, str],
) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    # Safe path: the emulator's modules are not to be taken from beside that file.
    command = [sys.executable, "-I", str(GUARD), str(INTERPRETER), "-P", str(LAUNCH)]
    guard = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        # A terminal's Ctrl-C goes to its whole session; the guard has to survive it to clean up.
        start_new_session=True,
    )
    assert guard.stdin is not None  # noqa: S101 (tells the type checker what PIPE means)
    assert guard.stdout is not None  # noqa: S101
    try:
        yield guard, Path(guard.stdout.readline().rstrip("\n"))
    finally:
        guard.stdin.close()
        guard.wait(STOP_SECONDS)
        guard.stdout.close()


def _is_ready(emulator: Emulator, port: int, mark: str, guard: subprocess.Popen[str]) -> bool:
    deadline = time.monotonic() + READY_SECONDS
    while guard.poll() is None and time.monotonic() < deadline:
        with (
            contextlib.suppress(OSError, http.client.HTTPException, ValueError),
            contextlib.closing(_connection(emulator, port)) as probe,
        ):
            probe.request("GET", "/_ministack/health")
            return bool(json.load(probe.getresponse())["edition"] == mark)
        time.sleep(0.05)
    return False


def _connection(emulator: Emulator, port: int) -> http.client.HTTPConnection:
    if emulator.certificate is None:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    # Absent until the emulator has made it: an OSError, as when nobody listens.
    context = ssl.create_default_context(cafile=emulator.certificate)
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
