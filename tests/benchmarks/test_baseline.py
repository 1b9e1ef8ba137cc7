"""The package as of a commit."""

import subprocess
from pathlib import Path

import pytest

from benchmarks.baseline import UnknownBaseError, unpack_package

AUTHOR = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two commits, the first of which has no package, and a later edit."""
    root = tmp_path / "repository"
    root.mkdir()
    module = root / "handler" / "package" / "module.py"

    def commit(message: str) -> None:
        subprocess.run(["git", "-C", root, "add", "."], check=True)
        subprocess.run(["git", "-C", root, *AUTHOR, "commit", "-qm", message], check=True)

    subprocess.run(["git", "init", "-q", root], check=True)
    (root / "README.md").write_text("text")
    commit("first")
    module.parent.mkdir(parents=True)
    module.write_text("committed")
    commit("second")
    module.write_text("edited")
    return root


def test_unpack_package(repository: Path, tmp_path: Path) -> None:
    """The committed package is unpacked, without other files and without later edits."""
    full_hash = unpack_package(repository, "HEAD", tmp_path / "base")
    assert len(full_hash) == 40
    files = [path for path in (tmp_path / "base").rglob("*") if path.is_file()]
    assert files == [tmp_path / "base" / "handler" / "package" / "module.py"]
    assert files[0].read_text() == "committed"
    assert unpack_package(repository, full_hash[:10], tmp_path / "again") == full_hash


@pytest.mark.parametrize(
    ("commit", "problem"),
    [("nope", "nope is not a commit"), ("HEAD~1", "has no directory handler")],
)
def test_unknown_base(repository: Path, tmp_path: Path, commit: str, problem: str) -> None:
    """A commit that does not exist or has no package is refused with the reason."""
    with pytest.raises(UnknownBaseError, match=problem):
        unpack_package(repository, commit, tmp_path / "base")
