"""Filters of event source mappings: whether a pattern can match any message of its source.

Only what is certain is reported: the content of a body is not known.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
"""

import json
from collections.abc import Mapping
from typing import Any

from idempotent_lambda_toolkit.cli.doctor.inventory import SourceMapping

_COMMON = frozenset({"eventSource", "eventSourceARN", "awsRegion"})
_OF_STREAMS = _COMMON | {"eventID", "eventName", "eventVersion"}

FIELDS: Mapping[str, frozenset[str]] = {
    "sqs": _COMMON
    | {"attributes", "body", "md5OfBody", "messageAttributes", "messageId", "receiptHandle"}
    | {"md5OfMessageAttributes"},
    "kinesis": _OF_STREAMS
    | {"approximateArrivalTimestamp", "data", "invokeIdentityArn", "kinesis"}
    | {"kinesisSchemaVersion", "partitionKey", "sequenceNumber"},
    "dynamodb": _OF_STREAMS | {"dynamodb", "userIdentity"},
}
"""The fields of a record by the service; the examples on these pages show them.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html
https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis-filtering.html
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html
"""

_SOURCES = {"sqs": "aws:sqs", "kinesis": "aws:kinesis", "dynamodb": "aws:dynamodb"}


def explain_impossible(pattern: str, mapping: SourceMapping) -> str | None:
    """Return why no record of the mapping's source can match a pattern; None if one may."""
    fields = FIELDS.get(mapping.service)
    try:
        found = json.loads(pattern)
    except ValueError:
        return None
    if fields is None or not isinstance(found, dict):
        return None
    constants = {
        "eventSource": _SOURCES[mapping.service],
        "eventSourceARN": mapping.source_arn,
        "awsRegion": mapping.source_arn.split(":")[3],
    }
    for name, rules in found.items():
        if name == "$or":
            continue
        if name not in fields and _needs_value(rules):
            return f"no record of this source has the field {name}"
        if name in constants and _excludes(rules, constants[name]):
            return f"{name} is {constants[name]} in each record"
        if name == "body" and _needs_absence(rules):
            return "each message has a body"
    return _explain_rules(found, "")


def _explain_rules(rules: Any, path: str) -> str | None:
    """Return why rules match no value at all; None if they may match one."""
    if isinstance(rules, dict):
        alternatives = rules.get("$or")
        if isinstance(alternatives, list) and alternatives:
            reasons = [_explain_rules(alternative, path) for alternative in alternatives]
            if all(reasons):
                return reasons[0]
        found = (
            _explain_rules(inner, f"{path}.{name}" if path else name)
            for name, inner in rules.items()
            if name != "$or"
        )
        return next((reason for reason in found if reason), None)
    if isinstance(rules, list):
        if not rules:
            return f"the list of {path} is empty, so no value is in it"
        if all(_is_empty_range(rule) for rule in rules):
            return f"no number is in the range of {path}"
    return None


def _is_empty_range(rule: Any) -> bool:
    numbers = rule.get("numeric") if isinstance(rule, dict) else None
    if not isinstance(numbers, list) or len(numbers) != len((">", 0, "<", 1)):
        return False
    limits = dict(zip(numbers[::2], numbers[1::2], strict=True))
    least = next((limits[sign] for sign in (">", ">=") if sign in limits), None)
    most = next((limits[sign] for sign in ("<", "<=") if sign in limits), None)
    if not isinstance(least, int | float) or not isinstance(most, int | float):
        return False
    return least > most or (least == most and not {">=", "<="} <= limits.keys())


def _needs_value(rules: Any) -> bool:
    """Return whether rules match only if the field exists."""
    if isinstance(rules, dict):
        return any(_needs_value(inner) for name, inner in rules.items() if name != "$or")
    return not any(_is_absence(rule) for rule in rules) if isinstance(rules, list) else False


def _needs_absence(rules: Any) -> bool:
    return isinstance(rules, list) and bool(rules) and all(_is_absence(rule) for rule in rules)


def _is_absence(rule: Any) -> bool:
    return isinstance(rule, dict) and rule.get("exists") is False


def _excludes(rules: Any, value: str) -> bool:
    """Return whether plain texts, the only rules, do not have the value."""
    is_plain = isinstance(rules, list) and all(isinstance(rule, str) for rule in rules)
    return is_plain and bool(rules) and value not in rules
