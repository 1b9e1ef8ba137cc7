"""The emulator that stays for a shell: one at a time, and gone when you stop it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.emulator import main, render_shell
from scripts.support import emulator as emulator_module
from scripts.support.terraform import binary
from tests.module.stacks import ROOT, copy_module
from tests.waiting import eventually

pytestmark = [pytest.mark.emulator, pytest.mark.slow]

STARTED = "The emulator is running."
MADE = "aws sqs create-queue --queue-name orders"
QUEUES = "aws sqs list-queues --output json"


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """Where it is kept, with a name that a shell has to quote; not started."""
    directory = tmp_path / "it's here"
    try:
        yield directory
    finally:
        main(["stop", str(directory)])


def start(directory: Path) -> str:
    """Start it as a user does; the first line that is printed."""
    command = [sys.executable, "-m", "scripts.emulator", "start", str(directory)]
    # Its own temporary directory: one whose processes are all killed is left behind.
    environment = {**os.environ, "TMPDIR": str(directory.parent)}
    return subprocess.check_output(command, cwd=ROOT, env=environment, text=True).splitlines()[0]


def list_processes(directory: Path) -> list[int]:
    """List its processes, without workers: the emulator, and the one that cleans up."""
    port = (directory / "env").read_text().partition("http://127.0.0.1:")[2].split()[0]
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            given = (process / "environ").read_bytes().split(b"\0")
        except OSError:  # it has ended, or is another user's
            continue
        if f"GATEWAY_PORT={port}".encode() in given:
            found.append(int(process.name))
    return sorted(found)


def is_alive(pid: int) -> bool:
    """Whether there is such a process."""
    return Path(f"/proc/{pid}").exists()


def shell(file: Path, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a shell that has read what is to be read, and stops at what fails."""
    return subprocess.run(
        ["sh", "-euc", f'. "$0" && {command}', str(file / "env" if file.is_dir() else file)],
        env={"PATH": "/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_shell_uses_it(directory: Path) -> None:
    """A shell that reads the file reaches the emulator, whatever profile and token it had."""
    assert start(directory) == STARTED
    done = shell(directory, f"{MADE} && {QUEUES}", AWS_PROFILE="none", AWS_SESSION_TOKEN="old")
    assert done.returncode == 0, done.stderr
    assert "/123456789012/orders" in done.stdout


def test_the_operators_command_is_there(directory: Path) -> None:
    """A shell that reads the file has `idempotent-lambda`, from wherever it is called."""
    assert start(directory) == STARTED
    done = shell(directory, "cd / && idempotent-lambda --help")
    assert done.returncode == 0, done.stderr
    assert "Usage: idempotent-lambda" in done.stdout


@pytest.mark.terraform
@pytest.mark.parametrize("named", [{}, {"TF_CLI_CONFIG_FILE": "/nowhere/terraformrc"}])
def test_terraform_finds_its_provider(
    directory: Path, tmp_path: Path, named: dict[str, str]
) -> None:
    """A shell that reads the file initialises an example, whatever configuration was missing."""
    assert start(directory) == STARTED
    quickstart = copy_module(tmp_path / "checkout") / "examples" / "quickstart"
    home = tmp_path / "home"
    home.mkdir()
    path = f"{Path(binary()).parent}:/usr/bin:/bin"
    done = shell(
        directory,
        f"cd '{quickstart}' && terraform init -backend=false -no-color 2>&1",
        **{"PATH": path, "HOME": str(home), **named},
    )
    assert done.returncode == 0, done.stdout
    assert "Terraform has been successfully initialized!" in done.stdout
    assert "Unable to open CLI configuration file" not in done.stdout


@pytest.mark.parametrize("mirrored", [True, False])
def test_the_users_configuration_of_terraform_is_left(tmp_path: Path, mirrored: bool) -> None:
    """One that exists is kept; one that is missing gives way to the mirror's, if there is one."""
    mirror, existing = tmp_path / "it's a mirror.tfrc", tmp_path / "mine.tfrc"
    existing.touch()
    written = tmp_path / "env"
    written.write_text(render_shell({}, tmp_path / "bin", mirror if mirrored else None))

    def read(**variables: str) -> str:
        done = shell(written, 'echo "${TF_CLI_CONFIG_FILE-unset}"', **variables)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    ours = str(mirror) if mirrored else "unset"
    assert read() == ours
    assert read(TF_CLI_CONFIG_FILE=str(tmp_path / "missing.tfrc")) == ours
    assert read(TF_CLI_CONFIG_FILE=str(existing)) == str(existing)


def test_a_second_start_finds_the_first(directory: Path) -> None:
    """Starting twice leaves the first one, with what is in it."""
    assert start(directory) == STARTED
    assert shell(directory, MADE).returncode == 0
    assert start(directory) == "The emulator runs already."
    assert "/123456789012/orders" in shell(directory, QUEUES).stdout


def test_a_start_that_was_interrupted_is_replaced(directory: Path) -> None:
    """An emulator without the file for a shell, which its start did not write, ends first."""
    start(directory)
    left = list_processes(directory)
    (directory / "env").unlink()
    assert start(directory) == STARTED
    eventually(lambda: not any(map(is_alive, left)), "the first one has ended")
    assert len(list_processes(directory)) == len(left)


def test_two_starts_at_once_start_one(directory: Path) -> None:
    """Of two that are started at once, one finds the other."""
    with ThreadPoolExecutor(2) as threads:
        said = list(threads.map(start, [directory] * 2))
    assert sorted(said) == [STARTED, "The emulator runs already."]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes through /proc")
def test_stop(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Stopping ends it and takes the shell's file away; there is nothing to stop then."""
    start(directory)
    emulator, guard = list_processes(directory)
    assert main(["stop", str(directory)]) == 0
    assert not is_alive(emulator)
    eventually(lambda: not is_alive(guard), "the process that has cleaned up has ended")
    assert not (directory / "env").exists()
    assert main(["stop", str(directory)]) == 0
    assert capsys.readouterr().out == "The emulator has ended.\nNo emulator runs.\n"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes through /proc")
@pytest.mark.parametrize("killed", [slice(1), slice(2)], ids=["emulator", "both"])
def test_a_killed_one_is_replaced(directory: Path, killed: slice) -> None:
    """After it was killed, another one starts, although the first one's files are there."""
    start(directory)
    pids = list_processes(directory)
    for pid in pids[killed]:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not any(map(is_alive, pids)), "both processes have ended")
    assert start(directory) == STARTED
    assert shell(directory, QUEUES).returncode == 0


def test_what_prevents_a_start_is_said(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A start that fails says what the emulator said, and leaves none."""
    broken = directory.parent / "python"
    broken.write_text("#!/bin/sh\necho no such module: ministack\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(emulator_module, "INTERPRETER", broken)
    assert main(["start", str(directory)]) == 1
    assert "did not become ready; it said:\nno such module" in capsys.readouterr().err
    main(["stop", str(directory)])
    assert capsys.readouterr().out == "No emulator runs.\n"


def test_a_mirror_without_the_provider_is_said(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A TF_PLUGIN_MIRROR that is no mirror prevents the start, and the error names it."""
    monkeypatch.delenv("TF_CLI_CONFIG_FILE", raising=False)
    monkeypatch.setenv("TF_PLUGIN_MIRROR", str(directory))
    assert main(["start", str(directory)]) == 1
    assert re.match("TF_PLUGIN_MIRROR=.* holds no registry", capsys.readouterr().err)
    assert not directory.exists()
