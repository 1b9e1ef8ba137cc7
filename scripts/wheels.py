"""Downloads the wheels of a lock for a Lambda runtime, and checks that the lock is complete.

pack.py runs it as a process, with the Python that runs pack.py itself, from 3.8::

    python3 -I wheels.py LOCK DIRECTORY RUNTIME ARCHITECTURE

It prints lines of progress, and last a line of JSON: ``{"wheels": PATH}``, a directory below
DIRECTORY that holds the wheels, or ``{"error": TEXT}``. Its lines may hold the credentials of a
package index; pack.py hides them. It needs pip 21.3 or newer, which has the rules for markers and
versions (packaging) and reads the user's configuration of the package index.

The target decides what is installed, never this machine: Linux, CPython, the architecture, and the
version of the runtime. Lambda keeps a runtime on its newest patch release, so a marker that asks
for the patch release sees 99. A wheel for plain ``linux_x86_64`` is never taken: its tag does not
say which glibc it needs.
"""

from __future__ import annotations

import email
import hashlib
import json
import os
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import textwrap
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

try:
    from pip import __version__ as pip_version
    from pip._vendor.packaging.requirements import InvalidRequirement, Requirement
    from pip._vendor.packaging.utils import canonicalize_name, parse_wheel_filename
except ImportError:
    pip_version = "0"

OLDEST_PIP = (21, 3)
CACHE_FORMAT = 1
INDEX = "index.json"
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
# The oldest glibc of manylinux, and the names of the days before PEP 600, by machine.
OLDEST_GLIBC = {"aarch64": 17, "x86_64": 5}
OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html: up to Python 3.11 on Amazon
# Linux 2 with glibc 2.26, later ones on Amazon Linux 2023 with glibc 2.34.
LAST_OLD_MINOR, OLD_GLIBC, GLIBC = 11, 26, 34
# Every runtime has these; https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
SHIPPED = frozenset({"boto3", "botocore"})

SHORT_OPTIONS = {"-i": "--index-url", "-f": "--find-links"}
VALUE_OPTIONS = {"--index-url", "--extra-index-url", "--find-links", "--trusted-host"}
FLAGS = {"--no-index", "--pre", "--prefer-binary", "--require-hashes"}
REMEDIES = {
    "-r": "write that file's lines here",
    "-c": "write the versions here",
    "-e": "leave your own project out (uv export --no-emit-project), or build a wheel of it, and "
    "name its folder with --find-links",
    "--no-binary": "remove it: a source distribution is never built here",
}
LONG_NAMES = {"--requirement": "-r", "--constraint": "-c", "--editable": "-e"}
PINNED = re.compile(r"===?[^=,*]+")
COMMENT = re.compile(r"(^|\s+)#.*$")
NO_NETWORK = re.compile(
    r"Retrying \(|Max retries|Connection\w*Error|connection broken|Connection refused|"
    r"ConnectTimeout|Read timed out|ReadTimeout|ProxyError|SSLError|Could not fetch URL"
)
NO_MATCH = re.compile(r"No matching distribution found for ([^\s(]+)")
OS_REMEDY = (
    "check the path, its permissions and the free space; code.build_dir sets where files are built"
)
WORDS_LIMIT = 600
METADATA = re.compile(r"[^/]+\.dist-info/METADATA")
METADATA_LIMIT = 10_000_000
OTHER_VERSION = "choose another version of its project"
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# zipfile raises any of these for a damaged file.
DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError)


class LockError(Exception):
    """The wheels cannot be had; the text says why and what to do."""


@dataclass(frozen=True)
class Target:
    """What the wheels must run on, such as ``python3.13`` on ``arm64``."""

    runtime: str
    architecture: str

    def __str__(self) -> str:
        return f"{self.runtime} on {self.architecture}"


@dataclass(frozen=True)
class Pin:
    """A line of a lock: the project's canonical name, the parsed line, and its hashes for pip."""

    line: int
    name: str
    requirement: Any
    hashes: tuple[str, ...]

    def render(self) -> str:
        """Render the line for pip: without its marker, which holds."""
        extras = ",".join(sorted(self.requirement.extras))
        project = f"{self.name}[{extras}]" if extras else self.name
        return " ".join([f"{project}{self.requirement.specifier}", *self.hashes])


def parse_minor(runtime: str) -> int:
    """Read 13 from ``"python3.13"``."""
    found = re.fullmatch(r"python3\.(\d+)", runtime)
    if not found:
        raise LockError(
            f"dependencies are installed for runtimes like python3.13, not for {runtime!r}; "
            "set function.runtime"
        )
    return int(found[1])


def list_platforms(target: Target) -> list[str]:
    """List the platform tags of the wheels that the target takes, the newest first.

    pip takes ``--platform`` word for word: manylinux_2_34 does not bring the older ones.
    """
    machine = MACHINES[target.architecture]
    glibc = OLD_GLIBC if parse_minor(target.runtime) <= LAST_OLD_MINOR else GLIBC
    tags = []
    for minor in range(glibc, OLDEST_GLIBC[machine] - 1, -1):
        tags.append(f"manylinux_2_{minor}_{machine}")
        if minor in OLD_NAMES:
            tags.append(f"{OLD_NAMES[minor]}_{machine}")
    return tags


def describe_environment(target: Target) -> dict[str, str]:
    """Describe the target as markers ask for it."""
    version = f"3.{parse_minor(target.runtime)}"
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{version}.99",
        "os_name": "posix",
        "platform_machine": MACHINES[target.architecture],
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{version}.99",
        "python_version": version,
        "sys_platform": "linux",
    }


def is_marker_true(marker: Any, environment: Mapping[str, str], extra: str = "") -> bool:
    """Whether a marker is true for the target.

    ValueError: it compares what cannot be compared, or depends on the kernel of the target.
    """
    answers = {
        marker.evaluate(
            {**environment, "extra": extra, "platform_release": kernel, "platform_version": kernel}
        )
        for kernel in ("0", "999")
    }
    if len(answers) > 1:
        raise ValueError("Lambda does not say which kernel it has")
    return bool(answers.pop())


def decode_lock(raw: bytes) -> str:
    """Decode a lock: UTF-8, or UTF-16 with its mark, which Windows writes."""
    wide = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return raw.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise LockError("it is not UTF-8; save it as UTF-8") from error


def join_lines(text: str) -> Iterator[tuple[int, str]]:
    """Join the lines that a backslash continues, without comments; each with its first number."""
    first, parts = 0, []  # type: tuple[int, list[str]]
    for number, line in enumerate([*text.splitlines(), ""], 1):
        first = first or number
        continues = line.endswith("\\") and not COMMENT.match(line)
        parts.append(line[:-1] if continues else COMMENT.sub("", line))
        if not continues:
            joined = "".join(parts).strip()
            if joined:
                yield first, joined
            first, parts = 0, []


def parse_options(line: int, text: str, folder: Path) -> list[str]:
    """Parse a line of options, and render them for pip; all of them choose the package index.

    A relative ``--find-links`` starts in the folder.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise LockError(f"line {line}, {text!r}: {error}; close the quotation") from error
    rendered_text = []
    while words:
        option, equals, value = words.pop(0).partition("=")
        if option[:2] in SHORT_OPTIONS or option[:2] in REMEDIES:
            attached = option[2:] + equals + value
            option, equals, value = option[:2], attached, attached
        option = SHORT_OPTIONS.get(option, LONG_NAMES.get(option, option))
        if option in FLAGS:
            rendered_text.append(option)
            continue
        if option not in VALUE_OPTIONS | {"--only-binary"}:
            remedy = REMEDIES.get(option, "remove it: a lock may only choose the package index")
            raise LockError(f"line {line}, {text!r}: {option} is not supported; {remedy}")
        if not equals:
            value = words.pop(0) if words else ""
        if option == "--find-links" and not value.startswith("${") and "://" not in value:
            value = str(folder / Path(value).expanduser())
        if option != "--only-binary":  # holds for all projects anyhow
            rendered_text.append(f"{option} {shlex.quote(value)}")
    return rendered_text


def parse_pin(line: int, text: str) -> Pin:
    """Parse a line that pins a project to one version."""
    written, *hashes = re.split(r"\s+--hash[\s=]+", text)
    option = re.search(r"\s(--?[A-Za-z][\w-]*)", f"{written} {' '.join(hashes)}")
    if option:
        raise LockError(
            f"line {line}, {text!r}: {option[1]} is not supported; remove it: only "
            "--hash=sha256:... may follow a requirement"
        )
    try:
        requirement = Requirement(written)
    except InvalidRequirement:
        requirement = None
    if requirement is None or requirement.url:
        raise LockError(
            f"line {line}, {written!r}: this is a URL, a path or not a requirement; name a project "
            "and pin its version, NAME==VERSION; build a wheel of a URL or a path, and name its "
            "folder with --find-links"
        )
    if not PINNED.fullmatch(str(requirement.specifier)):
        raise LockError(
            f"line {line}, {written!r}: this is not pinned to one version with ==; write "
            f"{requirement.name}==VERSION, or let `uv pip compile --generate-hashes` or "
            "`pip-compile --generate-hashes` write the file"
        )
    rendered_text = tuple(f"--hash={value}" for value in hashes)
    return Pin(line, canonicalize_name(requirement.name), requirement, rendered_text)


def parse_lock(text: str, folder: Path) -> tuple[list[str], list[Pin]]:
    """Parse a lock into the options of the index, as pip takes them, and the pins."""
    options, pins = [], []
    for line, statement in join_lines(text):
        if statement.startswith("-"):
            options += parse_options(line, statement, folder)
        else:
            pins.append(parse_pin(line, statement))
    return options, pins


def select_pins(pins: Iterable[Pin], target: Target) -> list[Pin]:
    """Select the pins whose markers hold for the target, by project name."""
    environment = describe_environment(target)
    chosen = {}  # type: dict[str, Pin]
    for pin in pins:
        marker = pin.requirement.marker
        try:
            has_part = marker is None or is_marker_true(marker, environment)
        except ValueError as error:
            raise LockError(
                f"line {pin.line}, {pin.name}: the marker {str(marker)!r} cannot be judged for "
                f"{target} ({error}); remove it"
            ) from error
        if not has_part:
            continue
        if pin.name in chosen:
            raise LockError(
                f"lines {chosen[pin.name].line} and {pin.line} both pin {pin.name} for {target}; "
                "remove one, or give them markers that exclude each other"
            )
        chosen[pin.name] = pin
    selected = [chosen[name] for name in sorted(chosen)]
    without = [pin for pin in selected if not pin.hashes]
    if without and len(without) < len(selected):
        raise LockError(
            f"line {without[0].line}, {without[0].name}: this has no --hash, and other lines do; "
            "give every line its hashes, or none"
        )
    return selected


def read_metadata(wheel: Path) -> Any:
    """Read the METADATA of a wheel."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            (name, *_) = sorted(filter(METADATA.fullmatch, archive.namelist()))
            info = archive.getinfo(name)
            if info.compress_type not in COMPRESSIONS:
                raise LockError(
                    f"the wheel {wheel.name} holds {name!r} in another compression than deflate; "
                    + OTHER_VERSION
                )
            info.file_size = sys.maxsize  # zipfile hides what is longer than declared
            with archive.open(info) as file:
                raw = file.read(METADATA_LIMIT + 1)
    except DAMAGE as error:
        raise LockError(
            f"the wheel {wheel.name} is damaged or has no METADATA ({error}); {OTHER_VERSION}"
        ) from error
    if len(raw) > METADATA_LIMIT:
        raise LockError(
            f"the wheel {wheel.name} has METADATA of more than {METADATA_LIMIT:,} bytes; "
            + OTHER_VERSION
        )
    return email.message_from_bytes(raw)


def list_needs(metadata: Any, extras: Iterable[str], environment: Mapping[str, str]) -> list[Any]:
    """List the requirements of a project that hold, with the extras that are asked for."""
    asked = set(extras)
    provided = [e for e in metadata.get_all("Provides-Extra", []) if canonicalize_name(e) in asked]
    needs = []
    for text in metadata.get_all("Requires-Dist", []):
        try:
            need = Requirement(text)
            has_part = need.marker is None or any(
                is_marker_true(need.marker, environment, extra) for extra in ["", *asked, *provided]
            )
        except ValueError:
            print(f"{metadata['Name']} says {text!r}, and this is ignored.", flush=True)
            continue
        if has_part:
            needs.append(need)
    return needs


def check_complete(pins: Sequence[Pin], wheels: Mapping[str, Path], target: Target) -> None:
    """Check that what the wheels need is in the lock, names and versions.

    boto3 and botocore, and what only they need, may be missing.
    """
    extras = {pin.name: {canonicalize_name(e) for e in pin.requirement.extras} for pin in pins}
    needs = []  # type: list[tuple[str, Any]]
    waiting = list(extras)
    while waiting:
        name = waiting.pop()
        metadata = read_metadata(wheels[name])
        for need in list_needs(metadata, extras[name], describe_environment(target)):
            needs.append((name, need))
            needed = canonicalize_name(need.name)
            further = {canonicalize_name(extra) for extra in need.extras}
            if needed in extras and not further <= extras[needed]:
                extras[needed] |= further
                waiting.append(needed)
    shipped = find_shipped([(name, canonicalize_name(need.name)) for name, need in needs])
    for name, need in sorted(needs, key=str):
        needed = canonicalize_name(need.name)
        wheel = wheels.get(needed)
        if wheel is None:
            problem = f" on {target}, and the file does not pin {needed}"
            is_satisfied = needed in SHIPPED or name in shipped
        else:
            version = parse_wheel_filename(wheel.name)[1]
            problem = f", and the file pins {needed} {version}"
            is_satisfied = need.specifier.contains(version, prereleases=True)
        if not is_satisfied:
            raise LockError(
                f"{name} needs '{str(need).partition(';')[0].strip()}'{problem}; make the file "
                "again, with `uv pip compile --universal --python-version "
                f"3.{parse_minor(target.runtime)} --generate-hashes requirements.in -o "
                f"requirements.txt`, or on Linux with {target.runtime} `pip-compile "
                "--generate-hashes --allow-unsafe requirements.in`"
            )


def find_shipped(needs: Sequence[tuple[str, str]]) -> set[str]:
    """Find what only boto3 and botocore need, with them; a need is (project, what it needs)."""
    shipped = set(SHIPPED)
    while True:
        others = {needed for name, needed in needs if name not in shipped}
        found = shipped | {needed for _, needed in needs if needed not in others}
        if found == shipped:
            return shipped
        shipped = found


def name_wheels(pins: Sequence[Pin], folder: Path, target: Target) -> dict[str, Path]:
    """Name the wheels of a folder for the target by project."""
    named = {}  # type: dict[str, Path]
    platforms = {"any", *list_platforms(target)}
    for wheel in sorted(folder.glob("*.whl")):
        try:
            project, _, _, tags = parse_wheel_filename(wheel.name)
            if platforms & {tag.platform for tag in tags}:  # PIP_PLATFORM adds platforms
                named[canonicalize_name(project)] = wheel
        except ValueError as error:
            raise LockError(
                f"the name of the wheel {wheel.name!r} is not a wheel's ({error}); {OTHER_VERSION}"
            ) from error
    other = named.keys() ^ {pin.name for pin in pins}
    if other:
        raise LockError(
            f"pip did not download what the file pins: {', '.join(sorted(other))}; check pip's "
            "configuration with `python3 -m pip config list`"
        )
    return named


def list_pip_arguments(target: Target, folder: Path) -> list[str]:
    """List pip's arguments: wheels for the target only, into a folder next to the requirements."""
    minor = parse_minor(target.runtime)
    # Not --no-input: with it, pip asks no keyring for a login. There is no input anyhow.
    arguments = ["download", "--no-color", "--disable-pip-version-check"]
    arguments += ["--progress-bar", "off", "--no-deps", "--only-binary", ":all:"]
    arguments += ["--implementation", "cp", "--abi", f"cp3{minor}"]
    arguments += ["--python-version", f"3.{minor}"]
    for platform in list_platforms(target):
        arguments += ["--platform", platform]
    requirements = folder.with_name("requirements.txt")
    return [*arguments, "--dest", str(folder), "--requirement", str(requirements)]


def run_pip(arguments: Sequence[str]) -> tuple[int, list[str]]:
    """Run pip with the user's configuration; its exit code and lines.

    With -I it imports no module from the directory where terraform runs. It installs nothing, so
    it needs no virtual environment, also where the user has asked for one.
    """
    lines = []
    with subprocess.Popen(
        [sys.executable, "-I", "-m", "pip", *arguments],
        env={**os.environ, "PIP_REQUIRE_VIRTUALENV": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            lines.append(line.strip())
            if lines[-1].startswith(("Downloading ", "Using cached ")):
                print(lines[-1], flush=True)
    return process.returncode, lines


def explain_failure(lines: Sequence[str], target: Target) -> str:
    """Explain in one line why pip failed, with pip's own words."""
    first = next((i for i, line in enumerate(lines) if line.startswith("ERROR:")), 0)
    words = " ".join(line for line in lines[first:] if not line.startswith("WARNING:"))
    words = re.sub(r"\(from -r .*?\(line \d+\)\)|\[notice\].*", "", words)
    # Whole words only: pack.py would not find the credentials of a URL that is cut in the middle.
    said = f"pip: {textwrap.shorten(words, WORDS_LIMIT, placeholder=' ...')}"
    found = NO_MATCH.search(words)
    if "DO NOT MATCH THE HASHES" in words:
        reason = "a downloaded wheel has none of the hashes in the file; make the file again"
    elif "EOFError" in words:
        reason = "the package index asks for a login; give one in pip's configuration or a keyring"
    elif NO_NETWORK.search(" ".join(lines)):
        reason = "the package index could not be reached; check the network and pip's configuration"
    elif found:
        reason = (
            f"pip's index has no wheel of {found[1]} for {target}, or does not let you see it, and "
            "a source distribution is never built here; choose a version that has a wheel, build "
            "one and name its folder with --find-links, or check pip's index and your login"
        )
    else:
        reason = "pip could not download the wheels; see its message"
    return f"{reason} ({said})"


def hash_files(folder: Path) -> dict[str, str]:
    """Hash the wheels of a folder, by file name."""
    return {
        wheel.name: hashlib.sha256(wheel.read_bytes()).hexdigest()
        for wheel in sorted(folder.glob("*.whl"))
    }


def is_intact(folder: Path) -> bool:
    """Whether a folder holds the wheels that were downloaded, byte for byte."""
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        return bool(index == hash_files(folder))
    except (OSError, ValueError):
        return False


def name_cache(options: Sequence[str], pins: Sequence[Pin], target: Target) -> str:
    """Name the folder of wheels by all that decides what is in it.

    Also by the wheels in folders here that the lock names: they can be built again.
    """
    values = [shlex.split(option)[1] for option in options if option.startswith("--find-links ")]
    hashes = [hash_files(Path(value)) for value in values if Path(value).is_dir()]
    decisive = [CACHE_FORMAT, options, [pin.render() for pin in pins], str(target)]
    decisive += [list_platforms(target), hashes]
    digest = hashlib.sha256(json.dumps(decisive).encode("utf-8")).hexdigest()
    return f"wheels-{digest[:16]}"


def download(options: Sequence[str], pins: Sequence[Pin], target: Target, folder: Path) -> None:
    """Download the wheels into a folder; pip reads the requirements next to it."""
    folder.mkdir()
    lines = [*options, *(pin.render() for pin in pins)]
    requirements = folder.with_name("requirements.txt")
    requirements.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if pins:
        code, output = run_pip(list_pip_arguments(target, folder))
        if code:
            raise LockError(explain_failure(output, target))


def fetch(lock: Path, directory: Path, target: Target) -> Path:
    """Download the wheels of a lock, unless they are there, and return their folder.

    The folder is made below the directory, in one step.
    """
    options, pins = parse_lock(decode_lock(lock.read_bytes()), lock.absolute().parent)
    pins = select_pins(pins, target)
    cache = directory / name_cache(options, pins, target)
    if is_intact(cache):
        print(f"The wheels of {lock} for {target} are there: {len(pins)}.", flush=True)
        check_complete(pins, name_wheels(pins, cache, target), target)
        return cache
    print(f"Downloading the wheels of {lock} for {target}: {len(pins)}.", flush=True)
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=str(directory), suffix=".part") as temporary:
        folder = Path(temporary, "wheels")
        download(options, pins, target, folder)
        check_complete(pins, name_wheels(pins, folder, target), target)
        (folder / INDEX).write_text(json.dumps(hash_files(folder)), encoding="utf-8")
        if cache.exists():  # damaged
            shutil.rmtree(str(cache))
        try:
            folder.rename(cache)
        except OSError:  # another packer was faster
            if not is_intact(cache):
                raise
    return cache


def check_pip(version: str) -> None:
    """Check that pip has what is used here."""
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST_PIP:
        found = "has no usable pip" if version == "0" else f"has pip {version}"
        raise LockError(
            f"{sys.executable} {found}, and dependencies need pip 21.3 or newer; install it into "
            "the environment of this python, or name the python of a virtual environment in "
            "code.python"
        )


def main(arguments: Sequence[str]) -> int:
    """Fetch the wheels; print the answer, and return the exit code."""
    lock, directory, runtime, architecture = arguments
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        check_pip(pip_version)
        folder = fetch(Path(lock), Path(directory), Target(runtime, architecture))
    except LockError as error:
        answer = {"error": f"{lock}: {error}"}
    except OSError as error:
        answer = {"error": f"{lock}: {error}; {OS_REMEDY}"}
    else:
        answer = {"wheels": str(folder)}
    print(json.dumps(answer), flush=True)
    return int("error" in answer)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
