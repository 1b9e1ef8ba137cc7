"""Text that a producer or AWS gives never moves the operator's cursor, in no command.

Each command runs on hostile records, messages, log lines, settings and errors, at a terminal and
without one. The transcript is in build/hostile-transcript.txt.
"""

import fcntl
import json
import os
import re
import sys
import threading
import tty
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from idempotent_lambda.keys import KeyRule
from idempotent_lambda_toolkit.cli import main, times
from idempotent_lambda_toolkit.cli.app import COMMANDS

from .conftest import Consumer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

BUILD = Path(__file__).resolve().parents[3] / "build"

FORGED = "FORGED: 0 problems"
"""A line that only a producer writes."""

# Cursor, title, link, clipboard, bell, backspace, carriage return, NUL, DEL.
CONTROL = f"A\x1b[2J\x1b[9;9H\x1b]0;t\x07\x1b]8;;http://evil\x1b\\l\x1b]52;c;aGk=\x07\x1b[31m\x08\r\x00\x7f\t\x0b\n{FORGED}"
# CSI and OSC in one character each, and the line breaks NEL, LS and PS.
C1 = f"B\x9b2J\x9d0;t\x9c\x90q\x9c\x85{FORGED}\u2028{FORGED}\u2029{FORGED}"
BIDI = (
    "C\u202egnp.exe\u202c\u2066a\u2069\u200f\u061c\u200b\u200d\u2060\ufeff\ufe0f\u3164"
    "\U000e0041\u00ad"
)
TEXTS = {
    "mixed": CONTROL + C1 + BIDI,
    "long": "D\x1b[5m" + "\u6f22x" * 5000,
    "shell": 'E\'; $(reboot) `id` | x && "y" > z # [red]b[/red] {m} %s \\u001b \\',
}
SURROGATE = "F\udc9b2J"
"""An argument that is no UTF-8."""

CASES: dict[str, list[list[str]]] = {
    "inspect": [["KEY"], ["--", "TEXT"], ["--record-id", "ID"], ["MESSAGE"], ["LOGGED"]],
    "history": [
        ["KEY"],
        ["--", "TEXT"],
        ["--message-id", "LOGGED"],
        ["KEY", "--since", "TEXT"],
    ],
    "list": [[], ["--status", "TEXT"], ["--older-than", "TEXT"], ["--limit", "TEXT"]],
    "stats": [[]],
    "forget": [["KEY", "--dry-run"], ["KEY"], ["--record-id", "ID", "--yes"], ["--", "TEXT"]],
    "resolve": [
        ["KEY", "--completed", "--dry-run"],
        ["KEY", "--retry"],
        ["KEY", "--retry", "--yes"],
        ["--record-id", "ID", "--completed", "--yes"],
        ["KEY", "--completed", "--retention", "TEXT"],
        ["KEY", "--completed", "--result", "TEXT"],
        ["--decorated", "TEXT", "--completed", "--yes", "--", "TEXT"],
    ],
    "redrive": [
        ["--dry-run"],
        ["--key", "TEXT", "--dry-run"],
        ["--key", "KEY"],
        ["--message-id", "TEXT", "--yes"],
        ["--except", "TEXT", "--dry-run"],
        ["--group", "TEXT", "--dry-run"],
        ["--parked", "--refused", "--yes"],
    ],
    "discard": [
        ["--key", "KEY", "--dry-run"],
        ["--key", "TEXT", "--yes"],
        ["--message-id", "MESSAGE", "--show-body"],
        ["--message-id", "MESSAGE", "--yes"],
    ],
    "doctor": [[]],
}
"""The arguments that each command is run with.

TEXT is a hostile text as it is, KEY the key of its record as the log shows it, ID the record's id,
MESSAGE the id of its message in the dead-letter queue, LOGGED the id of a message in the log.
"""

EVERY: list[list[str]] = [
    *[
        [option, "TEXT"]
        for option in ("--function", "--table", "--namespace", "--queue-url", "--profile")
    ],
    ["--dead-letter-queue-url", "TEXT"],
    ["--endpoint-url", "TEXT"],
    ["--region", "TEXT"],
    ["--TEXT"],
    ["TEXT", "TEXT", "TEXT"],
]
"""Further arguments that every command is run with."""

SESSION = boto3.session.Session

Failing = Callable[[str, Any], Any]


def show_text(text: str) -> str:
    """A text as the key of a message, as the log shows it."""
    return KeyRule("orders").for_value(text).show(hashed=False)


class World:
    """A consumer whose records, messages and log are hostile, with the ids of its parts."""

    def __init__(self, consumer: Consumer) -> None:
        self.ids: dict[str, dict[str, str]] = {}
        logs = consumer.client("logs")
        logs.create_log_group(logGroupName="/aws/lambda/orders")
        logs.create_log_stream(logGroupName="/aws/lambda/orders", logStreamName="one")
        for name, text in TEXTS.items():
            key = KeyRule("orders").for_value(text)
            consumer.put(key.record_id, "PARKED", reason=text, dead_lettered_at=None)
            for end, status, more in (
                ("1", "IN_PROGRESS", {"lease_expires_at": 1, "unlocked_by": text}),
                ("2", "COMPLETED", {}),
                ("3", f"NEW{text}", {}),
            ):
                other = KeyRule("orders").for_value(text + end)
                consumer.put(other.record_id, status, owner=text, **more)
            message = consumer.dead_letter({"order_id": text})
            consumer.dead_letter({text: text, "order_id": {text: text}})
            consumer.dead_letter(f"not JSON: {show_text(text)}")
            line = {"event": "message", "message_id": f"logged-{name}", "key": show_text(text)}
            lines = [{**line, "error": text, "exception": text}, {"message_id": f"logged-{name}"}]
            logs.put_log_events(
                logGroupName="/aws/lambda/orders",
                logStreamName="one",
                logEvents=[
                    *({"timestamp": times.now(), "message": json.dumps(each)} for each in lines),
                    {"timestamp": times.now(), "message": f"[ERROR] logged-{name} {text}"},
                ],
            )
            self.ids[name] = {
                "TEXT": text,
                "KEY": show_text(text),
                "ID": key.record_id,
                "MESSAGE": message,
                "LOGGED": f"logged-{name}",
            }

    def fill(self, arguments: list[str], name: str) -> list[str]:
        """Arguments of a case for one of the texts."""
        ids = {**self.ids[name], "--TEXT": f"--{TEXTS[name]}"}
        return [ids.get(argument, argument) for argument in arguments]


def refuse(text: str) -> Failing:
    """AWS refuses every call, with a text in its answer."""

    def fail(operation: str, _call: Any) -> Any:
        answer: Any = {"Error": {"Code": f"Access{text}", "Message": text}}
        raise ClientError(answer, operation)

    return fail


def crash(text: str) -> Failing:
    """Every call ends in an error that nobody foresaw."""

    def fail(_operation: str, _call: Any) -> Any:
        raise RuntimeError(text)

    return fail


def answer_with(text: str) -> Failing:
    """Every text in the function's configuration and in the answers about queues is hostile."""

    def change(operation: str, call: Any) -> Any:
        answer = call()
        if operation == "GetFunctionConfiguration":
            variables = answer["Environment"]["Variables"]
            kept = {"IDEMPOTENCY_TABLE", "IDEMPOTENCY_DEAD_LETTER_QUEUE_URL"}
            answer["Environment"]["Variables"] = {
                name: value if name in kept else text for name, value in variables.items()
            } | {f"IDEMPOTENCY_{text}": text, "IDEMPOTENCY_NAMESPACE": "orders"}
            answer |= {"FunctionName": text, "Handler": text, "Runtime": text}
            answer |= {"State": "Failed", "StateReason": text, "StateReasonCode": text}
        elif operation == "GetQueueAttributes":
            answer["Attributes"] |= {"RedrivePolicy": json.dumps({text: text})}
        elif operation == "ListEventSourceMappings":
            for mapping in answer["EventSourceMappings"]:
                mapping |= {"State": text, "StateTransitionReason": text}
        return answer

    return change


class Runner:
    """Runs the command, at a pseudo terminal or without one."""

    def __init__(self, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.patch, self.capsys = patch, capsys
        self.behave: Failing = lambda _operation, call: call()
        make = BaseClient._make_api_call

        def answer(client: Any, operation: str, parameters: Any) -> Any:
            if operation == "SimulatePrincipalPolicy":  # which moto lacks
                refused: Any = {"Error": {"Code": "AccessDenied", "Message": "not you"}}
                raise ClientError(refused, operation)
            return self.behave(operation, lambda: make(client, operation, parameters))

        patch.setattr(BaseClient, "_make_api_call", answer)
        # Most of the time of a run would go into new clients.
        patch.setattr(boto3.session, "Session", cache(SESSION))
        clients: dict[Any, Any] = {}
        make_client: Any = SESSION.client

        def reuse(session: Any, service: str, *, endpoint_url: str | None, config: Any) -> Any:
            key = (session, service, endpoint_url)
            if key not in clients:
                clients[key] = make_client(
                    session, service, endpoint_url=endpoint_url, config=config
                )
            return clients[key]

        patch.setattr(SESSION, "client", reuse)

    def run(self, *arguments: str, terminal: bool) -> str:
        """What the command writes to both streams."""
        self.capsys.readouterr()
        if terminal:
            with self.open_terminal() as read, pytest.raises(SystemExit):
                main(list(arguments))
            return read()
        with pytest.raises(SystemExit):
            main(list(arguments))
        captured = self.capsys.readouterr()
        if "--json" in arguments:
            json.loads(captured.out)
        return captured.out + captured.err

    @contextmanager
    def open_terminal(self) -> Iterator[Callable[[], str]]:
        """Replace the standard streams by a pseudo terminal, where the answer n is typed."""
        ours, theirs = os.openpty()
        tty.setraw(theirs)  # no echo, and line breaks as they are written
        found: list[bytes] = []

        def read() -> None:
            with suppress(OSError):  # the end of a terminal on Linux
                while part := os.read(ours, 65_536):
                    found.append(part)

        reader = threading.Thread(target=read)
        reader.start()
        os.write(ours, b"n\n")
        with pytest.MonkeyPatch.context() as patch:
            streams = [
                os.fdopen(os.dup(theirs), mode, encoding="utf-8") for mode in ("r", "w", "w")
            ]
            for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
                patch.setattr(sys, name, stream)
            yield lambda: b"".join(found).decode()
            for stream in streams:
                stream.close()
        os.close(theirs)
        reader.join(timeout=10)
        os.close(ours)


def find_control(text: str) -> list[str]:
    """The characters that move a cursor, reorder or hide text, and lines that are forged."""
    found = [
        f"{ord(character):#x}"
        for character in text
        if (character < " " and character != "\n")
        or "\x7f" <= character <= "\x9f"
        or unicodedata.category(character) in {"Cf", "Cs", "Zl", "Zp"}
    ]
    return found + [line for line in text.splitlines() if line.lstrip().startswith("FORGED")]


def write_transcript(command: str, transcript: list[str]) -> str:
    """Write what a command has shown; return it with the parts of the other commands."""
    parts = BUILD / "hostile-transcript"
    parts.mkdir(parents=True, exist_ok=True)
    with (BUILD / "hostile-transcript.txt").open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # other workers of pytest write their parts
        (parts / f"{command}.txt").write_text("".join(transcript), encoding="utf-8")
        paths = [parts / f"{name}.txt" for name in COMMANDS]
        whole = "".join(path.read_text(encoding="utf-8") for path in paths if path.exists())
        file.truncate(0)
        file.write(whole)
    return whole


def test_every_command_has_a_case() -> None:
    """A new command cannot be forgotten: give it a line in CASES."""
    assert [name for name in COMMANDS if name not in CASES] == []


def list_runs(world: World, command: str) -> Iterator[tuple[str, list[str], Failing | None]]:
    """Each run of a command: the text, the arguments and the behavior of AWS."""
    cases = CASES.get(command, [[]])
    for name in TEXTS:
        for arguments in cases:
            yield name, [command, *world.fill(arguments, name)], None
    for arguments in EVERY:
        yield "mixed", [command, *world.fill(arguments, "mixed")], None
    ordinary, text = [command, *world.fill(cases[0], "mixed")], TEXTS["mixed"]
    yield "mixed", ordinary, answer_with(text)
    for behave in (refuse(text), crash(text)):
        yield "mixed", ordinary, behave
        yield "mixed", [*ordinary, "--debug"], behave
    yield "surrogate", [command, SURROGATE], None


@pytest.mark.parametrize("command", COMMANDS)
def test_no_control_character(
    consumer: Consumer,
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever a command shows, nothing in it is a control byte but the end of a line."""
    world, runner, transcript = World(consumer), Runner(monkeypatch, capsys), list[str]()
    monkeypatch.setenv("TERM", "dumb")
    shown = ""
    for name, arguments, behave in list_runs(world, command):
        runner.behave = behave or (lambda _operation, call: call())
        given = ["--function", "orders", *arguments]
        for terminal, flags in ((True, []), (False, ["--json"])):
            text = runner.run(*flags, *given, terminal=terminal)
            assert find_control(text) == [], (name, given, text)
            shown += text
            transcript.append(f"$ {ascii([*flags, *given])[:300]}\n{text}\n")
    assert find_control(write_transcript(command, transcript)) == []
    assert r"\u001b" in shown
    assert r"\u202e" in shown


def test_color(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At a terminal with colors the table's header has the only control bytes."""
    World(consumer)
    runner = Runner(monkeypatch, capsys)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for command in ("list", "stats"):
        text = runner.run("--function", "orders", command, terminal=True)
        assert set(re.findall("\x1b[^m]*m", text)) == {"\x1b[1m", "\x1b[0m"}
        assert find_control(re.sub("\x1b\\[[01]m", "", text)) == []


@pytest.mark.parametrize("as_json", [True, False])
def test_raw_output_would_be_found(as_json: bool) -> None:
    """The check finds what an output without escapes would show."""
    for text in (CONTROL, C1, BIDI):
        assert find_control(json.dumps(text, ensure_ascii=False) if as_json else text)
