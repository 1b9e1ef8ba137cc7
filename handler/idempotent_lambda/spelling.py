r"""The spelling of a key where people read it: different keys look different.

A character that does not show, or that joins with its neighbour, is written by its number, as
``\u0301`` or ``\U0001d173``, and a backslash as two. Letters of all scripts stay readable.
"""

import re
import unicodedata

CUT_MARK = "\N{HORIZONTAL ELLIPSIS}"
"""The end of a key that is cut; `DIGEST_CHARACTERS` of its hash follow. No other key shows it."""

DIGEST_CHARACTERS = 12

_ESCAPE = re.compile(r"\\(?:\\|u([0-9a-fA-F]{4})|U(00(?:0[0-9a-fA-F]|10)[0-9a-fA-F]{4}))")

# Blank letters, and marks that do not show: Unicode calls them letters, marks and a symbol.
# https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U00016fe4\U0001d159\U000e0100-\U000e01ef]"
)
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"})


def escape_text(text: str) -> str:
    """Return the text so that a reader sees every character of it; `unescape_text` reads it."""
    return "".join(_escape_characters(text))


def unescape_text(shown: str) -> str:
    """Return the text that `escape_text` has shown. A backslash before anything else stays."""

    def read(match: re.Match[str]) -> str:
        digits = match[1] or match[2]
        return chr(int(digits, 16)) if digits else "\\"

    return _ESCAPE.sub(read, shown)


def escape_key(text: str, digest: str, limit: int, *, marks_first: bool) -> str:
    """Return a key as log lines show it, in at most ``limit`` characters.

    Args:
        text: key.
        digest: hash of its record id, of which a key that is cut shows the first characters.
        limit: most characters.
        marks_first: whether the first character is escaped, although it shows.
    """
    parts = _escape_characters(text[: limit + 1])
    if marks_first:
        parts[0] = _write_number(text[0])
    size = sum(map(len, parts))
    if len(text) <= limit and size <= limit:
        return "".join(parts)
    while size > limit - len(CUT_MARK) - DIGEST_CHARACTERS:
        size -= len(parts.pop())
    return "".join(parts) + CUT_MARK + digest[:DIGEST_CHARACTERS]


def read_digest(shown: str) -> str | None:
    """Return the characters of the hash in a key that is cut; None if it is not cut."""
    match = re.search(rf"{CUT_MARK}([0-9a-f]{{{DIGEST_CHARACTERS}}})\Z", shown)
    return match[1] if match else None


def _escape_characters(text: str) -> list[str]:
    """Return what is shown of each character."""
    is_composed = unicodedata.is_normalized("NFC", text)
    parts: list[str] = []
    for place, character in enumerate(text):
        if character == " ":
            # A blank at an end, or after another one, does not show.
            shows = 0 < place < len(text) - 1 and text[place - 1] != " "
            parts.append(character if shows else _write_number(character))
        else:
            # A mark must not join with a part of an escape.
            has_base = bool(parts) and len(parts[-1]) == 1
            parts.append(_escape_character(character, composed=is_composed and has_base))
    return parts


def _escape_character(character: str, *, composed: bool) -> str:
    """Return what is shown of a character.

    Args:
        character: character.
        composed: whether the text has its composed spelling (NFC), and the character before this
            one is shown as it is.
    """
    if " " <= character <= "~":
        return "\\\\" if character == "\\" else character
    category = unicodedata.category(character)
    # Two texts that are composed look different. In any other, the parts show.
    joins = not composed and (
        category.startswith("M")
        or "\u1160" <= character <= "\u11ff"  # the second and third part of a Korean syllable
        or not unicodedata.is_normalized("NFC", character)
    )
    if joins or category in _HIDDEN_CATEGORIES or _UNSEEN.match(character) or character == CUT_MARK:
        return _write_number(character)
    return character


def _write_number(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if character <= "\uffff" else f"\\U{number:08x}"
