"""Text as an operator sees it: keys and record ids as the log shows them, and any other text."""

import re

from idempotent_lambda.spelling import (
    CUT_MARK,
    DIGEST_CHARACTERS,
    UNSEEN,
    escape_characters,
    write_number,
)

_ESCAPE = re.compile(r"\\(?:\\|u([0-9a-fA-F]{4})|U(00(?:0[0-9a-fA-F]|10)[0-9a-fA-F]{4}))")


def escape_text(text: str) -> str:
    """Return the text so that a reader sees every character of it; `unescape_text` reads it."""
    return "".join(escape_characters(text))


def escape_unseen(text: str) -> str:
    """Return the text with its characters that do not show, or move the cursor, by their numbers.

    Backslashes stay, so a key that is escaped already is not escaped again.
    """
    return "".join(
        write_number(character)
        if not character.isprintable() or UNSEEN.match(character)
        else character
        for character in text
    )


def unescape_text(shown: str) -> str:
    """Return the text that `escape_text` has shown. A backslash before anything else stays."""

    def read(match: re.Match[str]) -> str:
        digits = match[1] or match[2]
        return chr(int(digits, 16)) if digits else "\\"

    return _ESCAPE.sub(read, shown)


def read_digest(shown: str) -> str | None:
    """Return the characters of the hash in a key that is cut; None if it is not cut."""
    match = re.search(rf"{CUT_MARK}([0-9a-f]{{{DIGEST_CHARACTERS}}})\Z", shown)
    return match[1] if match else None
