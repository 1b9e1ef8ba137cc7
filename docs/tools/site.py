"""Builds the documentation site from the repository's Markdown: ``make site``.

    python -m docs.tools.site fetch DIRECTORY
    python -m docs.tools.site build MERMAID DESTINATION

``fetch`` downloads the library that draws the diagrams, checks its hash, and writes
``mermaid.min.js``. ``build`` needs no network. It copies every page, and each file that a page
links to, so that all links work on the site; a warning of the generator is an error.
"""

import base64
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
LOCK: Final = ROOT / "requirements" / "mermaid.lock"
CONFIGURATION: Final = Path(__file__).with_name("zensical.toml")
LINK: Final = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
LOCAL: Final = re.compile(r'(?:src|href|srcset)="([^":#?]+)[#?"]')
SCRIPT: Final = re.compile(r'<script src="[^"]*mermaid\.min\.js"[^>]*></script>')


class SiteError(Exception):
    """The site cannot be built; the text says why and what to do."""


def fetch(directory: Path) -> None:
    """Download the package that the lock names, and unpack its script.

    Raises:
        SiteError: npm is missing or fails, or the package is another one.
    """
    package, integrity = LOCK.read_text(encoding="utf-8").split()
    npm = shutil.which("npm")
    if npm is None:
        raise SiteError("npm is missing: install Node.js; `make site` gets its diagrams from npm")
    with tempfile.TemporaryDirectory() as temporary:
        command = [npm, "pack", "--silent", "--pack-destination", temporary, package]
        if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
            raise SiteError(f"npm could not download {package}; see its message above")
        (archive,) = Path(temporary).glob("*.tgz")
        check_integrity(archive, integrity)
        with tarfile.open(archive) as package_files:
            try:
                script = package_files.extractfile("package/dist/mermaid.min.js")
            except KeyError:
                script = None
            if script is None:
                raise SiteError(f"{package} has no dist/mermaid.min.js; choose another version")
            directory.mkdir(parents=True, exist_ok=True)
            (directory / "mermaid.min.js").write_bytes(script.read())


def check_integrity(archive: Path, integrity: str) -> None:
    """Check a file against its hash as npm writes it, ``sha512-`` and base64.

    Raises:
        SiteError: it is another file.
    """
    digest = hashlib.sha512(archive.read_bytes()).digest()
    found = f"sha512-{base64.b64encode(digest).decode()}"
    if found != integrity:
        raise SiteError(f"{archive.name} has {found}, and {LOCK.name} wants {integrity}")


def list_pages() -> Iterator[Path]:
    """List the pages of the site."""
    for name in ("README", "CONTRIBUTING", "SECURITY", "CHANGELOG"):
        yield ROOT / f"{name}.md"
    for folder in ("docs", "examples"):
        yield from sorted((ROOT / folder).rglob("*.md"))


def copy_page(page: Path, source: Path) -> None:
    """Copy a page and the files it links to; a link to a folder leads to its README.

    Raises:
        SiteError: a link leads nowhere.
    """

    def resolve(found: re.Match[str]) -> str:
        start, path, anchor, end = found.groups(default="")
        if ":" in path:
            return found[0]
        target = (page.parent / path).resolve()
        if target.is_dir():
            path, target = f"{path.rstrip('/')}/README.md", target / "README.md"
        if not target.is_file():
            raise SiteError(f"{page.relative_to(ROOT)} links to {path}, which is not there")
        if target.suffix != ".md":
            copy(target, source)
        return f"{start}{path}{anchor}{end}"

    text = LINK.sub(resolve, page.read_text(encoding="utf-8"))
    copy(page, source).write_text(text, encoding="utf-8")


def copy(file: Path, source: Path) -> Path:
    """Copy a file of the repository to the same place below another folder; return its path."""
    destination = source / file.relative_to(ROOT)
    destination.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(file, destination))


def check_files(built: Path) -> None:
    """Check that each file which a page loads or links to is there.

    Raises:
        SiteError: one is missing.
    """
    for page in built.rglob("*.html"):
        folder = built if page.name == "404.html" else page.parent
        for path in LOCAL.findall(page.read_text(encoding="utf-8")):
            if not (folder / path).exists() and not (built / path.lstrip("/")).exists():
                raise SiteError(f"{page.relative_to(built)} needs {path}, which is not there")


def build(mermaid: Path, destination: Path) -> None:
    """Build the site.

    Args:
        mermaid: the script that draws the diagrams.
        destination: the folder of the site, which is replaced.

    Raises:
        SiteError: a link leads nowhere, or the generator warns.
    """
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        source, built = work / "source", work / "site"
        for page in list_pages():
            copy_page(page, source)
        for picture in (ROOT / "docs").rglob("*.svg"):
            copy(picture, source)
        shutil.copy(mermaid, source / "mermaid.min.js")
        shutil.copy(CONFIGURATION, work / "zensical.toml")
        generator = Path(sys.executable).with_name("zensical")
        result = subprocess.run([generator, "build", "--strict"], cwd=work, check=False)
        if result.returncode:
            raise SiteError("the generator found what it reports above")
        for page in built.rglob("*.html"):
            text = page.read_text(encoding="utf-8")
            if 'class="mermaid"' not in text:  # 5 MB that this page does not need
                page.write_text(SCRIPT.sub("", text), encoding="utf-8")
        check_files(built)
        if destination.exists():
            shutil.rmtree(destination)
        shutil.move(built, destination)


def main(command: str, *paths: str) -> int:
    """Run a command; return the exit code."""
    folders = [Path(path) for path in paths]
    try:
        if command == "fetch":
            fetch(*folders)
        else:
            build(*folders)
    except SiteError as error:
        print(f"{command}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
