"""Ids in the formats of the services, and new ids in the format of old ones."""

import base64
import hashlib
import re
from itertools import count
from uuid import UUID, uuid5

_numbers = count(1)
_FAMILY = UUID("9d8f3a52-8d0e-4c39-9d52-0d8ce4b1a6f0")

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DECIMAL = re.compile(r"[0-9]{1,200}")
_HEX = re.compile(r"[0-9a-f]{1,200}|[0-9A-F]{1,200}")
_BASE64 = re.compile(r"[A-Za-z0-9+/._-]{24,}=*")

_LEAP = 10**12
"""The distance between the number of a record and of the one that its producer sends again."""


def make_uuid() -> str:
    """Return a new UUID."""
    return str(UUID(int=next(_numbers), version=4))


def make_hex(digits: int) -> str:
    """Return a new number with so many hexadecimal digits, in capitals."""
    return f"{next(_numbers):0{digits}X}"


def make_number(first: int) -> str:
    """Return a new decimal number that is larger than the first one of its source."""
    return str(first + next(_numbers))


def make_base64(prefix: str = "", size: int = 57) -> str:
    """Return new base64 of so many bytes, after a prefix."""
    return prefix + _hash_to_base64(str(next(_numbers)), size)


def renew_id(old: object) -> str:
    """Return a new id in the format of the old one; equal old ids give equal new ones."""
    text = str(old)
    digest = hashlib.sha512(text.encode(errors="surrogatepass")).hexdigest()
    if not _UUID.fullmatch(text):
        if _DECIMAL.fullmatch(text):  # perhaps hexadecimal too, but nobody knows in which case
            return f"{int(digest, 16) % 10 ** len(text):0{len(text)}d}"
        if _HEX.fullmatch(text):
            digits = (digest * 2)[: len(text)]
            return digits.upper() if text.isupper() else digits
        if _BASE64.fullmatch(text):
            return text[:4] + _hash_to_base64(text, len(text))[: len(text) - 4]
    return str(uuid5(_FAMILY, text))


def renew_number(old: object) -> str:
    """Return a number far above the old one, so that no neighbour has it, in the same format."""
    text = str(old)
    if _DECIMAL.fullmatch(text):
        return f"{int(text) + _LEAP:0{len(text)}d}"
    if _HEX.fullmatch(text):
        digits = f"{int(text, 16) + _LEAP:0{len(text)}x}"
        return digits.upper() if text.isupper() else digits
    return renew_id(text)


def _hash_to_base64(text: str, size: int) -> str:
    digest = hashlib.sha512(text.encode(errors="surrogatepass")).digest()
    repeated = digest * (size // len(digest) + 1)
    return base64.b64encode(repeated[:size]).decode()
