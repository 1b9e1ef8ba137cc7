"""docs/comparison.md covers every option, shows where each stands, and its links are true."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import comparison

ROOT = Path(__file__).parents[2]
PAGE = comparison.PAGE.read_text()
COLUMNS = ["option", "this module", "terraform-aws-modules", "finnrorke"]
# One link of each kind, to plant mistakes in.
LINE = "[`var.table.class`](../table.tf#L5)"
COUNT = "[2 times `module`](../table.tf)"
SHEET = f"# Sheet\n\n{LINE} and {COUNT}, [a file](../table.tf), [a part](../table.tf#part), <https://x>\n"
TABLE = "\n\n\n\nclass = var.table.class # of a module\nname = module\n"
PEERS = {
    "terraform-aws-modules/terraform-aws-lambda": "23d00f7daef40091e87ed2f9dc5d8532e9d2cc22",
    "terraform-aws-modules/terraform-aws-sqs": "cc15171d03a9635784bea6aa6d456556d5cce739",
    "terraform-aws-modules/terraform-aws-dynamodb-table": (
        "45c9cb10c2f6209e7362bba92cadd5ab3c9e2003"
    ),
    "finnrorke/terraform-aws-sqs-lambda": "fcf00a24824162672825326f24230fad6abd36e1",
}
OPTIONS = {
    "Idempotency": [
        "table of records with TTL, joined to the function",
        "handler code that makes claims deployed",
        "key expression",
        "record retention proven against the queues' retentions",
    ],
    "Table": [
        "on-demand",
        "on-demand maximum throughput",
        "provisioned",
        "PITR",
        "deletion protection",
        "table class",
        "CMK",
        "brought table",
        "role limited to a namespace (`dynamodb:LeadingKeys`)",
    ],
    "Queue": [
        "standard",
        "FIFO",
        "deduplication scope",
        "FIFO throughput limit",
        "content-based deduplication",
        "retention",
        "delay",
        "receive wait",
        "maximum message size",
        "max receives",
        "DLQ created by default",
        "DLQ retention",
        "redrive allow policy (`byQueue`)",
        "SSE-SQS",
        "CMK",
        "TLS-only policy by default",
        "sender presets (SNS, EventBridge, S3)",
        "further policy statements",
        "brought queue",
        "no queue",
    ],
    "Function": [
        "runtime",
        "architecture",
        "memory",
        "timeout",
        "ephemeral storage",
        "environment",
        "layers",
        "VPC",
        "reserved concurrency",
        "alias as the mapping's target",
        "tracing",
        "permissions boundary",
        "extra policy statements",
        "code from directory",
        "code from zip",
        "code from S3",
        "code from image",
        "brought function (policy document and environment as outputs)",
    ],
    "Mapping": [
        "created",
        "batch size",
        "window",
        "maximum concurrency",
        "filters",
        "CMK of filters",
        "metrics",
        "enabled",
        "partial batch responses always on",
        "Kinesis and DynamoDB streams",
    ],
    "Alarms and dashboard": [
        "DLQ not empty",
        "oldest message age",
        "errors",
        "throttles",
        "duration near timeout",
        "table throttles",
        "parked, lost leases, takeovers",
        "actions",
        "dashboard",
    ],
    "Encryption and tags": [
        "one key across table, queues, logs, environment with exact grants",
        "tags on everything",
    ],
    "Proven at plan time": [
        "visibility timeout at least 6 × timeout + window",  # noqa: RUF001 as on the page
        "visibility timeout above the longest lease",
        "DLQ retention above queue's",
        "batch above 10 needs a window",
        "FIFO takes no window",
        "FIFO with FIFO DLQ",
        "record retention at least source retention",
        "validations in total",
    ],
    "Tests": [
        "`terraform test`",
        "rejection tests",
        "unit tests of Python",
        "emulator or live apply",
        "static checks",
        "security scan",
    ],
    "Packaging and size": [
        "how the zip is made",
        "a clean checkout plans no change (no timestamp trigger, no perpetual diff)",
        "input variables",
    ],
}


def groups(page: str) -> dict[str, list[list[str]]]:
    """The rows of every table of options, by its heading."""
    found = {}
    for part in page.split("\n## ")[1:]:
        heading, _, text = part.partition("\n")
        rows = [
            [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            for line in text.splitlines()
            if line.startswith("| ")
        ]
        if rows and rows[0] == COLUMNS:
            found[heading] = rows[1:]
    return found


def options() -> Iterator[list[str]]:
    """The rows of all tables of options."""
    return (row for rows in groups(PAGE).values() for row in rows)


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    """A small page with a link of each kind, all of them true."""
    (tmp_path / "table.tf").write_text(TABLE)
    page = tmp_path / "docs" / "sheet.md"
    page.parent.mkdir()
    page.write_text(SHEET)
    return page


def test_every_link_of_ours_is_true() -> None:
    """Each link into the repository shows code that stands on its line and nowhere else there."""
    assert comparison.main(["--check"]) == 0


def test_a_true_page_is_left_alone(sheet: Path) -> None:
    """Of a page whose links are all true, nothing is stale, lost or changed."""
    assert comparison.renew_page(SHEET, sheet.parent) == comparison.Renewal(
        page=SHEET, stale=[], lost=[]
    )


@pytest.mark.parametrize(
    ("true", "planted"), [(LINE, LINE.replace("L5", "L6")), (COUNT, COUNT.replace("2", "3"))]
)
def test_a_stale_number_is_found_and_put_right(
    sheet: Path, true: str, planted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A check names a stale number and its remedy and writes nothing, a run puts it right."""
    stale = SHEET.replace(true, planted)
    sheet.write_text(stale)
    assert comparison.main(["--check"], sheet) == 1
    assert sheet.read_text() == stale
    reported = capsys.readouterr().err
    assert f"sheet.md:3: {planted} is {true} now" in reported
    assert "make docs" in reported
    assert comparison.main([], sheet) == 0
    assert sheet.read_text() == SHEET


@pytest.mark.parametrize(
    ("true", "planted", "reason"),
    [
        (LINE, "[`var.table.glass`](../table.tf#L5)", "stands 0 times in table.tf"),
        (LINE, "[`module`](../table.tf#L5)", "stands 2 times in table.tf"),
        (LINE, "[`var.table.class`](../chair.tf#L5)", "there is no ../chair.tf"),
        (LINE, "[the class](../table.tf#L5)", "the text must be code"),
        (COUNT, "[2 times `nodule`](../table.tf)", "does not stand in ../table.tf"),
    ],
)
def test_what_is_lost_is_an_error(
    sheet: Path, true: str, planted: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is missing, ambiguous or without code is named and left as it is."""
    lost = SHEET.replace(true, planted)
    sheet.write_text(lost)
    for arguments in [[], ["--check"]]:
        assert comparison.main(arguments, sheet) == 1
        assert sheet.read_text() == lost
        reported = capsys.readouterr().err
        assert f"sheet.md:3: {planted}: " in reported
        assert reason in reported


def test_every_option_has_a_row() -> None:
    """Each group lists its options, all of them and in their order."""
    assert {name: [row[0] for row in rows] for name, rows in groups(PAGE).items()} == OPTIONS


def test_every_row_has_four_cells_that_begin_with_a_verdict() -> None:
    """Each row says of all three columns whether they have the option."""
    verdict = re.compile(r"(yes|no|partly|by hand)\b")
    assert [row for row in options() if len(row) != len(COLUMNS)] == []
    assert [cell for row in options() for cell in row[1:] if not verdict.match(cell)] == []


def test_what_this_module_has_is_shown() -> None:
    """Each option that this module has, in part or whole, leads to code of it."""
    claims = [row for row in options() if not row[1].startswith("no")]
    assert len(claims) > 80
    assert [row for row in claims if not re.search(r"`\]\(\.\./", row[1])] == []


def test_peers_are_cited_by_commit() -> None:
    """Each link to a peer leads to a line at the named commit, from its own column."""
    links = re.findall(r"\[`[^`]+`\]\(https://github\.com/([^)]+)\)", PAGE)
    wrong = [
        link
        for link in links
        if not (found := re.fullmatch(r"([^/]+/[^/]+)/blob/([0-9a-f]{40})/[^#]+#L\d+", link))
        or PEERS.get(found[1]) != found[2]
    ]
    assert len(links) > 100
    assert wrong == []
    assert len(re.findall(r"/blob/", PAGE)) == len(links)
    for name, commit in PEERS.items():
        assert f"| `{commit}` |" in next(line for line in PAGE.splitlines() if f"[{name}]" in line)
    for _, ours, three, single in options():
        assert "https://" not in ours
        assert "finnrorke/" not in three
        assert "terraform-aws-modules/" not in single


def test_what_a_peer_has_is_shown_or_was_searched_for() -> None:
    """What a peer has leads to its code or counts it, and what it has not names a search."""
    peers = [(row[0], cell) for row in options() for cell in row[2:]]
    shown = re.compile(r"/blob/|\(G\d+|\d|see below|what is in your image")
    assert [each for each in peers if not shown.search(each[1])] == []
    unsearched = [each for each in peers if re.match(r"no(?! \(G\d+)", each[1])]
    assert unsearched == []


def test_searches_are_listed_and_used() -> None:
    """Each search that a cell names is listed once, and no other is."""
    used = {name for row in options() for cell in row for name in re.findall(r"\bG\d+\b", cell)}
    listed = re.findall(r"^(G\d+) +l?s?d?f? +\S", PAGE, re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) == used


@pytest.mark.parametrize(("language", "column"), [("hcl", 0), ("python", 1)])
def test_our_lines_are_those_of_the_readme(language: str, column: int) -> None:
    """The page counts the lines of the README's quickstart as they are."""
    readme = (ROOT / "README.md").read_text()
    quickstart = readme[readme.index("## Use it") :].partition("\n### ")[0]
    snippets = re.findall(rf"```{language}\n(.*?)```", quickstart, re.DOTALL)
    lines = [line for snippet in snippets for line in snippet.splitlines() if line.strip()]
    (counts,) = re.findall(r"^\| this module \| (\d+) \| (\d+) \|", PAGE, re.MULTILINE)
    assert int(counts[column]) == len(lines)
