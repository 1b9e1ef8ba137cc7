"""A release is complete, builds the same again, and works where nothing else is installed."""

import email
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from scripts.release import Artefacts, build
from scripts.support import observation
from scripts.support.emulator import Emulator
from scripts.support.observation import Aws
from scripts.support.terraform import Terraform, environment
from tests.waiting import eventually

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent
PYTHONS = os.environ.get("PYTHONS", sys.executable).split()
BUILT = re.compile(
    r"(^|/)(build|dist|\.venv[^/]*|\.wheels|\.schemas|__pycache__|\.terraform)(/|$)|\.tfstate|\.pyc$"
)
METADATA = {
    "Name": "idempotent-lambda",
    "Requires-Python": ">=3.11",
    "License-Expression": "Apache-2.0",
    "License-File": "LICENSE",
    "Description-Content-Type": "text/markdown",
}
ORDER = json.dumps({"order_id": "ORDER-1", "amount_cents": 1999, "currency": "EUR"})

# A Python runs it that has nothing but what was installed, in a directory without files.
IMPORT_ALL = """
import importlib, importlib.metadata, os, pkgutil, sys
# As the module sets them: the entry point refuses to start without.
os.environ.update(
    AWS_DEFAULT_REGION="eu-central-1",
    IDEMPOTENCY_TABLE="orders", IDEMPOTENCY_NAMESPACE="orders",
    IDEMPOTENCY_PROCESSOR="json.dumps", IDEMPOTENCY_RETENTION_SECONDS="3600",
)
import idempotent_lambda, idempotent_lambda_toolkit
assert idempotent_lambda.__version__ == importlib.metadata.version("idempotent-lambda")
for package in (idempotent_lambda, idempotent_lambda_toolkit):
    assert package.__file__.startswith(sys.prefix), package.__file__
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
"""
TEST_KIT = """
import pytest
from idempotent_lambda_toolkit.testing import events

ORDER = {"order_id": "ORDER-1", "amount_cents": 1999}


def charge(order):
    raise AssertionError("the real one")


def process(message):
    charge(message.body)


def test_right(hammer):
    hammer.effect("test_kit.charge")
    hammer(process, events.sqs(ORDER), key="body.order_id")


def test_wrong(hammer):
    hammer.effect("test_kit.charge")
    with pytest.raises(AssertionError, match="charge"):
        hammer(process, events.sqs(ORDER))
"""


def version() -> str:
    """The version that the package says."""
    text = (ROOT / "handler" / "idempotent_lambda" / "__init__.py").read_text()
    (found,) = re.findall(r'^__version__ = "(\d+\.\d+\.\d+)"$', text, re.MULTILINE)
    return str(found)


def read_tar(archive: Path) -> dict[str, bytes]:
    """The files of an archive, by name without its top directory."""
    with tarfile.open(archive) as tar:
        return {
            member.name.partition("/")[2]: file.read()
            for member in tar.getmembers()
            if (file := tar.extractfile(member))
        }


def read_zip(wheel: Path) -> dict[str, bytes]:
    """The files of a wheel, by name."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_reproducible(git: Path, artefacts: Artefacts, tmp_path: Path) -> None:
    """A second build gives the same files, byte for byte."""
    again = build(git, tmp_path / "again")
    assert [(file.name, file.read_bytes()) for file in again] == [
        (file.name, file.read_bytes()) for file in artefacts
    ]


def test_names(artefacts: Artefacts) -> None:
    """The three files are named after package or module, and version."""
    assert [file.name for file in artefacts] == [
        f"idempotent_lambda-{version()}-py3-none-any.whl",
        f"idempotent_lambda-{version()}.tar.gz",
        f"terraform-aws-idempotent-lambda-{version()}-source.tar.gz",
    ]


def test_sizes(artefacts: Artefacts) -> None:
    """No file is larger than it has to be."""
    wheel, sdist, source = (file.stat().st_size / 1024 for file in artefacts)
    assert max(wheel, sdist) <= 420  # a third is the operator's command, a quarter the test kit
    assert source <= 2048


def test_the_archive_is_the_repository(artefacts: Artefacts, git: Path) -> None:
    """The source archive holds every file of the commit as it is, and no other."""
    found = read_tar(artefacts.source)
    show = ["git", "--git-dir", str(git)]
    listed = subprocess.run(
        [*show, "ls-tree", "-r", "--name-only", "-z", "HEAD"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split("\0")[:-1]
    assert sorted(found) == sorted(listed)
    assert [name for name in found if BUILT.search(name)] == []
    for name in ("main.tf", "handler/idempotent_lambda/entrypoint.py", "scripts/pack.py"):
        blob = subprocess.run([*show, "show", f"HEAD:{name}"], capture_output=True, check=True)
        assert found[name] == blob.stdout


def test_the_sdist(artefacts: Artefacts) -> None:
    """The source distribution holds the packages, what their metadata need, and nothing else."""
    source, sdist = read_tar(artefacts.source), read_tar(artefacts.sdist)
    halves = {name for name in source if name.startswith(("handler/", "toolkit/"))}
    # The build puts .gitignore there, which it reads.
    others = {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", ".gitignore"}
    assert sdist.keys() == halves | others | {"PKG-INFO"}
    assert {name: sdist[name] for name in halves | others} == {
        name: source[name] for name in halves | others
    }


def test_the_wheel(artefacts: Artefacts) -> None:
    """The wheel holds the files of both packages as its RECORD says, and nothing else."""
    roots = ("--src-dir", "handler", "--src-dir", "toolkit")
    subprocess.run(
        [PROGRAMS / "check-wheel-contents", *roots, str(artefacts.wheel)], cwd=ROOT, check=True
    )


def test_metadata(artefacts: Artefacts) -> None:
    """The metadata of wheel and sdist say the same as the repository, and require nothing."""
    wheel = read_zip(artefacts.wheel)[f"idempotent_lambda-{version()}.dist-info/METADATA"]
    for raw in (wheel, read_tar(artefacts.sdist)["PKG-INFO"]):
        metadata = email.message_from_bytes(raw)
        assert {name: metadata[name] for name in METADATA} == METADATA
        assert metadata["Version"] == version()
        assert metadata["Summary"]
        described = metadata.get_payload(decode=True)
        assert isinstance(described, bytes)
        assert described.strip() == (ROOT / "README.md").read_bytes().strip()
        assert sorted(metadata.get_all("Provides-Extra", [])) == ["cli", "testing"]
        needs = metadata.get_all("Requires-Dist", [])
        assert [need for need in needs if "extra ==" not in need] == []


@pytest.mark.parametrize(
    ("name", "pattern", "numbers"),
    [
        ("CHANGELOG.md", r"^## \[([^]]+)\]", 3),
        ("README.md", r"^Version (\d+\.\d+),", 2),
        ("docs/upgrading.md", r"^## To (\d+\.\d+)", 2),
    ],
)
def test_every_page_says_this_version(name: str, pattern: str, numbers: int) -> None:
    """Changelog, README and the page of upgrades name the version of the package first."""
    found = re.search(pattern, (ROOT / name).read_text(), re.MULTILINE)
    assert found
    assert found[1] == ".".join(version().split(".")[:numbers])


def test_the_default_runtime_is_supported() -> None:
    """The module's default runtime is a Python that the package supports."""
    declared = "".join(path.read_text() for path in ROOT.glob("variables*.tf"))
    (minor,) = re.findall(r'"python3[.](\d+)"\)', declared)
    assert int(minor) >= int(METADATA["Requires-Python"].rpartition(".")[2])


@pytest.mark.slow
@pytest.mark.proof  # installs from the package registry
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("artefact", ["wheel", "sdist"])
def test_installed(artefacts: Artefacts, tmp_path: Path, artefact: str, python: str) -> None:
    """Installed alone it brings nothing; with its extras, imports, command and test kit work."""
    file = getattr(artefacts, artefact)
    made, empty = tmp_path / "made", tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "test_kit.py").write_text(TEST_KIT)

    def run(*command: str | Path) -> str:
        own = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "AWS_"))}
        done = subprocess.run(
            command, cwd=empty, env=own, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(python, "-I", "-m", "venv", made)
    inside = (made / "bin" / "python", "-I")
    run(*inside, "-m", "pip", "install", file)
    listed = run(*inside, "-m", "pip", "list", "--format=freeze").split()
    assert [name for name in listed if not name.startswith(("pip==", "setuptools=="))] == [
        f"idempotent-lambda=={version()}"
    ]
    run(*inside, "-m", "pip", "install", f"{file}[cli,testing]")
    run(*inside, "-c", IMPORT_ALL)
    assert "doctor" in run(made / "bin" / "idempotent-lambda", "--help")
    run(*inside, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path / "test_kit.py")


@pytest.mark.emulator
@pytest.mark.terraform
@pytest.mark.slow
@pytest.mark.proof  # tests/end_to_end deploy the quickstart of the working tree
def test_the_quickstart_of_the_archive(
    artefacts: Artefacts, emulator: Emulator, account: str, tmp_path: Path
) -> None:
    """The unpacked archive deploys; an order sent twice is charged once; destroy leaves nothing."""
    aws = Aws.of(emulator, account)
    shutil.unpack_archive(artefacts.source, tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    terraform = Terraform(
        directory=source / "examples" / "quickstart",
        environment=environment(emulator.environment(account)),
    )
    terraform.init()
    terraform.apply()
    outputs = terraform.output()
    for _ in range(2):
        aws.sqs.send_message(QueueUrl=outputs["queue_url"], MessageBody=ORDER)
    eventually(lambda: not observation.backlog(aws, outputs["queue_url"]), "the queue is empty")
    charges = observation.rows(aws, outputs["ledger_table_name"])
    assert [charge["order_id"] for charge in charges] == ["ORDER-1"]
    terraform.destroy()
    assert observation.resources(aws) == []
