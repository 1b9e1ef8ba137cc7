"""The working tree becomes a repository that terraform can fetch, as it is."""

import subprocess
from pathlib import Path

import pytest

from scripts.support import source as source_module
from scripts.support.source import SourceError, repository


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """An unpacked archive: files, some of them ignored, and no repository."""
    root = tmp_path / "tree"
    for name in ("main.tf", "handler/a.py", "build/report.json", "examples/.terraform/x"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / ".gitignore").write_text("build/\n.terraform/\n")
    return root


def files_of(source: str, tmp_path: Path) -> set[str]:
    """What a clone of the source holds."""
    url = source.removeprefix("git::").removesuffix("//?ref=HEAD")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", url, clone], check=True)
    return {
        path.relative_to(clone).as_posix()
        for path in clone.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(clone).parts
    }


def test_an_unpacked_archive_is_a_source(tree: Path, tmp_path: Path) -> None:
    """Without any .git, every file but the ignored ones is committed."""
    source = repository(tmp_path / "repository.git", tree)
    assert source == f"git::file://{tmp_path}/repository.git//?ref=HEAD"
    assert files_of(source, tmp_path) == {"main.tf", "handler/a.py", ".gitignore"}


def test_uncommitted_work_is_in_it(tree: Path, tmp_path: Path) -> None:
    """The source has an edit, a new file and a deletion that git does not know of."""
    git = ["git", "-C", str(tree), "-c", "user.name=me", "-c", "user.email=me@localhost"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "first"]):
        subprocess.run([*git, *command], check=True)
    (tree / "handler" / "a.py").unlink()
    (tree / "handler" / "b.py").write_text("new")
    (tree / "main.tf").write_text("edited")
    before = subprocess.run([*git, "status", "--short"], check=True, capture_output=True).stdout
    source = repository(tmp_path / "repository.git", tree)
    assert files_of(source, tmp_path) == {"main.tf", "handler/b.py", ".gitignore"}
    assert (tmp_path / "clone" / "main.tf").read_text() == "edited"
    after = subprocess.run([*git, "status", "--short"], check=True, capture_output=True).stdout
    assert after == before


def test_the_developers_git_settings_do_not_matter(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither signing nor the index of a calling hook reaches the commit."""
    (tmp_path / ".gitconfig").write_text("[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = false\n")
    with monkeypatch.context() as patch:
        patch.setenv("HOME", str(tmp_path))
        patch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
        source = repository(tmp_path / "repository.git", tree)
    assert "main.tf" in files_of(source, tmp_path)
    assert not (tmp_path / "index").exists()


def test_without_git_one_line_says_so(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing git is named, with the remedy."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match=r"^git is not on the PATH; install it"):
        repository(tmp_path / "repository.git", tree)


def test_what_git_says_is_passed_on(tmp_path: Path) -> None:
    """A failure names the command and git's own reason."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceError, match=r"^git init failed: .*file"):
        repository(tmp_path / "file" / "repository.git", tmp_path)


def test_the_repository_itself_is_the_default() -> None:
    """Without a root, this repository is meant."""
    assert (source_module.ROOT / "versions.tf").is_file()
