r"""The spelling of a key where people read it: different keys look different.

A character that does not show, or that joins with its neighbour, is written by its number, as
``\u0301`` or ``\U0001d173``, and a backslash as two. Letters of all scripts stay readable.
"""

import re
import unicodedata

CUT_MARK = "\N{HORIZONTAL ELLIPSIS}"
"""The end of a key that is cut; `DIGEST_CHARACTERS` of its hash follow. No other key shows it."""

DIGEST_CHARACTERS = 12

# Letters, marks and a symbol that do not show.
# https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def escape_key(text: str, digest: str, limit: int) -> str:
    """Return a key as log lines show it, in at most ``limit`` characters.

    Args:
        text: key.
        digest: hash of its record id, of which a key that is cut shows the first characters.
        limit: most characters.
    """
    parts = escape_characters(text[: limit + 1])
    size = sum(map(len, parts))
    if size <= limit:
        return "".join(parts)
    while size > limit - len(CUT_MARK) - DIGEST_CHARACTERS:
        size -= len(parts.pop())
    return "".join(parts) + CUT_MARK + digest[:DIGEST_CHARACTERS]


def escape_characters(text: str) -> list[str]:
    """Return what is shown of each character. Together, it is in its composed spelling (NFC)."""
    is_composed = unicodedata.is_normalized("NFC", text)
    parts: list[str] = []
    start = 0  # the last character that a mark may join with: what comes before it has no effect
    for place, character in enumerate(text):
        previous = text[place - 1 : place]
        is_blank_at_end = previous in {"", " "} or place == len(text) - 1
        is_mark = unicodedata.category(character).startswith("M")
        is_hidden = (
            not character.isprintable()
            or character == CUT_MARK
            or UNSEEN.match(character)
            or (character == " " and is_blank_at_end)
            # A mark must not join with a part of an escape.
            or (is_mark and parts[-1:] != [previous])
            or not (
                is_composed or unicodedata.is_normalized("NFC", "".join(parts[start:]) + character)
            )
        )
        parts.append(write_number(character) if is_hidden else character.replace("\\", "\\\\"))
        if is_hidden or not unicodedata.combining(character):
            start = place
    return parts


def write_number(character: str) -> str:
    """Return a character by its number."""
    number = ord(character)
    return f"\\u{number:04x}" if character <= "\uffff" else f"\\U{number:08x}"
