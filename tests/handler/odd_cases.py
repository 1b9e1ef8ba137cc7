"""Every field of a record with every odd value, and key expressions that compute with them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from idempotent_lambda.sources.copy_mark import TOKEN_ATTRIBUTE

from .events import record
from .odd import AS_JSON, DATA, KINDS, MISSING, ODD, TEXT, Kind, Path, fields_of, with_odd
from .odd_batches import FATES


@dataclass(frozen=True)
class Case:
    """One odd record and its fate.

    Attributes:
        kind: the name of its kind.
        path: the field that is odd.
        value: the name of the odd value in it.
        fate: the name of the fate of its key.
        expressed: whether keys come from the kind's expression, or are default keys.
        record: the record.
    """

    kind: str
    path: Path
    value: str
    fate: str
    expressed: bool
    record: Any = field(repr=False, compare=False)


_READ = {"receiptHandle", "eventSourceARN", "MessageGroupId", "messageAttributes", TOKEN_ATTRIBUTE}
_READ_IN = ("in progress", "copied", "copied in order", "redriven")
"""The fields that are read again after a claim, and the fates in which they are."""


def cases_of(name: str) -> Iterator[Case]:
    """Every field of a kind's record with every odd value, and by turns with every fate.

    A field has more odd values than there are fates, so it meets each of them.
    """
    kind = KINDS[name]
    whole = kind.odd()
    paths = [
        path for path in [(), *fields_of(whole)] if not kind.within or kind.within & {*path[:1]}
    ]
    for at, path in enumerate(paths):
        for turn, (value, odd) in enumerate(ODD.items()):
            if odd is MISSING and (not path or path[-1] in (TEXT, DATA)):
                continue
            made = with_odd(whole, path, value)
            fate = [*FATES][(at * 7 + turn) % len(FATES)]
            yield Case(name, path, value, fate, (at + turn // 3) % 2 == 0, made)
            if not _READ.isdisjoint(path) and TEXT not in path:
                for each in _READ_IN:
                    yield Case(name, path, value, each, turn % 2 == 0, made)


class Numbered(Kind):
    """SQS messages whose numbers and texts suit every function of a key expression."""

    def good(self, number: int, group: int) -> dict[str, Any]:
        del group
        body = {
            "id": str(10 ** (number + 20)),
            "n": 10 ** (number + 20),
            "xs": [10 ** (number + 20)],
            "ys": ["a", str(number)],
        }
        return record(json.dumps(body), message_id=f"good-{number}")


EXPRESSIONS = (
    "sum(body.xs)",
    "max(body.xs)",
    "sort(body.xs)",
    "length(body.id)",
    "reverse(body.id)",
    "to_number(body.id)",
    "to_array(body.n)",
    "floor(body.n)",
    "ceil(body.n)",
    "abs(body.n)",
    "join('-', body.ys)",
    "[body.id, body.n]",
    "body.xs[*]",
    "sort_by(body.xs, &@)",
    "not_null(body.id, body.n)",
    "body.[id, n, xs[0]]",
)
"""Key expressions that compute."""


def key_cases() -> Iterator[tuple[str, Case]]:
    """Every such expression with every odd value in the body, alone and in an array."""
    shapes = (
        '{{"id": {0}, "n": {0}, "xs": {0}, "ys": {0}}}',
        '{{"n": 1, "xs": [{0}, {0}], "ys": [{0}, 1]}}',
    )
    for at, expression in enumerate(EXPRESSIONS):
        for turn, (value, odd) in enumerate(ODD.items()):
            text = "null" if odd is MISSING else AS_JSON.get(value) or json.dumps(odd)
            for shape in shapes:
                made = record(shape.format(text), message_id="odd")
                fate = [*FATES][(at * 7 + turn) % len(FATES)]
                yield (
                    expression,
                    Case("SQS", ("body", expression), value, fate, expressed=True, record=made),
                )
