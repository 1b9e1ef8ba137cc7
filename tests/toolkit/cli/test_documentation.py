"""The operator's command and its page: permissions, help, the missing extra, progress."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from idempotent_lambda_toolkit.cli import output
from idempotent_lambda_toolkit.cli.exit_codes import MEANING, ExitCode

from .answers import Answers
from .conftest import Consumer, Run

CODES = MEANING.items()
ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "cli.md"


class TestDocumentation:
    """The permissions in docs/cli.md are exact, and a command without its extra says so."""

    def test_permissions(self, consumer: Consumer, run: Run, answers: Answers) -> None:
        """Each command asks only for the actions that its row lists, and all of those are used."""
        consumer.client("logs").create_log_group(logGroupName="/aws/lambda/orders")
        for number in range(5):
            consumer.put(f"orders#{number}", "PARKED", dead_lettered_at=None)
            consumer.dead_letter({"order_id": str(number)})
        row = permissions()
        every = row["every command with `--function`"]
        looking, deciding = (
            row["`inspect`"],
            row["`resolve`, `redrive`, `discard`"] | row["`inspect`"],
        )
        reading = row["`list`, `stats`, keys as `sha256:`"]
        digest = hashlib.sha256(b"orders#0").hexdigest()
        lambda_ = consumer.client("lambda")
        version = lambda_.publish_version(FunctionName="orders")["Version"]
        lambda_.create_alias(FunctionName="orders", Name="live", FunctionVersion=version)
        answers.replace("Invoke", lambda _ask, _call: {"StatusCode": 200})
        asked: set[str] = set()
        for arguments, listed in (
            (["inspect", "0"], looking),
            (["inspect", "nobody"], looking),
            (["inspect", f"sha256:{digest}"], looking | reading),
            (["history", "0"], row["`history`"]),
            (["history", "--message-id", "0"], row["`history`"]),
            (["list"], reading),
            (["stats"], reading),
            (["forget", "0", "--yes"], row["`forget`"]),
            (["resolve", "1", "--completed", "--yes"], deciding),
            (["resolve", "2", "--retry", "--yes"], deciding),
            (["redrive", "--key", "3", "--yes"], deciding),
            (["discard", "--key", "4", "--yes"], deciding),
            (["doctor"], row["`doctor`"]),
            (["doctor", "--function", "orders:live"], row["`doctor`"]),
            (["doctor", "--invoke"], row["`doctor`"] | row["`doctor --invoke`"]),
        ):
            calls = {
                each.removesuffix("Batch").replace(":Invoke", ":InvokeFunction")
                for each in run(*arguments).calls
            }
            assert calls - listed - every == set(), arguments
            asked |= calls
        documented = set().union(*row.values())
        # Nothing is attached to the role, whose policies would be read then.
        assert documented - asked == {"iam:GetPolicy", "iam:GetPolicyVersion"}

    def test_without_the_extra(self) -> None:
        """Where a package of the extra is missing, the command says what to install."""
        code = "import sys; sys.modules['typer'] = None; import idempotent_lambda_toolkit.cli as c"
        paths = os.pathsep.join(str(ROOT / name) for name in ("handler", "toolkit"))
        done = subprocess.run(
            [sys.executable, "-c", f"{code}; c.main()"],
            env={"PYTHONPATH": paths},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == ExitCode.USAGE
        assert "pip install './terraform-aws-idempotent-lambda[cli]'" in done.stderr
        assert "Traceback" not in done.stderr

    def test_help_has_the_exit_codes(self, run: Run) -> None:
        """The output of --help has the exit codes, too."""
        reported = " ".join(run("--help", function=None).out.split())
        assert all(f"{code.value}: {meaning.split(';')[0]}" in reported for code, meaning in CODES)

    def test_page_has_the_exit_codes(self) -> None:
        """The table of exit codes in docs/cli.md has each code with its meaning."""
        rows = dict(re.findall(r"^\| (\d+) \| (.+) \|$", PAGE.read_text(), re.MULTILINE))
        rows = {code: meaning.replace("`", "") for code, meaning in rows.items()}
        assert rows == {str(code.value): meaning for code, meaning in CODES}

    def test_progress_of_a_redrive(
        self, consumer: Consumer, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A long command prints a line about its progress from time to time, on standard error."""
        consumer.dead_letter({"order_id": "ORDER-1"})
        assert "sending back: " not in run("redrive", "--dry-run").err
        monkeypatch.setattr(output, "PROGRESS_SECONDS", 0)
        ended = run("redrive", "--dry-run", "--json")
        assert "sending back: 1 of about 1\n" in ended.err
        assert len(ended.answer["moved"]) == 1

    def test_progress(self, consumer: Consumer, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """A long step says on standard error how far it is, and never on standard output."""
        consumer.put("orders#ORDER-1", "COMPLETED")
        assert run("list", "--json").err == "1 record\n"
        monkeypatch.setattr(output, "PROGRESS_SECONDS", 0)
        ended = run("list", "--json")
        assert ended.err.splitlines()[0] == "reading the table: 1 of about 1"
        assert len(ended.answer["records"]) == 1


def permissions() -> dict[str, set[str]]:
    """The table of permissions in docs/cli.md, by what they are for."""
    text = PAGE.read_text().split("## Permissions")[1]
    rows = re.findall(r"^\| (.+?) \| (.*:.*) \|$", text, re.MULTILINE)
    return {what: set(re.findall(r"`(\w+:\w+)`", actions)) for what, actions in rows}
