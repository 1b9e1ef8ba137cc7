"""Items of DynamoDB in the JSON that Lambda delivers: numbers are texts, and bytes are base64.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_AttributeValue.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
"""

import base64
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from decimal import Context, Decimal, DecimalException, Inexact, Overflow, Subnormal
from typing import Any

from idempotent_lambda_toolkit.testing.contents import check_characters, is_bytes

MAX_LEVELS = 32
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""

_NUMBERS = Context(prec=38, Emin=-130, Emax=125, traps=[Inexact, Overflow, Subnormal])
_KEY_TYPES = {"S", "N", "B"}


def encode_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of an item.

    Raises:
        ValueError: DynamoDB cannot hold the item; the error names the place.
    """
    if not isinstance(item, Mapping):
        raise ValueError(  # noqa: TRY004  # every refusal of a builder is a ValueError
            f"the item is of type {type(item).__name__}: give a mapping of its attributes"
        )
    return {
        _check_name(name, "the item"): _encode(value, name, MAX_LEVELS)
        for name, value in item.items()
    }


def select_keys(image: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    """Return the attributes of the table's key.

    Raises:
        ValueError: an attribute is missing, or has a value that a key cannot have.
    """
    if isinstance(keys, str) or len(keys) not in (1, 2):
        raise ValueError(
            f"keys is {keys!r}: a table's key has one or two attributes. Name them in a tuple, "
            'such as keys=("order_id",)'
        )
    for name in keys:
        if name not in image:
            raise ValueError(
                f"the item has no attribute {name!r}, which is in the table's key: add it, or name "
                'the attributes of your key, such as keys=("order_id",)'
            )
        ((kind, value),) = image[name].items()
        if kind not in _KEY_TYPES or value == "":
            found = "empty" if kind in _KEY_TYPES else f"of type {kind}"
            raise ValueError(
                f"the key attribute {name!r} is {found}: give it a text, a number or bytes"
            )
    return {name: image[name] for name in keys}


def _encode(value: Any, place: str, levels: int) -> dict[str, Any]:
    if levels < 0:
        raise ValueError(
            f"{place} is nested in more than {MAX_LEVELS} lists and mappings, which DynamoDB does "
            "not hold: write the inner part as text"
        )
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case Mapping():
            parts = [(_check_name(name, place), part) for name, part in value.items()]
            return {
                "M": {name: _encode(part, f"{place}.{name}", levels - 1) for name, part in parts}
            }
        case list() | tuple():
            listed = enumerate(value)
            return {"L": [_encode(part, f"{place}[{i}]", levels - 1) for i, part in listed]}
        case AbstractSet():
            return _encode_set(value, place)
        case _:
            return _encode_scalar(value, place)


def _encode_set(values: AbstractSet[Any], place: str) -> dict[str, Any]:
    kinds = {_find_kind(value) for value in values}
    if len(kinds) != 1 or None in kinds:
        found = ", ".join(sorted({type(value).__name__ for value in values})) or "nothing"
        raise ValueError(
            f"{place} is a set of {found}: DynamoDB holds sets of texts, of numbers or of bytes, "
            "and no empty set. Write a list, or None"
        )
    # The order of a set means nothing. Sorted, the event is the same in every process.
    return {f"{kinds.pop()}S": sorted(_write_scalar(value, place) for value in values)}


def _encode_scalar(value: Any, place: str) -> dict[str, Any]:
    kind = _find_kind(value)
    if kind:
        return {kind: _write_scalar(value, place)}
    remedy = "text, bytes, int, Decimal, bool, None, a list, a mapping or a set"
    if isinstance(value, float):
        remedy = f"Decimal({str(value)!r})"
    raise ValueError(
        f"{place} is of type {type(value).__name__}, which boto3 does not write to DynamoDB: "
        f"use {remedy}"
    )


def _find_kind(value: Any) -> str | None:
    if isinstance(value, str):
        return "S"
    if is_bytes(value):
        return "B"
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    return "N" if is_number else None


def _write_scalar(value: Any, place: str) -> str:
    if isinstance(value, str):
        return check_characters(str.__str__(value), place, "DynamoDB")
    if is_bytes(value):
        return base64.b64encode(bytes(value)).decode()
    return _write_number(Decimal(value), place)


def _write_number(number: Decimal, place: str) -> str:
    """Return a number without zeros at its ends, as DynamoDB does."""
    try:
        rounded = _NUMBERS.create_decimal(number).normalize(_NUMBERS)
    except DecimalException:
        rounded = Decimal("NaN")
    if not rounded.is_finite():
        raise ValueError(
            f"{place} is a number that DynamoDB does not hold: it has at most 38 digits, from "
            "1E-130 to 9.9E+125. Write it as text"
        )
    return format(rounded, "f") if rounded else "0"


def _check_name(name: object, place: str) -> str:
    if isinstance(name, str) and name:
        return name
    raise ValueError(f"{place} has the attribute name {name!r}: a name is a text, and not empty")
