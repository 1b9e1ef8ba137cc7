"""The redaction of secrets in a text that may quote them, as JSON and Python do."""

import json
import re
from collections.abc import Collection

MIN_HIDDEN_CHARACTERS = 4
"""The shortest part of a secret that is hidden separately: many words contain shorter parts."""

MAX_SOUGHT_CHARACTERS = 1500
"""The limit for all secrets in one text: a longer pattern would take a batch's time."""

ESCAPED_WEIGHT = 15
"""The weight in that limit of a character that a text with backslashes may hold in other forms."""

_PLAIN = re.compile(r"[ !#-&(-\[\]-~]+")
"""The characters that are the same in JSON, in Python and unquoted."""


def hide_secrets(text: str, secrets: Collection[str], replacement: str) -> str:
    """Return the text with the replacement in place of each secret.

    A secret is found as it is, and as JSON and Python quote it. A piece of a secret is not found,
    and neither is anything else derived from it. If the search would be too long, the text is not
    shown.
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
    """Whether the text has the secret, or is long enough for a quoted form of the secret."""
    if secret in text:
        return True
    return has_quotes and len(secret) <= len(text) and not _PLAIN.fullmatch(secret)


def _build_quoted_pattern(secret: str) -> str:
    """Build the pattern of a secret, however often JSON or Python has quoted it."""
    pattern = "".join(map(_build_character_pattern, re.findall(r"\\+|.", secret, re.DOTALL)))
    if pattern.startswith((r"\\*+", r"\\++")):
        return r"(?<!\\)" + pattern  # a row of backslashes is tried once
    return pattern


def _build_character_pattern(character: str) -> str:
    """Build the pattern of one character, or of a row of backslashes, in every quoted form."""
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
