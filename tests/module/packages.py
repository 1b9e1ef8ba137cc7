"""The inputs of the packer's tests: sources, wheels, locks, and the request from Terraform."""

import re
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts import pack
from tests.module.stacks import ROOT

PACKAGE_DIR = ROOT / "handler"
PROCESSOR = 'def process(message):\n    print("charged é ☃")\n'
# Some of the modules that Terraform sends.
RESERVED = ["enum", "queue", "typing"]
# As Terraform sends it when code.exclude is empty.
EXCLUDE = r"(^|/)(\.|__pycache__/)|\.pyc$"
WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\n"


def tree(directory: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write the files below the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return directory


def make_request(source: Path, destination: Path, **fields: Any) -> dict[str, Any]:
    """Make the request for a source directory; its hash is what the packer finds, unless given."""
    request = {
        "source_dir": str(source),
        "package_dir": str(PACKAGE_DIR),
        "zip": str(destination),
        "exclude": EXCLUDE,
        "requirements": None,
        "runtime": "python3.13",
        "architecture": "arm64",
        "processor_files": [],
        "reserved_modules": RESERVED,
        **fields,
    }
    if "files_hash" not in request:
        exclude = re.compile(request["exclude"])
        files = pack.collect_sources(source, Path(request["package_dir"]), exclude)
        contents = {name: pack.read_content(path) for name, path in files.items()}
        request["files_hash"] = pack.hash_contents(contents)
    return request


def pack_sources(source: Path, destination: Path, **fields: Any) -> Path:
    """Pack as Terraform asks for it; the zip."""
    pack.pack(pack.Request(**make_request(source, destination, **fields)))
    return destination


def build_wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    tag: str = "py3-none-any",
    files: Mapping[str, str | bytes] | None = None,
    needs: Sequence[str] = (),
    extras: Sequence[str] = (),
    description: str = "",
    compression: int = zipfile.ZIP_STORED,
) -> Path:
    """Build a wheel; without files it holds one module of its name."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{name}-{version}"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Provides-Extra: {extra}" for extra in extras]
    lines += [f"Requires-Dist: {need}" for need in needs]
    members = {
        **({f"{name}.py": f"VERSION = '{version}'\n"} if files is None else files),
        f"{stem}.dist-info/METADATA": "\n".join([*lines, "", description]),
        f"{stem}.dist-info/WHEEL": f"{WHEEL}Tag: {tag}\n",
        f"{stem}.dist-info/RECORD": "",
    }
    wheel = folder / f"{stem}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for member, content in members.items():
            archive.writestr(zipfile.ZipInfo(member), content, compression)
    return wheel


def declare_size(wheel: Path, name: str, size: int) -> None:
    """Have a wheel declare another size of a file, with the checksum of that many bytes of it."""
    with zipfile.ZipFile(wheel) as archive:
        info, content = archive.getinfo(name), archive.read(name)
    raw = wheel.read_bytes()
    true = struct.pack("<LLL", info.CRC, info.compress_size, info.file_size)
    false = struct.pack("<LLL", zlib.crc32(content[:size]), info.compress_size, size)
    assert raw.count(true) == 2  # before the file, and in the directory at the end
    wheel.write_bytes(raw.replace(true, false))
