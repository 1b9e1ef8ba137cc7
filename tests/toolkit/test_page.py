"""The page of reports and its timelines: complete, harmless, readable, the same every time."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from idempotent_lambda_toolkit.testing import Effects, Report, events, hammer
from idempotent_lambda_toolkit.testing.hammering.recording import Kind
from idempotent_lambda_toolkit.testing.reporting.page import Entry, build_page
from idempotent_lambda_toolkit.testing.reporting.timeline import COLORS, WIDTH, draw_timeline
from idempotent_lambda_toolkit.testing.reporting.transfer import dump_report, load_report
from tests.toolkit.draw_timeline import PICTURE, draw

HOSTILE = "\"'><script>alert(1)</script>&\u202e\u2066\x1b[2J\x00]]>-->\ud800\u200d"
VOID = {"meta", "br", "rect", "path", "circle"}


def hammer_order(order_id: str, name: str = "charge") -> Report:
    """A report with one finding, on an order of any name."""
    effects = Effects()
    charge, mail = effects.of(name), effects.of("mail")

    def process(_: Any) -> None:
        charge()
        mail()

    event = events.sqs({"order_id": order_id})
    return hammer(process, event, effects=effects, key="body.order_id")


@pytest.fixture(scope="module")
def report() -> Report:
    """A report with one finding."""
    return hammer_order("ORDER-1")


class Checked(HTMLParser):
    """Reads a page, and refuses what is not well formed or not known."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read(page: str) -> Checked:
    """Read a page."""
    checked = Checked()
    checked.feed(page)
    checked.close()
    assert checked.open == []
    return checked


def test_complete_in_itself(report: Report) -> None:
    """The page has no script, link or image, and nothing that a browser would load."""
    page = report.to_html()
    tags = {tag for tag, _ in read(page).tags}
    assert tags <= {
        *("html", "head", "meta", "title", "style", "body", "main", "section", "article", "div"),
        *("h1", "h2", "h3", "h4", "h5", "p", "ol", "ul", "li", "code", "span", "strong"),
        *("figure", "figcaption", "svg", "desc", "g", "rect", "path", "circle", "text"),
    }
    assert re.findall(r"https?://[^\"]+", page) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"url\(|@import|@font-face|\bon\w+=|javascript:", page)


def test_it_says_everything(report: Report) -> None:
    """The page has the test, the function, the reason, the story, the fix, and what passed."""
    page = build_page([Entry("test_a.py::test_b", report), Entry("test_a.py::test_c", PASSED)])
    text = " ".join("".join(read(page).texts).split())
    (finding,) = report.findings
    reason = finding.reason
    for shown in (reason, reason.fix, finding.text, *finding.story, report.subject):
        assert shown.replace("`", "") in text
    assert reason.meaning.capitalize() in text
    assert f"1 finding in {report.scenarios + PASSED.scenarios} scenarios of 2 reports." in text
    assert "test_a.py::test_c of shop.process (9 scenarios, effects: charge)" in text
    assert "No test used hammer." in build_page([])


PASSED = Report(subject="shop.process", effects=("charge",), scenarios=9, findings=())


def test_hostile_texts() -> None:
    """Keys, names of side effects and of tests are shown as text, whatever is in them."""
    found = hammer_order(HOSTILE.replace("\ud800", ""), HOSTILE)
    page = build_page([Entry(HOSTILE, found)])
    page.encode()
    checked = read(page)
    assert "script" not in {tag for tag, _ in checked.tags}
    assert all(sign.isprintable() or sign == "\n" for sign in page)
    assert "\\u202e\\u2066\\x1b[2J\\x00" in "".join(checked.texts)
    assert "<script>alert(1)</script>" in "".join(checked.texts)
    for svg in find_pictures(page):
        parse(svg)


def parse(svg: str) -> ET.Element:
    """The elements of a picture."""
    return ET.fromstring(svg)  # noqa: S314  # our code made it


def find_pictures(page: str) -> Iterator[str]:
    """The pictures of a page."""
    yield from re.findall(r"<svg.*?</svg>", page, re.DOTALL)


def test_accessible(report: Report) -> None:
    """Each picture has a title and a description; headings go down one level at a time."""
    page = build_page([Entry("one", report), Entry("two", report)])
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len({*ids})
    referred = " ".join(re.findall(r'aria-labelledby="([^"]+)"', page)).split()
    assert {*referred} <= {*ids}
    for svg in find_pictures(page):
        root = parse(svg)
        first, second = list(root)[:2]
        assert (first.tag[-5:], second.tag[-4:], root.get("role")) == ("title", "desc", "img")
        assert second.text == " ".join(report.findings[0].story)
    levels = [int(level) for level in re.findall(r"<h(\d)", page)]
    assert levels[0] == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))
    assert '<html lang="en">' in page


def read_colors() -> Iterator[dict[str, str]]:
    """The colors by name, light and dark."""
    for theme in COLORS.split("@media"):
        yield dict(re.findall(r"--([\w-]+): (#\w{6});", theme))


def compute_luminance(color: str) -> float:
    """The relative luminance: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    shares = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return sum(share * part for share, part in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


@pytest.mark.parametrize("colors", [*read_colors()], ids=["light", "dark"])
def test_contrast(colors: dict[str, str]) -> None:
    """Text has a contrast of at least 4.5, marks of at least 3, on each background."""
    for least, names in ((4.5, ("ink", "muted", "bad", "link", "good")), (3, ("run-edge",))):
        for name in names:
            for background in ("card", "paper"):
                pair = [compute_luminance(colors[each]) for each in (name, background)]
                ratio = (max(pair) + 0.05) / (min(pair) + 0.05)
                assert ratio >= least, (name, background, ratio)
    for state in ("held", "completed", "run"):
        pair = [compute_luminance(colors[each]) for each in (f"{state}-edge", state)]
        assert (max(pair) + 0.05) / (min(pair) + 0.05) >= 3, state


def test_nothing_overlaps_or_is_cut_off(report: Report) -> None:
    """Texts begin in rows of their height, stay within the picture, and are complete in a title."""
    long = hammer_order("ORDER-" + "x" * 100, "charge_the_customer_of_the_order_immediately")
    for each in (report, long):
        (finding,) = each.findings
        root = parse(draw_timeline(finding))
        space = {"": "http://www.w3.org/2000/svg"}
        height = int(str(root.get("viewBox")).split()[-1])
        texts = root.findall(".//text", space)
        labels = [text for text in texts if text.get("class", "").startswith(("label", "small"))]
        heights = [int(text.get("y", "0")) for text in labels]
        assert heights == sorted(heights)
        assert min(below - above for above, below in pairwise(heights)) >= 16
        assert max(heights) < height
        for text in labels:
            width = 8 if text.get("class", "").startswith("label") else 6
            assert int(text.get("x", "0")) + width * len(text.text or "") <= WIDTH
        titles = " ".join(title.text or "" for title in root.findall(".//title", space))
        assert all(moment.key in titles for moment in finding.timeline)


def test_transfer(report: Report) -> None:
    """A report that went through text is equal, to its types."""
    again = load_report(dump_report(report))
    assert again == report
    assert build_page([Entry("", again)]) == report.to_html()
    assert {type(moment.kind) for moment in again.findings[0].timeline} == {Kind}


def test_write_html(report: Report, tmp_path: Path) -> None:
    """A report writes its page to a file, in a new folder if need be."""
    report.write_html(tmp_path / "new" / "page.html")
    assert (tmp_path / "new" / "page.html").read_text(encoding="utf-8") == report.to_html()


def test_the_picture_of_the_documentation() -> None:
    """The page shows what the code draws: python -m tests.toolkit.draw_timeline renews it."""
    assert PICTURE.read_text(encoding="utf-8") == draw()
    root = parse(draw())
    assert "prefers-color-scheme: dark" in "".join(root.itertext())
