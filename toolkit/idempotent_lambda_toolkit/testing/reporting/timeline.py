"""The timeline of a finding, as SVG: time runs downwards, and each moment is a row."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from idempotent_lambda_toolkit.testing.hammering.recording import Kind, Moment
from idempotent_lambda_toolkit.testing.reporting.markup import cut, escape
from idempotent_lambda_toolkit.testing.reporting.report import Finding

WIDTH = 440
_FIRST_LANE, _LANE, _TEXT = 66, 38, 24
_HEAD, _ROW, _LINE, _GAP = 30, 26, 16, 30
_MOST_RECORDS = 3
_LONGEST_NAME = 18
_CHARACTER = 8.3, 6.6
"""The width of a character of a label and of its detail."""

STYLE = """
svg.timeline { font: 13px/1.4 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
.timeline text { fill: var(--ink); }
.timeline .small { font-size: 11px; fill: var(--muted); }
.timeline .head { font-size: 11px; fill: var(--muted); text-anchor: middle; }
.timeline .time { font-size: 11px; fill: var(--muted); text-anchor: end; }
.timeline .label { font-weight: 600; }
.timeline .bad { fill: var(--bad); }
.timeline .gap { stroke: var(--line); stroke-dasharray: 2 4; }
.timeline .guide { stroke: var(--line); }
.timeline .run { fill: var(--run); stroke: var(--run-edge); }
.timeline .held { fill: var(--held); stroke: var(--held-edge); stroke-dasharray: 3 2; }
.timeline .completed { fill: var(--completed); stroke: var(--completed-edge); }
.timeline .call { stroke: var(--muted); fill: none; }
.timeline .lost { stroke-dasharray: 3 3; }
.timeline .mark { fill: var(--run-edge); stroke: var(--card); stroke-width: 1.5; }
.timeline .open { fill: var(--card); stroke: var(--run-edge); stroke-width: 2; }
.timeline .cross { stroke: var(--bad); stroke-width: 2.5; stroke-linecap: round; fill: none; }
.timeline .check { stroke: var(--completed-edge); stroke-width: 2.5; stroke-linecap: round;
  stroke-linejoin: round; fill: none; }
.timeline .ring { fill: none; stroke: var(--bad); stroke-width: 2; }
.timeline .alarm { fill: var(--bad); }
.timeline .sign { fill: var(--card); font-weight: 700; text-anchor: middle; }
"""

COLORS = """
:root { --paper: #f6f8fa; --card: #ffffff; --ink: #1b1f24; --muted: #57606a; --line: #d0d7de;
  --bad: #b3122d; --good: #116329; --link: #0550ae; --run: #cfe4ff; --run-edge: #0a58ca;
  --held: #fff1c2; --held-edge: #8a5d00; --completed: #c9efd3; --completed-edge: #116329; }
@media screen and (prefers-color-scheme: dark) {
  :root { --paper: #0d1117; --card: #161b22; --ink: #e6edf3; --muted: #a3adb8; --line: #3a424c;
    --bad: #ff8b94; --good: #6fdd8b; --link: #79b8ff; --run: #143a66; --run-edge: #79b8ff;
    --held: #40330d; --held-edge: #e3b341; --completed: #14401f; --completed-edge: #6fdd8b; } }
"""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the picture."""

    moment: Moment
    label: str
    detail: str
    top: int

    @property
    def middle(self) -> int:
        """The height of its mark."""
        return self.top + _ROW // 2

    @property
    def height(self) -> int:
        """The height of the row."""
        return _ROW + (_LINE if self.detail else 0)


@dataclass
class _Picture:
    """The rows, lanes and shapes of a picture."""

    rows: list[Row] = field(default_factory=list)
    gaps: list[tuple[int, str, str]] = field(default_factory=list)
    lanes: dict[int, str] = field(default_factory=dict)
    records: list[str] = field(default_factory=list)
    height: int = _HEAD

    def add_row(self, moment: Moment) -> None:
        """Add a moment below the others."""
        label, detail = _name_row(moment)
        self.rows.append(Row(moment=moment, label=label, detail=detail, top=self.height))
        self.height += self.rows[-1].height

    def add_gap(self, time: str, note: str = "") -> None:
        """Add time that passes, with what happens meanwhile."""
        self.gaps.append((self.height, time, note))
        self.height += _GAP

    def find_lane(self, moment: Moment) -> int:
        """Return the middle of the lane of an invocation."""
        names = list(dict.fromkeys(self.lanes.values()))
        return _FIRST_LANE + _LANE * names.index(self.lanes[moment.invocation])

    def find_record(self, key: str) -> int:
        """Return the middle of the lane of a record."""
        return _FIRST_LANE + _LANE * (len({*self.lanes.values()}) + self.records.index(key))

    @property
    def text_begin(self) -> int:
        """Where the texts begin."""
        lanes = len({*self.lanes.values()}) + len(self.records)
        return _FIRST_LANE + _LANE * (lanes - 1) + _TEXT


def draw_timeline(finding: Finding, *, prefix: str = "t", is_file: bool = False) -> str:
    """Draw the timeline of a finding.

    Args:
        finding: the finding.
        prefix: the beginning of the ids in the picture.
        is_file: whether the picture is a file, and not a part of a page.
    """
    picture = _lay_out(finding)
    bottom = picture.height
    height = bottom + _ROW + _LINE + 8
    title = f"Timeline: {finding.reason}"
    style = f"<style>{COLORS}{STYLE}</style>"
    card = '<rect width="100%" height="100%" rx="8" fill="var(--card)"/>'
    begin = (
        '<svg xmlns="http://www.w3.org/2000/svg" class="timeline" role="img" '
        f'viewBox="0 0 {WIDTH} {height}" aria-labelledby="{prefix}-title {prefix}-story">'
    )
    return "\n".join(
        [
            begin,
            f'<title id="{prefix}-title">{escape(title)}</title>',
            f'<desc id="{prefix}-story">{escape(" ".join(finding.story))}</desc>',
            *([style, card] if is_file else []),
            *_draw_heads(picture, bottom),
            *_draw_gaps(picture),
            *_draw_runs(picture, bottom),
            *_draw_records(picture, bottom),
            *(shape for row in picture.rows for shape in _draw_row(picture, row)),
            *_draw_verdict(picture, finding, bottom),
            "</svg>",
        ]
    )


def _lay_out(finding: Finding) -> _Picture:
    """Give every moment that is worth it a row, and every invocation and record a lane."""
    picture = _Picture(records=_choose_records(finding.timeline))
    now = 0.0
    for moments, repetitions in _group(_choose_moments(finding.timeline, picture.records)):
        for moment in moments:
            if moment.kind is Kind.DELIVERED:
                later = "again" if picture.lanes else "first"
                overlaps = moment.detail == "overlap"
                picture.lanes[moment.invocation] = "overlap" if overlaps else later
            if moment.seconds > now:
                picture.add_gap(f"+ {_say_duration(moment.seconds - now)}")
            now = moment.seconds
            picture.add_row(moment)
        if repetitions:
            ends = repetitions[-1][-1].seconds
            times = "once" if len(repetitions) == 1 else f"{len(repetitions)} times"
            picture.add_gap(f"+ {_say_duration(ends - now)}", f"the same {times} more")
            now = ends
    return picture


def _choose_records(moments: Sequence[Moment]) -> list[str]:
    """Return the keys that get a lane, in the order of their claims."""
    keys = [moment.key for moment in moments if moment.kind in _OF_RECORD]
    effects = [moment.key for moment in moments if moment.name and moment.key in keys]
    # The last one shows the problem.
    kept = list(dict.fromkeys((*keys[-1:], *effects, *keys)))[:_MOST_RECORDS]
    return [key for key in dict.fromkeys(keys) if key in kept]


def _choose_moments(moments: Sequence[Moment], records: Sequence[str]) -> Iterator[Moment]:
    """Leave out records without a lane, and what the moment before or after says as well."""
    last: dict[int, Kind] = {}
    for moment, following in zip(moments, (*moments[1:], None), strict=True):
        during = following is not None and following.invocation != moment.invocation
        returned = last.get(moment.invocation) is Kind.RETURNED
        last[moment.invocation] = moment.kind
        match moment.kind:
            case Kind.BEGUN:
                shows = during
            case Kind.COMES_BACK:
                shows = returned
            case Kind.RETURNED:
                shows = False
            case _:
                shows = moment.kind not in _OF_RECORD or moment.key in records
        if shows:
            yield moment


def _group(moments: Iterable[Moment]) -> list[tuple[list[Moment], list[list[Moment]]]]:
    """Return the moments by invocation, each with the next invocations that go the same way."""
    groups: list[tuple[list[Moment], list[list[Moment]]]] = []
    for _, group in groupby(moments, key=lambda moment: moment.invocation):
        found = list(group)
        if groups and [*map(_name_row, groups[-1][0])] == [*map(_name_row, found)]:
            groups[-1][1].append(found)
        else:
            groups.append((found, []))
    return groups


def _name_row(moment: Moment) -> tuple[str, str]:
    """Return the label and the detail of a moment."""
    if moment.kind is Kind.DELIVERED:
        verb = "delivers again" if moment.detail == "again" else "delivers"
        many = f"{moment.number} records" if moment.number > 1 else ""
        details = moment.key, _DELIVERIES.get(moment.detail, ""), many
        return f"{moment.name} {verb}", ", ".join(filter(None, details))
    if moment.kind is Kind.SLOW and not moment.name:
        return f"only {moment.detail} left", ""
    label, detail = _LABELS.get(moment.kind, (str(moment.kind), "{key}"))
    if moment.kind is Kind.DONE and not moment.key:
        detail = "without a claim"
    name = cut(moment.name, _LONGEST_NAME)
    values = moment._asdict() | {"name": name, "place": f"{moment.detail} {name}" if name else ""}
    token = f", token {moment.number}" if moment.kind is Kind.DONE and moment.number else ""
    return label.format(**values).strip(), f"{detail.format(**values)}{token}"


_DELIVERIES = {
    "overlap": "at the same time",
    "resent": "the producer's retry",
    "other": "another message",
}
_LABELS = {
    Kind.CLAIMED: ("claimed", "{key}"),
    Kind.TAKEN_OVER: ("claim taken over", "{key}, its lease is over"),
    Kind.DUPLICATE: ("already completed", "{key} does not run"),
    Kind.IN_PROGRESS: ("in progress", "{key} does not run"),
    Kind.CLAIM_REFUSED: ("claim refused", "{key} does not run"),
    Kind.CLAIM_LOST: ("claimed, answer lost", "{key} does not run"),
    Kind.CLAIM_UNANSWERED: ("claim not answered", "{key} does not run"),
    Kind.BEGUN: ("{name} begins", "{key}"),
    Kind.DONE: ("{name} done", "{key}"),
    Kind.FAILED: ("{name} fails", "{key}"),
    Kind.LOST_REQUEST: ("{name}: request lost", "{key}"),
    Kind.LOST_ANSWER: ("{name}: answer lost", "{key}"),
    Kind.EXITED: ("SystemExit {place}", ""),
    Kind.KILLED: ("killed {place}", ""),
    Kind.TIMED_OUT: ("timed out {place}", ""),
    Kind.STOPPED: ("stopped", "it waits for the other invocation"),
    Kind.SLOW: ("{name} is slow", "{detail} left"),
    Kind.COMPLETED: ("completed", "{key}"),
    Kind.COMPLETION_LOST: ("completed, answer lost", "{key}"),
    Kind.COMPLETION_UNANSWERED: ("completion not answered", "{key}"),
    Kind.COMPLETION_REFUSED: ("completion refused", "{key}"),
    Kind.LEASE_LOST: ("lease over, not completed", "{key}"),
    Kind.RELEASED: ("released", "{key}"),
    Kind.PARKED: ("parked", "{key}"),
    Kind.RAISED: ("raises {name}", "comes back"),
    Kind.ACKNOWLEDGED: ("acknowledged", "{detail}"),
    Kind.COMES_BACK: ("reported as failed", "comes back"),
}
_STARTS_CLAIM = (Kind.CLAIMED, Kind.TAKEN_OVER, Kind.CLAIM_LOST)
_COMPLETES = (Kind.COMPLETED, Kind.COMPLETION_LOST)
_OF_RECORD = (
    *_STARTS_CLAIM,
    *_COMPLETES,
    *(Kind.DUPLICATE, Kind.IN_PROGRESS, Kind.CLAIM_REFUSED, Kind.CLAIM_UNANSWERED),
    *(Kind.COMPLETION_UNANSWERED, Kind.COMPLETION_REFUSED, Kind.LEASE_LOST),
    *(Kind.RELEASED, Kind.PARKED),
)
_WITHOUT_ANSWER = (
    *(Kind.CLAIM_LOST, Kind.CLAIM_UNANSWERED, Kind.COMPLETION_LOST, Kind.COMPLETION_UNANSWERED),
)
_BREAKS = (
    Kind.FAILED,
    Kind.EXITED,
    Kind.KILLED,
    Kind.TIMED_OUT,
    Kind.STOPPED,
    Kind.LOST_ANSWER,
    Kind.LOST_REQUEST,
)


def _draw_heads(picture: _Picture, bottom: int) -> Iterator[str]:
    """Draw the names of the lanes, and a line down each."""
    lanes = list(dict.fromkeys(picture.lanes.values()))
    names = [{"first": "first", "again": "later", "overlap": "other"}[lane] for lane in lanes]
    many = len(picture.records) > 1
    names += [f"key {n}" if many else "record" for n in range(1, len(picture.records) + 1)]
    titles = [_LANES[lane] for lane in lanes] + [f"record of {key}" for key in picture.records]
    for place, (name, title) in enumerate(zip(names, titles, strict=True)):
        middle = _FIRST_LANE + _LANE * place
        yield (
            f'<g><title>{escape(title)}</title><text class="head" x="{middle}" y="18">{name}</text>'
            f'<path class="guide" d="M{middle} {_HEAD}V{bottom}"/></g>'
        )


_LANES = {
    "first": "the first invocation",
    "again": "later invocations",
    "overlap": "an invocation at the same time",
}


def _draw_gaps(picture: _Picture) -> Iterator[str]:
    """Draw where time passes."""
    yield f'<text class="time" x="46" y="{_HEAD + 17}">0 s</text>'
    for top, time, note in picture.gaps:
        middle = top + _GAP // 2
        end = picture.text_begin - 6 if note else WIDTH - 8
        yield f'<path class="gap" d="M52 {middle}H{end}"/>'
        yield f'<text class="time" x="46" y="{middle + 4}">{time}</text>'
        if note:
            yield f'<text class="small" x="{picture.text_begin}" y="{middle + 4}">{note}</text>'


def _draw_runs(picture: _Picture, bottom: int) -> Iterator[str]:
    """Draw a bar from the beginning of each invocation to its end."""
    for invocation in picture.lanes:
        rows = [row for row in picture.rows if row.moment.invocation == invocation]
        goes_on = rows[-1].moment.kind not in _ENDS
        end = bottom if goes_on else rows[-1].middle
        yield _draw_bar("run", picture.find_lane(rows[0].moment), rows[0].middle, end)


_ENDS = (
    *(Kind.ACKNOWLEDGED, Kind.COMES_BACK, Kind.RAISED),
    *(Kind.KILLED, Kind.TIMED_OUT, Kind.STOPPED),
)


def _draw_records(picture: _Picture, bottom: int) -> Iterator[str]:
    """Draw a bar for each state of each record."""
    for key in picture.records:
        state, since = "", 0
        for row in picture.rows:
            if row.moment.key != key:
                continue
            following = _find_state(row.moment.kind) or state
            following = "" if following == "none" else following
            if following != state or row.moment.kind is Kind.TAKEN_OVER:
                if state:
                    yield _draw_bar(state, picture.find_record(key), since, row.middle)
                state, since = following, row.middle
        if state:
            yield _draw_bar(state, picture.find_record(key), since, bottom)


def _find_state(kind: Kind) -> str:
    """Return the state of a record from a moment on; empty if it does not change."""
    if kind in _STARTS_CLAIM:
        return "held"
    if kind in _COMPLETES or kind is Kind.PARKED:
        return "completed"
    return "none" if kind is Kind.RELEASED else ""


def _draw_bar(name: str, middle: int, top: int, bottom: int) -> str:
    height = max(bottom - top, 4)
    return f'<rect class="{name}" x="{middle - 6}" y="{top}" width="12" height="{height}" rx="4"/>'


def _draw_row(picture: _Picture, row: Row) -> Iterator[str]:
    """Draw the mark and the texts of a moment."""
    moment, lane = row.moment, picture.find_lane(row.moment)
    full = " ".join(filter(None, (row.label, moment.name, row.detail)))
    yield f"<g><title>{escape(full)}</title>"
    if moment.kind in _OF_RECORD and moment.key in picture.records:
        record = picture.find_record(moment.key)
        lost = " lost" if moment.kind in _WITHOUT_ANSWER else ""
        yield f'<path class="call{lost}" d="M{lane + 6} {row.middle}H{record - 6}"/>'
        yield _draw_mark(moment.kind, record, row.middle)
    else:
        yield _draw_mark(moment.kind, lane, row.middle)
    yield from _draw_texts(picture.text_begin, row.middle, row.label, row.detail)
    yield "</g>"


def _draw_texts(begin: int, middle: int, label: str, detail: str, more: str = "") -> Iterator[str]:
    most, most_small = (int((WIDTH - 8 - begin) / width) for width in _CHARACTER)
    yield (
        f'<text class="label{more}" x="{begin}" y="{middle + 4}">{escape(cut(label, most))}</text>'
    )
    if detail:
        text = escape(cut(detail, most_small))
        yield f'<text class="small" x="{begin}" y="{middle + 4 + _LINE}">{text}</text>'


def _draw_mark(kind: Kind, x: int, y: int) -> str:
    """Draw a mark: its shape says what happened."""
    if kind is Kind.DELIVERED:
        return f'<path class="mark" d="M{x - 8} {y - 7}H{x + 8}L{x} {y + 7}Z"/>'
    if kind in _BREAKS:
        arms = f"M{x - 6} {y - 6}L{x + 6} {y + 6}M{x + 6} {y - 6}L{x - 6} {y + 6}"
        return f'<path class="cross" d="{arms}"/>'
    if kind in (Kind.ACKNOWLEDGED, *_COMPLETES):
        return f'<path class="check" d="M{x - 6} {y}L{x - 2} {y + 5}L{x + 6} {y - 5}"/>'
    if kind is Kind.DONE:
        return f'<circle class="mark" cx="{x}" cy="{y}" r="7"/>'
    return f'<circle class="open" cx="{x}" cy="{y}" r="4"/>'


def _draw_verdict(picture: _Picture, finding: Finding, bottom: int) -> Iterator[str]:
    """Draw the last row: what is wrong."""
    middle = bottom + _ROW // 2
    last = picture.rows[-1] if picture.rows else None
    x = picture.find_lane(last.moment) if last else _FIRST_LANE
    if last and last.moment.kind is Kind.DONE:
        yield f'<circle class="ring" cx="{x}" cy="{last.middle}" r="10"/>'
    sign = f"M{x} {middle - 10}L{x + 11} {middle + 9}H{x - 11}Z"
    yield f'<g><title>{escape(finding.text)}</title><path class="alarm" d="{sign}"/>'
    yield f'<text class="sign" x="{x}" y="{middle + 7}">!</text>'
    detail = finding.effect or ""
    yield from _draw_texts(picture.text_begin, middle, finding.reason, detail, " bad")
    yield "</g>"


def _say_duration(seconds: float) -> str:
    """Say a duration in few signs."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
