"""Versions of the contenders, and the size that each adds to a function that has boto3."""

import re
import tempfile
from collections.abc import Collection
from importlib import metadata
from pathlib import Path
from typing import Final

from benchmarks.fleet import INTERPRETER
from scripts.pack import PACKAGE_EXCLUDE, collect_sources, read_content, write_zip

PACKAGES: Final = {
    "powertools": ("aws-lambda-powertools",),
    "idemkit": ("idemkit", "aioboto3"),  # the second comes with its extra "dynamodb"
}
IN_THE_RUNTIME: Final = ("boto3",)


def zip_kb(handler: Path) -> float:
    """Return the size of the deployed zip, without the user's code, in KB of 1,024 bytes."""
    with tempfile.TemporaryDirectory() as directory:
        sources, destination = Path(directory, "src"), Path(directory, "function.zip")
        sources.mkdir()
        files = collect_sources(sources, handler, PACKAGE_EXCLUDE)
        write_zip({name: read_content(path) for name, path in files.items()}, destination)
        return round(destination.stat().st_size / 1024, 1)


def installed() -> dict[str, metadata.Distribution]:
    """Return the distributions in the contenders' environment, by name."""
    (packages,) = INTERPRETER.parents[1].glob("lib/python3*/site-packages")
    found = metadata.distributions(path=[str(packages)])
    return {_plain(each.metadata["Name"]): each for each in found}


def versions(handler: Path) -> dict[str, str]:
    """Return the version of each contender that has one."""
    source = Path(handler, "idempotent_lambda", "__init__.py").read_text()
    there = installed()
    return {
        "ours": re.findall(r'__version__ = "(.+)"', source)[0],
        **{name: there[package].version for name, (package, *_) in PACKAGES.items()},
    }


def peer_kb(name: str) -> float:
    """Return the size of the files of an alternative and its dependencies, in KB of 1,024 bytes."""
    there = installed()
    added = _closure(PACKAGES[name], there) - _closure(IN_THE_RUNTIME, there)
    files = [file for each in added for file in there[each].files or ()]
    sizes = [Path(file.locate()).stat().st_size for file in files if file.suffix != ".pyc"]
    return round(sum(sizes) / 1024, 1)


def _closure(names: Collection[str], there: Collection[str]) -> set[str]:
    """Return the packages and their installed requirements; extras are ignored."""
    found: set[str] = set()
    waiting = [_plain(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name in found or name not in there:
            continue
        found.add(name)
        needs = [each for each in installed()[name].requires or () if "extra ==" not in each]
        waiting += [_plain(re.split(r"[^\w.-]", each)[0]) for each in needs]
    return found


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
