"""The pytest plugin, in tests of somebody else; and the page that explains it."""

import re
import runpy
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

from idempotent_lambda_toolkit.testing import (
    Effects,
    InMemoryClaimStore,
    ManualClock,
    Reason,
    events,
    hammer,
    message,
)

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "testing.md").read_text()
REFERENCE = (ROOT / "docs" / "testing-reference.md").read_text()
PLUGIN = "idempotent_lambda_toolkit.testing.plugin"
EFFECT, TEST, AWS, UNIT_TEST, WITHOUT = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(REPORT,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)


PRELOADED = (Effects, InMemoryClaimStore, ManualClock, events, hammer, message)
"""pytester forgets what is imported in it, which would then be imported twice."""


INVOICES = """
import boto3

REGION = "eu-central-1"
s3 = boto3.client("s3", region_name=REGION)
queue = boto3.resource("sqs", region_name=REGION).Queue("https://sqs.example/123456789012/invoices")


def process(message):
    s3.put_object(Bucket="invoices", Key=message.key, Body=b"")
    assert queue.send_message(MessageBody=message.key)["MessageId"] == "m-1"
"""


def run(pytester: pytest.Pytester, test: str) -> pytest.RunResult:
    """Run a test with the page's ``orders.py``, or with ``invoices.py``."""
    pytester.makepyfile(orders=EFFECT, invoices=INVOICES, test_orders=test)
    pytester.syspathinsert()
    return pytester.runpytest_inprocess("-p", PLUGIN, "-p", "no:xdist", "-p", "no:hypothesispytest")


def test_entry_point() -> None:
    """Installed, the package names this plugin to pytest."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"idempotent_lambda": PLUGIN}


def test_the_test_of_the_page(pytester: pytest.Pytester) -> None:
    """The page's test passes unchanged."""
    assert len(TEST.splitlines()) <= 16
    run(pytester, TEST).assert_outcomes(passed=1)


def test_the_unit_test_of_the_page(pytester: pytest.Pytester) -> None:
    """The page's unit test passes unchanged, and fails if the code charges another amount."""
    run(pytester, UNIT_TEST).assert_outcomes(passed=1)
    run(pytester, UNIT_TEST.replace("1999)]", "1)]")).assert_outcomes(failed=1)


def test_the_report_of_the_page(pytester: pytest.Pytester) -> None:
    """With the key of an envelope it fails, and prints what the page shows, but for the id."""
    result = run(pytester, TEST.replace("body.order_id", "messageId"))
    result.assert_outcomes(failed=1)
    printed = "\n".join(line[8:] for line in result.outlines if line[:2] == "E ")
    shown, printed = (re.sub(r"key '[^']+'", "key", text) for text in (REPORT, printed))
    assert printed == f"AssertionError: {shown.rstrip()}"


def test_failures_show_the_test_and_nothing_of_hammer(pytester: pytest.Pytester) -> None:
    """A failure is shown at the line of the user's test."""
    result = run(pytester, TEST.replace("body.order_id", "messageId"))
    places = [line for line in result.outlines if re.match(r"\S+:\d+: ", line)]
    assert [line.split(":")[0] for line in places] == ["test_orders.py"]


def test_effects_are_put_back(pytester: pytest.Pytester) -> None:
    """When the test ends, the real function is in its place again."""
    after = "def test_after():\n    assert orders.charge.__name__ == 'charge'\n"
    run(pytester, f"{TEST}\n\n{after}").assert_outcomes(passed=2)


def test_doubles(pytester: pytest.Pytester) -> None:
    """The other fixtures are a store and a clock, new in every test."""
    test = """
    import pytest

    @pytest.mark.parametrize("time", [1, 2])
    def test(time, idempotency_store, manual_clock):
        assert (idempotency_store.records, manual_clock.monotonic()) == ({}, 0)
        idempotency_store.records["a"] = "b"
        manual_clock.advance(5)
    """
    run(pytester, test).assert_outcomes(passed=2)


def test_the_operations_of_the_page(pytester: pytest.Pytester) -> None:
    """The page's test of operations passes, and boto3 is as before when it ends."""
    after = """
    from botocore.client import BaseClient
    from s3transfer.manager import TransferManager

    def test_after():
        names = BaseClient._make_api_call.__module__, TransferManager.__init__.__module__
        assert names == ("botocore.client", "s3transfer.manager")
    """
    run(pytester, AWS + textwrap.dedent(after)).assert_outcomes(passed=2)


def test_without_the_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's script does the same without pytest."""
    (tmp_path / "orders.py").write_text(EFFECT)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "script.py").write_text(WITHOUT)
    assert runpy.run_path(str(tmp_path / "script.py"))["report"].passed


def test_costs_nothing() -> None:
    """Where the plugin is loaded and not used, it imports nothing of AWS."""
    names = "[each in sys.modules for each in ('botocore', 'idempotent_lambda')]"
    code = f"import sys, {PLUGIN}\nprint({names})"
    paths = [str(ROOT / "handler"), str(ROOT / "toolkit")]
    shown = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}\n{code}"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert shown == "[False, False]\n"


def test_reasons() -> None:
    """The reference has every reason with its texts, in order."""
    lines = [line for line in REFERENCE.splitlines() if line.startswith("| `")]
    rows = [tuple(part.strip() for part in line.strip("|").split(" | ")) for line in lines]
    expected = [(f"`{each}`", each.meaning, each.fix) for each in Reason]
    assert [row for row in rows if len(row) == 3] == expected
