"""Runs the emulator: one process that answers as AWS, on a free local port.

    with running() as emulator:
        sqs = emulator.client("sqs", new_account())

``running(enforce_iam=True)`` checks every call against IAM, also the calls of a function under its
role, and speaks TLS: the queues refuse anything else.

The emulator has a separate environment, ``.venv-emulator``, because functions run with its Python
and its packages: a shared environment would hide a package that the deployed zip lacks. Accounts
share nothing, so one emulator serves any number of tests.

However this process ends, the emulator ends with all its workers (see ``launch.py``).
"""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import boto3
import botocore.session
import urllib3
from botocore.config import Config

from scripts.support.terraform import OFFLINE

ROOT: Final = Path(__file__).resolve().parents[2]
INTERPRETER: Final = ROOT / ".venv-emulator" / "bin" / "python"
LAUNCH: Final = Path(__file__).with_name("launch.py")
REGION: Final = OFFLINE["AWS_REGION"]
READY_SECONDS: Final = 30.0
ATTEMPTS: Final = 3
ENFORCING: Final = {"AUTH": "true", "USE_SSL": "1"}
# The emulator writes its certificate there, in its TMPDIR.
CERTIFICATE: Final = Path("ministack-tls", "server.crt")
NO_PROFILE: Final = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


class EmulatorError(Exception):
    """The emulator can't start; the text names the cause and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulator:
    """A running emulator; ``output.log`` in its temporary directory has its output."""

    endpoint: str
    directory: Path
    certificate: Path | None = None

    def environment(self, account: str) -> dict[str, str]:
        """Return variables that make an SDK or Terraform's provider use this account here."""
        return {
            **OFFLINE,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": account,
            "AWS_DEFAULT_REGION": REGION,
            **({"AWS_CA_BUNDLE": str(self.certificate)} if self.certificate else {}),
        }

    def client(self, service: str, account: str) -> Any:
        """Make a boto3 client of the service ("sqs", "dynamodb", ...) in the account."""
        # Threads can't share the default session. This one reads none of the developer's profiles
        # and files.
        session = boto3.session.Session(
            aws_access_key_id=account,
            aws_secret_access_key="emulator",
            region_name=REGION,
            botocore_session=botocore.session.Session(session_vars=NO_PROFILE),
        )
        # The typed overloads can't express a name that is only known at run time.
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
    """Make an account id that nobody else uses: 12 random digits, the first not zero."""
    return str(secrets.randbelow(9 * 10**11) + 10**11)


@contextlib.contextmanager
def running(*, enforce_iam: bool = False) -> Iterator[Emulator]:
    """Start an emulator, and stop it with all its workers when the block ends.

    With ``enforce_iam``, an account's 12 digits are the access key of its root user, who may do
    anything.
    """
    emulator, process = launch(subprocess.PIPE, enforce_iam=enforce_iam)
    try:
        yield emulator
    finally:
        stop(emulator, process)


def launch(
    lifeline: int | IO[bytes], *, enforce_iam: bool = False
) -> tuple[Emulator, subprocess.Popen[str]]:
    """Start an emulator that lives until its standard input closes, or has something to read."""
    if not INTERPRETER.exists():
        raise EmulatorError(
            f"{INTERPRETER.relative_to(ROOT)} is missing: run this through make, which builds it"
        )
    for _ in range(ATTEMPTS):
        # If another process takes the port before the emulator binds it, choose again.
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        mark = secrets.token_hex(8)
        directory = Path(tempfile.mkdtemp(prefix="idempotent-lambda-"))
        emulator = Emulator(
            endpoint=f"{'https' if enforce_iam else 'http'}://127.0.0.1:{port}",
            directory=directory,
            certificate=directory / CERTIFICATE if enforce_iam else None,
        )
        process = subprocess.Popen(
            # -P: Python must not import the emulator's modules from the folder of that file.
            [str(INTERPRETER), "-P", str(LAUNCH)],
            stdin=lifeline,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            errors="replace",
            # No inherited variables: functions get the AWS_* variables of the emulator.
            env={
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(port),
                # Otherwise it also listens on the fixed port 8883.
                "IOT_MTLS_ENABLED": "0",
                "LOG_LEVEL": "WARNING",
                # Comes back in the health answer, and proves that our emulator answers.
                "MINISTACK_EDITION": mark,
                "PYTHONDONTWRITEBYTECODE": "1",
                "TMPDIR": str(directory),
                "HOME": str(directory),
                **(ENFORCING if enforce_iam else {}),
            },
            # A terminal sends Ctrl-C to its whole session; the emulator ends with its owner.
            start_new_session=True,
        )
        ready = False
        try:
            if ready := _is_ready(emulator, process, mark):
                return emulator, process
        finally:
            if not ready:
                output = stop(emulator, process)
    raise EmulatorError(f"the emulator did not become ready; it said:\n{output}")


def stop(emulator: Emulator, process: subprocess.Popen[str]) -> str:
    """End it with all its workers, wait until they are gone, and return its last output."""
    with process:
        process.kill()
        # Before the read: a group exists until its leader is collected.
        process.wait()
        output = process.stdout.read() if process.stdout else ""
    shutil.rmtree(emulator.directory, ignore_errors=True)
    return output


def _is_ready(emulator: Emulator, process: subprocess.Popen[str], mark: str) -> bool:
    deadline = time.monotonic() + READY_SECONDS
    # Until the emulator has made the certificate, the call fails as if nobody listens.
    certificate = str(emulator.certificate) if emulator.certificate else None
    with urllib3.PoolManager(ca_certs=certificate, timeout=5, retries=False) as client:
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(urllib3.exceptions.HTTPError, OSError, ValueError):
                answer = client.request("GET", f"{emulator.endpoint}/_ministack/health")
                return bool(answer.json()["edition"] == mark)
            time.sleep(0.05)
    return False
