"""A newcomer with the README and an empty directory deploys a consumer.

The test follows the README's section to the letter: it writes the files where the section says, and
pastes its commands into one ``sh``, in their order, and nothing else. The shell's environment holds
only PATH (the system's directories, and the terraform, python3, make, git and sh that run the
tests), HOME (an empty directory), and, where the tests' terraform gets its provider from a mirror,
TF_CLI_CONFIG_FILE.

Two things differ from a new machine. The clone is of the working tree as it is. And ``.venv-demo``
and ``.venv-emulator``, which ``make`` would first set up with a minute's download each, are copies
of the ones that run the tests.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.support.emulator import ROOT
from scripts.support.source import repository
from scripts.support.terraform import binary, environment
from tests.waiting import SECONDS

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.terraform,
    pytest.mark.slow,
    pytest.mark.timeout(600),
]

CLONE = "terraform-aws-idempotent-lambda"
ENVIRONMENTS = {".venv-demo": "demo.lock", ".venv-emulator": "emulator.lock"}
SECTION = re.compile(r"^## A complete consumer\n(.*?)^## ", re.MULTILINE | re.DOTALL)
STEP = re.compile(r"((?:(?!```).)*?)```(\w+)\n(.*?)```\n", re.DOTALL)
LOOK = "aws logs"
LOOKS = 5
NOTHING = "nothing to see"
LINES = ("charging 1999 cents for ORDER-1", '"outcome":"completed"', '"outcome":"duplicate"')
DONE = "step done"


def steps() -> Iterator[tuple[str | None, str]]:
    """The section's blocks in their order: the file to write, or None, and the text."""
    section = SECTION.search((ROOT / "README.md").read_text())
    assert section
    for before, language, text in STEP.findall(section[1]):
        yield (None if language == "sh" else re.findall(r"`(my-consumer/[^`]+)`", before)[-1]), text


class Shell:
    """One ``sh`` that commands are pasted into."""

    def __init__(self, directory: Path, variables: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            ["sh"],
            cwd=directory,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def paste(self, commands: str) -> str:
        """What they print; each of them succeeds."""
        assert self.process.stdin
        assert self.process.stdout
        # What fails ends the shell, and with it the output.
        self.process.stdin.write(f"set -e\n{commands}\necho; echo '{DONE}'\n")
        self.process.stdin.flush()
        said = []
        for line in self.process.stdout:
            if line.rstrip("\n") == DONE:
                return "".join(said)
            said.append(line)
        raise AssertionError(f"failed:\n{commands}\n{''.join(said)}")

    def close(self) -> None:
        """End it with nothing but its end of input."""
        self.process.communicate(timeout=SECONDS)


def link(source: str, destination: str) -> None:
    """A second name for a file, or a copy on another disk."""
    try:
        os.link(source, destination, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, destination, follow_symlinks=False)


def set_up(clone: Path) -> None:
    """Give the clone what make sets up, as new as its locks."""
    for name, lock in ENVIRONMENTS.items():
        assert (clone / "requirements" / lock).read_bytes() == (
            ROOT / "requirements" / lock
        ).read_bytes()
        # Each file gets a second name: replacing one here leaves the other alone.
        shutil.copytree(ROOT / name, clone / name, symlinks=True, copy_function=link)
        ready = clone / name / ".ready"
        ready.unlink()
        ready.touch()


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A shell in a directory that holds a clone and nothing else."""
    directory, home, tools = (tmp_path / name for name in ("projects", "home", "tools"))
    for each in (directory, home, tools):
        each.mkdir()
    repository(tmp_path / "repository.git")
    cloned = ["git", "clone", "--quiet", str(tmp_path / "repository.git"), CLONE]
    subprocess.run(cloned, cwd=directory, check=True)
    set_up(directory / CLONE)
    found = {name: shutil.which(name) for name in ("make", "git", "sh")}
    for name, path in {**found, "terraform": binary(), "python3": sys.executable}.items():
        assert path
        # Not through a version manager's shim, which needs its user's home.
        (tools / name).symlink_to(Path(path).resolve())
    mirror = {k: v for k, v in environment().items() if k == "TF_CLI_CONFIG_FILE"}
    path = f"{tools}:/usr/bin:/bin"
    shell = Shell(directory, {"PATH": path, "HOME": str(home), **mirror})
    try:
        yield shell
    finally:
        shell.close()
        make = ["make", "-C", str(directory / CLONE), "emulator-stop"]
        subprocess.run(make, env={"PATH": path, "HOME": str(home)}, check=True)
        # pytest keeps directories of earlier runs; nobody looks into these.
        shutil.rmtree(directory / CLONE)


def shown(shell: Shell, commands: str) -> str:
    """What the commands print, asked again while function and log are behind."""
    for _ in range(LOOKS):
        said = shell.paste(f"(set -e\n{commands}) || echo '{NOTHING}'")
        if NOTHING not in said and all(each in said for each in LINES):
            break
    return said


def test_by_copy_and_paste(shell: Shell, tmp_path: Path) -> None:
    """The README's files and commands, as they stand, charge an order that is sent twice once."""
    said = []
    for file, text in steps():
        if file:
            (tmp_path / "projects" / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "projects" / file).write_text(text)
        else:
            said.append(shown(shell, text) if LOOK in text else shell.paste(text))
    started, _, looked, ended = said
    assert NOTHING not in looked
    lines = looked.splitlines()
    assert [line for line in lines if line.startswith("charging ")] == [LINES[0]]
    outcomes = [json.loads(line)["outcome"] for line in lines if '"outcome":' in line]
    assert sorted(outcomes) == ["completed", "duplicate"]
    assert re.search(r"^completed .*: duplicates are acknowledged", looked, re.MULTILINE)
    assert "The emulator is running." in started
    assert "Destroy complete! Resources: 12 destroyed." in ended
    assert "The emulator has ended." in ended
