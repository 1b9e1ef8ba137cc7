"""Conditions of policy statements, as far as a request is known.

An answer is True, False, or None where the request's context is not known: such a statement may
apply, and nobody can say so from here.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

Context = Mapping[str, tuple[str, ...]]
"""The values of the known condition keys, whose names are in lower case."""

MULTIVALUED = frozenset({"dynamodb:leadingkeys"})
"""The known keys that can have several values in one request."""

_SET = re.compile("(ForAllValues|ForAnyValue):", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


def both(answers: Iterable[bool | None]) -> bool | None:
    """Return whether all answers are True: one that is False decides, however many are None."""
    found = list(answers)
    if False in found:
        return False
    return None if None in found else True


def either(answers: Iterable[bool | None]) -> bool | None:
    """Return whether one answer is True: it decides, however many are None."""
    found = list(answers)
    if True in found:
        return True
    return None if None in found else False


def list_of(one_or_many: Any) -> list[Any]:
    """Return a policy's value as a list: it may be one value or a list."""
    if one_or_many is None:
        return []
    return one_or_many if isinstance(one_or_many, list) else [one_or_many]


def evaluate(condition: Mapping[str, Mapping[str, Any]], context: Context) -> bool | None:
    """Return whether a whole condition holds; None if that depends on keys that are not known."""
    return both(
        _compare(operator, key, [str(value) for value in list_of(values)], context)
        for operator, keys in condition.items()
        for key, values in keys.items()
    )


def list_unknown_keys(condition: Mapping[str, Mapping[str, Any]], context: Context) -> list[str]:
    """Return the comparisons of a condition that cannot be decided: ``operator key``."""
    return [
        f"{operator} {key}"
        for operator, keys in condition.items()
        for key, values in keys.items()
        if _compare(operator, key, [str(value) for value in list_of(values)], context) is None
    ]


def matches(
    pattern: str, value: str, context: Context, *, ignore_case: bool = False
) -> bool | None:
    """Return whether a value matches a pattern with ``*``, ``?`` and policy variables.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """
    text, position, is_known = "", 0, True
    for variable in _VARIABLE.finditer(pattern):
        text += _translate(pattern[position : variable.start()])
        position = variable.end()
        name = variable[1]
        found = (name,) if name in {"*", "?", "$"} else context.get(name.lower(), ())
        is_known &= len(found) == 1
        # An unknown variable may have any value. If the rest does not match, no value can.
        text += re.escape(found[0]) if len(found) == 1 else ".*"
    text += _translate(pattern[position:])
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    if re.fullmatch(text, value, flags) is None:
        return False
    return True if is_known else None


def _translate(pattern: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(letter) or re.escape(letter) for letter in pattern)


def _equals(expected: str, value: str, context: Context, *, ignore_case: bool) -> bool | None:
    # Wildcards are plain characters for StringEquals; variables are not.
    escaped = re.sub(r"[*?](?![^{}]*\})", lambda found: f"${{{found[0]}}}", expected)
    return matches(escaped, value, context, ignore_case=ignore_case)


def _is_same_bool(expected: str, value: str, _context: Context) -> bool:
    return expected.lower() == value.lower()


_Comparison = Callable[[str, str, Context], bool | None]

_COMPARISONS: Mapping[str, _Comparison] = {
    "stringequals": partial(_equals, ignore_case=False),
    "stringequalsignorecase": partial(_equals, ignore_case=True),
    "stringlike": matches,
    "arnequals": matches,
    "arnlike": matches,
    "bool": _is_same_bool,
}
"""ArnEquals and ArnLike are the same; each part of an ARN is matched here without its colons."""


def _compare(operator: str, key: str, expected: list[str], context: Context) -> bool | None:
    known = context.get(key.lower())
    name = operator.lower()
    if known is None:
        return None
    if name == "null":
        return "false" in {value.lower() for value in expected}
    quantifier = _SET.match(operator)
    name = _SET.sub("", operator).lower().removesuffix("ifexists")
    if quantifier is None and key.lower() in MULTIVALUED:
        return None  # AWS advises against it, and does not say how it compares.
    is_negated = "not" in name
    compare = _COMPARISONS.get(name.replace("not", ""))
    if compare is None:
        return None
    answers = []
    for value in known:
        answer = either(compare(pattern, value, context) for pattern in expected)
        answers.append(answer if answer is None or not is_negated else not answer)
    is_any = quantifier is not None and quantifier[1].lower() == "foranyvalue"
    return either(answers) if is_any else both(answers)
