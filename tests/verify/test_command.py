"""The command asks before it creates or deletes, and refuses what it can't know."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.verify import __main__ as command
from tests.verify import target as targets
from tests.verify.__main__ import YES, confirm, main
from tests.verify.leftovers import Leftover, is_old, name_run
from tests.verify.lifeline import VARIABLE
from tests.verify.run import JOURNAL, RunError, hold, limit
from tests.verify.target import RUNS, Target, TargetError
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
AWS = Target(name="aws", account="111122223333", region="eu-north-1", environment={})


@pytest.fixture
def removed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An account with a young and an old run; the runs that the command removes from it."""
    found: list[str] = []
    now = datetime.now(UTC)
    runs = [name_run(now - timedelta(minutes=minutes)) for minutes in (5, 90)]

    def remove(run: command.Run, _progress: object) -> list[Leftover]:
        found.append(run.name)
        return []

    monkeypatch.setattr(Target, "make_clients", lambda _: None)
    monkeypatch.setattr(targets, "find_aws", lambda: AWS)
    resources = [Leftover("table", f"{run}-notes", "") for run in runs]
    monkeypatch.setattr(command, "list_leftovers", lambda *_, **__: resources)
    monkeypatch.setattr(command, "list_tagged_runs", lambda _: set(runs))
    monkeypatch.setattr(command, "remove", remove)
    monkeypatch.delenv(YES, raising=False)
    return found


def write_journal(build: Path, run: str, **where: str) -> None:
    """Write the journal of a run that was killed."""
    folder = build / RUNS / run
    folder.mkdir(parents=True)
    journal = {"target": "aws", "account": AWS.account, "region": AWS.region, **where}
    (folder / JOURNAL).write_text(json.dumps(journal))


def test_nobody_is_asked_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a terminal the answer is no, in one line; VERIFY_YES=1 is the only yes."""
    assert not confirm("Create this?")
    assert capsys.readouterr().err.count("\n") == 1
    monkeypatch.setenv(YES, "true")
    assert not confirm("Create this?")
    monkeypatch.setenv(YES, "1")
    assert confirm("Create this?")


@pytest.mark.parametrize(
    ("said", "agreed"), [("y", True), (" YES ", True), ("", False), ("n", False), ("yep", False)]
)
def test_a_terminal_is_asked(monkeypatch: pytest.MonkeyPatch, said: str, *, agreed: bool) -> None:
    """Only y or yes is a yes."""
    monkeypatch.delenv(YES, raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    assert confirm("Create this?", lambda _: said) is agreed


def test_the_end_of_the_input_is_no_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-D at the question is a no."""

    def end(_question: str) -> str:
        raise EOFError

    monkeypatch.delenv(YES, raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    assert not confirm("Create this?", end)


def test_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error of the system is one line."""

    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setenv(YES, "1")
    monkeypatch.setattr(targets, "find_aws", lambda: AWS)
    monkeypatch.setattr(Path, "replace", fill)
    assert main(["aws", "--build", str(tmp_path)]) == 1
    assert "No space left on device" in capsys.readouterr().out


def test_nothing_is_created_without_a_yes(
    removed: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command names account, Region and price first, and a no leaves no run."""
    assert main(["aws", "--build", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert "account 111122223333, Region eu-north-1" in said.out
    assert command.PLAN in said.out
    assert command.list_runs(tmp_path) == []
    assert removed == []


def test_keys_that_end_while_the_question_waits(
    removed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys must last from the answer on, not only from the question on."""
    soon = replace(AWS, ends_at=datetime.now(UTC) + timedelta(minutes=20))
    monkeypatch.setenv(YES, "1")
    monkeypatch.setattr(targets, "find_aws", lambda: soon)
    assert main(["aws", "--build", str(tmp_path)]) == 2
    assert command.list_runs(tmp_path) == []
    assert removed == []


def test_a_clean_up_asks(removed: list[str], tmp_path: Path) -> None:
    """A clean-up deletes nothing without a yes, and its exit code says that something is left."""
    assert main(["clean", "--build", str(tmp_path)]) == 1
    assert removed == []


def test_a_young_run_of_another_machine_stays(
    removed: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A run that may still work is left alone, unless this checkout has started it."""
    monkeypatch.setenv(YES, "1")
    assert main(["clean", "--build", str(tmp_path)]) == 0
    [old] = removed
    assert "may still go on: left alone" in capsys.readouterr().out
    [young] = {each.name.removesuffix("-notes") for each in command.list_leftovers(None)} - {old}
    write_journal(tmp_path, young)
    removed.clear()
    assert main(["clean", "--build", str(tmp_path)]) == 0
    assert sorted(removed) == sorted([old, young])


def test_what_one_may_not_list(
    removed: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without the right to list roles or tags, the rest goes, and the roles count as left."""
    denied = ClientError({"Error": {"Code": "AccessDenied"}}, "ListRoles")
    resources = command.list_leftovers(None)

    def look(_: object, unseen: dict[Leftover, Exception]) -> list[Leftover]:
        unseen[Leftover("role", "idl-verify-*", "")] = denied
        return resources

    def refuse(_: object) -> set[str]:
        raise denied

    monkeypatch.setattr(command, "list_leftovers", look)
    monkeypatch.setattr(command, "list_tagged_runs", refuse)
    monkeypatch.setenv(YES, "1")
    assert main(["clean", "--build", str(tmp_path)]) == 1
    assert len(removed) == 1
    said = capsys.readouterr().out
    assert "not looked for role idl-verify-*" in said
    assert "not looked for tags" in said
    assert "nothing is left" not in said


@pytest.mark.parametrize("where", [{"account": "999988887777"}, {"region": "us-east-1"}])
def test_another_account_or_region(
    removed: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    where: dict[str, str],
) -> None:
    """A run of another account or Region is not touched, and the command says where it was."""
    monkeypatch.setenv(YES, "1")
    [run] = {
        each.name for each in command.list_leftovers(None) if is_old(each.name, datetime.now(UTC))
    }
    run = run.removesuffix("-notes")
    write_journal(tmp_path, run, **where)
    assert main(["clean", "--build", str(tmp_path)]) == 1
    assert run not in removed
    assert next(iter(where.values())) in capsys.readouterr().out
    assert [name for name, _ in command.list_runs(tmp_path)] == [run]


@pytest.mark.parametrize(
    "changed",
    [
        ("idl-verify-2611301735-0a1b2c", ""),
        ("idl-verify-2611301735-0a1b2c", '{"target": "aws"}'),
        ("idl-verify-2611301735-0a1b2c", "[]"),
        ("idl", json.dumps({"target": "aws", "account": AWS.account, "region": AWS.region})),
    ],
)
def test_a_journal_that_was_changed(
    removed: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changed: tuple[str, str],
) -> None:
    """A journal that does not say which run was where leads to no deletion, and to one line."""
    monkeypatch.setenv(YES, "1")
    run, journal = changed
    folder = tmp_path / RUNS / run
    folder.mkdir(parents=True)
    (folder / JOURNAL).write_text(journal)
    assert main(["clean", "--build", str(tmp_path)]) == 1
    assert f"{folder / JOURNAL} does not say where a run was" in capsys.readouterr().out
    assert removed == []


def test_an_account_that_cannot_be_reached(
    removed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without credentials, a clean-up fails only if this checkout has left something on AWS."""

    def find_nothing() -> Target:
        raise TargetError("there are no AWS credentials: set AWS_PROFILE")

    monkeypatch.setattr(targets, "find_aws", find_nothing)
    assert main(["clean", "--build", str(tmp_path)]) == 0
    write_journal(tmp_path, name_run(datetime.now(UTC)))
    assert main(["clean", "--build", str(tmp_path)]) == 2
    assert removed == []


def test_an_emulator_that_is_gone(removed: list[str], tmp_path: Path) -> None:
    """What was in an emulator ended with it, so its run is forgotten, and AWS not asked for it."""
    run = name_run(datetime.now(UTC))
    write_journal(tmp_path, run, target="emulator", account="123456789012")
    main(["clean", "--build", str(tmp_path)])
    assert command.list_runs(tmp_path) == []
    assert removed == []


def test_one_at_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second command of the same checkout refuses while the first goes on."""
    with hold(tmp_path):
        assert main(["clean", "--build", str(tmp_path)]) == 1
    assert "another run or clean-up of this checkout goes on" in capsys.readouterr().out


def test_a_limit() -> None:
    """A block that takes too long ends with the name of what took so long."""
    with pytest.raises(RunError, match="creating took longer"), limit(0.1, "creating"):
        time.sleep(60)


def test_the_tests_end_with_their_owner(tmp_path: Path) -> None:
    """A pytest whose owner's pipe closes ends with its workers, in the middle of a test."""
    ticks = tmp_path / "ticks"
    (tmp_path / "test_ticking.py").write_text(
        "import pathlib, time\n"
        "def test_ticking():\n"
        "    while True:\n"
        f"        pathlib.Path({str(ticks)!r}).write_text(str(time.time()))\n"
        "        time.sleep(0.05)\n"
    )
    reading, writing = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "tests.verify.lifeline", "-n", "1", tmp_path],
        cwd=ROOT,
        env={**os.environ, VARIABLE: str(reading), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        pass_fds=[reading],
        start_new_session=True,
    ) as process:
        os.close(reading)
        eventually(ticks.exists, "the test has begun")
        os.close(writing)
        assert process.wait(60) == -signal.SIGKILL
    # Its worker was in its group, so it ended at the same time.
    last = ticks.read_text()
    time.sleep(0.5)
    assert ticks.read_text() == last
