"""Packs a function's sources, its dependencies and the package idempotent_lambda into one zip.

Terraform runs it at apply with any python3 from 3.8, so it uses the standard library only, and
this file parses on Python 3.6 to say that 3.8 is needed. ``PACK`` in the environment is a JSON
object with the fields of ``Request``. The exit code is 0, or 1 with one line on standard error.

The same input gives the same zip: sorted names, one date, one mode, LF in the text of the sources;
to the byte with the same zlib. ``files_hash`` is Terraform's hash of the files that it planned to
deploy; when the sources have changed since, the packer writes nothing.

The zip's directory belongs to one function. One packer at a time works in it, and removes what
earlier ones left there. ``wheels.py``, run as a process, downloads the dependencies.
"""

import contextlib
import copy
import hashlib
import io
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import tokenize
import unicodedata
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
if sys.platform != "win32":
    import fcntl

OLDEST_PYTHON = (3, 8)
PACKAGE = "idempotent_lambda"
# The package's own directory holds what Python and editors leave there; `exclude` is the user's.
PACKAGE_EXCLUDE = re.compile(r"(^|/)(\.|__pycache__/)|\.pyc$")
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
ZIP_LIMIT = 52_428_800
UNPACKED_LIMIT = 262_144_000
EARLIEST = (1980, 1, 1, 0, 0, 0)  # the first date that a zip can hold
# Terraform reads no modes, so all files get one: a script or a compiled binary must run.
MODE = 0o100755 << 16
UNIX = 3
# zipfile unpacks any other at once, however long it is.
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# A module has one of these suffixes on Linux.
MODULE = re.compile(r"(.+?)(?:\.py|(?:\.abi3|\.cpython-[^./]+)?\.so)")
# zipfile raises any of these for a damaged file.
DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError)
DATA_DIRECTORY = re.compile(r"[^/]+-[^/]+\.data")


class PackError(Exception):
    """The zip cannot be built; the text says why and what to do."""


class Request(NamedTuple):
    """What Terraform asks for, as ``PACK`` says it."""

    source_dir: str
    package_dir: str  # holds idempotent_lambda
    zip: str
    exclude: str  # a regular expression; a path below source_dir that it finds is left out
    files_hash: str
    requirements: "str | None"  # the lock of the dependencies
    runtime: str  # such as python3.13
    architecture: str  # arm64 or x86_64
    processor_files: "list[str]"  # the zip must hold one of these; empty for no check
    reserved_modules: "list[str]"  # boto3 or the package imports these: no wheel may hold them


class WheelFile(NamedTuple):
    """A file of a wheel, and how the wheel declares it."""

    wheel: Path
    info: zipfile.ZipInfo


def list_files(directory: Path, exclude: "re.Pattern[str]") -> "dict[str, Path]":
    """List the files to pack below a directory: name in the zip, with slashes, to path.

    A directory is left out when ``exclude`` finds its path with a slash at the end. Each pattern of
    Terraform that does so finds all files below the directory, too.
    """
    root = directory.resolve()
    if not root.is_dir():
        raise PackError(f"there is no directory {str(directory)!r}; check the path")
    files = {}
    for parent, folders, names in os.walk(str(root), onerror=_raise, followlinks=True):
        folders[:] = [f for f in folders if not exclude.search(_name(root, parent, f) + "/")]
        for folder in folders:
            _refuse_escape(Path(parent, folder), root)
        for file in names:
            path, name = Path(parent, file), _name(root, parent, file)
            if exclude.search(name):
                continue
            _refuse_escape(path, root)
            if path.exists() and not path.is_file():
                continue  # a socket or a pipe: Terraform lists regular files only
            try:
                name.encode("utf-8")
            except UnicodeEncodeError as error:
                text = f"the name of {str(path)!r} is not Unicode; rename the file"
                raise PackError(text) from error
            files[name] = path
    return files


def _raise(error: OSError) -> NoReturn:
    raise error


def _name(root: Path, parent: str, name: str) -> str:
    # As Terraform: its strings are always in Unicode's normal form C.
    return unicodedata.normalize("NFC", Path(parent, name).relative_to(root).as_posix())


def _refuse_escape(path: Path, root: Path) -> None:
    """Refuse a link to what is not packed, or to a directory that holds the link itself."""
    if not path.is_symlink():
        return
    try:
        target = path.resolve()
        holders = {*path.parents, *(parent.resolve() for parent in path.parents)}
    except (OSError, RuntimeError):  # a loop of links, by the version of Python
        target, holders = path, {path}
    if root not in target.parents or target in holders or target in path.parent.resolve().parents:
        raise PackError(
            f"{str(path)!r} links to {str(target)!r}, which is outside or contains the link; "
            "copy the file instead, or leave the link out with code.exclude"
        )


def collect_sources(
    source_dir: Path, package_dir: Path, exclude: "re.Pattern[str]"
) -> "dict[str, Path]":
    """Collect the user's files and the package's, by name in the zip."""
    package = list_files(package_dir, PACKAGE_EXCLUDE)
    return {
        **{name: path for name, path in package.items() if name.startswith(PACKAGE + "/")},
        **list_files(source_dir, exclude),
    }


def read_content(path: Path) -> bytes:
    """Read a file as it is packed: text with LF, anything else as it is."""
    raw = path.read_bytes()
    return raw if _decode(raw) is None else raw.replace(b"\r\n", b"\n")


def _decode(raw: bytes) -> "str | None":
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def hash_contents(contents: "dict[str, bytes]") -> str:
    """Make the hash that files.tf makes of the same files (local.files_hash)."""
    lines = [f"{name} {_hash_file(raw)}" for name, raw in sorted(contents.items())]
    return hashlib.sha256("\n".join(lines).encode("utf-8")).hexdigest()


def _hash_file(raw: bytes) -> str:
    text = _decode(raw)
    if text is not None:
        raw = unicodedata.normalize("NFC", text).encode("utf-8")
    return hashlib.sha256(raw).hexdigest()


def check_unpacked_size(sizes: "Iterable[int]") -> None:
    """Check what the files will take in the function."""
    size = sum(sizes)
    if size > UNPACKED_LIMIT:
        raise PackError(
            f"the function takes {size:,} bytes unpacked, and Lambda allows {UNPACKED_LIMIT:,}; "
            "use fewer dependencies, or build an image and set code.image"
        )


def read_sources(request: Request) -> "dict[str, bytes]":
    """Read the user's files and the package's, by name in the zip."""
    try:
        exclude = re.compile(request.exclude)
    except re.error as error:
        raise PackError(
            f"exclude {request.exclude!r} is not a regular expression of Python ({error}); "
            "correct code.exclude"
        ) from error
    files = collect_sources(Path(request.source_dir), Path(request.package_dir), exclude)
    # Before reading them. CRLF and the prose of the package count too, though not packed.
    check_unpacked_size(path.stat().st_size for path in files.values())
    contents = {name: read_content(path) for name, path in files.items()}
    found, planned = hash_contents(contents), request.files_hash
    if found != planned:
        raise PackError(
            f"the files below {request.source_dir!r} are not those that were planned "
            f"(hash {found[:12]}, not {planned[:12]}); plan again"
        )
    return contents


def fetch_wheels(request: Request) -> "list[Path]":
    """Let wheels.py download the wheels of the lock, and list them by project name."""
    if request.requirements is None:
        return []
    arguments = [request.requirements, str(Path(request.zip).parent)]
    arguments += [request.runtime, request.architecture]
    answer = {}
    with subprocess.Popen(
        [sys.executable, "-I", str(Path(__file__).with_name("wheels.py")), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            if line.startswith('{"'):
                answer = json.loads(line)
            else:
                print(hide_credentials(line.rstrip()), flush=True)
    if "error" in answer:
        raise PackError(answer["error"])
    if "wheels" not in answer:
        raise PackError(
            f"wheels.py failed with exit code {process.returncode}; its lines above say why"
        )
    found = sorted(Path(answer["wheels"]).glob("*.whl"))
    return sorted(found, key=lambda w: re.sub(r"[-_.]+", "-", w.name.split("-")[0]).lower())


def place_in_zip(entry: str) -> "str | None":
    """Say where a wheel's file goes in the zip; None where it is left out.

    https://packaging.python.org/en/latest/specifications/binary-distribution-format/
    """
    parts = entry.split("/")
    if DATA_DIRECTORY.fullmatch(parts[0]):
        if len(parts) < 3 or parts[1] not in ("purelib", "platlib"):  # noqa: PLR2004
            return None
        parts = parts[2:]
    if "__pycache__" in parts or entry.endswith((".pyc", "/")):
        return None
    return "/".join(parts)


def list_wheel(
    wheel: Path, archive: zipfile.ZipFile, reserved: "Iterable[str]"
) -> "dict[str, WheelFile]":
    """List the files of a wheel by their names in the zip."""
    files = {}
    modules = {*reserved, *(module + "/__init__" for module in reserved)}
    for info in archive.infolist():
        parts = info.filename.rstrip("/").split("/")
        if {"", ".", ".."} & set(parts) or "\\" in info.filename or ":" in parts[0]:
            raise PackError(
                f"the wheel {wheel.name} holds {info.filename!r}, which leads out of the zip; "
                "remove its project from the lock"
            )
        name = place_in_zip(info.filename)
        if name is None:
            continue
        module = name_module(name)
        if PACKAGE in (module, name.split("/")[0]):
            raise PackError(
                f"the wheel {wheel.name} holds {PACKAGE}, and the module adds that package for "
                "you; remove its project from the lock"
            )
        if module in modules:
            raise PackError(
                f"the wheel {wheel.name} holds {name!r}, which Python would import instead of the "
                "module in its standard library; remove its project from the lock: a backport is "
                "not needed"
            )
        if info.compress_type not in COMPRESSIONS:
            raise PackError(
                f"the wheel {wheel.name} holds {info.filename!r} in another compression than "
                "deflate; choose another version in the lock"
            )
        files[name] = WheelFile(wheel, info)
    return files


def name_module(name: str) -> "str | None":
    """Name the module that a file holds, as a path without the suffix; None where it holds none.

    ``shop/orders`` for shop/orders.py, shop/orders.abi3.so and shop/orders.cpython-313-....so. A
    package is the directory of its module ``__init__``.
    """
    found = MODULE.fullmatch(name)
    return found and found[1]


def list_directories(name: str) -> "list[str]":
    """List the directories above a file."""
    parts = name.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def refuse_rivals(holders: "dict[str, list[WheelFile]]", sources: "dict[str, bytes]") -> None:
    """Refuse wheels that hide a file of the sources, or are hidden by one.

    Python imports ``shop`` from shop/__init__.py, or from a module shop, or from the modules below
    shop, and looks for them in this order.
    """
    modules, packages = {}, {}
    for name in sorted(sources, reverse=True):
        module = name_module(name)
        if module is not None:
            modules[module] = name
            packages.update(dict.fromkeys(list_directories(module), name))
    for name in sorted(holders):
        module = name_module(name)
        rivals = [name] if name in sources else []
        if module is not None:
            paths = [module, *list_directories(module)]
            rivals += [modules[path] for path in paths if path in modules]
            rivals += [packages[module]] if module in packages else []
        for rival in rivals:
            raise PackError(
                f"code.source_dir holds {rival!r} and the wheel {holders[name][0].wheel.name} "
                f"holds {name!r}, and one would hide the other; rename yours, or remove the "
                "wheel's project from the lock"
            )


def refuse_files_as_directories(
    holders: "dict[str, list[WheelFile]]", sources: "dict[str, bytes]"
) -> None:
    """Refuse wheels with which the zip cannot be unpacked."""
    names = {*holders, *sources}
    for name in sorted(names):
        for directory in list_directories(name):
            if directory in names and {name, directory} & holders.keys():
                wheel = (holders.get(name) or holders[directory])[0].wheel
                raise PackError(
                    f"with the wheel {wheel.name} {directory!r} is a file and a directory in the "
                    "zip, which then cannot be unpacked; remove the wheel's project from the lock, "
                    "or rename yours"
                )


def read_wheels(
    wheels: "list[Path]", sources: "dict[str, bytes]", reserved: "Iterable[str]" = ()
) -> "dict[str, bytes]":
    """Read the files of all wheels, by name in the zip, as they are.

    Of two different files with one name, the first is packed.
    """
    holders = {}  # type: dict[str, list[WheelFile]]
    with contextlib.ExitStack() as stack:
        archives = {}
        for wheel in wheels:
            with name_damaged(wheel):
                archives[wheel] = stack.enter_context(zipfile.ZipFile(wheel))
            for name, file in list_wheel(wheel, archives[wheel], reserved).items():
                holders.setdefault(name, []).append(file)
        refuse_rivals(holders, sources)
        refuse_files_as_directories(holders, sources)
        check_unpacked_size(
            [*map(len, sources.values()), *(files[0].info.file_size for files in holders.values())]
        )
        return {name: _read_first(name, holders[name], archives) for name in holders}


def _read_first(
    name: str, files: "list[WheelFile]", archives: "dict[Path, zipfile.ZipFile]"
) -> bytes:
    first, *others = files
    raw = _read_entry(first, archives)
    for other in others:
        if other.info.file_size != len(raw) or _read_entry(other, archives) != raw:
            print(
                f"{first.wheel.name} and {other.wheel.name} hold different files {name!r}; "
                "the zip gets the one of the first",
                flush=True,
            )
    return raw


def _read_entry(file: WheelFile, archives: "dict[Path, zipfile.ZipFile]") -> bytes:
    size, info = file.info.file_size, copy.copy(file.info)
    info.file_size = sys.maxsize  # zipfile hides what is longer than declared
    with name_damaged(file.wheel), archives[file.wheel].open(info) as entry:
        raw = entry.read(size + 1)
        if len(raw) != size:
            raise zipfile.BadZipFile(f"{info.filename!r} has another size than it declares")
        return raw


@contextlib.contextmanager
def name_damaged(wheel: Path) -> "Iterator[None]":
    """Name the wheel that cannot be read."""
    try:
        yield
    except DAMAGE as error:
        raise PackError(
            f"the wheel {wheel.name} is damaged ({error}); choose another version in the lock"
        ) from error


def check_zip_size(size: int, unpacked: int) -> None:
    """Check what Terraform will upload."""
    if size > ZIP_LIMIT:
        raise PackError(
            f"the zip has {size:,} bytes ({unpacked:,} unpacked), and Lambda takes {ZIP_LIMIT:,} "
            "directly; build a zip, upload it to S3 and set code.s3"
        )


def drop_prose(source: str) -> str:
    """Return a module without comments and docstrings, indented by one blank; no line moves.

    They are a third of the package in the zip. In a body, a blank text stays: it may be all that is
    there, and a dataclass without one makes it at import. No other text of the package has lines.
    """
    lines = io.StringIO(source).readlines()
    before = tokenize.NEWLINE
    text = None
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            line, column = token.start
            lines[line - 1] = lines[line - 1][:column].rstrip() + "\n"
        if token.type in (tokenize.COMMENT, tokenize.NL):
            continue
        if text and token.type == tokenize.NEWLINE:
            (first, start), (last, end) = text.start, text.end
            shorter = lines[first - 1][:start] + ('" "' if start else "") + lines[last - 1][end:]
            lines[first - 1 : last] = [shorter, *["\n"] * (last - first)]
        begins_statement = before in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
        # Not a formatted text, which may call something.
        is_text = token.type == tokenize.STRING and re.match("[rRuU]?['\"]", token.string)
        text = token if begins_statement and is_text else None
        before = token.type
    return re.sub(r"(?m)^( {4})+", lambda indentation: indentation[0][::4], "".join(lines))


def write_zip(contents: "dict[str, bytes]", destination: Path) -> None:
    """Write the zip, the package without its prose, in one step: nobody reads half of one."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=str(destination.parent), suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            for name, raw in sorted(contents.items()):
                entry = zipfile.ZipInfo(name, EARLIEST)
                entry.create_system = UNIX  # wherever it is built: gives the mode its meaning
                entry.external_attr = MODE
                is_package = name.startswith(PACKAGE + "/") and name.endswith(".py")
                packed = drop_prose(raw.decode("utf-8")).encode() if is_package else raw
                archive.writestr(entry, packed, zipfile.ZIP_DEFLATED, 9)
        check_zip_size(Path(temporary).stat().st_size, sum(map(len, contents.values())))
        Path(temporary).replace(destination)  # os.replace: one step
    except BaseException:
        Path(temporary).unlink()
        raise


@contextlib.contextmanager
def lock_directory(directory: Path) -> "Iterator[None]":
    """Make the directory, and keep other packers out of it.

    Nobody removes the directory: a packer that waits for it would work in another one.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":  # Windows removes no file that another process has open
        yield
        return
    descriptor = os.open(str(directory), os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems have no locks
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"Waiting for another packer in {directory}.", flush=True)
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def remove_old(directory: Path, kept: "set[Path]") -> None:
    """Remove what earlier packers made: other zips, parts of killed runs, other wheels."""
    patterns = ("*.zip", "*.part", "wheels-" + "[0-9a-f]" * 16)
    for path in [path for pattern in patterns for path in directory.glob(pattern)]:
        if path in kept:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(str(path), ignore_errors=True)
        else:
            with contextlib.suppress(OSError):  # another process has it open (Windows)
                path.unlink()


def pack(request: Request) -> None:
    """Build the zip."""
    destination, modules = Path(request.zip), request.processor_files
    contents = read_sources(request)
    with lock_directory(destination.parent):
        wheels = fetch_wheels(request)
        contents.update(read_wheels(wheels, contents, request.reserved_modules))
        if modules and not contents.keys() & modules:
            raise PackError(
                f"the zip holds no {' or '.join(modules)}, which processor names; "
                "correct processor, or add the file"
            )
        write_zip(contents, destination)
        remove_old(destination.parent, {destination, *(wheel.parent for wheel in wheels)})


def hide_credentials(text: str) -> str:
    """Hide the text of a URL before its last @: a user's name and password, or a token."""
    return re.sub(r"//\S*@", "//***@", text)


def check_python(version: "tuple[int | str, ...]") -> None:
    """Check the version of this Python."""
    if version[:2] < OLDEST_PYTHON:
        found = ".".join(map(str, version[:2]))
        raise PackError(
            f"{sys.executable} is Python {found}, and packing needs 3.8 or newer; install one, set "
            "code.python, or build the zip elsewhere and set code.filename"
        )


def read_request(environment: "Mapping[str, str]") -> Request:
    """Read the request from the environment."""
    try:
        return Request(**json.loads(environment["PACK"]))
    except (KeyError, TypeError, ValueError) as error:
        raise PackError(
            "PACK is missing from the environment, or another version of the module wrote it; "
            "run terraform apply"
        ) from error


def main() -> int:
    """Pack; return the exit code, having said in one line what went wrong."""
    try:
        check_python(sys.version_info)
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        pack(read_request(os.environ))
    except PackError as error:
        problem = str(error)
    except OSError as error:
        problem = (
            f"{error}; check the path, its permissions and the free space; code.build_dir sets "
            "where files are built"
        )
    else:
        return 0
    line = hide_credentials(" ".join(problem.splitlines()))
    print(f"Cannot pack code.source_dir: {line}.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
