"""Text for pages and pictures. Keys and names come from messages, so nothing in them is trusted."""

import html


def escape(text: str) -> str:
    """Return text for HTML and SVG; signs that show nothing or turn text around are spelled out."""
    flat = " ".join(text.split("\n"))
    shown = (sign if sign.isprintable() else ascii(sign)[1:-1] for sign in flat)
    return html.escape("".join(shown))


def cut(text: str, most: int) -> str:
    """Return the text, or its beginning if it is too long."""
    return text if len(text) <= most else f"{text[: most - 1]}\N{HORIZONTAL ELLIPSIS}"
