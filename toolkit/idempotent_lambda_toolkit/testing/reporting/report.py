"""The result of `hammer`."""

from dataclasses import dataclass, field
from pathlib import Path

from idempotent_lambda_toolkit.testing.hammering.reasons import Reason
from idempotent_lambda_toolkit.testing.hammering.recording import Moment
from idempotent_lambda_toolkit.testing.reporting.wording import count


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A problem that `hammer` found.

    Attributes:
        reason: the name of the problem.
        effect: the name of the side effect that shows it; None if no side effect shows it.
        text: the observation and its circumstances.
        steps: the shortest reproduction that was found, in short.
        story: the same, in sentences. The last one says what is wrong.
        timeline: what happened in it, for a picture.
    """

    reason: Reason
    effect: str | None
    text: str
    steps: tuple[str, ...]
    story: tuple[str, ...] = ()
    timeline: tuple[Moment, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        story = [f"  {number}. {sentence}" for number, sentence in enumerate(self.story, 1)]
        return "\n".join([f"{self.reason}: {self.text}", *story, f"  fix: {self.reason.fix}"])


@dataclass(frozen=True, kw_only=True)
class Report:
    """The result of `hammer`.

    Attributes:
        subject: the name of the function.
        effects: the names of the event's side effects, in order.
        scenarios: the number of scenarios.
        findings: the findings, shortest reproduction first.
    """

    subject: str
    effects: tuple[str, ...]
    scenarios: int
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether there are no findings."""
        return not self.findings

    def check(self) -> None:
        """Fail the test if there are findings.

        Raises:
            AssertionError: there are findings; its text is the report.
        """
        __tracebackhide__ = True
        if not self.passed:
            raise AssertionError(str(self))

    def to_html(self) -> str:
        """Return the report as a page with the timeline of each finding.

        The page is complete in itself: it needs no script and no network.
        """
        from idempotent_lambda_toolkit.testing.reporting import page  # noqa: PLC0415  # it reads this

        return page.build_page([page.Entry("", self)])

    def write_html(self, path: str | Path) -> None:
        """Write the page of `to_html` to a file, and make its folder if it is missing.

        Raises:
            OSError: the file cannot be written.
        """
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.to_html(), encoding="utf-8")

    def __str__(self) -> str:
        effects = ", ".join(self.effects) or "none"
        found = "nothing wrong" if self.passed else count(len(self.findings), "finding")
        head = f"hammer: {found} in {self.scenarios} scenarios of {self.subject}"
        return "\n\n".join([f"{head} (effects: {effects})", *map(str, self.findings)])
