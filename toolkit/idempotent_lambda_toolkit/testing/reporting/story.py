"""The story of a finding: the moments of a recording as sentences."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from idempotent_lambda_toolkit.testing.hammering.reasons import Reason
from idempotent_lambda_toolkit.testing.hammering.recording import Kind, Moment

_MOST_EFFECTS = 6
"""The number of side effects of a scenario up to which a story names all of them."""

_MOST_KEYS = 3
"""The number of keys that a sentence names."""

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

_OF_ONE_RUN = (Reason.NOT_RUN, Reason.UNSTORABLE_RESULT)
"""The reasons whose observation is about a result."""


class Problem(NamedTuple):
    """What a story explains.

    Attributes:
        text: the observation.
        expected: how often the side effect happens without a fault, by key; empty if unknown.
        more: the last steps, which the recording does not have.
    """

    reason: Reason
    effect: str | None
    text: str
    expected: Mapping[str, int]
    more: Sequence[str] = ()

    @property
    def least(self) -> int:
        """How often the side effect happens without a fault; 0 if that is not known."""
        return sum(self.expected.values())


def write_story(
    moments: Sequence[Moment], problem: Problem
) -> tuple[tuple[str, ...], tuple[Moment, ...]]:
    """Return the sentences, and the moments that explain it, up to the one that shows it."""
    repeated = _find_repetition(moments, problem)
    shown = tuple(moments if repeated is None else moments[: repeated + 1])
    kept = tuple(_leave_out_others(shown, problem))
    # The last sentence is about the repetition itself.
    earlier = kept if repeated is None else _leave_out_last(kept)
    sentences = [*_write_sentences(earlier)]
    if problem.more:
        sentences.append("The same process gets it again, with an empty table.")
    verdict = (
        _say_what_is_missing(shown, problem)
        if repeated is None
        else _say_what_repeats(shown, problem)
    )
    return (*sentences, verdict), kept


def count_done(moments: Iterable[Moment]) -> int:
    """Count side effects; of several with one token, the receiver does only the first."""
    done = [moment for moment in moments if moment.kind is Kind.DONE]
    tokens = {(moment.name, moment.number) for moment in done if moment.number}
    return len(tokens) + sum(not moment.number for moment in done)


def _find_repetition(moments: Sequence[Moment], problem: Problem) -> int | None:
    """Return the place of the moment in which the side effect happens once too often."""
    for place, moment in enumerate(moments if problem.expected else ()):
        if moment.kind is Kind.DONE and moment.name == problem.effect:
            times, least = _count_until(moments[: place + 1], problem)
            if times > least:
                return place
    return None


def _count_until(moments: Sequence[Moment], problem: Problem) -> tuple[int, int]:
    """Return how often the last side effect was done and should be: by key, if that is known."""
    last = moments[-1]
    done = [moment for moment in moments if moment.name == last.name]
    if last.key in problem.expected:
        same = [moment for moment in done if moment.key == last.key]
        if count_done(same) > problem.expected[last.key]:
            return count_done(same), problem.expected[last.key]
    return count_done(done), problem.least


def _leave_out_last(moments: Sequence[Moment]) -> Sequence[Moment]:
    """Leave out the last side effect, with its beginning."""
    *earlier, last = moments
    while earlier and (earlier[-1].kind, earlier[-1].name) == (Kind.BEGUN, last.name):
        earlier.pop()
    return earlier


def _leave_out_others(moments: Sequence[Moment], problem: Problem) -> Sequence[Moment]:
    """Leave out side effects that explain nothing, if there are many."""
    if sum(moment.kind is Kind.DONE for moment in moments) <= _MOST_EFFECTS:
        return moments
    unfinished = {
        (moment.name, moment.key)
        for moment, following in pairwise(moments)
        if moment.kind is Kind.BEGUN and following.kind is not Kind.DONE
    }
    names = {problem.effect} | {name for name, _ in unfinished}
    keys = {key for _, key in unfinished} or {moment.key for moment in moments}
    keys |= {moments[-1].key}
    return [
        moment
        for moment in moments
        if moment.kind not in (Kind.BEGUN, Kind.DONE)
        or (moment.name in names and moment.key in keys)
    ]


def _write_sentences(moments: Sequence[Moment]) -> Iterator[str]:
    words, lines, times = _Words(), list[str](), 0
    for _, group in groupby(moments, key=lambda moment: moment.invocation):
        found = list(words.describe_invocation(_join_keys(group)))
        if found == lines:  # invocations that go the same way are one sentence
            times += 1
            continue
        yield from _say_repeated(times)
        lines, times = found, 0
        yield from lines
    yield from _say_repeated(times)


def _say_repeated(times: int) -> Iterator[str]:
    if times:
        yield f"The same happens {_say_times(times, _spell(times))} more."


def _join_keys(moments: Iterable[Moment]) -> Iterator[tuple[Moment, list[str]]]:
    """Join what happens to several keys in a row."""
    for _, group in groupby(moments, key=lambda each: each._replace(key="", seconds=0)):
        first, *others = group
        if others and first.kind in _SAYINGS and not first.name:
            yield first, [each.key for each in (first, *others)]
        else:
            yield from ((each, [each.key]) for each in (first, *others))


class _Words:
    """Describes the moments of one recording, in order."""

    def __init__(self) -> None:
        self._done: dict[tuple[str, str], int] = {}
        self._tokens: set[tuple[str, int]] = set()
        self._source, self._records, self._now = "Lambda", 0, 0.0

    def describe_invocation(self, moments: Iterable[tuple[Moment, list[str]]]) -> Iterator[str]:
        """Describe moments in a row of one invocation; its beginning and its end in one each."""
        found = list(moments)
        parts = [
            (_PARTS.get(moment.kind, "beginning" if not moment.name else str(place)), text)
            for place, (moment, keys) in enumerate(found)
            if (text := self._describe(moment, keys, is_last=place == len(found) - 1))
        ]
        for _, part in groupby(parts, key=lambda each: each[0]):
            yield " ".join(text for _, text in part)

    def _describe(self, moment: Moment, keys: Sequence[str], *, is_last: bool) -> str:
        """Describe a moment; return nothing if another one says it."""
        text = ""
        if moment.kind is Kind.DELIVERED:
            text = self._describe_delivery(moment)
        elif moment.kind is Kind.DONE:
            text = self._describe_done(moment)
        elif moment.kind is Kind.BEGUN:
            text = f"`{moment.name}` begins{_say_for(moment.key)}." if is_last else ""
        elif moment.kind is Kind.ACKNOWLEDGED:
            text = self._describe_acknowledgement(moment)
        elif moment.kind in _SAYINGS:
            unnamed = _SAYINGS_WITHOUT_EFFECT.get(moment.kind) if not moment.name else None
            are, them = ("are", "they do") if len(keys) > 1 else ("is", "it does")
            text = (unnamed or _SAYINGS[moment.kind]).format(
                effect=f"`{moment.name}`",
                name=moment.name,
                key=_list_keys(keys),
                for_key=_say_for(moment.key),
                detail=moment.detail,
                are=are,
                they_do=them,
            )
        self._now = moment.seconds
        return text

    def _describe_delivery(self, moment: Moment) -> str:
        self._source, self._records = moment.name, moment.number
        what = f"the {self._noun(1)}" if moment.number <= 1 else f"{moment.number} {self._noun(2)}"
        what = f"{moment.key} alone" if moment.key else what
        does = "delivers" if moment.name in _POLLED else "invokes the function with"
        later = _say_later(moment.seconds - self._now)
        return {
            "first": f"{moment.name} {does} {what}.",
            "overlap": f"Meanwhile, {moment.name} {does} {what} again, in another invocation.",
            "resent": f"{later or 'Then '}the producer sends the same again, and {moment.name} "
            f"{does} it.",
            "other": f"{later}{moment.name} {does} another {self._noun(1)}.",
            "again": f"{later}{moment.name} {does} {what} again{'' if later else ' at once'}.",
        }[moment.detail]

    def _describe_done(self, moment: Moment) -> str:
        token = moment.name, moment.number
        known = bool(moment.number) and token in self._tokens
        self._tokens.add(token)
        first = self._done.setdefault((moment.name, moment.key), moment.invocation)
        again = "again " if first != moment.invocation else ""
        where = f"for {moment.key}" if moment.key else "without a claim"
        late = ", after its run has returned" if moment.detail == "late" else ""
        ignored = ", with the same token, so its receiver ignores it" if known else ""
        return f"`{moment.name}` is done {again}{where}{late}{ignored}."

    def _describe_acknowledgement(self, moment: Moment) -> str:
        if moment.detail:
            be = "is" if moment.number == 1 else "are"
            return f"{moment.detail} {self._noun(2)} {be} acknowledged."
        if self._records > 1:
            return f"All {self._noun(2)} are acknowledged."
        return f"The {self._noun(1)} is acknowledged."

    def _noun(self, number: int) -> str:
        """Return what the source delivers, in words."""
        noun = _NOUNS.get(self._source, "event")
        return noun if number == 1 else f"{noun}s"


_POLLED = ("SQS", "Kinesis", "DynamoDB Streams")
_NOUNS = {"SQS": "message", "Kinesis": "record", "DynamoDB Streams": "record"}
_SAYINGS = {
    Kind.CLAIMED: "The consumer claims {key}.",
    Kind.TAKEN_OVER: "The lease is over, so the consumer takes over the claim of {key}.",
    Kind.DUPLICATE: "{key} {are} completed already, so {they_do} not run.",
    Kind.IN_PROGRESS: "{key} {are} in progress, so {they_do} not run.",
    Kind.CLAIM_REFUSED: "The table refuses the claim of {key}, so {they_do} not run.",
    Kind.CLAIM_LOST: "The answer to the claim of {key} is lost, so {they_do} not run.",
    Kind.CLAIM_UNANSWERED: "The table does not answer the claim of {key}, so {they_do} not run.",
    Kind.FAILED: "{effect} fails{for_key}.",
    Kind.LOST_REQUEST: "The request of {effect} is lost: the code gets no answer.",
    Kind.LOST_ANSWER: "The answer of {effect} is lost.",
    Kind.EXITED: "SystemExit is raised {detail} {effect}.",
    Kind.KILLED: "The process is killed {detail} {effect}.",
    Kind.TIMED_OUT: "The function times out {detail} {effect}.",
    Kind.STOPPED: "The process is stopped, because it waits for the other invocation.",
    Kind.SLOW: "{effect} takes nearly all the time: {detail} are left.",
    Kind.COMPLETED: "The consumer completes {key}.",
    Kind.COMPLETION_LOST: "The consumer completes {key}, but gets no answer.",
    Kind.COMPLETION_UNANSWERED: "The table does not answer the completion of {key}.",
    Kind.COMPLETION_REFUSED: "The table refuses the completion of {key}.",
    Kind.LEASE_LOST: "The lease of {key} is over, so the consumer cannot complete it.",
    Kind.RELEASED: "The consumer releases {key} for the next delivery.",
    Kind.PARKED: "The consumer parks {key}.",
    Kind.RAISED: "The function raises {name}.",
}
_SAYINGS_WITHOUT_EFFECT = {
    Kind.KILLED: "The process is killed.",
    Kind.TIMED_OUT: "The function times out.",
    Kind.SLOW: "Only {detail} are left.",
}
_BEGINNING = (
    *(Kind.DELIVERED, Kind.CLAIMED, Kind.TAKEN_OVER, Kind.DUPLICATE, Kind.IN_PROGRESS),
    *(Kind.CLAIM_REFUSED, Kind.CLAIM_LOST, Kind.CLAIM_UNANSWERED),
)
_END = (
    *(Kind.COMPLETED, Kind.COMPLETION_LOST, Kind.COMPLETION_UNANSWERED, Kind.COMPLETION_REFUSED),
    *(Kind.LEASE_LOST, Kind.RELEASED, Kind.PARKED, Kind.RAISED, Kind.ACKNOWLEDGED),
    *(Kind.TIMED_OUT, Kind.STOPPED),
)
_PARTS = {**dict.fromkeys(_BEGINNING, "beginning"), **dict.fromkeys(_END, "end")}


def _say_what_repeats(moments: Sequence[Moment], problem: Problem) -> str:
    """Write the last sentence about a side effect that happens too often."""
    *earlier, last = moments
    times, least = _count_until(moments, problem)
    known = {each.key for each in earlier if (each.kind, each.name) == (last.kind, last.name)}
    if last.key not in known:
        what = f"is done for {last.key}, another key" if last.key else "is done without a claim"
    else:
        where = f" for {last.key}" if last.key else ", without a claim"
        what = f"is done again{where}{', with another token' if last.number else ''}"
    return f"`{last.name}` {what}: {_say_times(times)} instead of {_say_times(least)}."


def _say_what_is_missing(moments: Sequence[Moment], problem: Problem) -> str:
    """Write the last sentence about anything else."""
    if problem.effect is None:
        return _say_what_is_seen(moments, problem)
    effect = f"`{problem.effect}`"
    done = [each for each in moments if each.kind is Kind.DONE and each.name == problem.effect]
    acknowledged = bool(moments) and moments[-1].kind is Kind.ACKNOWLEDGED
    if any(moment.detail == "late" for moment in done):
        text = f"Nothing waits for {effect}: a crash at this moment would lose it."
    elif problem.more:
        text = f"{effect} does not run again."
    elif problem.reason is Reason.OUTSIDE and done:
        text = f"Nothing protects {effect}: every delivery repeats it."
    elif problem.reason is Reason.KEY_TOO_WIDE:
        noun = _NOUNS.get(moments[-1].name or moments[0].name, "event") if moments else "event"
        text = f"Nothing delivers the other {noun} again, so its {effect} never runs."
    elif not done:
        why = "Nothing delivers it again, so " if acknowledged else ""
        text = f"{why}{effect} never runs."
    elif count_done(done) < problem.least:
        times = f"{_say_times(count_done(done))} instead of {_say_times(problem.least)}"
        text = f"Nothing delivers the rest again, so {effect} runs {times}."
    else:
        text = f"{effect}: {problem.reason.meaning}."
    return text


def _say_what_is_seen(moments: Sequence[Moment], problem: Problem) -> str:
    """Write the last sentence where no side effect shows the problem."""
    text = problem.text.rstrip(".")
    key = next((each.key for each in reversed(moments) if each.kind is Kind.CLAIMED), "")
    if key and problem.reason in _OF_ONE_RUN:
        return f"{key}: {text}."
    text = f"{text[:1].upper()}{text[1:]}"
    return f"{text}, while it held the claim of {key}." if key else f"{text}."


def _list_keys(keys: Sequence[str]) -> str:
    """Return keys as part of a sentence."""
    if len(keys) > _MOST_KEYS:
        return f"{', '.join(keys[: _MOST_KEYS - 1])} and {len(keys) - _MOST_KEYS + 1} more keys"
    return " and ".join(filter(None, (", ".join(keys[:-1]), keys[-1])))


def _say_for(key: str) -> str:
    return f" for {key}" if key else ""


def _say_times(number: int, spelled: str = "") -> str:
    return {1: "once", 2: "twice"}.get(number, f"{spelled or number} times")


def _spell(number: int) -> str:
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)


def _say_later(seconds: float) -> str:
    """Say how much later something is, as the beginning of a sentence; nothing for no time."""
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds >= size:
            number = round(seconds / size)
            spelled = _spell(number)
            plural = "" if number == 1 else "s"
            return f"{spelled[:1].upper()}{spelled[1:]} {unit}{plural} later, "
    return ""
