"""The option --hammer-report: one page for a session, whatever runs the tests."""

import json
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from idempotent_lambda_toolkit.testing.reporting.html_report import HtmlReport

from .test_plugin import EFFECT, PLUGIN, PRELOADED, ROOT, TEST

pytestmark = pytest.mark.slow
pytest_plugins = ["pytester"]

TESTS = (
    TEST
    + """

import pytest
from idempotent_lambda_toolkit.testing import Effects
from idempotent_lambda_toolkit.testing import hammer as run_hammer


@pytest.mark.parametrize("key", ["messageId", "receiptHandle"])
def test_keys(hammer, key):
    hammer.effect("orders.charge")
    hammer(orders.process, events.sqs(ORDER), key=key)


def test_without_the_fixture(monkeypatch):
    effects = Effects()
    monkeypatch.setattr("orders.charge", effects.of("pay"))
    assert run_hammer(orders.process, events.sqs(ORDER), effects=effects, key="messageId")


def test_of_something_else():
    pass
"""
)
NAMES = (
    "test_orders.py::test_keys[messageId]",
    "test_orders.py::test_keys[receiptHandle]",
    "test_orders.py::test_without_the_fixture",
    "test_orders.py::test_each_order_is_charged_once",
)
"""The tests in the order of the page: findings first."""

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
SIZE = 1100, 1500
assert PRELOADED


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    """Run the tests in this process."""
    pytester.makepyfile(orders=EFFECT, test_orders=TESTS)
    pytester.syspathinsert()
    disabled = ("-p", "no:xdist", "-p", "no:hypothesispytest")
    return pytester.runpytest_inprocess("-p", PLUGIN, *disabled, *options)


def list_tests(page: Path) -> tuple[str, ...]:
    """The tests of a page, in its order."""
    return tuple(re.findall(r"(?<=>)test_orders\.py::[^<]+", page.read_text(encoding="utf-8")))


def test_one_page(pytester: pytest.Pytester) -> None:
    """All reports are on the page, with their tests, and the terminal says where it is."""
    result = run(pytester, "--hammer-report=new/report.html")
    result.assert_outcomes(failed=2, passed=3)
    page = pytester.path / "new" / "report.html"
    assert list_tests(page) == NAMES
    result.stdout.fnmatch_lines([f"*hammer report: {page}*"])
    assert "charge</code> is done for" in page.read_text(encoding="utf-8")


def test_without_the_option(pytester: pytest.Pytester) -> None:
    """Without the option nothing is collected or written."""
    result = run(pytester)
    assert "hammer report" not in result.stdout.str()
    assert not list(pytester.path.rglob("*.html"))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (".", "this is a folder"),
        ("", "the name is empty"),
        ("test_orders.py/report.html", "is not a folder"),
    ],
)
def test_a_wrong_path(pytester: pytest.Pytester, given: str, problem: str) -> None:
    """A path that cannot be written is refused in one line, before any test runs."""
    result = run(pytester, f"--hammer-report={given}")
    assert result.ret is pytest.ExitCode.USAGE_ERROR
    (line,) = (line for line in result.errlines if line)
    assert line.startswith(f"ERROR: --hammer-report={given}: ")
    assert f"{problem}: give the path of a new HTML file" in line


def test_a_path_that_fails_later(pytester: pytest.Pytester) -> None:
    """If the file cannot be written in the end, a line says so, and the results are the same."""
    pytester.makeconftest(
        """
        import pathlib
        def pytest_collection_finish(session):
            pathlib.Path("report.html").mkdir()
        """
    )
    result = run(pytester, "--hammer-report=report.html")
    result.assert_outcomes(failed=2, passed=3)
    result.stdout.fnmatch_lines(["--hammer-report: the page is not written: *report.html*"])


def test_a_test_that_changes_its_folder(pytester: pytest.Pytester) -> None:
    """The path counts from where pytest was started."""
    pytester.makepyfile(test_moves="import os\ndef test(tmp_path):\n    os.chdir(tmp_path)\n")
    run(pytester, "--hammer-report=report.html")
    assert list_tests(pytester.path / "report.html") == NAMES


def test_the_order_of_arrival_does_not_matter(pytester: pytest.Pytester) -> None:
    """Reports that come from other processes, in any order, make the same page."""

    class Carrier:
        """Keeps pytest's reports as the text that xdist sends."""

        def __init__(self) -> None:
            self.texts: list[str] = []

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            self.texts.append(json.dumps(report._to_json()))

    carrier = Carrier()
    pytester.makepyfile(orders=EFFECT, test_orders=TESTS)
    pytester.syspathinsert()
    arguments = ["-p", PLUGIN, "-p", "no:xdist", "--hammer-report=report.html"]
    pytester.inline_run(*arguments, plugins=[carrier])
    config = pytester.parseconfigure("-p", PLUGIN, "--hammer-report=again.html")
    again = HtmlReport(config, pytester.path / "again.html")
    by_test: dict[str, list[str]] = {}
    for text in carrier.texts:
        by_test.setdefault(json.loads(text)["nodeid"], []).append(text)
    for texts in [*reversed(by_test.values()), *by_test.values()]:  # each test twice
        for text in texts:
            again.pytest_runtest_logreport(pytest.TestReport._from_json(json.loads(text)))
    again.write()
    assert again.path.read_bytes() == (pytester.path / "report.html").read_bytes()


def test_xdist(pytester: pytest.Pytester) -> None:
    """Under xdist the main process writes one page of all workers' reports."""
    pytester.makepyfile(orders=EFFECT, test_orders=TESTS)
    paths = [str(ROOT / "handler"), str(ROOT / "toolkit"), "."]
    command = [sys.executable, "-m", "pytest", "-p", PLUGIN, "-n", "2"]
    disabled = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:asyncio"]
    environment = {"PYTHONPATH": ":".join(paths), "PATH": "/usr/bin:/bin"}
    result = subprocess.run(
        [*command, *disabled, "--hammer-report=report.html"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert "2 failed, 3 passed" in result.stdout, result
    assert list_tests(pytester.path / "report.html") == NAMES


def read_pixel(png: bytes, x: int, y: int) -> tuple[int, ...]:
    """The color of a pixel: https://www.w3.org/TR/png-3/."""
    width, depth, kind = int.from_bytes(png[16:20]), png[24], png[25]
    assert (png[:8], depth, png[28]) == (b"\x89PNG\r\n\x1a\n", 8, 0)
    channels = {2: 3, 6: 4}[kind]
    data, place = b"", 8
    while place < len(png):
        size = int.from_bytes(png[place : place + 4])
        if png[place + 4 : place + 8] == b"IDAT":
            data += png[place + 8 : place + 8 + size]
        place += 12 + size
    rows = zlib.decompress(data)
    above = bytes(width * channels)
    for row in range(y + 1):
        begin = row * (width * channels + 1)
        above = bytes(_filter(rows[begin], rows[begin + 1 :][: width * channels], above, channels))
    return tuple(above[x * channels : x * channels + 3])


def _filter(kind: int, line: bytes, above: bytes, channels: int) -> Iterator[int]:
    """Undo the filter of a row."""
    left = [0] * channels
    corner = [0] * channels
    for place, value in enumerate(line):
        a, b, c = left[place % channels], above[place], corner[place % channels]
        paeth = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
        result = (value + (0, a, b, (a + b) // 2, paeth)[kind]) & 255
        left[place % channels], corner[place % channels] = result, b
        yield result


@pytest.mark.skipif(not BROWSER, reason="no Chromium is installed")
def test_pictures_of_the_page(pytester: pytest.Pytester) -> None:
    """A browser shows the page light and dark: build/hammer-report-light.png and -dark.png."""
    run(pytester, "--hammer-report=report.html")
    backgrounds = []
    (ROOT / "build").mkdir(exist_ok=True)
    for theme, choice in (("light", 1), ("dark", 0)):
        picture = ROOT / "build" / f"hammer-report-{theme}.png"
        picture.unlink(missing_ok=True)
        subprocess.run(
            [
                *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
                *("--no-first-run", "--disable-background-networking", "--disable-sync"),
                *("--disable-component-update", "--hide-scrollbars"),
                f"--user-data-dir={pytester.path / theme}",
                f"--blink-settings=preferredColorScheme={choice}",
                f"--window-size={SIZE[0]},{SIZE[1]}",
                f"--screenshot={picture}",
                (pytester.path / "report.html").as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )
        png = picture.read_bytes()
        assert (int.from_bytes(png[16:20]), int.from_bytes(png[20:24])) == SIZE
        backgrounds.append(read_pixel(png, 2, 2))
    assert backgrounds == [(0xF6, 0xF8, 0xFA), (0x0D, 0x11, 0x17)]
