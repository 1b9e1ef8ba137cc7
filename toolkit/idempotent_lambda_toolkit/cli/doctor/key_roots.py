"""The fields with which a key expression can begin, and whether an expression begins with one."""

from collections.abc import Mapping
from typing import Any

import jmespath

MESSAGE_FIELDS = ("body", "message_attributes", "wrapped")
RECORD_FIELDS: Mapping[str, tuple[str, ...]] = {
    "dynamodb": (
        "awsRegion", "dynamodb", "eventID", "eventName", "eventSource", "eventSourceARN",
        "eventVersion", "userIdentity",
    ),
    "events": (),
    "kinesis": (
        "awsRegion", "eventID", "eventName", "eventSource", "eventSourceARN", "eventVersion",
        "invokeIdentityArn", "kinesis",
    ),
    "s3": (
        "awsRegion", "eventName", "eventSource", "eventTime", "eventVersion", "glacierEventData",
        "intelligentTieringEventData", "lifecycleEventData", "replicationEventData",
        "requestParameters", "responseElements", "s3", "userIdentity",
    ),
    "sns": ("EventSource", "EventSubscriptionArn", "EventVersion", "Sns"),
    "sqs": (
        "attributes", "awsRegion", "eventSource", "eventSourceARN", "md5OfBody",
        "md5OfMessageAttributes", "messageAttributes", "messageId", "receiptHandle",
    ),
}  # fmt: skip
"""The fields of a record by source, as in key-expression.tf."""

BODY_IS_RECORD = ("dynamodb", "s3")
"""The sources whose messages have their record as the body."""

Path = tuple[str, ...]


def find_foreign_part(
    expression: str, source: str, absent: frozenset[str] = frozenset()
) -> str | None:
    """Return the part of an expression that no message of a source has; None if there is none.

    Only the first two names of each path are compared. ``@`` and ``*`` find any field. ``absent``
    has further names, or two with a dot, that no message of this queue has.
    """
    tree = jmespath.compile(expression).parsed
    parts = tree["children"] if tree["type"] == "multi_select_list" else [tree]
    for part in parts:
        paths = _find_paths(part)
        if paths and not any(_can_exist(path, source, absent) for path in paths):
            return ", ".join(sorted(".".join(path) for path in paths))
    return None


def _can_exist(path: Path, source: str, absent: frozenset[str]) -> bool:
    if path and not absent.isdisjoint({path[0], ".".join(path)}):
        return False
    first, second, *_ = (*path, "*", "*")
    if first not in ("*", *MESSAGE_FIELDS, *RECORD_FIELDS[source]):
        return False
    is_record = first == "body" and source in BODY_IS_RECORD
    return not is_record or second in ("*", *RECORD_FIELDS[source])


def _find_paths(node: Any) -> set[Path]:
    """Return the first names of each path that a part of an expression takes, at most two."""
    kind, children = node["type"], node["children"]
    found: set[Path]
    match kind:
        case "field":
            found = {(node["value"],)}
        case "current" | "identity" | "index" | "slice":
            found = {()}
        case "subexpression" | "index_expression" | "projection" | "pipe":
            found = _join(*map(_find_paths, children))
        case "filter_projection":  # the last child is the condition
            found = _join(*map(_find_paths, children[:2]))
        case "value_projection":
            found = _join(_find_paths(children[0]), {("*",)}, _find_paths(children[1]))
        case "literal" | "expref":
            found = set()
        case _:
            found = set().union(*map(_find_paths, children))
    return found


def _join(*steps: set[Path]) -> set[Path]:
    """Return the paths through several steps; a later step without a path adds nothing."""
    paths, *later = steps
    for step in later:
        paths = {(*path, *more)[:2] for path in paths for more in step or {()}}
    return paths
