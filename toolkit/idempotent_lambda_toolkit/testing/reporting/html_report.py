"""The pytest option ``--hammer-report``: the reports of a session as one HTML page.

pytest-xdist runs tests in several processes. Each one attaches its reports, as text, to pytest's
own report of the test, and the main process writes the page.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from idempotent_lambda_toolkit.testing import Report

OPTION = "--hammer-report"
_ATTRIBUTE = "hammer_reports"


def add_option(parser: pytest.Parser) -> None:
    """Add the option to pytest's own."""
    group = parser.getgroup("hammer", "tests of idempotent code")
    group.addoption(
        OPTION,
        metavar="FILE.html",
        help="write the reports of hammer to one HTML page, with a timeline of each finding",
    )


def register(config: pytest.Config) -> None:
    """Collect reports if the option is given.

    Raises:
        UsageError: the page cannot be written there.
    """
    given = config.getoption(OPTION)
    if given is None:
        return
    path = Path(config.invocation_params.dir, Path(given).expanduser())
    problem = _find_problem(path) if given else "the name is empty"
    if problem:
        raise pytest.UsageError(f"{OPTION}={given}: {problem}: give the path of a new HTML file")
    config.pluginmanager.register(HtmlReport(config, path), "hammer-report")


def _find_problem(path: Path) -> str:
    """Return why a file cannot be written, as far as that is known; empty if it can."""
    if path.is_dir():
        return "this is a folder"
    parent = next(folder for folder in path.parents if folder.exists())
    return "" if parent.is_dir() else f"{parent} is not a folder"


class HtmlReport:
    """Collects the reports of a session, and writes the page.

    Attributes:
        path: the file.
    """

    def __init__(self, config: pytest.Config, path: Path) -> None:
        self.path = path
        self._is_worker = hasattr(config, "workerinput")
        self._fresh: list[Report] = []
        self._places: dict[str, int] = {}
        self._texts: dict[str, tuple[int, list[str]]] = {}
        self._problem = ""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note the order of the tests, which is the same in every process."""
        self._places = {item.nodeid: place for place, item in enumerate(session.items)}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[Any]:
        """Listen to `hammer` while a test runs."""
        from idempotent_lambda_toolkit.testing.hammering import run  # noqa: PLC0415

        del item
        run.listeners.append(self._fresh.append)
        try:
            return (yield)
        finally:
            run.listeners.remove(self._fresh.append)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Iterator[Any]:
        """Attach the reports of a test to pytest's."""
        from idempotent_lambda_toolkit.testing.reporting.transfer import (  # noqa: PLC0415
            dump_report,
        )

        result = yield
        texts = [dump_report(report) for report in self._fresh]
        self._fresh.clear()
        setattr(result, _ATTRIBUTE, [self._places.get(item.nodeid, 0), texts])
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what is attached to a report, in the main process."""
        place, texts = getattr(report, _ATTRIBUTE, (0, []))
        if texts or report.when == "setup":  # a test that runs again begins with a setup
            known = [] if report.when == "setup" else self._texts.get(report.nodeid, (0, []))[1]
            self._texts[report.nodeid] = place, [*known, *texts]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the page in the main process, if tests could run."""
        if not self._is_worker and not session.config.option.collectonly:
            self.write()

    def write(self) -> None:
        """Write the page; keep the problem if that fails."""
        from idempotent_lambda_toolkit.testing.reporting.page import (  # noqa: PLC0415
            Entry,
            build_page,
        )
        from idempotent_lambda_toolkit.testing.reporting.transfer import (  # noqa: PLC0415
            load_report,
        )

        entries = [
            Entry(name, load_report(text))
            for name, (_, texts) in sorted(self._texts.items(), key=lambda found: found[1][0])
            for text in texts
        ]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(build_page(entries), encoding="utf-8")
        except OSError as error:
            self._problem = f"{OPTION}: the page is not written: {error}"

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say where the page is."""
        if self._problem:
            terminalreporter.write_line(self._problem, red=True)
        elif not terminalreporter.config.option.collectonly:
            terminalreporter.write_sep("-", f"hammer report: {self.path}")
