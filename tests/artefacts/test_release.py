"""What `make release-check` builds and looks at; it deploys and installs by itself."""

import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from scripts import release
from scripts.release import Artefacts, ReleaseError, build, unpack
from scripts.support.source import repository

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose HEAD is the working tree."""
    directory = tmp_path_factory.mktemp("git") / "repository.git"
    repository(directory)
    return directory


@pytest.fixture(scope="module")
def artefacts(git: Path, tmp_path_factory: pytest.TempPathFactory) -> Artefacts:
    """What is released of it."""
    return build(git, tmp_path_factory.mktemp("release"))


@pytest.fixture
def tree(artefacts: Artefacts, tmp_path: Path) -> Path:
    """The unpacked source archive."""
    return unpack(artefacts.source, tmp_path / "unpacked")


def problems(artefacts: Artefacts, tree: Path) -> list[str]:
    """Everything that needs no installation."""
    return [
        *release.version_problems(tree, artefacts.version),
        *release.metadata_problems(artefacts, tree),
        *release.content_problems(artefacts),
    ]


def test_no_problem(artefacts: Artefacts, tree: Path) -> None:
    """Versions, metadata, contents and sizes of what is built are right."""
    assert problems(artefacts, tree) == []


def test_names(artefacts: Artefacts) -> None:
    """The three files are named after project and version."""
    assert [file.name.replace(artefacts.version, "V") for file in artefacts.files().values()] == [
        "terraform_aws_idempotent_lambda-V-py3-none-any.whl",
        "terraform_aws_idempotent_lambda-V.tar.gz",
        "terraform-aws-idempotent-lambda-V-source.tar.gz",
    ]


def test_the_archive_is_the_repository(artefacts: Artefacts, git: Path, tree: Path) -> None:
    """The source archive holds every file of the commit as it is, and no other."""
    show = ["git", "--git-dir", str(git)]
    listed = subprocess.run(
        [*show, "ls-tree", "-r", "--name-only", "-z", artefacts.commit],
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split("\0")[:-1]
    found = {each.relative_to(tree).as_posix(): each for each in tree.rglob("*") if each.is_file()}
    assert sorted(found) == sorted(listed)
    for name in ("main.tf", "handler/idempotent_lambda/entrypoint.py"):
        blob = subprocess.run([*show, "show", f"HEAD:{name}"], capture_output=True, check=True)
        assert found[name].read_bytes() == blob.stdout


def repacked(archive: Path, directory: Path, *, without: str = "", holding: str = "") -> Path:
    """A copy of a tar archive that lacks one file, or holds one more."""
    copy = directory / archive.name
    with tarfile.open(archive) as old, tarfile.open(copy, "w:gz") as new:
        members = old.getmembers()
        for member in members:
            if not without or not member.name.endswith(f"/{without}"):
                new.addfile(member, old.extractfile(member))
        if holding:
            top = members[-1].name.partition("/")[0]
            new.addfile(tarfile.TarInfo(f"{top}/{holding}"), io.BytesIO())
    return copy


@pytest.mark.parametrize(
    ("without", "holding", "problem"),
    [
        ("scripts/pack.py", "", "source: no scripts/pack.py"),
        ("tests/conftest.py", "", "source: no tests/conftest.py"),
        ("", "build/emulator/env", "source: holds build/emulator/env"),
        ("", ".venv/bin/aws", "source: holds .venv/bin/aws"),
        (
            "",
            "examples/quickstart/terraform.tfstate",
            "source: holds examples/quickstart/terraform",
        ),
    ],
)
def test_a_wrong_archive(
    artefacts: Artefacts, tmp_path: Path, without: str, holding: str, problem: str
) -> None:
    """A source archive that lacks what it needs, or holds what was built, is refused."""
    source = repacked(artefacts.source, tmp_path, without=without, holding=holding)
    (found,) = release.content_problems(replace(artefacts, source=source))
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("without", "holding", "problem"),
    [
        ("handler/idempotent_lambda/keys.py", "", "sdist: no handler/idempotent_lambda/keys.py"),
        ("LICENSE", "", "sdist: no LICENSE"),
        ("", "tests/conftest.py", "sdist: holds tests/conftest.py"),
    ],
)
def test_a_wrong_sdist(
    artefacts: Artefacts, tmp_path: Path, without: str, holding: str, problem: str
) -> None:
    """A source distribution that lacks a file of the packages, or holds more, is refused."""
    sdist = repacked(artefacts.sdist, tmp_path, without=without, holding=holding)
    assert release.content_problems(replace(artefacts, sdist=sdist)) == [problem]


def test_a_wrong_wheel(artefacts: Artefacts, tmp_path: Path) -> None:
    """A wheel with a file that its RECORD does not describe is refused."""
    copy = tmp_path / artefacts.wheel.name
    with (
        zipfile.ZipFile(artefacts.wheel) as old,
        zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            more = b"\n" if name == "idempotent_lambda/keys.py" else b""
            new.writestr(name, old.read(name) + more)
        new.writestr("tests/conftest.py", "")
    assert release.content_problems(replace(artefacts, wheel=copy)) == [
        "wheel: RECORD lacks tests/conftest.py",
        "wheel: RECORD is wrong about idempotent_lambda/keys.py",
        "wheel: holds tests/conftest.py",
    ]


def test_a_large_one(artefacts: Artefacts, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file above its limit is refused."""
    size = artefacts.sdist.stat().st_size
    monkeypatch.setitem(release.LIMITS, "sdist", size - 1)
    assert release.content_problems(artefacts) == [f"sdist: {size} bytes, above {size - 1}"]


@pytest.mark.parametrize(
    ("name", "before", "after", "said"),
    [
        ("CHANGELOG.md", r"## \[[\d.]+\]", "## [9.9.9]", "9.9.9"),
        ("README.md", r"\nVersion [\d.]+,", "\nVersion 9.9,", "9.9"),
        ("docs/upgrading.md", "## To ", "## Towards ", "None"),
    ],
)
def test_another_version(tree: Path, name: str, before: str, after: str, said: str) -> None:
    """A file that names another version than the package, or none, is named."""
    text = (tree / name).read_text()
    (tree / name).write_text(re.sub(before, after, text, count=1))
    (problem,) = release.version_problems(tree, release.version_of(tree))
    assert problem.startswith(f"{name} says version {said}, not ")


def test_metadata_of_another_version(artefacts: Artefacts, tree: Path) -> None:
    """Metadata that are not those of version and README are told field by field."""
    (tree / "README.md").write_text("Another one")
    assert release.metadata_problems(replace(artefacts, version="9.9.9"), tree) == [
        f"{what}: {each}"
        for what in ("wheel", "sdist")
        for each in (
            f"Version is {artefacts.version!r}, not '9.9.9'",
            "its description is not the README",
        )
    ]


def test_not_reproducible(git: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that gives other bytes the second time is refused."""
    digests = iter(({"wheel": "a"}, {"wheel": "b"}))
    monkeypatch.setattr(release, "_digests", lambda _: next(digests))
    with pytest.raises(ReleaseError, match="not reproducible"):
        build(git, tmp_path / "release")


def test_no_such_commit(git: Path, tmp_path: Path) -> None:
    """What is no commit is not built."""
    with pytest.raises(ReleaseError, match="rev-parse"):
        build(git, tmp_path / "release", "nothing")


def test_an_archive_that_leads_out(tmp_path: Path) -> None:
    """An archive with a file outside of its directory is not unpacked."""
    archive = tmp_path / "bad.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../outside"), io.BytesIO())
    with pytest.raises(ReleaseError, match="outside"):
        unpack(archive, tmp_path / "unpacked")
    assert not (tmp_path / "outside").exists()


def test_interpreters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python that starts is found; a command of that name which starts none is passed over."""
    own = "{}.{}".format(*sys.version_info[:2])
    shims, programs = tmp_path / "shims", tmp_path / "programs"
    for each in (shims, programs):
        each.mkdir()
    for version in release.PYTHONS:
        (shims / f"python{version}").write_text("#!/bin/sh\nexit 127\n")
        (shims / f"python{version}").chmod(0o755)
    (programs / f"python{own}").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", f"{shims}:{programs}")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    expected = dict.fromkeys(release.PYTHONS) | {own: programs / f"python{own}"}
    assert release.interpreters() == expected


def test_pythons() -> None:
    """The Pythons begin at the package's floor, and the module's default runtime is one."""
    floor = re.search(r'requires-python = ">=([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    declared = "".join(path.read_text() for path in ROOT.glob("variables*.tf"))
    runtime = re.search(r'"python(3[.]\d+)"\)', declared)
    assert floor
    assert runtime
    assert release.PYTHONS[0] == floor[1]
    assert runtime[1] in release.PYTHONS


def test_report(artefacts: Artefacts) -> None:
    """The report names every file with size and hash, and the Pythons that were not checked."""
    reported = release.report(artefacts, [], ["3.14"], problems=[])
    assert json.loads(json.dumps(reported)) == reported
    assert set(reported["files"]) == {"wheel", "sdist", "source"}
    assert all(len(each["sha256"]) == 64 and each["bytes"] for each in reported["files"].values())
    assert reported["pythons_not_checked"] == ["3.14"]


@pytest.mark.parametrize("fails", ["", "trial", "quickstart"])
def test_what_fails_is_not_ready(
    git: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fails: str,
) -> None:
    """The check fails if one trial or the quickstart does, and says so there and in its report."""
    problem = "broken" if fails == "trial" else None
    trial = release.Trial(
        python="3.13.0", artefact="wheel", packages=(), seconds=1, problem=problem
    )

    def deploy(tree: Path) -> float:
        assert (tree / "examples" / "quickstart" / "main.tf").exists()
        if fails == "quickstart":
            raise ReleaseError("charged twice")
        return 60.0

    monkeypatch.setattr(release, "RELEASE", tmp_path / "release")
    monkeypatch.setattr(release, "interpreters", lambda: {"3.13": Path("p"), "3.14": None})
    monkeypatch.setattr(release, "_trials", lambda *_: iter([trial]))
    monkeypatch.setattr(release, "quickstart", deploy)
    expected = {"": [], "trial": ["wheel on 3.13.0"], "quickstart": ["charged twice"]}[fails]
    assert release.check(git, 0) == bool(fails)
    reported = json.loads((tmp_path / "release" / "report.json").read_text())
    assert reported["problems"] == expected
    assert reported["pythons_not_checked"] == ["3.14"]
    said = capsys.readouterr()
    assert "Python 3.14: not checked" in said.out
    assert said.out.splitlines()[-1].startswith("Not ready" if fails else "Ready")
    assert said.err == "".join(f"PROBLEM: {each}\n" for each in expected)


@pytest.mark.slow
@pytest.mark.proof  # make release-check does the same
def test_a_trial(artefacts: Artefacts, tmp_path: Path) -> None:
    """The wheel works where nothing else is, and is refused if it says another version."""
    python = Path(sys.executable).resolve()
    good = release.tried("wheel", artefacts.wheel, python, artefacts.version)
    assert good.problem is None
    assert {"boto3", "pytest", "rich", "typer"} <= {each.split("==")[0] for each in good.packages}
    copy = tmp_path / artefacts.wheel.name
    shutil.copy(artefacts.wheel, copy)
    bad = release.tried("wheel", copy, python, "9.9.9")
    assert bad.problem
    assert "without extras, installs" in bad.problem
