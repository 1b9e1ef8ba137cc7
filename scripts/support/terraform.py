"""Runs terraform for the demo and the tests, wherever the provider comes from.

    with interruptible():
        stack = Terraform(directory=path, environment=environment(emulator.environment(account)))
        stack.init()
        stack.apply()

A company without access to the public registry keeps a mirror of providers on disk. Providers come
from the first of these: the file in TF_CLI_CONFIG_FILE, if it exists; the directory in
TF_PLUGIN_MIRROR; the user's CLI configuration, if it has a section for this; the user's plugins,
and directories in /opt. If there is none, terraform uses its default.

The variable TERRAFORM can name another program, such as tofu.
"""

import contextlib
import functools
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
BUILD: Final = ROOT / "build" / "terraform"
PROVIDER: Final = "registry.terraform.io/hashicorp/aws"
LEAST_VERSION: Final = (1, 9)
GRACE_SECONDS: Final = 10.0
CHANGES: Final = 2  # the exit code of ``plan -detailed-exitcode`` when something would change

# All other variables of the caller stay out, above all AWS_* and TF_*: a run must not depend on, or
# touch, an account that happens to be configured.
PASSED_ON: Final = frozenset(
    {
        *("PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "TF_PLUGIN_CACHE_DIR", "XDG_DATA_HOME", "XDG_DATA_DIRS"),
    }
)

OFFLINE: Final = {
    "AWS_ACCESS_KEY_ID": "123456789012",
    "AWS_SECRET_ACCESS_KEY": "offline",
    "AWS_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
"""Fake credentials, for plans and tests that call nothing."""


class TerraformError(Exception):
    """Terraform is missing, too old, or failed; ``output`` has its stdout, then its stderr."""

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(f"{message}\n{output}" if output else message)
        self.output = output


@dataclass(frozen=True, slots=True, kw_only=True)
class Terraform:
    """A root module in a directory.

    Every command runs in a new process session. If an exception interrupts it, the
    command and all its providers and provisioners end. ``report`` gets each line that it prints.
    """

    directory: Path
    environment: Mapping[str, str] = field(default_factory=lambda: environment(OFFLINE))
    report: Callable[[str], None] | None = None

    def init(self, *arguments: str) -> None:
        """Install modules and providers; the lock file has no checksums, whose check is slow."""
        self.run("init", "-input=false", *arguments)
        for lock in self.directory.glob(".terraform.lock.hcl"):
            lock.write_text(re.sub(r"  hashes = \[[^]]*\]\n", "", lock.read_text("utf-8")), "utf-8")

    def plan(self, *arguments: str) -> bool:
        """Plan; return whether anything would change."""
        return self._execute("plan", "-input=false", "-detailed-exitcode", *arguments)[0] == CHANGES

    def apply(self, *arguments: str) -> None:
        """Apply without asking."""
        self.run("apply", "-input=false", "-auto-approve", *arguments)

    def destroy(self, *arguments: str) -> None:
        """Destroy everything without asking."""
        self.run("destroy", "-input=false", "-auto-approve", *arguments)

    def output(self) -> dict[str, Any]:
        """Return the values of the outputs."""
        outputs = json.loads(self.run("output", "-json"))
        return {name: output["value"] for name, output in outputs.items()}

    def show(self, *arguments: str) -> dict[str, Any]:
        """Return the state, or a saved plan, in terraform's JSON."""
        shown: dict[str, Any] = json.loads(self.run("show", "-json", *arguments))
        return shown

    def run(self, *arguments: str) -> str:
        """Run any command; return its standard output."""
        return self._execute(*arguments)[1]

    def _execute(self, *arguments: str) -> tuple[int, str]:
        lines = []
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8") as errors,
            subprocess.Popen(
                [binary(), *arguments],
                cwd=self.directory,
                env={**self.environment, "TF_CLI_ARGS": "-no-color"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                encoding="utf-8",
                # Terraform must get Ctrl-C once, and from us: at a second one it exits at once.
                start_new_session=True,
            ) as process,
        ):
            try:
                for line in process.stdout or ():
                    lines.append(line)
                    if self.report:
                        self.report(line.rstrip("\n"))
                code = process.wait()
            finally:
                _stop(process)
            errors.seek(0)
            output, complaints = "".join(lines), errors.read()
        if code != 0 and not ("-detailed-exitcode" in arguments and code == CHANGES):
            message = f"terraform {arguments[0]} failed in {self.directory}"
            raise TerraformError(message, output + complaints)
        return code, output


def _stop(process: subprocess.Popen[str]) -> None:
    """End a session: interrupt terraform, so that it writes its state, then kill the rest."""
    try:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE_SECONDS)
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Make signal n raise SystemExit(128 + n) in the main thread, which stops its terraform.

    This includes SIGINT, because background jobs of a shell ignore it.
    """

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    numbers = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
    before = {number: signal.signal(number, leave) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


@functools.cache
def binary() -> str:
    """Return the path of terraform, which must exist and be new enough."""
    program = os.environ.get("TERRAFORM") or "terraform"
    remedy = "install 1.9 or newer: https://developer.hashicorp.com/terraform/install"
    if (found := shutil.which(program)) is None:
        raise TerraformError(f"{program} is not on the PATH; {remedy}")
    said = subprocess.check_output([found, "version", "-json"], env=environment())
    version = json.loads(said)["terraform_version"]
    if tuple(map(int, version.split(".")[:2])) < LEAST_VERSION:
        raise TerraformError(f"{found} is {version}; {remedy}")
    return found


def environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Build terraform's environment: common variables, the source of providers, ``variables``."""
    config = cli_config()
    return {
        **{name: value for name, value in os.environ.items() if name in PASSED_ON},
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
        # Processes that end soon need not free memory, which is a quarter of terraform's work.
        "GOGC": "400",
        **({"TF_CLI_CONFIG_FILE": str(config)} if config else {}),
        **(variables or {}),
    }


def cli_config() -> Path | None:
    """Return the CLI configuration, written first if a mirror needs one; None for the default.

    Raise `TerraformError` if TF_PLUGIN_MIRROR is not a mirror.
    """
    given, named = os.environ.get("TF_CLI_CONFIG_FILE"), os.environ.get("TF_PLUGIN_MIRROR")
    if given and Path(given).is_file():
        return Path(given).resolve()
    if named and not _is_mirror(Path(named)):
        raise TerraformError(
            f"TF_PLUGIN_MIRROR={named} holds no {PROVIDER} for {_target()}; "
            "name the directory above registry.terraform.io, or unset it"
        )
    own = Path.home() / ".terraformrc"
    if not named and own.is_file() and "provider_installation" in own.read_text(encoding="utf-8"):
        return None
    mirror = Path(named) if named else next(filter(_is_mirror, _usual_places()), None)
    return None if mirror is None else _write_config(mirror.resolve())


def _is_mirror(directory: Path) -> bool:
    """Whether the directory has the provider for this platform, unpacked or as a zip."""
    provider = directory / PROVIDER
    return any(provider.glob(f"*/{_target()}")) or any(provider.glob(f"*_{_target()}.zip"))


def _target() -> str:
    machine = platform.machine().lower()
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    return f"{platform.system().lower()}_{architecture}"


def _usual_places() -> list[Path]:
    return [Path.home() / ".terraform.d" / "plugins", *sorted(Path("/opt").glob("*"))]


def _write_config(mirror: Path) -> Path:
    text = f"""\
provider_installation {{
  filesystem_mirror {{
    path    = {json.dumps(str(mirror))}
    include = ["{PROVIDER}"]
  }}
  direct {{
    exclude = ["{PROVIDER}"]
  }}
}}
"""
    BUILD.mkdir(parents=True, exist_ok=True)
    config = BUILD / f"mirror-{hashlib.sha256(text.encode()).hexdigest()[:12]}.tfrc"
    # Replaced in one step: another run may be reading it.
    part = config.with_suffix(f".{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    return part.replace(config)
