"""The emulator that stays for a shell: one at a time, and gone when it is told so."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.emulator import Kept, main, render_shell
from scripts.support.emulator import EmulatorError
from scripts.support.terraform import binary
from tests.module.stacks import copy_module

pytestmark = [pytest.mark.emulator, pytest.mark.slow]

QUEUES = "aws sqs list-queues --output json"


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """One in a directory of its own, whose name a shell has to quote; not started."""
    kept = Kept(tmp_path / "it's here")
    try:
        yield kept
    finally:
        kept.stop()


def server(kept: Kept) -> int:
    """The process that stays."""
    return int((kept.directory / "lock").read_text())


def shell(file: Kept | Path, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a shell that has read what is to be read, and stops at what fails."""
    return subprocess.run(
        ["sh", "-euc", f'. "$0" && {command}', str(file.shell if isinstance(file, Kept) else file)],
        env={"PATH": "/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_shell_uses_it(kept: Kept) -> None:
    """A shell that reads the file reaches the emulator, whatever profile and token it had."""
    assert kept.start()
    made = "aws sqs create-queue --queue-name orders"
    done = shell(kept, f"{made} && {QUEUES}", AWS_PROFILE="none", AWS_SESSION_TOKEN="old")
    assert done.returncode == 0, done.stderr
    assert "/123456789012/orders" in done.stdout


def test_the_operators_command_is_there(kept: Kept) -> None:
    """A shell that reads the file has `idempotent-lambda`, from wherever it is called."""
    assert kept.start()
    done = shell(kept, "cd / && idempotent-lambda --help")
    assert done.returncode == 0, done.stderr
    assert "Usage: idempotent-lambda" in done.stdout


@pytest.mark.terraform
@pytest.mark.parametrize("named", [{}, {"TF_CLI_CONFIG_FILE": "/nowhere/terraformrc"}])
def test_terraform_finds_its_provider(kept: Kept, tmp_path: Path, named: dict[str, str]) -> None:
    """A shell that reads the file initialises an example, whatever configuration was missing."""
    assert kept.start()
    quickstart = copy_module(tmp_path / "checkout") / "examples" / "quickstart"
    home = tmp_path / "home"
    home.mkdir()
    path = f"{Path(binary()).parent}:/usr/bin:/bin"
    done = shell(
        kept,
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


def test_a_second_start_finds_the_first(kept: Kept) -> None:
    """Starting twice leaves the first one, with what is in it, and refuses a server beside it."""
    assert kept.start()
    before = server(kept)
    assert not kept.start()
    assert server(kept) == before
    assert main(["serve", str(kept.directory)]) == 1


def test_stop(kept: Kept) -> None:
    """Stopping ends the process and takes the shell's file away; there is nothing to stop then."""
    kept.start()
    pid = server(kept)
    assert kept.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not kept.shell.exists()
    assert not kept.stop()


def test_a_killed_one_is_replaced(kept: Kept) -> None:
    """After the server was killed, another one starts, although the first one's files are there."""
    kept.start()
    killed = server(kept)
    os.kill(killed, signal.SIGKILL)
    assert kept._server
    kept._server.wait()
    assert kept.start()
    assert server(kept) != killed
    assert shell(kept, QUEUES).returncode == 0


def test_a_stranger_is_not_stopped(kept: Kept) -> None:
    """A file that was left behind names a process that is another one's by now: it lives on."""
    kept.directory.mkdir()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        try:
            (kept.directory / "lock").write_text(str(stranger.pid))
            assert not kept.stop()
            with pytest.raises(subprocess.TimeoutExpired):
                stranger.wait(0.2)
        finally:
            stranger.kill()


def test_what_prevents_a_start_is_said(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start that fails says what the emulator said, and leaves none."""
    # Whoever starts has another idea of Python's options than the server can have.
    monkeypatch.setenv("PYTHONHOME", str(kept.directory))
    with pytest.raises(EmulatorError, match="did not start; it said"):
        kept.start()
    assert not kept.stop()


def test_a_mirror_without_the_provider_is_said(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """A TF_PLUGIN_MIRROR that is no mirror prevents the start, and the error names it."""
    monkeypatch.delenv("TF_CLI_CONFIG_FILE", raising=False)
    monkeypatch.setenv("TF_PLUGIN_MIRROR", str(kept.directory))
    with pytest.raises(EmulatorError, match=r"it said:\nTF_PLUGIN_MIRROR=.* holds no registry"):
        kept.start()
    assert not kept.stop()
