"""The module's metric filters count what they should, on lines that the package really writes.

CloudWatch evaluates their patterns; here a small evaluator does, for the part of the syntax that
they use: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntaxForMetricFilters.html
"""

import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from idempotent_lambda import PermanentFailure, idempotent
from idempotent_lambda.decorator import Wiring
from idempotent_lambda.telemetry import JsonLines
from tests.handler.bench import Bench, FaultyStore, faulty, raising, refused, unavailable
from tests.handler.events import order, record
from tests.module.stacks import ROOT

MODULE = (ROOT / "observability.tf").read_text(encoding="utf-8")
BLOCK = re.compile(r"^  metric_patterns = {\n(.+?)^  }$", re.MULTILINE | re.DOTALL)
PATTERN = re.compile(r"^    (\w+) += (\".+\")$", re.MULTILINE)
TOKEN = re.compile(r'\s*(\$\.\w+|IS TRUE|IS FALSE|"[^"]*"|\d+|&&|\|\||>=|[={}()])')
NEVER = raising(PermanentFailure("no such account"))


def parsed_patterns(module: str) -> dict[str, str]:
    """The patterns of the module's text, by the name of their metric."""
    (block,) = BLOCK.findall(module)
    found = {name: json.loads(quoted) for name, quoted in PATTERN.findall(block)}
    assert len(found) == len(re.findall(r"^    \w+ ", block, re.MULTILINE))
    return found


PATTERNS = parsed_patterns(MODULE)


def matches(pattern: str, text: str) -> bool:
    """Whether CloudWatch would count the line.

    Raises:
        ValueError: the pattern has something that is not understood here.
    """
    tokens: list[str] = []
    place = 0
    while place < len(pattern.rstrip()):
        token = TOKEN.match(pattern, place)
        if token is None:
            raise ValueError(f"{pattern[place:]!r} is not understood")
        tokens.append(token[1])
        place = token.end()
    try:
        line = json.loads(text)
    except ValueError:
        line = None
    rest = iter(tokens)
    _expect(next(rest), "{")
    result, last = _combined(rest, line if isinstance(line, dict) else {})
    _expect(last, "}")
    _expect(next(rest, "the end"), "the end")
    return result


def _combined(tokens: Iterator[str], line: dict[str, Any]) -> tuple[bool, str]:
    """Parts with one operator between them, and the token behind; none binds more than another."""
    results, operators = [_part(tokens, line)], set()
    while (token := next(tokens, "the end")) in {"&&", "||"}:
        operators.add(token)
        results.append(_part(tokens, line))
    if len(operators) > 1:
        raise ValueError("&& and || side by side are not understood: set parentheses")
    return (any(results) if "||" in operators else all(results)), token


def _part(tokens: Iterator[str], line: dict[str, Any]) -> bool:
    """Something in parentheses, or a comparison."""
    token = next(tokens)
    if token == "(":
        result, last = _combined(tokens, line)
        _expect(last, ")")
        return result
    _expect(token[:2], "$.")
    found, operator = line.get(token[2:]), next(tokens)
    if operator in {"IS TRUE", "IS FALSE"}:
        return found is (operator == "IS TRUE")
    operand = json.loads(next(tokens))
    if operator == "=" and isinstance(operand, str):
        return bool(found == operand)
    _expect(operator, ">=")
    # Neither null nor a boolean is a number.
    return type(found) in {int, float} and found >= operand


def _expect(token: str, expected: str) -> None:
    if token != expected:
        raise ValueError(f"{token!r} is not understood where {expected!r} should be")


def counted(text: str) -> set[str]:
    """The metrics that count the line."""
    return {name for name, pattern in PATTERNS.items() if matches(pattern, text)}


class Log:
    """Benches whose lines are kept.

    Attributes:
        stream: the lines.
    """

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def bench(self, bench: Bench | None = None, **changes: Any) -> Bench:
        """A bench that writes here."""
        made = bench or Bench(**changes)
        observer = JsonLines(made.clock, hash_keys=False, stream=self.stream)
        object.__setattr__(made.consumer, "observer", observer)
        return made

    def faulty(self) -> tuple[Bench, FaultyStore]:
        """One whose store can be made faulty."""
        bench, store = faulty()
        return self.bench(bench), store


class Scenario(NamedTuple):
    """What makes lines, and the metrics that count them, line by line."""

    play: Callable[[Log], object]
    counted: list[set[str]]


def _again(log: Log) -> None:
    bench = log.bench()
    bench.deliver("a", order("a", "m-2"))
    bench.deliver(order("a", "m-3"))


def _failed(log: Log) -> None:
    bench = log.bench()
    bench.behaviour["a"] = raising(ValueError("no"))
    bench.deliver("a", order("a", "m-2"))


def _busy(log: Log) -> None:
    bench = log.bench()
    bench.lay("a", lease=1000)
    bench.deliver("a")


def _taken_over(log: Log) -> None:
    bench = log.bench()
    bench.lay("a")
    bench.deliver("a", order("a", "m-2"))


def _taken_over_in_vain(log: Log) -> None:
    bench = log.bench()
    bench.lay("a", attempts=2)
    bench.behaviour["a"] = raising(ValueError("no"))
    bench.deliver("a")


def _late(log: Log) -> None:
    bench = log.bench()
    bench.behaviour["a"] = lambda _: bench.lay("a", lease=60_000)
    bench.deliver("a", order("a", "m-2"))


def _late_and_completed(log: Log) -> None:
    bench = log.bench()

    def complete(_: object) -> None:
        bench.lay("a")
        found = bench.memory.records["orders#a"]
        bench.memory.records["orders#a"] = replace(found, status="COMPLETED")

    bench.behaviour["a"] = complete
    bench.deliver("a")


def _never_had_the_lease(log: Log) -> None:
    bench, store = log.faulty()
    bench.deliver("a")
    store.after["claim orders#a"] = unavailable(maybe_written=True)
    bench.deliver("a")
    assert json.loads(log.stream.getvalue().splitlines()[-1])["lease_lost"]


def _parked(log: Log) -> None:
    bench = log.bench()
    bench.behaviour["a"] = NEVER
    bench.deliver("a", order("a", "m-2"))
    bench.deliver(order("a", "m-3"))


def _parked_without_a_copy(log: Log) -> None:
    bench = log.bench()
    bench.behaviour["a"] = NEVER
    bench.queues.failure = refused()
    bench.deliver("a")
    bench.queues.failure = None
    bench.deliver("a")
    bench.deliver("a")


def _parked_when_interrupted(log: Log) -> None:
    bench = log.bench(parks=True)
    bench.lay("a")
    bench.deliver("a")
    bench.deliver("a")


def _parked_by_a_decorated_function(log: Log) -> None:
    bench = log.bench()
    consumer = bench.consumer
    wiring = Wiring(consumer.settings, consumer.store, bench.clock, consumer.observer)

    @idempotent(name="charge", key="order_id", lease_seconds=30, wiring=wiring)
    def charge(order_id: str) -> None:
        raise PermanentFailure(order_id)

    for _ in range(2):
        with pytest.raises(Exception, match="a"):
            charge("a")


def _observed(log: Log) -> None:
    bench = log.bench(observes=True)
    bench.deliver("a")
    bench.deliver("a")
    bench.lay("b", lease=1000)
    bench.deliver("b")
    bench.lay("c")
    bench.memory.records["orders#c"] = replace(bench.memory.records["orders#c"], status="PARKED")
    bench.deliver("c")


def _of_others(log: Log) -> None:
    bench = log.bench()
    observer = bench.consumer.observer
    observer.fell_back(refused())
    observer.not_postponed(refused())
    log.stream.write("outcome parked\n")
    log.stream.write('"parked"\n')
    log.stream.write('{"type":"platform.report","record":{"status":"timeout"}}\n')
    # What the user's code prints may look alike.
    alike = {"acknowledged": False, "coalesced": False, "settle_ms": 0, "takeover": True}
    for outcome in ("completed", "duplicate", "lost_lease", "parked"):
        log.stream.write(json.dumps({"event": "mine", "outcome": outcome} | alike) + "\n")


AGAIN = "unacknowledged"
SCENARIOS = {
    "completed, with a follower, and again": Scenario(
        _again, [{"completed"}, {"duplicates"}, {"duplicates"}]
    ),
    "failed, with a follower": Scenario(_failed, [{AGAIN}, {AGAIN}]),
    "busy": Scenario(_busy, [{AGAIN}]),
    "rejected": Scenario(lambda log: log.bench().deliver(record("{}")), [{AGAIN}]),
    "taken over, with a follower": Scenario(
        _taken_over, [{"completed", "takeovers"}, {"duplicates"}]
    ),
    "taken over in vain": Scenario(_taken_over_in_vain, [{AGAIN, "takeovers"}]),
    "late, with a follower": Scenario(_late, [{AGAIN, "lost_leases"}, {AGAIN}]),
    "late, completed by the next": Scenario(_late_and_completed, [{"lost_leases"}]),
    "a claim that is lost to another": Scenario(_never_had_the_lease, [{"completed"}, {AGAIN}]),
    "parked, with a follower, and again": Scenario(_parked, [{"parked"}, set(), set()]),
    "parked, its copy sent later": Scenario(
        _parked_without_a_copy, [{AGAIN, "parked"}, {"parked"}, set()]
    ),
    "parked because it was interrupted": Scenario(_parked_when_interrupted, [{"parked"}, set()]),
    "parked by a decorated function": Scenario(
        _parked_by_a_decorated_function, [{AGAIN, "parked"}, {AGAIN}]
    ),
    "observed": Scenario(_observed, [{"completed"}, {"duplicates"}, {"duplicates"}, set()]),
    "no line of a message": Scenario(_of_others, [set()] * 9),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_each_line_is_counted_as_what_it_is(name: str) -> None:
    """A line counts for exactly the metrics that it should, one that shares an end for few."""
    log = Log()
    SCENARIOS[name].play(log)
    assert [counted(line) for line in log.stream.getvalue().splitlines()] == SCENARIOS[name].counted


def test_each_metric_has_a_line() -> None:
    """No metric is without a line that it counts."""
    assert set(PATTERNS) == {
        name for each in SCENARIOS.values() for metrics in each.counted for name in metrics
    }


@pytest.mark.parametrize(
    ("pattern", "line", "expected"),
    [
        ('{ $.a = "x" }', '{"a":"x"}', True),
        ('{ $.a = "x" }', '{"a":"y"}', False),
        ('{ $.a = "x" }', '{"b":"x"}', False),
        ("{ $.a IS TRUE }", '{"a":true}', True),
        ("{ $.a IS TRUE }", '{"a":"true"}', False),
        ("{ $.a IS FALSE }", '{"a":false}', True),
        ("{ $.a IS FALSE }", '{"a":0}', False),
        ("{ $.a IS FALSE }", '{"a":null}', False),
        ("{ $.a >= 2 }", '{"a":2}', True),
        ("{ $.a >= 2 }", '{"a":1.5}', False),
        ("{ $.a >= 0 }", '{"a":null}', False),
        ("{ $.a >= 0 }", '{"a":true}', False),
        ('{ ($.a = "x") && ($.b = "y") }', '{"a":"x"}', False),
        ('{ ($.a = "x") || ($.b = "y") }', '{"b":"y"}', True),
        ('{ (($.a = "x") || ($.b = "y")) && ($.c IS TRUE) }', '{"b":"y"}', False),
    ],
)
def test_evaluation(pattern: str, line: str, expected: bool) -> None:
    """The evaluator takes comparisons as CloudWatch documents them."""
    assert matches(pattern, line) is expected


@pytest.mark.parametrize(
    "pattern",
    [
        '$.a = "x"',
        '{ $.a = "x"',
        '{ $.a = "x" } more',
        '{ $.a = "x" } }',
        '{ $.a != "x" }',
        "{ $.a = 1 }",
        '{ a = "x" }',
        "{ ($.a IS TRUE) && ($.b IS TRUE) || ($.c IS TRUE) }",
    ],
)
def test_what_is_not_evaluated(pattern: str) -> None:
    """A pattern that the evaluator does not understand is an error, not a guess."""
    with pytest.raises(ValueError, match="not understood"):
        matches(pattern, '{"a":"x"}')


def test_each_alarm_names_places_of_the_runbook() -> None:
    """Where an alarm sends its reader there is a heading, or an outcome's row, of that name."""
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    places = re.findall(r"^## (.+)$|^\| `(\w+)` \|", runbook, re.MULTILINE)
    lists = re.findall(r"^ +runbook += (\[.+\])$", MODULE, re.MULTILINE)
    assert len(lists) == MODULE.count("description = ") > 0
    assert {place for each in lists for place in json.loads(each)} <= {a or b for a, b in places}
