"""The trace that a message or an invocation belongs to, from the headers that carry it.

A producer writes the headers of a message, so anything but the documented forms is ignored.
"""

import re
from typing import NamedTuple

MAX_FIELDS = 20
"""The most fields of an X-Ray header that are read: a message may have 1 MiB of them."""

_XRAY_ROOT = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})", re.IGNORECASE)
_SPAN = re.compile(r"[0-9a-f]{16}", re.IGNORECASE)
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


class TraceContext(NamedTuple):
    """A trace, and the span in it that sent a message or invoked the function.

    Attributes:
        trace: id of the trace, as 32 of the characters 0-9 a-f.
        span: id of the span, as 16 of these characters; empty if the header has none.
        is_sampled: whether the sender records this trace.
    """

    trace: str
    span: str
    is_sampled: bool

    @property
    def xray_id(self) -> str:
        """The id in the form of X-Ray, which is also its form of a W3C id.

        https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-traceids
        """
        return f"1-{self.trace[:8]}-{self.trace[8:]}"


def parse_xray_header(header: str) -> TraceContext | None:
    """Return the context in a header such as ``Root=1-…;Parent=…;Sampled=1``; None without a root.

    https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
    """
    parts = (part.partition("=") for part in header.split(";", MAX_FIELDS))
    fields = {name.strip(): value for name, _, value in parts}
    root = _XRAY_ROOT.fullmatch(fields.get("Root", ""))
    if root is None:
        return None
    span = fields.get("Parent", "")
    return _build(
        root[1] + root[2],
        span if _SPAN.fullmatch(span) else "",
        is_sampled=fields.get("Sampled") == "1",
    )


def parse_traceparent(header: str) -> TraceContext | None:
    """Return the context in a W3C header; None if it is not one.

    https://www.w3.org/TR/trace-context/#traceparent-header
    """
    found = _TRACEPARENT.fullmatch(header)
    if found is None or not found[2].strip("0"):
        return None
    return _build(found[1], found[2], is_sampled=bool(int(found[3], 16) & 1))


def _build(trace: str, span: str, *, is_sampled: bool) -> TraceContext | None:
    """Return the context; None for the id of zeros, which both forms refuse."""
    return TraceContext(trace.lower(), span.lower(), is_sampled) if trace.strip("0") else None
