"""The processes of a run: the stub, and one worker per contender. All end with their parent."""

import contextlib
import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.cases import CONTENDERS, KEYS, Case
from scripts.support.emulator import ROOT, Emulator, new_account, running

INTERPRETER: Final = ROOT / ".venv-peers" / "bin" / "python"
STOP_SECONDS: Final = 10.0

SETTINGS: Final = {
    "IDEMPOTENCY_TABLE": "ours",
    "IDEMPOTENCY_PROCESSOR": "benchmarks.function.process",
    "IDEMPOTENCY_NAMESPACE": "orders",
    "IDEMPOTENCY_RETENTION_SECONDS": str(22 * 86_400),
}


@contextlib.contextmanager
def started(command: Sequence[str | Path], environment: Mapping[str, str]) -> Iterator[Any]:
    """Start a process that ends with its standard input: when the block or this process ends."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
        # Ctrl-C goes to the parent only, which then ends this process.
        start_new_session=True,
    )
    assert process.stdin is not None  # noqa: S101 (for the type checker)
    assert process.stdout is not None  # noqa: S101
    try:
        yield process
    finally:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def request(process: Any, content: Mapping[str, Any]) -> None:
    """Write a request to a worker."""
    process.stdin.write(json.dumps(content) + "\n")
    process.stdin.flush()


def answer(process: Any) -> dict[str, Any]:
    """Read an answer of a worker.

    Raises:
        RuntimeError: the worker has ended.
    """
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{' '.join(map(str, process.args))} ended; see its error above")
    found: dict[str, Any] = json.loads(line)
    return found


class Location:
    """The destination of batches: an endpoint with the contenders' tables, and their workers.

    Attributes:
        workers: the contenders' processes, by name.
    """

    def __init__(self, endpoint: Emulator, handler: Path) -> None:
        account = new_account()
        self._address = endpoint.endpoint.removeprefix("http://")
        self._environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": str(handler),
            **endpoint.environment(account),
            **SETTINGS,
        }
        self.workers: dict[str, Any] = {}
        client = endpoint.client("dynamodb", account)
        for name, key in KEYS.items():
            client.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        client.close()

    def started(self, name: str) -> contextlib.AbstractContextManager[Any]:
        """Start a `benchmarks.worker` for this contender, without waiting until it is ready."""
        return started([INTERPRETER, "-m", "benchmarks.worker", name], self._environment)

    @contextlib.contextmanager
    def working(self, names: Sequence[str] = CONTENDERS) -> Iterator["Location"]:
        """Run a fresh worker for each of these contenders until the block ends."""
        with contextlib.ExitStack() as stack:
            for name in names:
                self.workers[name] = stack.enter_context(self.started(name))
                answer(self.workers[name])
            yield self

    def deliver(self, name: str, event: Mapping[str, Any], processor_ms: int) -> dict[str, Any]:
        """Deliver a batch to a contender; return the answer of its worker."""
        request(self.workers[name], {"event": event, "processor_ms": processor_ms})
        return answer(self.workers[name])

    def ask(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation that only the stub has; the endpoint must be the stub."""
        with contextlib.closing(http.client.HTTPConnection(self._address)) as connection:
            headers = {"X-Amz-Target": f"Engine.{operation}"}
            connection.request("POST", "/", json.dumps(parameters), headers)
            found: dict[str, Any] = json.load(connection.getresponse())
            return found


@contextlib.contextmanager
def stub() -> Iterator[Emulator]:
    """Start the stub engine."""
    with started([sys.executable, "-m", "benchmarks.engine"], os.environ) as process:
        port = int(process.stdout.readline())
        yield Emulator(endpoint=f"http://127.0.0.1:{port}", directory=ROOT)


@contextlib.contextmanager
def serve(cases: Sequence[Case]) -> Iterator[dict[bool, Emulator]]:
    """Start the endpoints that the cases need: the stub, which counts, is True."""
    starters = {True: stub, False: running}
    needed = {case.is_counted for case in cases}
    with contextlib.ExitStack() as stack:
        yield {
            counted: stack.enter_context(start())
            for counted, start in starters.items()
            if counted in needed
        }
