"""The README's commands that the newcomer's test does not run."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def commands(holding: str) -> str:
    """The README's only block of commands that holds a text."""
    (found,) = (
        each for each in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if holding in each
    )
    assert isinstance(found, str)
    return found


@pytest.mark.slow
def test_a_zip_with_dependencies(tmp_path: Path) -> None:
    """The commands for dependencies make a zip of them, the sources and the package, to import."""
    (tmp_path / "terraform-aws-idempotent-lambda").symlink_to(ROOT)
    stack = tmp_path / "stack"
    (stack / "src").mkdir(parents=True)
    (stack / "src" / "orders.py").write_text("import jmespath\n")
    (stack / "requirements.txt").write_text("jmespath\n")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "pip").write_text(f'#!/bin/sh\nexec {sys.executable} -m pip -q "$@"\n')
    (programs / "pip").chmod(0o755)
    script = f'set -e; PATH="{programs}:$PATH"; {commands("pip install --target")}'
    subprocess.run(["sh", "-c", script], cwd=stack, check=True)
    made = stack / "orders.zip"
    with zipfile.ZipFile(made) as archive:
        names = set(archive.namelist())
    assert {"orders.py", "jmespath/__init__.py", "idempotent_lambda/entrypoint.py"} <= names
    found = "import orders; print(orders.jmespath.__file__)"
    code = f"import sys; sys.path.insert(0, {str(made)!r}); {found}"
    run = [sys.executable, "-I", "-S", "-c", code]
    shown = subprocess.run(run, capture_output=True, check=True, text=True).stdout
    assert shown.strip() == str(made / "jmespath" / "__init__.py")


def test_every_target_exists() -> None:
    """Each `make` command that the README names is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake (?:-C \S+ )?([a-z][a-z-]+)\b(?=[`\s])", README))
    assert {"demo", "emulator", "emulator-stop", "test", "release-check", "help"} <= named
    assert named <= targets
