"""What is released, built from a commit and tried as its users would: ``make release-check``.

    python -m scripts.release [--working-tree]

Writes ``build/release/``: wheel, sdist, the source archive that users of the module take, and
``report.json``. Each is built twice and must come out the same, byte for byte. Wheel and sdist are
installed on every Python of Lambda's that is on this machine; those that are not are named, not
passed over. The archive is unpacked, and its quickstart is deployed on the emulator.

``--working-tree`` takes the files as they are instead of those of HEAD.
"""

import argparse
import base64
import csv
import email
import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from email.message import Message
from pathlib import Path
from typing import Any, Final

from scripts.support import observation
from scripts.support.emulator import EmulatorError, new_account, running
from scripts.support.observation import Aws
from scripts.support.source import SourceError, repository
from scripts.support.terraform import Terraform, TerraformError, environment, interruptible

ROOT: Final = Path(__file__).resolve().parents[1]
RELEASE: Final = ROOT / "build" / "release"
NAME: Final = "terraform-aws-idempotent-lambda"
EXTRAS: Final = ("cli", "testing")
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html, from this package's floor on.
PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
KILOBYTE: Final = 1024
LIMITS: Final = {"wheel": 250 * KILOBYTE, "sdist": 250 * KILOBYTE, "source": 2048 * KILOBYTE}
# Without these an unpacked archive neither deploys nor tests itself.
NEEDED: Final = (
    *("main.tf", "variables.tf", "outputs.tf", "versions.tf", "LICENSE", "CHANGELOG.md"),
    *("handler/idempotent_lambda/entrypoint.py", "scripts/pack.py", "scripts/wheels.py"),
    *("examples/quickstart/main.tf", "examples/quickstart/src/orders.py"),
    *("Makefile", "pyproject.toml", "requirements/dev.lock", "tests/conftest.py"),
)
BUILT: Final = re.compile(
    r"(^|/)(build|dist|\.venv[^/]*|\.wheels|__pycache__|\.terraform)(/|$)|\.tfstate|\.pyc$"
)
ORDER: Final = json.dumps({"order_id": "ORDER-1", "amount_cents": 1999, "currency": "EUR"})
DRAIN_SECONDS: Final = 60.0

# Run by a Python that has nothing but what was installed, in a directory without files.
SMOKE: Final = """
import importlib, importlib.metadata, os, pkgutil, sys
# As the module sets them: the entry point refuses to start without.
os.environ.update(
    AWS_DEFAULT_REGION="eu-central-1",
    IDEMPOTENCY_TABLE="orders", IDEMPOTENCY_NAMESPACE="orders",
    IDEMPOTENCY_PROCESSOR="json.dumps", IDEMPOTENCY_RETENTION_SECONDS="3600",
)
import idempotent_lambda, idempotent_lambda_toolkit
name, version = sys.argv[1:]
assert idempotent_lambda.__version__ == importlib.metadata.version(name) == version
for package in (idempotent_lambda, idempotent_lambda_toolkit):
    assert package.__file__.startswith(sys.prefix), package.__file__
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
"""
SMOKE_TEST: Final = """
import pytest
from idempotent_lambda_toolkit.testing import events

ORDER = {"order_id": "ORDER-1", "amount_cents": 1999}


def charge(order):
    raise AssertionError("the real one")


def process(message):
    charge(message.body)


def test_right(hammer):
    hammer.effect("test_smoke.charge")
    hammer(process, events.sqs(ORDER), key="body.order_id")


def test_wrong(hammer):
    hammer.effect("test_smoke.charge")
    with pytest.raises(AssertionError, match="charge"):
        hammer(process, events.sqs(ORDER))
"""


class ReleaseError(Exception):
    """Nothing can be built or tried; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefacts:
    """The files of a release.

    Attributes:
        version: As the package says it.
        commit: The commit's full hash.
        wheel: The wheel.
        sdist: The source distribution.
        source: The archive of every file of the commit.
    """

    version: str
    commit: str
    wheel: Path
    sdist: Path
    source: Path

    def files(self) -> dict[str, Path]:
        """The three, by what they are."""
        return {"wheel": self.wheel, "sdist": self.sdist, "source": self.source}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One artefact on one Python.

    Attributes:
        python: Such as ``"3.13.0"``.
        artefact: ``"wheel"`` or ``"sdist"``.
        packages: What was installed beside it for the extras, as ``name==version``.
        seconds: How long it took.
        problem: What went wrong, or None.
    """

    python: str
    artefact: str
    packages: tuple[str, ...]
    seconds: float
    problem: str | None


def build(git: Path, destination: Path, ref: str = "HEAD") -> Artefacts:
    """Build the files of a commit into an empty directory.

    Args:
        git: The repository: a git directory.
        destination: Where to; whatever is there is removed.
        ref: The commit.

    Raises:
        ReleaseError: git or the build failed, or a second build gave other bytes.
    """
    shutil.rmtree(destination, ignore_errors=True)
    destination.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as directory:
        once, again = (_build_tree(git, ref, Path(directory, each)) for each in ("once", "again"))
        first, second = _digests(once), _digests(again)
        if first != second:
            raise ReleaseError(f"not reproducible: {first}, and the second time {second}")
        kept = {what: Path(shutil.copy(file, destination)) for what, file in once.files().items()}
    return Artefacts(version=once.version, commit=once.commit, **kept)


def _build_tree(git: Path, ref: str, directory: Path) -> Artefacts:
    directory.mkdir()
    commit = _run(["git", "--git-dir", str(git), "rev-parse", "--verify", f"{ref}^{{commit}}"])
    tree = directory / "tree.tar"
    _run(["git", "--git-dir", str(git), "archive", f"--output={tree}", commit])
    unpacked = unpack(tree, directory / "tree")
    version = version_of(unpacked)
    prefix = f"{NAME}-{version}"
    source = directory / f"{prefix}-source.tar.gz"
    _run(
        [
            *("git", "--git-dir", str(git), "-c", "tar.tar.gz.command=gzip -9 -n"),
            *("archive", f"--prefix={prefix}/", f"--output={source}", commit),
        ]
    )
    out = directory / "out"
    _run([sys.executable, "-m", "hatchling", "build", "-d", str(out)], cwd=unpacked)
    (wheel,) = out.glob("*.whl")
    (sdist,) = out.glob("*.tar.gz")
    return Artefacts(version=version, commit=commit, wheel=wheel, sdist=sdist, source=source)


def _digests(artefacts: Artefacts) -> dict[str, str]:
    return {
        what: hashlib.sha256(file.read_bytes()).hexdigest()
        for what, file in artefacts.files().items()
    }


def unpack(archive: Path, destination: Path) -> Path:
    """Unpack a tar archive; where its files are: in its only directory, if it has only one.

    Raises:
        ReleaseError: A file of it would lie elsewhere.
    """
    destination.mkdir(parents=True)
    with tarfile.open(archive) as tar:
        try:
            tar.extractall(destination, filter="data")
        except tarfile.FilterError as error:
            raise ReleaseError(f"{archive.name}: {error}") from error
    inside = list(destination.iterdir())
    return inside[0] if len(inside) == 1 else destination


def version_of(tree: Path) -> str:
    """The version that the package says.

    Raises:
        ReleaseError: It says none.
    """
    text = (tree / "handler" / "idempotent_lambda" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "(\d+\.\d+\.\d+)"$', text, re.MULTILINE)
    if found is None:
        raise ReleaseError("idempotent_lambda.__version__ is not three numbers with dots")
    return found[1]


def version_problems(tree: Path, version: str) -> list[str]:
    """Where the files of a tree name another version than the package, or none."""
    minor = version.rpartition(".")[0]
    says = {
        "CHANGELOG.md": (r"^## \[([^]]+)\]", version),
        "README.md": (r"^Version (\d+\.\d+),", minor),
        "docs/upgrading.md": (r"^## To (\d+\.\d+)", minor),
    }
    problems = []
    for name, (pattern, expected) in says.items():
        found = re.search(pattern, (tree / name).read_text(encoding="utf-8"), re.MULTILINE)
        said = found[1] if found else None
        if said != expected:
            problems.append(f"{name} says version {said}, not {expected}")
    return problems


def metadata_problems(artefacts: Artefacts, tree: Path) -> list[str]:
    """What the metadata of wheel and sdist lack, or say differently from the files of a tree."""
    readme = (tree / "README.md").read_text(encoding="utf-8")
    problems = []
    for what, metadata in (
        ("wheel", _read_wheel_metadata(artefacts)),
        ("sdist", _read_sdist_metadata(artefacts)),
    ):
        expected = {
            "Name": NAME,
            "Version": artefacts.version,
            "Requires-Python": f">={PYTHONS[0]}",
            "License-Expression": "Apache-2.0",
            "License-File": "LICENSE",
            "Description-Content-Type": "text/markdown",
        }
        for name, value in expected.items():
            if metadata[name] != value:
                problems.append(f"{what}: {name} is {metadata[name]!r}, not {value!r}")
        if not metadata["Summary"]:
            problems.append(f"{what}: no Summary")
        if str(metadata.get_payload()).strip() != readme.strip():
            problems.append(f"{what}: its description is not the README")
        if sorted(metadata.get_all("Provides-Extra", [])) != sorted(EXTRAS):
            problems.append(f"{what}: its extras are not {', '.join(EXTRAS)}")
        needs = [e for e in metadata.get_all("Requires-Dist", []) if "extra ==" not in e]
        if needs:
            problems.append(f"{what}: needs {', '.join(needs)} without extras")
    return problems


def _read_wheel_metadata(artefacts: Artefacts) -> Message:
    with zipfile.ZipFile(artefacts.wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        return email.message_from_string(archive.read(name).decode("utf-8"))


def _read_sdist_metadata(artefacts: Artefacts) -> Message:
    return email.message_from_string(_members(artefacts.sdist)["PKG-INFO"].decode("utf-8"))


def content_problems(artefacts: Artefacts) -> list[str]:
    """What the files lack, or hold that they must not; and those above their size limit."""
    source, sdist = _members(artefacts.source), _members(artefacts.sdist)
    problems = [f"source: no {name}" for name in NEEDED if name not in source]
    halves = {n: raw for n, raw in source.items() if n.startswith(("handler/", "toolkit/"))}
    # .gitignore is put there by the build's tool, which reads it.
    of_the_build = ("README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", ".gitignore")
    expected = {**halves, **{name: source.get(name) for name in of_the_build}}
    found = {name: raw for name, raw in sdist.items() if name != "PKG-INFO"}
    problems += _differences("sdist", expected, found)
    problems += [
        f"sdist: its {name} is not the commit's"
        for name in sorted(expected.keys() & found.keys())
        if expected[name] != found[name]
    ]
    with zipfile.ZipFile(artefacts.wheel) as archive:
        wheel = {name: archive.read(name) for name in archive.namelist()}
    problems += record_problems(wheel)
    inside = {name.partition("/")[2]: raw for name, raw in halves.items()}
    packages = {name: raw for name, raw in wheel.items() if ".dist-info/" not in name}
    problems += _differences("wheel", inside, packages)
    for what, names in (("source", source), ("sdist", sdist), ("wheel", wheel)):
        problems += [f"{what}: holds {name}" for name in names if BUILT.search(name)]
    for what, file in artefacts.files().items():
        if (size := file.stat().st_size) > LIMITS[what]:
            problems.append(f"{what}: {size} bytes, above {LIMITS[what]}")
    return problems


def _differences(what: str, expected: Iterable[str], found: Iterable[str]) -> list[str]:
    lacks, has = set(expected) - set(found), set(found) - set(expected)
    return [f"{what}: no {each}" for each in sorted(lacks)] + [
        f"{what}: holds {each}" for each in sorted(has)
    ]


def record_problems(wheel: Mapping[str, bytes]) -> list[str]:
    """Where a wheel's RECORD is not what the wheel holds.

    Args:
        wheel: Its files, by name.
    """
    (name,) = (each for each in wheel if each.endswith(".dist-info/RECORD"))
    recorded = {row[0]: row[1] for row in csv.reader(io.StringIO(wheel[name].decode("utf-8")))}
    problems = [f"wheel: RECORD lacks {each}" for each in wheel if each not in recorded]
    for each, said in recorded.items():
        digest = hashlib.sha256(wheel.get(each, b"")).digest()
        code = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if each != name and said != f"sha256={code}":
            problems.append(f"wheel: RECORD is wrong about {each}")
    return problems


def _members(archive: Path) -> dict[str, bytes]:
    """The files of a tar archive, by name without its top directory."""
    with tarfile.open(archive) as tar:
        return {
            each.name.partition("/")[2]: file.read()
            for each in tar.getmembers()
            if (file := tar.extractfile(each))
        }


def interpreters() -> dict[str, Path | None]:
    """The Pythons of Lambda that start here, by version; None for those that do not."""
    return {version: next(_can_start(version), None) for version in PYTHONS}


def _can_start(version: str) -> Iterator[Path]:
    # What is on the PATH may be a version manager's shim, which starts nothing.
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    on_path = [Path(each) / f"python{version}" for each in os.environ["PATH"].split(os.pathsep)]
    for path in (*on_path, *sorted(root.glob(f"versions/{version}.*/bin/python{version}"))):
        if not path.is_file():
            continue
        code = "import sys, ensurepip, venv; print('%d.%d' % sys.version_info[:2])"
        done = subprocess.run([path, "-I", "-c", code], capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.strip() == version:
            yield path


def tried(artefact: str, file: Path, python: Path, version: str) -> Trial:
    """Install a wheel or sdist in an empty environment and use it: imports, command, test kit.

    Args:
        artefact: ``"wheel"`` or ``"sdist"``.
        file: The file.
        python: The interpreter.
        version: What the package must say of itself.
    """
    start = time.monotonic()
    full, problem = str(python), None
    packages: tuple[str, ...] = ()
    with tempfile.TemporaryDirectory() as directory:
        try:
            full, packages = _try(file, python, version, Path(directory))
        except ReleaseError as error:
            problem = str(error)
    return Trial(
        python=full,
        artefact=artefact,
        packages=packages,
        seconds=round(time.monotonic() - start, 1),
        problem=problem,
    )


def _try(file: Path, python: Path, version: str, directory: Path) -> tuple[str, tuple[str, ...]]:
    made, empty = directory / "made", directory / "empty"
    empty.mkdir()
    (directory / "test_smoke.py").write_text(SMOKE_TEST)
    _run([str(python), "-I", "-m", "venv", str(made)])
    programs = made / "bin"
    pip = [str(programs / "python"), "-I", "-m", "pip", "--disable-pip-version-check"]

    def installed() -> list[str]:
        listed = _run([*pip, "list", "--format=freeze"]).split()
        return [each for each in listed if each.partition("==")[0] not in {"pip", "setuptools"}]

    _run([*pip, "install", str(file)])
    if (single := installed()) != [f"{NAME}=={version}"]:
        raise ReleaseError(f"without extras, installs {', '.join(single)}")
    _run([*pip, "install", f"{file}[{','.join(EXTRAS)}]"])
    full = _run(
        [str(programs / "python"), "-I", "-c", "import platform as p; print(p.python_version())"]
    )
    _run([str(programs / "python"), "-I", "-c", SMOKE, NAME, version], cwd=empty)
    if "doctor" not in _run([str(programs / "idempotent-lambda"), "--help"], cwd=empty):
        raise ReleaseError("idempotent-lambda --help does not name its commands")
    test = [str(programs / "python"), "-I", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    _run([*test, str(directory / "test_smoke.py")], cwd=empty)
    return full, tuple(each for each in installed() if not each.startswith(NAME))


def quickstart(tree: Path) -> float:
    """Deploy the quickstart of a tree on the emulator, send an order twice, and destroy it.

    Returns:
        How many seconds it took.

    Raises:
        ReleaseError: The order was not charged exactly once, or something was left.
        TerraformError: It can't be deployed.
        EmulatorError: There is no emulator.
    """
    start = time.monotonic()
    with running() as emulator:
        account = new_account()
        aws = Aws.of(emulator, account)
        terraform = Terraform(
            directory=tree / "examples" / "quickstart",
            environment=environment(emulator.environment(account)),
        )
        terraform.init()
        terraform.apply()
        outputs = terraform.output()
        for _ in range(2):
            aws.sqs.send_message(QueueUrl=outputs["queue_url"], MessageBody=ORDER)
        deadline = time.monotonic() + DRAIN_SECONDS
        while observation.backlog(aws, outputs["queue_url"]):
            if time.monotonic() > deadline:
                raise ReleaseError("quickstart: the orders are still in the queue")
            time.sleep(0.5)
        charges = observation.rows(aws, outputs["ledger_table_name"])
        if [each["order_id"] for each in charges] != ["ORDER-1"]:
            raise ReleaseError(f"quickstart: an order sent twice was charged {len(charges)} times")
        terraform.destroy()
        if left := observation.resources(aws):
            raise ReleaseError(f"quickstart: destroy leaves {', '.join(left)}")
    return round(time.monotonic() - start, 1)


def _run(command: list[str], cwd: Path | None = None) -> str:
    # What is installed here, or configured for it, must not help.
    own = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "AWS_", "GIT_DIR"))}
    own.pop("SOURCE_DATE_EPOCH", None)
    done = subprocess.run(
        command,
        cwd=cwd,
        env=own,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        shown = " ".join(each for each in command if "\n" not in each)
        raise ReleaseError(f"{shown} failed:\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout.strip()


def _trials(artefacts: Artefacts, found: Mapping[str, Path | None]) -> Iterator[Trial]:
    cases = [
        (what, file, python, artefacts.version)
        for python in found.values()
        if python
        for what, file in artefacts.files().items()
        if what != "source"
    ]
    # Two at a time: they mostly wait for the registry and the disk.
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(lambda case: tried(*case), cases)


def report(
    artefacts: Artefacts, trials: Iterable[Trial], unchecked: Iterable[str], **further: Any
) -> dict[str, Any]:
    """What ``report.json`` holds: files with size and hash, and what was tried on what."""
    digests = _digests(artefacts)
    return {
        "version": artefacts.version,
        "commit": artefacts.commit,
        "machine": platform.platform(),
        "files": {
            what: {"name": file.name, "bytes": file.stat().st_size, "sha256": digests[what]}
            for what, file in artefacts.files().items()
        },
        "pythons": [asdict(each) for each in trials],
        "pythons_not_checked": list(unchecked),
        **further,
    }


def check(git: Path, left_out: int | None) -> int:
    """Build, try, report.

    Args:
        git: The repository.
        left_out: How many changed files are not in its HEAD; None if that is the working tree.

    Returns:
        The exit code: 1 if there is a problem.
    """
    artefacts = build(git, RELEASE)
    of = "the working tree" if left_out is None else f"commit {artefacts.commit[:12]}"
    print(f"{NAME} {artefacts.version}, {of}")
    if left_out:
        print(f"  {left_out} changed files are not in it")
    for file in artefacts.files().values():
        print(f"  {file.stat().st_size:>9,} bytes  {file.name}")
    with tempfile.TemporaryDirectory() as directory:
        tree = unpack(artefacts.source, Path(directory, "source"))
        problems = [
            *version_problems(tree, artefacts.version),
            *metadata_problems(artefacts, tree),
            *content_problems(artefacts),
        ]
        found = interpreters()
        trials = []
        for trial in _trials(artefacts, found):
            print(f"  {trial.artefact} on Python {trial.python}: {trial.problem or 'works'}")
            trials.append(trial)
        problems += [f"{each.artefact} on {each.python}" for each in trials if each.problem]
        seconds = None
        try:
            seconds = quickstart(tree)
            print(f"  quickstart from the source archive: works ({seconds:.0f} s)")
        except ReleaseError as error:
            problems.append(str(error))
    unchecked = [version for version, python in found.items() if python is None]
    for version in unchecked:
        print(f"  Python {version}: not checked, it is not on this machine")
    reported = report(artefacts, trials, unchecked, quickstart_seconds=seconds, problems=problems)
    if left_out is None:
        reported["commit"] = None
    (RELEASE / "report.json").write_text(json.dumps(reported, indent=2) + "\n")
    for problem in problems:
        print(f"PROBLEM: {problem}", file=sys.stderr)
    print("Not ready." if problems else f"Ready: {RELEASE}")
    return 1 if problems else 0


def main(arguments: list[str]) -> int:
    """Check the release of HEAD, or of the working tree; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.release")
    parser.add_argument("--working-tree", action="store_true")
    given = parser.parse_args(arguments)
    try:
        with interruptible(), tempfile.TemporaryDirectory() as directory:
            if given.working_tree:
                repository(Path(directory, "repository.git"))
                return check(Path(directory, "repository.git"), None)
            changed = _run(["git", "-C", str(ROOT), "status", "--porcelain"])
            return check(ROOT / ".git", len(changed.splitlines()))
    except (ReleaseError, EmulatorError, SourceError, TerraformError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
