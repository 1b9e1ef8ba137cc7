"""The emulator leaves nothing behind, however its owner ends."""

import contextlib
import http.client
import io
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import zipfile
from pathlib import Path
from typing import Any

import pytest

from scripts.support import emulator as emulator_module
from scripts.support.emulator import Emulator, EmulatorError, new_account, running
from tests.waiting import SECONDS, eventually

pytestmark = [pytest.mark.emulator, pytest.mark.slow]

# Its thread keeps the process alive without the emulator: an idle worker would leave by itself.
WORKER = """
import os, threading, time

def handler(event, context):
    threading.Thread(target=time.sleep, args=(60,)).start()
    return [os.getpid(), os.getppid()]
"""

TALKER = """
import sys, threading

def late(number):
    print(number, "late", file=sys.stderr, flush=True)

def handler(number, context):
    print(number, "early", file=sys.stderr, flush=True)
    threading.Timer(0.025, late, [number]).start()
"""
INVOCATIONS = 10

OWNER = """
import json, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits "ignore"
from tests.support.test_emulator import processes
from scripts.support.emulator import running
with running() as emulator:
    print(json.dumps([str(emulator.directory), processes(emulator)]), flush=True)
    time.sleep(60)
"""


def create(functions: Any, name: str, source: str) -> None:
    """Make a function of one module, which has its name."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr(f"{name}.py", source)
    functions.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler=f"{name}.handler",
        Role=f"arn:aws:iam::123456789012:role/{name}",
        Code={"ZipFile": package.getvalue()},
    )


def processes(emulator: Emulator) -> list[int]:
    """Make a function and run it once: the process ids of its worker and of the emulator."""
    functions = emulator.client("lambda", new_account())
    create(functions, "worker", WORKER)
    answer = functions.invoke(FunctionName="worker")["Payload"].read()
    found: list[int] = json.loads(answer)
    return found


def alive(pid: int) -> bool:
    """Whether the process exists (as a zombie, too)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_stop_ends_the_emulator_and_its_workers() -> None:
    """Leaving the block ends every process and removes the temporary directory."""
    with running() as emulator:
        pids = processes(emulator)
        assert all(alive(pid) for pid in pids)
    assert [pid for pid in pids if alive(pid)] == []
    assert not emulator.directory.exists()


def test_an_exception_ends_the_emulator_and_its_workers() -> None:
    """A failure inside the block leaves no process and no directory."""
    with contextlib.suppress(ZeroDivisionError), running() as emulator:
        pids = processes(emulator)
        raise ZeroDivisionError
    assert [pid for pid in pids if alive(pid)] == []
    assert not emulator.directory.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_emulator_ends_with_its_owner(number: signal.Signals) -> None:
    """An owner that is interrupted, terminated or killed leaves no process and no directory."""
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", OWNER],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        directory, pids = json.loads(owner.stdout.readline())
        owner.send_signal(number)
        assert owner.wait(SECONDS) != 0
    eventually(lambda: [pid for pid in pids if alive(pid)] == [], "every process has ended")
    eventually(lambda: not Path(directory).exists(), "the directory is removed")


def test_accounts_are_separate_worlds(emulator: Emulator) -> None:
    """An account does not see the resources of another one."""
    mine, theirs = new_account(), new_account()
    emulator.client("sqs", mine).create_queue(QueueName="orders")
    assert emulator.client("sqs", mine).list_queues()["QueueUrls"]
    assert not emulator.client("sqs", theirs).list_queues().get("QueueUrls")


def test_functions_see_no_variable_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """An emulator started from a shell full of variables hands none of them to its functions."""
    monkeypatch.setenv("AWS_PROFILE", "production")
    with running() as started:
        worker, _ = processes(started)
        seen = Path(f"/proc/{worker}/environ")
        if not seen.exists():
            pytest.skip("this system does not show a process's environment")
        assert b"AWS_PROFILE" not in seen.read_bytes()


def test_a_missing_environment_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the emulator's environment the error names it and says how to build it."""
    monkeypatch.setattr(
        emulator_module, "INTERPRETER", emulator_module.ROOT / ".venv-nowhere" / "bin" / "python"
    )
    with pytest.raises(EmulatorError, match=r"^\.venv-nowhere/bin/python is missing: .*make"):
        running().__enter__()


def test_an_emulator_that_does_not_start_says_what_it_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """When the process ends before it is ready, its own words are in the error."""
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no such module: ministack\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(emulator_module, "INTERPRETER", broken)
    with pytest.raises(EmulatorError, match="no such module: ministack"):
        running().__enter__()


def test_a_line_that_is_read_late_is_in_the_log(emulator: Emulator, account: str) -> None:
    """The log has what is printed well after the emulator alone would have stopped to read."""
    functions, logs = (emulator.client(name, account) for name in ("lambda", "logs"))
    create(functions, "talker", TALKER)
    # A line that is too late for its own invocation is in the log of the next, if ever. The machine
    # may stand still for longer than anybody's patience, but not every time.
    for number in range(INVOCATIONS):
        functions.invoke(FunctionName="talker", Payload=str(number))
    events = logs.filter_log_events(logGroupName="/aws/lambda/talker")["events"]
    lines = [line for event in events for line in event["message"].splitlines()]
    pairs = set(itertools.pairwise(lines))
    assert pairs & {(f"{number} early", f"{number} late") for number in range(INVOCATIONS)}


def test_a_request_in_two_parts_is_not_answered_at_once(emulator: Emulator) -> None:
    """A client that sends its body after its header has the time to see its write end."""
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    address = urllib.parse.urlsplit(emulator.endpoint).netloc
    with contextlib.closing(http.client.HTTPConnection(address, timeout=SECONDS)) as client:
        for _ in range(2):  # the connection stays in use
            client.putrequest("POST", "/")
            client.putheader("Content-Type", "application/x-www-form-urlencoded")
            client.putheader("Content-Length", str(len(body)))
            client.putheader("Expect", "100-continue")
            client.endheaders()
            # This answer says that the header was read without the body.
            assert client.sock.recv(8, socket.MSG_PEEK) == b"HTTP/1.1"
            began = time.monotonic()
            client.send(body)
            answer = client.getresponse()
            assert time.monotonic() - began >= 0.04
            assert (answer.status, b"GetCallerIdentityResult" in answer.read()) == (200, True)


def test_a_python_client_is_answered_at_once(emulator: Emulator, account: str) -> None:
    """It sends its bodies after its headers too, but sees the end of every write."""
    tables = emulator.client("dynamodb", account)
    seconds = []
    for _ in range(INVOCATIONS):
        began = time.monotonic()
        tables.list_tables()
        seconds.append(time.monotonic() - began)
    # A busy machine may be slow, but not every time.
    assert min(seconds) < 0.04
