"""The tests run the code in docs/deployments.md, and check the names that it uses."""

import json
import os
import platform
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scripts.support.emulator import INTERPRETER
from scripts.wheels import Target, list_platforms

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "deployments.md").read_text()
CODE = "\n".join(path.read_text() for path in sorted(ROOT.glob("*.tf")))
RENDER = """
import json, sys
sys.path.insert(0, sys.argv[1])
import invoices
print(invoices.render(json.loads(sys.argv[2])))
import idempotent_lambda, markupsafe._speedups
"""
ORDER = {"order_id": "A&B", "lines": [{"name": "Tea", "quantity": 2, "price_cents": 450}]}


def commands(holding: str) -> str:
    """The page's only block of commands that holds a text."""
    (found,) = (each for each in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) if holding in each)
    assert isinstance(found, str)
    return found


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Lambda's wheels run on Linux only.")
def test_a_zip_is_built_by_hand(tmp_path: Path) -> None:
    """The commands make a directory that runs, with packages, a template and a compiled part."""
    (tmp_path / "src").symlink_to(ROOT / "examples" / "dependencies" / "src")
    python = subprocess.run(
        [INTERPRETER, "-c", "import sys; print(sys.version_info.minor)"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    minor = python.stdout.strip()
    # As the page says for another Python and another architecture.
    script = commands("--platform").replace("3.13", f"3.{minor}").replace("cp313", f"cp3{minor}")
    script = script.replace("aarch64", platform.machine())
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "python3").symlink_to(INTERPRETER)
    environment = {
        **os.environ,
        "MODULE": str(ROOT),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(ROOT / ".wheels"),
    }
    subprocess.run(["sh", "-ec", script], cwd=tmp_path, env=environment, check=True)
    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(tmp_path / "orders.zip") as archive:
        archive.extractall(unpacked)
    shown = subprocess.run(
        [INTERPRETER, "-I", "-c", RENDER, str(unpacked), json.dumps(ORDER)],
        env={"AWS_DEFAULT_REGION": "eu-central-1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert "<h1>Invoice of order A&amp;B</h1>" in shown.stdout


def test_every_message_is_one_of_ours_or_quoted() -> None:
    """The messages of the last table that the module writes stand in its code."""
    ours = ("does not run the code that Terraform deployed last", "Cannot pack code.source_dir: ")
    packer = (ROOT / "scripts" / "pack.py").read_text()
    for message in ours:
        assert f"`{message}" in PAGE
        assert message in CODE + packer


def test_the_platforms_are_those_that_the_runtime_takes() -> None:
    """The packer accepts each platform that the page gives to pip for a runtime."""
    shown = set(re.findall(r"--platform (\w+)", PAGE))
    assert shown <= set(list_platforms(Target("python3.13", "arm64")))
    (left_out,) = re.findall(r"glibc 2.26: leave out\n(.*?) there", PAGE)
    old = shown - set(re.findall(r"`(\w+)`", left_out))
    assert old <= set(list_platforms(Target("python3.11", "arm64")))
    assert len(old) == 1


def test_every_wrapper_is_known() -> None:
    """The variables that the page names are those that the module sets."""
    (known,) = re.findall(r"wrapper_variables = {\n(.*?)}", CODE, re.DOTALL)
    for variable in re.findall(r'"(\w+)"', known):
        assert f"`{variable}`" in PAGE


def test_every_lock_command_is_the_same() -> None:
    """The commands of the page match the commands of the refusals."""
    (known,) = re.findall(r"lock_commands = {\n(.*?)}", CODE, re.DOTALL)
    for command in re.findall(r'= "(.*)"', known):
        assert f"`{command}`" in " ".join(PAGE.split())
