"""The documentation site holds every page, leads nowhere else, and loads nothing remote."""

import functools
import http.server
import re
import shutil
import subprocess
import threading
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from docs.tools import site

pytestmark = pytest.mark.slow

MERMAID = site.ROOT / ".mermaid" / "mermaid.min.js"
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
BROWSER_HOSTS = re.compile(r"127\.0\.0\.1|(.+\.)?(google|googleapis)\.com")
"""Where a browser calls for itself; its resolver knows none of them but the first."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, with the real script for diagrams if it has been fetched."""
    folder = tmp_path_factory.mktemp("site")
    script = MERMAID
    if not script.exists():
        script = folder / "mermaid.min.js"
        script.write_text("window.mermaid = {};\n")
    site.build(script, folder / "built")
    return folder / "built"


class Loads(HTMLParser):
    """Collects the addresses that a browser loads when it opens a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "link" and values.get("rel") not in {"canonical", "prev", "next"}:
            self.addresses.append(values.get("href", ""))
        self.addresses += [values[name] for name in ("src", "srcset", "poster") if name in values]


def read_pages() -> Iterator[Any]:
    """The pages that the navigation names."""
    waiting = tomllib.loads(site.CONFIGURATION.read_text())["project"]["nav"]
    while waiting:
        entry = waiting.pop()
        if isinstance(entry, str):
            yield entry
        else:
            inside = entry.values() if isinstance(entry, dict) else entry
            waiting.extend(inside)


def test_every_page_is_in_the_navigation() -> None:
    """The navigation names every page once; decisions have a page that lists them."""
    pages = [page.relative_to(site.ROOT).as_posix() for page in site.list_pages()]
    decisions = {page for page in pages if re.match(r"docs/decisions/\d", page)}
    assert sorted(read_pages()) == sorted(set(pages) - decisions)
    index = (site.ROOT / "docs" / "decisions" / "README.md").read_text()
    linked = re.findall(r"\((\d[\w-]+\.md)\)", index)
    assert linked == sorted(page.rpartition("/")[2] for page in decisions)


def test_nothing_remote(built: Path) -> None:
    """No page loads a script, a style, a font or a picture from another host."""
    for page in built.rglob("*.html"):
        parser = Loads()
        parser.feed(page.read_text())
        assert parser.addresses
        assert [each for each in parser.addresses if "//" in each] == [], page
    styles = "".join(page.read_text() for page in built.rglob("*.css"))
    assert re.findall(r"(?:url\(|@import )['\"]?(?:https?:)?//[^)]*", styles) == []


def test_only_diagrams_load_the_script_for_diagrams(built: Path) -> None:
    """A page without a diagram does not load 5 MB for it; there are pages with one."""
    pages = [page.read_text() for page in built.rglob("*.html")]
    drawing = [text for text in pages if "mermaid.min.js" in text]
    assert drawing == [text for text in pages if 'class="mermaid"' in text]
    assert 0 < len(drawing) < len(pages)


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ("[there](missing.md)", "page.md links to missing.md, which is not there"),
        ("[there](docs/)", "page.md links to docs/README.md, which is not there"),
        ("[there](docs/faq.md#nowhere)", "the generator found what it reports above"),
        ('<img alt="" src="gone.svg">', "page.html needs gone.svg, which is not there"),
    ],
)
def test_broken_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: str, problem: str
) -> None:
    """A link to a page, a folder or an anchor that is not there fails the build."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "faq.md").write_text("# Questions\n")
    (tmp_path / "page.md").write_text(f"# Page\n\n{link}\n")
    monkeypatch.setattr(site, "ROOT", tmp_path)
    monkeypatch.setattr(site, "list_pages", lambda: sorted(tmp_path.rglob("*.md")))
    configuration = site.CONFIGURATION.read_text()
    plain = re.sub(r"nav = \[.*?\n\]\n", "", configuration, flags=re.DOTALL)
    (tmp_path / "site.toml").write_text(plain)
    monkeypatch.setattr(site, "CONFIGURATION", tmp_path / "site.toml")
    script = tmp_path / "mermaid.min.js"
    script.touch()
    with pytest.raises(site.SiteError, match=re.escape(problem)):
        site.build(script, tmp_path / "built")
    assert not (tmp_path / "built").exists()


def test_another_package_is_refused(tmp_path: Path) -> None:
    """A package whose hash is not the lock's is not unpacked."""
    archive = tmp_path / "mermaid.tgz"
    archive.write_bytes(b"something else")
    with pytest.raises(site.SiteError, match=r"mermaid\.lock wants sha512-x"):
        site.check_integrity(archive, "sha512-x")


def test_npm_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without npm one line says so."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert site.main("fetch", str(tmp_path)) == 1
    assert capsys.readouterr().err.startswith("fetch: npm is missing: install Node.js")


@pytest.fixture
def address(built: Path) -> Iterator[str]:
    """The site, served on loopback."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(built))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed")
@pytest.mark.skipif(not MERMAID.exists(), reason="`make site` has not fetched mermaid")
@pytest.mark.parametrize("page", ["index.html", "docs/architecture.html", "docs/inputs.html"])
def test_in_a_browser(tmp_path: Path, address: str, page: str) -> None:
    """A browser shows the page, draws its diagrams, and asks no other host."""
    log = tmp_path / "net.json"
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", f"--log-net-log={log}"]
    command += ["--virtual-time-budget=20000", "--dump-dom", f"{address}/{page}"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert '<article class="md-content__inner md-typeset"' in result.stdout
    assert '<pre class="mermaid"' not in result.stdout
    assert ('<div class="mermaid"' in result.stdout) is ("architecture" in page)
    hosts = set(re.findall(r"https?://([\w.-]+)", log.read_text()))
    assert "127.0.0.1" in hosts
    assert [host for host in hosts if not BROWSER_HOSTS.fullmatch(host)] == []
