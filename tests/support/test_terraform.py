"""Terraform is found with its providers, gets nothing it was not given, and never outlives us."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.support import terraform as terraform_module
from scripts.support.terraform import (
    PROVIDER,
    Terraform,
    TerraformError,
    cli_config,
    environment,
)
from tests.waiting import SECONDS

SLOW_STACK = """\
resource "terraform_data" "first" {}

resource "terraform_data" "slow" {
  depends_on = [terraform_data.first]

  provisioner "local-exec" {
    command = "echo pid=$$; exec sleep 300"
    quiet   = true
  }
}
"""

OWNER = """
import sys
from pathlib import Path
from scripts.support import terraform
from scripts.support.terraform import Terraform, interruptible
terraform.GRACE_SECONDS = 120
def report(line):
    if "pid=" in line:
        print(line.split("pid=")[1], flush=True)
with interruptible():
    stack = Terraform(directory=Path(sys.argv[1]), report=report)
    stack.init()
    stack.apply()
"""


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any mirror: nothing in the environment, an empty home, no usual place."""
    for name in ("TF_CLI_CONFIG_FILE", "TF_PLUGIN_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(terraform_module, "BUILD", tmp_path / "build")
    usual = terraform_module._usual_places

    def inside() -> list[Path]:
        return [place for place in usual() if place.is_relative_to(tmp_path)]

    monkeypatch.setattr(terraform_module, "_usual_places", inside)
    (tmp_path / "home").mkdir()
    return tmp_path


def mirror(directory: Path, target: str = "") -> Path:
    """A mirror that holds the provider, unpacked."""
    (
        directory / terraform_module.PROVIDER / "5.100.0" / (target or terraform_module._target())
    ).mkdir(parents=True)
    return directory


def test_an_existing_configuration_is_used_as_it_is(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TF_CLI_CONFIG_FILE wins over every mirror."""
    given = elsewhere / "given.tfrc"
    given.write_text("")
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(given))
    monkeypatch.setenv("TF_PLUGIN_MIRROR", str(mirror(elsewhere / "mirror")))
    assert cli_config() == given


def test_a_configuration_that_does_not_exist_is_not_passed_on(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Terraform would print a warning about it before everything else."""
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(elsewhere / "missing.tfrc"))
    assert "TF_CLI_CONFIG_FILE" not in environment()


def test_the_named_mirror_is_used(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TF_PLUGIN_MIRROR wins over the usual places; only our provider comes from it."""
    mirror(elsewhere / "home" / ".terraform.d" / "plugins")
    monkeypatch.setenv("TF_PLUGIN_MIRROR", str(mirror(elsewhere / "mirror")))
    config = cli_config()
    assert config
    assert f'path    = "{elsewhere}/mirror"' in config.read_text()
    assert config.read_text().count(f'["{terraform_module.PROVIDER}"]') == 2


def test_a_named_mirror_without_the_provider_is_an_error(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong TF_PLUGIN_MIRROR is said, not passed over; another platform's mirror is wrong too."""
    monkeypatch.setenv("TF_PLUGIN_MIRROR", str(mirror(elsewhere / "mirror", "plan9_amd64")))
    with pytest.raises(TerraformError, match=r"^TF_PLUGIN_MIRROR=.* holds no registry") as error:
        cli_config()
    assert len(str(error.value).splitlines()) == 1


def test_the_users_own_configuration_is_left_to_terraform(elsewhere: Path) -> None:
    """A .terraformrc that says where providers come from is not replaced by a guess of ours."""
    mirror(elsewhere / "home" / ".terraform.d" / "plugins")
    (elsewhere / "home" / ".terraformrc").write_text("provider_installation {}\n")
    assert cli_config() is None


def test_the_users_plugins_are_found(elsewhere: Path) -> None:
    """They are used from wherever terraform runs, even with another home."""
    place = mirror(elsewhere / "home" / ".terraform.d" / "plugins")
    config = cli_config()
    assert config
    assert f'path    = "{place}"' in config.read_text()


def test_a_mirror_below_opt_is_looked_for() -> None:
    """Companies often install a mirror into a separate directory there."""
    below = {str(path) for path in Path("/opt").glob("*")}
    assert below <= {str(path) for path in terraform_module._usual_places()}


def test_a_packed_mirror_counts(elsewhere: Path) -> None:
    """`terraform providers mirror` writes zips instead of directories."""
    provider = elsewhere / "home" / ".terraform.d" / "plugins" / terraform_module.PROVIDER
    provider.mkdir(parents=True)
    (provider / f"terraform-provider-aws_5.100.0_{terraform_module._target()}.zip").touch()
    assert cli_config()


def test_without_a_mirror_the_registry_is_used(elsewhere: Path) -> None:
    """Nothing is written, and terraform decides."""
    assert cli_config() is None
    assert not (elsewhere / "build").exists()


def test_terraform_gets_nothing_it_was_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """No account, profile or variable of the developer's reaches it."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "TF_VAR_name", "TF_LOG"):
        monkeypatch.setenv(name, "the developer's")
    given = environment({"AWS_REGION": "eu-central-1"})
    assert "the developer's" not in given.values()
    assert given["AWS_REGION"] == "eu-central-1"
    assert given["PATH"] == os.environ["PATH"]


@pytest.fixture
def fresh() -> Iterator[None]:
    """Nothing remembered of the terraform that is really there."""
    terraform_module.binary.cache_clear()
    yield
    terraform_module.binary.cache_clear()


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize(
    ("script", "said"),
    [
        (None, "terraform is not on the PATH; install 1.9 or newer: https://"),
        ('#!/bin/sh\necho \'{"terraform_version": "1.8.5"}\'\n', "is 1.8.5; install 1.9 or newer"),
    ],
)
def test_a_missing_or_old_terraform_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, said: str
) -> None:
    """The line says what is wanted and where to get it."""
    if script:
        (tmp_path / "terraform").write_text(script)
        (tmp_path / "terraform").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TerraformError) as error:
        terraform_module.binary()
    assert said in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.terraform
def test_a_failure_holds_what_terraform_said(tmp_path: Path) -> None:
    """The error names command and directory, and ends with terraform's own words."""
    (tmp_path / "main.tf").write_text('output "wrong" {\n  value = local.missing\n}\n')
    stack = Terraform(directory=tmp_path)
    stack.init()
    with pytest.raises(TerraformError) as error:
        stack.run("validate")
    assert str(error.value).startswith(f"terraform validate failed in {tmp_path}\n")
    assert "undeclared local value" in error.value.output


@pytest.mark.terraform
def test_checksums_are_compared_once(tmp_path: Path) -> None:
    """After ``init``, a command starts the provider without reading all of it first."""
    (tmp_path / "main.tf").write_text('data "aws_region" "current" {}\n')
    stack = Terraform(directory=tmp_path)
    stack.init()
    (installed,) = (tmp_path / ".terraform" / "providers" / PROVIDER).glob("*/*")
    installed.rename(tmp_path / "installed")
    installed.mkdir()
    other = installed / "terraform-provider-aws_v0"
    other.write_text("#!/bin/sh\nexit 1\n")
    other.chmod(0o755)
    with pytest.raises(TerraformError) as error:
        stack.run("validate")
    assert other.name in error.value.output


@pytest.mark.terraform
def test_a_stack_comes_and_goes(tmp_path: Path) -> None:
    """A plan says whether there are changes; outputs are values; destroy leaves nothing."""
    (tmp_path / "main.tf").write_text(
        'resource "terraform_data" "one" {\n  input = [1]\n}\n'
        'output "input" {\n  value = terraform_data.one.output\n}\n'
    )
    lines: list[str] = []
    stack = Terraform(directory=tmp_path, report=lines.append)
    stack.init()
    assert stack.plan()
    stack.apply()
    assert "terraform_data.one: Creating..." in lines
    assert not stack.plan()
    assert stack.output() == {"input": [1]}
    assert stack.run("state", "list") == "terraform_data.one\n"
    stack.destroy()
    assert stack.run("state", "list") == ""


def alive(pid: int) -> bool:
    """Whether the process runs (one that waits for its parent to collect it does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.terraform
@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes through /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_owner_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    """Terraform writes its state and ends, with the provisioner that it ran; then the owner."""
    (tmp_path / "main.tf").write_text(SLOW_STACK)
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)],
        cwd=terraform_module.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as owner:
        assert owner.stdout
        provisioner = int(owner.stdout.readline())
        try:
            assert alive(provisioner)
            owner.send_signal(number)
            assert owner.wait(SECONDS) != 0
            assert not alive(provisioner)
        finally:
            owner.kill()
            with contextlib.suppress(ProcessLookupError):
                os.kill(provisioner, signal.SIGKILL)
    assert "terraform_data.first\n" in Terraform(directory=tmp_path).run("state", "list")
    assert not list(tmp_path.glob(".terraform.tfstate.lock.info")), "killed, not asked to end"
