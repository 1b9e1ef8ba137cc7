"""Packs a function's sources and the package idempotent_lambda into one deterministic zip.

Terraform runs it at apply, with any python3 from 3.8, so it uses the standard library only::

    python3 pack.py SOURCE_DIR PACKAGE_DIR ZIP SOURCE_HASH

The same sources give the same zip: sorted names, one date, one mode, LF in text; to the byte with
the same zlib. SOURCE_HASH is Terraform's hash of the files that it planned to deploy, and what
decides whether the function changes; when the sources have changed since, nothing is written.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
import unicodedata
import zipfile
from pathlib import Path

PACKAGE = "idempotent_lambda"
LEFT_OUT = re.compile(r"(^|/)(\.|__pycache__/)|\.pyc$")  # as local.left_out in function.tf
EARLIEST = (1980, 1, 1, 0, 0, 0)  # the first date that a zip can hold
READABLE = 0o100644 << 16
UNIX = 3


class PackError(Exception):
    """The zip cannot be built; the text says why and what to do."""


def listed(directory: Path) -> dict[str, Path]:
    """The files to pack below a directory: name in the zip, with slashes, to path.

    Raises:
        PackError: there is no such directory, or a link leads out of it.
    """
    root = directory.resolve()
    if not root.is_dir():
        raise PackError(f"there is no directory {str(directory)!r}; check the path")
    files = {}
    for parent, folders, names in os.walk(root, followlinks=True):
        for name in folders + names:
            _refuse_escape(Path(parent, name), root)
        for name in names:
            path = Path(parent, name)
            # As Terraform: its strings are always in Unicode's normal form C.
            entry = unicodedata.normalize("NFC", path.relative_to(root).as_posix())
            if not LEFT_OUT.search(entry):
                files[entry] = path
    return files


def _refuse_escape(path: Path, root: Path) -> None:
    """Refuse a link to what is not packed, or to a directory that holds the link itself."""
    if path.is_symlink():
        target = path.resolve()
        holder = path.parent.resolve()
        if root not in target.parents or target in (holder, *holder.parents):
            raise PackError(
                f"{str(path)!r} links to {str(target)!r}, outside of what is packed; "
                "copy the file instead"
            )


def collected(source_dir: Path, package_dir: Path) -> dict[str, Path]:
    """Everything to deploy: the user's files and the package's, by name in the zip.

    Raises:
        PackError: the user's directory holds what it must not.
    """
    sources = listed(source_dir)
    if "requirements.txt" in sources:
        raise PackError(
            f"{str(source_dir)!r} holds a requirements.txt, and nothing is installed here; "
            "build a zip with pip install --target and set code.filename"
        )
    for name in sources:
        if name.split("/")[0] in (PACKAGE, PACKAGE + ".py"):
            raise PackError(
                f"{str(source_dir)!r} holds its own {name!r}, which would hide the deployed "
                "package of that name; remove or rename it"
            )
    package = {n: p for n, p in listed(package_dir).items() if n.startswith(PACKAGE + "/")}
    return {**package, **sources}


def content(path: Path) -> bytes:
    """What is packed of a file: text with LF, anything else as it is."""
    raw = path.read_bytes()
    return raw if _text(raw) is None else raw.replace(b"\r\n", b"\n")


def _text(raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def source_hash(contents: dict[str, bytes]) -> str:
    """The hash that function.tf makes of the same files (local.source_hash)."""
    lines = [f"{name} {_file_hash(raw)}" for name, raw in sorted(contents.items())]
    return hashlib.sha256("\n".join(lines).encode("utf-8")).hexdigest()


def _file_hash(raw: bytes) -> str:
    text = _text(raw)
    if text is not None:
        raw = unicodedata.normalize("NFC", text).encode("utf-8")
    return hashlib.sha256(raw).hexdigest()


def write(contents: dict[str, bytes], destination: Path) -> None:
    """Write the zip in one step, so that nobody ever reads half of one."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=str(destination.parent), suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            for name, raw in sorted(contents.items()):
                entry = zipfile.ZipInfo(name, EARLIEST)
                entry.create_system = UNIX  # wherever it is built: gives the mode its meaning
                entry.external_attr = READABLE
                archive.writestr(entry, raw, zipfile.ZIP_DEFLATED, 9)
        Path(temporary).replace(destination)  # os.replace: one step
    except BaseException:
        Path(temporary).unlink()
        raise


def pack(source_dir: Path, package_dir: Path, destination: Path, expected: str) -> None:
    """Build the zip.

    Raises:
        PackError: the sources are refused, or are not those that Terraform planned.
    """
    files = collected(source_dir, package_dir)
    contents = {name: content(path) for name, path in files.items()}
    found = source_hash(contents)
    if found != expected:
        raise PackError(
            f"the files below {str(source_dir)!r} are not those that were planned "
            f"(hash {found[:12]}, not {expected[:12]}); plan again"
        )
    write(contents, destination)


def main(arguments: list[str]) -> int:
    """Pack; return the exit code, having said in one line what went wrong."""
    import json
    s = json.loads(os.environ["PACK"])
    source_dir, package_dir, destination, expected = s["source_dir"], s["package_dir"], s["zip"], s["files_hash"]
    global LEFT_OUT
    LEFT_OUT = re.compile(s["exclude"])
    try:
        pack(Path(source_dir), Path(package_dir), Path(destination), expected)
    except PackError as error:
        print(f"Cannot pack code.source_dir: {error}.", file=sys.stderr)
    except OSError as error:
        print(f"Cannot pack code.source_dir: {error}; make it readable.", file=sys.stderr)
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
