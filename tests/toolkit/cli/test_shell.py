"""The command line itself: what it imports, its options, and its errors of usage."""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from idempotent_lambda import __version__
from idempotent_lambda_toolkit.cli.app import COMMANDS, load_command
from idempotent_lambda_toolkit.cli.exit_codes import ExitCode
from idempotent_lambda_toolkit.cli.output import Output

from .conftest import Consumer, Run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
PATHS = os.pathsep.join(str(ROOT / name) for name in ("handler", "toolkit"))

COMMON = (
    "--function", "--table", "--namespace", "--queue-url", "--dead-letter-queue-url", "--profile",
    "--region", "--endpoint-url", "--json", "--debug",
)  # fmt: skip
"""The options that docs/cli.md promises for every command."""

HEAVY = ("boto3", "botocore", "rich", "idempotent_lambda.pipeline", "idempotent_lambda.store")
"""Packages that only a command that runs needs."""

LIST_IMPORTS = """
import json, os, sys
from idempotent_lambda_toolkit.cli import app, main
for line in sys.stdin:
    sys.stdout.flush()
    child = os.fork()
    if not child:
        out, code = os.dup(1), 99
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        try:
            main(json.loads(line))
        except SystemExit as ended:
            code = int(ended.code or 0)
        os.write(out, (json.dumps([code, sorted(sys.modules)]) + "\\n").encode())
        os._exit(0)
    os.waitpid(child, 0)
"""
"""Runs the command in another process for each line, and imports what all need only once."""

CASES: list[tuple[list[str], ExitCode]] = [
    (["--help"], ExitCode.OK),
    (["--version"], ExitCode.OK),
    ([], ExitCode.USAGE),
    (["--nothing"], ExitCode.USAGE),
    (["nothing"], ExitCode.USAGE),
    *[([name, "--help"], ExitCode.OK) for name in COMMANDS],
    *[([name, "--nothing"], ExitCode.USAGE) for name in COMMANDS],
]


def test_imports() -> None:
    """Help and errors of usage import no SDK, and no module of another command."""
    done = subprocess.run(
        [sys.executable, "-c", LIST_IMPORTS],
        env={"PYTHONPATH": PATHS},
        input="".join(json.dumps(arguments) + "\n" for arguments, _ in CASES),
        capture_output=True,
        text=True,
        check=True,
    )
    prefix = "idempotent_lambda_toolkit.cli.commands."
    for (arguments, wanted), line in zip(CASES, done.stdout.splitlines(), strict=True):
        code, modules = json.loads(line)
        assert code == wanted, arguments
        assert [name for name in modules if name.startswith(HEAVY)] == [], arguments
        commands = {name.removeprefix(prefix) for name in modules if name.startswith(prefix)}
        assert commands == {name for name in arguments[:1] if name in COMMANDS}, arguments


class TestHelp:
    """Each command explains itself and its options."""

    @pytest.mark.parametrize("name", [*COMMANDS, None])
    def test_common_options(self, run: Run, name: str | None) -> None:
        """The options of every command are in each help, with the environment variable."""
        for flag in ("--help", "-h"):
            ended = run(*filter(None, [name]), flag, function=None)
            assert ended.code == ExitCode.OK
            assert [option for option in COMMON if f"\n  {option} " not in ended.out] == []
            assert "IDEMPOTENT_LAMBDA_FUNCTION" in ended.out

    @pytest.mark.parametrize("name", COMMANDS)
    def test_summary(self, name: str) -> None:
        """The list of commands says of each command how its own help begins."""
        help_text = " ".join((load_command(name).help or "").split())
        assert help_text.startswith(COMMANDS[name])

    def test_every_module(self) -> None:
        """Every module of a command is in the list of commands."""
        package = import_module("idempotent_lambda_toolkit.cli.commands")
        modules = Path(package.__path__[0]).glob("[a-z]*.py")
        assert {path.stem for path in modules} == set(COMMANDS)

    def test_version(self, run: Run) -> None:
        """The command has the version of the package."""
        ended = run("--version", function=None)
        assert (ended.code, ended.out) == (ExitCode.OK, f"idempotent-lambda {__version__}\n")

    def test_nothing(self, run: Run) -> None:
        """Without arguments the help is printed, and a script sees an error of usage."""
        ended = run(function=None)
        assert ended.code == ExitCode.USAGE
        assert "Commands:" in ended.out


class TestOptions:
    """An option of every command has one meaning, wherever it is."""

    def test_after_wins(self, consumer: Consumer, run: Run) -> None:
        """Of an option on both sides of the command's name, the one after it is used."""
        consumer.put("orders#ORDER-1", "COMPLETED")
        assert run("--table", "nothing", "inspect", "ORDER-1").code == ExitCode.NOT_FOUND
        ended = run("--table", "nothing", "inspect", "ORDER-1", "--table", "orders-idempotency")
        assert ended.code == ExitCode.OK

    @pytest.mark.parametrize("option", ["--key", "--message-id", "--group", "--limit", "--table"])
    def test_given_twice(self, consumer: Consumer, run: Run, option: str) -> None:
        """An option that takes one value is refused if it is given twice, and nothing is done."""
        consumer.dead_letter({"order_id": "1"})
        ended = run("redrive", option, "1", "--yes", option, "2", "--yes")
        assert ended.code == ExitCode.USAGE
        assert f"{option} is given 2 times; give it once" in ended.err
        assert len(consumer.messages(consumer.dead_letter_queue_url)) == 1

    @pytest.mark.usefixtures("consumer")
    @pytest.mark.parametrize(
        ("arguments", "code"),
        [
            (["stats"], ExitCode.OK),
            (["--function", "nobody", "stats"], ExitCode.NOT_FOUND),
            (["stats", "--function", "nobody"], ExitCode.NOT_FOUND),
        ],
    )
    def test_function_of_the_environment(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: ExitCode
    ) -> None:
        """The environment names the function, unless an option does."""
        monkeypatch.setenv("IDEMPOTENT_LAMBDA_FUNCTION", "orders")
        assert run(*arguments, function=None).code == code

    @pytest.mark.parametrize("value", ["--json", "--yes", "--help", "--debug", "--version", "--"])
    def test_value_like_an_option(self, consumer: Consumer, run: Run, value: str) -> None:
        """The value of an option is never taken for an option itself."""
        consumer.dead_letter({"order_id": value})
        assert "orders" in run("redrive", "--key", value, "--yes").out
        ended = run("forget", "--record-id", value, "--yes")
        assert (ended.code, ended.out) == (ExitCode.USAGE, "")
        assert "is not in the namespace" in ended.err


class TestUsage:
    """An error of usage is one line, or one JSON object."""

    @pytest.mark.usefixtures("consumer")
    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            (["inspect", "A", "--nothing"], "No such option: --nothing"),
            (["inspect", "A", "B"], "unexpected extra argument"),
            (["list", "--status", "gone"], "'gone' is not one of"),
            (["list", "--limit", "many"], "'--limit'"),
            (["list", "--older-than"], "requires an argument"),
            (["insect"], "Did you mean 'inspect'"),
            (["--nothing"], "No such option: --nothing"),
            (["--function"], "requires an argument"),
            (["inspect", "\udcff"], "is not text"),
        ],
    )
    def test_error(self, run: Run, arguments: list[str], text: str) -> None:
        """The error names the wrong argument and the help that lists the right ones."""
        function = None if arguments[0].startswith("--") else "orders"
        for as_json in (False, True):
            ended = run(*["--json"][:as_json], *arguments, function=function)
            assert ended.code == ExitCode.USAGE
            assert text in ended.err
            assert len(ended.err.splitlines()) == 1
            if as_json:
                assert ended.answer == {"error": ended.err.rstrip("\n"), "exit": "usage"}

    def test_after_the_end_of_options(self, consumer: Consumer, run: Run) -> None:
        """After ``--`` the text --json is a key, also where the command fails."""
        assert consumer.queue_url
        ended = run("forget", "--", "--json")
        assert (ended.code, ended.out) == (ExitCode.NOT_FOUND, "")


class TestStreams:
    """Odd streams do not break a command."""

    def test_ascii(self) -> None:
        """An encoding that lacks a character gets its number."""
        done = subprocess.run(
            [sys.executable, "-m", "idempotent_lambda_toolkit.cli", "forget", "--help"],
            env={"PYTHONPATH": PATHS, "PYTHONIOENCODING": "latin-1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (ExitCode.OK, "")
        assert r"sha256:\u2026" in done.stdout

    def test_reader_is_gone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """If the reader of the output ends first, such as head, the command goes on."""
        ours, theirs = os.pipe()
        os.close(ours)
        with os.fdopen(theirs, "w") as stream:
            monkeypatch.setattr(sys, "stdout", stream)
            for as_json in (False, True):
                output = Output(as_json=as_json)
                output.print_lines("first", "second")
                output.print_json(third=3)
