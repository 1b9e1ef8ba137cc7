"""The release of the working tree, built once."""

from pathlib import Path

import pytest

from scripts.release import Artefacts, build
from scripts.support.source import repository


@pytest.fixture(scope="session")
def git(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose HEAD is the working tree."""
    directory = tmp_path_factory.mktemp("git") / "repository.git"
    repository(directory)
    return directory


@pytest.fixture(scope="session")
def artefacts(git: Path, tmp_path_factory: pytest.TempPathFactory) -> Artefacts:
    """Build the release of that repository."""
    return build(git, tmp_path_factory.mktemp("release"))
