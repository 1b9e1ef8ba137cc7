"""What every story of a finding keeps to."""

import re

from idempotent_lambda_toolkit.testing import Report
from idempotent_lambda_toolkit.testing.hammering.recording import Kind

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}|\d{13,}|[0-9a-fA-F]{24,}|0x[0-9a-f]+")
PLACEHOLDER = re.compile(r"[{}]|``|\bNone\b|<\w+>|  ")


def check_stories(report: Report) -> None:
    """Check the story and the timeline of each finding."""
    for finding in report.findings:
        *earlier, verdict = finding.story
        keys = {moment.key for moment in finding.timeline if moment.key}
        named = {f"`{finding.effect}`"} if finding.effect else keys
        assert earlier, finding
        assert not named or any(name in verdict for name in named), finding
        for sentence in finding.story:
            assert not ID.search(sentence), sentence
            assert not PLACEHOLDER.search(sentence), sentence
            assert re.fullmatch(r"\S.*\.", sentence), sentence
        seconds = [moment.seconds for moment in finding.timeline]
        assert seconds == sorted(seconds)
        assert finding.timeline[0].kind is Kind.DELIVERED
        assert all(f"  {n}. {s}\n" in str(finding) for n, s in enumerate(finding.story, 1))
