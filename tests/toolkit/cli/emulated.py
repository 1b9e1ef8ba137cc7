"""Two queues in the emulator, and the command as a separate process."""

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.support.emulator import Emulator, new_account

ROOT = Path(__file__).resolve().parents[3]
FORKING = """
import os, signal, sys
import idempotent_lambda_toolkit.cli.app, boto3
from idempotent_lambda_toolkit.cli import main
signal.signal(signal.SIGINT, signal.SIG_DFL)
boto3.client("sqs")
out, err, *arguments = sys.argv[1:]
sys.argv[1:] = arguments
for _ in sys.stdin:
    child = os.fork()
    if not child:
        for number, name in ((1, out), (2, err)):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        code = 99
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Runs the command in another process for each line, and imports its modules only once."""


class Stack:
    """Two queues in the emulator, and the command in another process."""

    def __init__(self, emulator: Emulator) -> None:
        account = new_account()
        self.sqs = emulator.client("sqs", account)
        self.urls = [self.sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("dead", "q")]
        paths = os.pathsep.join(str(ROOT / name) for name in ("handler", "toolkit"))
        self.options = ("--dead-letter-queue-url", self.urls[0], "--queue-url", self.urls[1])
        self.variables = {**os.environ, **emulator.environment(account), "PYTHONPATH": paths}

    def fill(self, count: int) -> set[str]:
        """Put messages into the dead-letter queue; return their ids."""
        ids = set()
        for start in range(0, count, 10):
            entries = [{"Id": str(i), "MessageBody": f"{start + i}"} for i in range(10)]
            answer = self.sqs.send_message_batch(QueueUrl=self.urls[0], Entries=entries)
            ids |= {entry["MessageId"] for entry in answer["Successful"]}
        return ids

    def count(self, url: str, *, hidden: bool = False) -> int:
        """Return how many messages of a queue are waiting, or are there and hidden, too."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names[: 1 + hidden])
        return sum(map(int, answer["Attributes"].values()))

    def drain(self, url: str) -> list[dict[str, Any]]:
        """Receive and delete all messages that are visible."""
        found = []
        while some := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            found += some
            entries = [
                {"Id": str(i), "ReceiptHandle": message["ReceiptHandle"]}
                for i, message in enumerate(some)
            ]
            self.sqs.delete_message_batch(QueueUrl=url, Entries=entries)
        return found

    def start(self, *arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """Start the command."""
        return subprocess.Popen(
            [sys.executable, "-m", "idempotent_lambda_toolkit.cli", *self.options, *arguments],
            env=self.variables,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @contextmanager
    def prepare(self, directory: Path, *arguments: str) -> Iterator["Prepared"]:
        """Prepare a command that runs often; each run is a process."""
        names = [directory / "out", directory / "err"]
        with subprocess.Popen(
            [sys.executable, "-c", FORKING, *map(str, names), *self.options, *arguments],
            env=self.variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            yield Prepared(process, *names)


class Prepared:
    """A command whose modules are imported already."""

    def __init__(self, process: "subprocess.Popen[str]", out: Path, err: Path) -> None:
        self.out, self.err = out, err
        assert process.stdin is not None
        assert process.stdout is not None
        self._input, self._output = process.stdin, process.stdout

    def start(self) -> int:
        """Start it; return the id of its process."""
        self._input.write("start\n")
        self._input.flush()
        return int(self._output.readline())

    def has_ended(self) -> bool:
        """Whether it has ended."""
        return bool(select.select([self._output], [], [], 0)[0])

    def wait(self) -> int:
        """Wait for its end; return its exit code, negative after a signal."""
        return int(self._output.readline())
