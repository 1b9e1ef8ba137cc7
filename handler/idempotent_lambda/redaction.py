"""Hides secrets in a text that may have quoted them, as JSON and Python do."""

import json
import re
from collections.abc import Collection

MIN_HIDDEN_CHARACTERS = 4
"""Of a part of a secret that is hidden by itself: a shorter one is in many words."""

MAX_SOUGHT_CHARACTERS = 1500
"""Of all secrets in one text: a longer pattern would take a batch's time."""

ESCAPED_WEIGHT = 15
"""How many of these one character counts that a text with backslashes may hold in other forms."""

_PLAIN = re.compile(r"[ !#-&(-\[\]-~]+")
"""Characters that are the same in JSON, in Python and unquoted."""


def hide_secrets(text: str, secrets: Collection[str], replacement: str) -> str:
    """Return the text with the replacement in the place of each secret.

    Each is found as it is, and as JSON and Python quote it; a piece of it is not found, and neither
    is anything else that can be made of it. A text in which too much would have to be looked for is
    not shown.
    """
    has_quotes = "\\" in text
    found = [secret for secret in secrets if _may_hold(text, secret, has_quotes=has_quotes)]
    if not found:
        return text
    sought = "".join(found)
    escaped = len(_PLAIN.sub("", sought)) if has_quotes else 0
    if len(sought) + escaped * ESCAPED_WEIGHT > MAX_SOUGHT_CHARACTERS:
        return f"not shown, as it may quote {replacement}"
    build_pattern = _build_quoted_pattern if has_quotes else re.escape
    longest_first = sorted(found, key=len, reverse=True)
    return re.sub("|".join(map(build_pattern, longest_first)), replacement, text)


def _may_hold(text: str, secret: str, *, has_quotes: bool) -> bool:
    """Whether the text has the secret, or is long enough to have it in a quoted form."""
    if secret in text:
        return True
    return has_quotes and len(secret) <= len(text) and not _PLAIN.fullmatch(secret)


def _build_quoted_pattern(secret: str) -> str:
    """Return a pattern of a secret, however often JSON or Python has quoted it."""
    pattern = "".join(map(_build_character_pattern, re.findall(r"\\+|.", secret, re.DOTALL)))
    if pattern.startswith((r"\\*+", r"\\++")):
        return r"(?<!\\)" + pattern  # backslashes in a row are tried once
    return pattern


def _build_character_pattern(character: str) -> str:
    """Return a pattern of one character, or of backslashes in a row, in every quoted form."""
    if character[0] == "\\":
        return r"\\++"
    if _PLAIN.fullmatch(character):
        return re.escape(character)
    forms = {
        character,
        json.dumps(character)[1:-1],
        ascii(character)[1:-1],
        repr(character.encode())[2:-1],
    }
    parts = [map(re.escape, re.findall(r"[^\\]+", form)) for form in forms]
    return r"\\*+(?i:" + "|".join(map(r"\\++".join, parts)) + ")"
