"""Files for GitHub, dependabot and pre-commit are valid, pinned, and agree with the rest."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(path.name for path in FOLDER.glob("*.yml"))
SCHEMAS = {".github/dependabot.yml": "dependabot"} | {
    f".github/workflows/{name}": "github-workflows" for name in WORKFLOWS
}


def read_yaml(path: Path) -> Any:
    """Read a file as YAML 1.2, in which `on` is a text."""
    return YAML(typ="safe").load(path)


def read_text(name: str) -> str:
    """Read a file of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def list_steps(workflow: str) -> Iterator[dict[str, Any]]:
    """List the steps of all jobs of a workflow."""
    for job in read_yaml(FOLDER / workflow)["jobs"].values():
        yield from job["steps"]


def read_matrix(job: str) -> dict[str, list[str]]:
    """Return the versions by which a job of CI is repeated."""
    matrix: dict[str, list[str]] = read_yaml(FOLDER / "ci.yml")["jobs"][job]["strategy"]["matrix"]
    return matrix


def validate(schema: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Check a file by a schema that check-jsonschema brings along, without a network."""
    return subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", path],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_file_fits_its_schema(name: str) -> None:
    """GitHub can read the file."""
    done = validate(SCHEMAS[name], ROOT / name)
    assert done.returncode == 0, done.stdout


def test_a_wrong_file_does_not_fit(tmp_path: Path) -> None:
    """The schema finds a key that GitHub does not know."""
    wrong = tmp_path / "ci.yml"
    wrong.write_text(read_text(".github/workflows/ci.yml").replace("runs-on:", "run-on:"))
    assert validate("github-workflows", wrong).returncode == 1


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_jobs_have_few_rights_and_an_end(workflow: str) -> None:
    """By default a job can only read, and each job has a limit of time."""
    content = read_yaml(FOLDER / workflow)
    assert content["permissions"] == {"contents": "read"}
    assert content["concurrency"]["group"]
    assert [name for name, job in content["jobs"].items() if "timeout-minutes" not in job] == []


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_actions_are_pinned(workflow: str) -> None:
    """Each action is a commit, with its version in a comment, and has one version in all files."""
    text = "".join(read_text(f".github/workflows/{name}") for name in WORKFLOWS)
    used = [step["uses"] for step in list_steps(workflow) if "uses" in step]
    pinned = set(re.findall(r"uses: (\S+@[0-9a-f]{40}) # v\d+\.\d+\.\d+$", text, re.MULTILINE))
    assert used
    assert set(used) <= pinned
    assert len({each.split("@")[0] for each in pinned}) == len(pinned)


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_targets_exist(workflow: str) -> None:
    """Each `make` target of a workflow is in the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", read_text("Makefile"), re.MULTILINE))
    used = {
        target
        for step in list_steps(workflow)
        for target in re.findall(r"\bmake ([a-z-]+)", step.get("run", ""))
    }
    assert used
    assert used - targets == set()


def test_every_push_is_tested() -> None:
    """`make test` runs on every push and pull request."""
    ci = read_yaml(FOLDER / "ci.yml")
    assert ci["on"]["push"] == {"branches": ["**"]}
    assert "pull_request" in ci["on"]
    assert {"run": "make test"} in ci["jobs"]["test"]["steps"]


def test_terraform_versions() -> None:
    """The weekly jobs try the oldest Terraform that versions.tf allows, and the newest."""
    least = re.search(r'required_version = ">= ([\d.]+)"', read_text("versions.tf"))
    versions = read_matrix("terraform")["terraform"]
    assert least
    assert versions[0] == f"~{least[1]}.0"
    assert versions[-1] == "latest"
    assert read_yaml(FOLDER / "ci.yml")["env"]["TERRAFORM_VERSION"] in versions


def test_provider_versions() -> None:
    """They try the oldest provider of versions.tf, and the newest of each major version."""
    allowed = re.search(r'version = ">= (\d+)\.(\d+), < (\d+)"', read_text("versions.tf"))
    assert allowed
    major, minor, above = map(int, allowed.groups())
    newest = [f"~> {each}.0" for each in range(major + 1, above)]
    oldest = [f"~> {major}.{minor}.0", f"~> {major}.{minor}"]
    assert read_matrix("terraform")["provider"] == [*oldest, *newest]


def test_python_versions() -> None:
    """They try every Python from the oldest that pyproject.toml allows."""
    least = re.search(r'requires-python = ">=3\.(\d+)"', read_text("pyproject.toml"))
    versions = read_matrix("python")["python"]
    assert least
    first = int(least[1])
    assert versions == [f"3.{first + number}" for number in range(len(versions))]
    listed = next(
        step["with"]["python-version"].split()
        for step in list_steps("release.yml")
        if "setup-python" in step.get("uses", "")
    )
    assert sorted(listed) == versions


def test_hooks_run_the_tools_of_lint() -> None:
    """Each tool of `make lint` is a hook of pre-commit, and no other."""
    makefile = read_text("Makefile").replace("$(TERRAFORM)", "$(DEV)/terraform")
    recipes = re.findall(r"^(?:types|style):.*\n((?:\t.+\n)+)", makefile, re.MULTILINE)
    commands = re.findall(r"\$\(DEV\)/([^&\n]+)", "".join(recipes))
    plain = {re.sub(r" (-?-check|--quiet|-diff|\.)(?= |$)", "", each.strip()) for each in commands}
    hooks = read_yaml(ROOT / ".pre-commit-config.yaml")["repos"][0]["hooks"]
    entries = [hook["entry"] for hook in hooks]
    assert {re.sub(r"^.*\.venv/bin/", "", entry) for entry in entries} == plain
