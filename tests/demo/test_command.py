"""The demo's command explains a failure in one line, and leaves nothing when it is stopped."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import SECONDS, eventually

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def demo(output: Path, environment: dict[str, str]) -> "subprocess.Popen[str]":
    """Start the demo in a new process group, as a terminal does."""
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "scripts.demo", "--output", str(output)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("tool", ["git", pytest.param("terraform", marks=pytest.mark.emulator)])
def test_a_missing_tool_is_one_clear_line(tmp_path: Path, tool: str) -> None:
    """Without git or terraform the demo names the tool and says what to do."""
    if tool == "terraform":
        tmp_path.joinpath("git").symlink_to(
            subprocess.check_output(["/bin/sh", "-c", "command -v git"], text=True).strip()
        )
    with demo(tmp_path / "output", {"PATH": str(tmp_path)}) as process:
        said, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    last = said.splitlines()[-1]
    assert last.startswith(f"failed: {tool} is not on the PATH; install ")


@pytest.mark.emulator
@pytest.mark.terraform
@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.extended)]
)
def test_stopping_it_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C or SIGTERM in the middle of an apply leaves no process and no temporary file."""
    with demo(tmp_path / "output", {"TMPDIR": str(tmp_path)}) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "Creating..." in line:
                break
        assert len(started(tmp_path)) >= 4, "demo, guard, emulator, terraform"
        os.killpg(process.pid, number)
        said, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + number
    assert said.splitlines()[-1] == "stopped; nothing is left running"
    eventually(lambda: started(tmp_path) == [], "every process has ended")
    assert list(tmp_path.iterdir()) == []


def started(temporary: Path) -> list[str]:
    """The commands of all processes that were given this TMPDIR, or one below it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"TMPDIR={temporary}".encode() in process.joinpath("environ").read_bytes():
                command = process.joinpath("cmdline").read_bytes()
                found.append(command.replace(b"\0", b" ").decode())
        except OSError:
            continue  # ended meanwhile
    return found
