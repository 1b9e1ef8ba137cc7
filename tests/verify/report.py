"""The results of a run: ``build/aws.json``, and a Markdown table to paste."""

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

RESULTS = "verify/results"
"""The folder of the results of all runs, below the folder of what is built."""

ROWS = (
    "redrive",
    "changed_visibility",
    "malformed_response",
    "smaller_dead_letter_queue",
    "leading_keys_of_partiql",
    "leading_keys_of_transactions",
    "item_of_a_refused_insert",
    "lowest_sequence_number",
    "kill_at_the_timeout",
    "embedded_metrics",
    "versions",
    "traffic",
)
"""The rows that are tests, in the order of the table; the contract suite comes last."""

SUITE = "contract_suite"
SUITE_QUESTION = "Does the contract suite of the claim store pass?"
NO_ANSWER = "no answer"
_PACKAGE = "tests.verify.rows."


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A question, and the answer that was observed.

    Attributes:
        relied_on: whether it is what the package relies on: "yes" or "no"; "-" if the package does
            not rely on it, or the target can't show it; `NO_ANSWER` if the row failed.
    """

    name: str
    target: str
    question: str
    answer: str
    relied_on: str
    seconds: float


def read_rows(junit: str, target: str, *, is_whole: bool = True) -> list[Row]:
    """Read the rows from pytest's report; a row that it lacks has no answer.

    The report has only the tests that ran. So the suite has no answer unless it `is_whole`.
    """
    try:
        cases = list(ET.fromstring(junit).iter("testcase"))  # noqa: S314 (ours)
    except ET.ParseError:  # pytest was killed before it wrote its report, or while it did
        cases = []
    found = {
        case.attrib["name"].removeprefix("test_"): case
        for case in cases
        if case.attrib["classname"].startswith(_PACKAGE)
    }
    rows = [_read_row(name, found.get(name), target) for name in ROWS]
    suite = [each for each in cases if not each.attrib["classname"].startswith(_PACKAGE)]
    return [*rows, _count_suite(suite, target, is_whole=is_whole)]


def _read_row(name: str, case: ET.Element | None, target: str) -> Row:
    if case is None:
        reason = "the run ended before it"
        return Row(
            name=name, target=target, question="", answer=reason, relied_on=NO_ANSWER, seconds=0.0
        )
    properties = {each.attrib["name"]: each.attrib["value"] for each in case.iter("property")}
    wrong = next((each for each in case if each.tag in {"failure", "error", "skipped"}), None)
    is_answered = wrong is None and "answer" in properties
    message = "" if wrong is None else wrong.attrib.get("message", "").strip()
    return Row(
        name=name,
        target=target,
        question=properties.get("question", ""),
        answer=properties["answer"] if is_answered else message.partition("\n")[0],
        relied_on=properties["relied_on"] if is_answered else NO_ANSWER,
        seconds=float(case.attrib["time"]),
    )


def _count_suite(cases: Sequence[ET.Element], target: str, *, is_whole: bool) -> Row:
    kinds = [{child.tag for child in case} for case in cases]
    failed = sum(bool(kind & {"failure", "error"}) for kind in kinds)
    skipped = sum("skipped" in kind for kind in kinds)
    passed = len(cases) - failed - skipped
    is_answered = is_whole and cases and not skipped
    relied_on = NO_ANSWER if not is_answered else "no" if failed else "yes"
    others = "" if is_whole else ", and pytest did not come to the others"
    return Row(
        name=SUITE,
        target=target,
        question=SUITE_QUESTION,
        answer=f"{passed} of {len(cases)} tests passed, {failed} failed, {skipped} were skipped"
        + others,
        relied_on=relied_on,
        seconds=sum(float(case.attrib["time"]) for case in cases),
    )


def find_problems(rows: Iterable[Row]) -> list[str]:
    """List what makes a run fail: no answer, or on AWS another one than the package relies on.

    The emulator's other answers say something about the emulator only.
    """
    return [
        f"{row.name}: {row.relied_on}: {row.answer}"
        for row in rows
        if row.relied_on == NO_ANSWER
        or (row.relied_on == "no" and (row.target == "aws" or row.name in {SUITE, "traffic"}))
    ]


def render(rows: Iterable[Row], facts: Mapping[str, str]) -> str:
    """Render the table; it has no account number, so you can paste it anywhere."""
    lines = ["| question | answer | as relied on | observed on |", "|---|---|---|---|"]
    for row in rows:
        cells = (row.question or row.name, row.answer, row.relied_on, row.target)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    described = "; ".join(f"{name} {value}" for name, value in facts.items())
    return "\n".join([*lines, "", described + ".", ""])


def write(
    build: Path, run: str, rows: Sequence[Row], facts: Mapping[str, str], seconds: Mapping[str, int]
) -> None:
    """Write both files, by the run so that no other run overwrites them.

    ``aws.json`` and ``aws.md`` are copies of the last run's.
    """
    results = build / RESULTS
    results.mkdir(parents=True, exist_ok=True)
    content = {"run": run, **facts, "seconds": seconds, "rows": [asdict(row) for row in rows]}
    files = {"json": json.dumps(content, indent=2) + "\n", "md": render(rows, facts)}
    for suffix, text in files.items():
        path = results / f"{run}.{suffix}"
        path.write_text(text, encoding="utf-8")
        shutil.copy(path, build / f"aws.{suffix}")
