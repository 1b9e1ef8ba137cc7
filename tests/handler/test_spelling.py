"""The spelling of keys for readers: what differs looks different, and can be read back."""

import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from idempotent_lambda.keys import MAX_SHOWN_CHARACTERS, Key, KeyRule
from idempotent_lambda_toolkit.cli.shown_keys import escape_text, read_digest, unescape_text

RULE = KeyRule("orders")


def show(value: object) -> str:
    """The key of a value, as a log line shows it."""
    return RULE.for_value(value).show(hashed=False)


@pytest.mark.parametrize(
    "text",
    [
        *["A-1", "a b", "x" * 500, 'say "a"', "it's", "a/b#c?d=e&f", "a-1", "{}", "(a) [b]"],
        *["sha256", "sha256 :a", "SHA256:a", "md5:a", "a sha256:b", "@g", "\u2010x"],
        *["Jörg", "café", "Ωμέγα", "Ёлка", "日本語", "한국어", "हिन्दी", "ภาษาไทย", "עִבְרִית", "مُحَمَّد"],
        *["📦", "€ 5", "№ 7"],
    ],
)
def test_text_that_people_read(text: str) -> None:
    """Letters of all scripts, signs and single blanks stay as they are."""
    assert show(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" a", r"\u0020a"),
        ("a ", r"a\u0020"),
        ("a  b", r"a \u0020b"),
        (" ", r"\u0020"),
        ("a\u00a0b", r"a\u00a0b"),
        ("a\u3000b", r"a\u3000b"),
        ("a\tb", r"a\u0009b"),
        ("a\nb\r", r"a\u000ab\u000d"),
        ("\x00\x7f\x85", r"\u0000\u007f\u0085"),
        ("cafe\u0301", r"cafe\u0301"),
        ("A\u030a \u00c5 \u212b", r"A\u030a Å \u212b"),
        ("\u1100\u1161\u11a8", "\u1100\\u1161\u11a8"),
        ("\u0958\u093e \u0915\u093e", "\\u0958\\u093e \u0915\u093e"),
        ("\u0301a", r"\u0301a"),
        ("\n\u0301", r"\u000a\u0301"),
        ("\\\u0301", r"\\\u0301"),
        ("\ufeffa", r"\ufeffa"),
        ("a\u200bb", r"a\u200bb"),
        ("a\u202eb", r"a\u202eb"),
        ("a\u00adb", r"a\u00adb"),
        ("\u2764\ufe0f", "\u2764\\ufe0f"),
        ("a\u3164b", r"a\u3164b"),
        ("a\u2800b", r"a\u2800b"),
        ("a\U000e0041b", r"a\U000e0041b"),
        ("\ue000", r"\ue000"),
        ("\U0010ffff", r"\U0010ffff"),
        ("\U0001d173", r"\U0001d173"),
        ("C:\\new", r"C:\\new"),
        (r"caf\u00e9", r"caf\\u00e9"),
        ("[1]", r"\u005b1]"),
        ("[VIP] a", r"\u005bVIP] a"),
        ("wait\u2026", r"wait\u2026"),
        ("-1", r"\u002d1"),
        ("-", r"\u002d"),
        ("--yes", r"\u002d-yes"),
        ("- a", r"\u002d\u0020a"),
        ("-\u0301", r"\u002d\u0301"),
        ("sha256:" + "4f" * 32, r"\u0073ha256:" + "4f" * 32),
        ("sha256:", r"\u0073ha256:"),
        ("a\u2026" + "4f" * 6, r"a\u2026" + "4f" * 6),
    ],
)
def test_text_that_hides_something(text: str, shown: str) -> None:
    """A character that does not show, or joins with its neighbour, is written by its number."""
    assert show(text) == shown
    assert unescape_text(shown) == text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (8, "8"),
        (-8, r"\u002d8"),
        ([-8], "[-8]"),
        (["--yes"], '["--yes"]'),
        (True, "true"),
        (["acme", 7], '["acme",7]'),
        (["a b", "cafe\u0301"], r'["a b","cafe\u0301"]'),
        (['say "a"'], r'["say \\"a\\""]'),
        ([" a", "a "], '[" a","a "]'),
        (["\n"], r'["\\n"]'),
    ],
)
def test_other_keys(value: object, shown: str) -> None:
    """Any other key is shown as JSON, escaped by the same rules."""
    assert show(value) == shown


@pytest.mark.parametrize(
    "others",
    [
        ["a", "A", " a", "a ", "a\u200b", "\ufeffa", "a\n"],
        ["\u00e9", "e\u0301", "e", r"e\u0301", r"e\\u0301"],
        ["[1]", [1], ["1"], "\\u005b1]"],
        ["-a", r"\u002da", r"\\u002da"],
        ["sha256:" + "4f" * 32, r"\u0073ha256:" + "4f" * 32],
        ["x" * 600 + "a", "x" * 600 + "b", "x" * 600, "x" * 487],
        ["\u0301" * 400, "\u0301" * 401],
    ],
)
def test_kinds_of_likeness(others: list[object]) -> None:
    """Keys that would look alike are shown differently."""
    assert len({show(value) for value in others}) == len(others)


@given(st.data())
def test_no_key_looks_like_an_order_to_the_command(data: st.DataObject) -> None:
    """What is shown of a key is no option, and never the hash of another key."""
    start = data.draw(st.sampled_from(["", "-", "--", "--yes", "sha256:", "sha256:" + "4f" * 32]))
    value = data.draw(st.just(start) | TEXTS.map(start.__add__) | KEYS)
    if value:
        shown = show(value)
        assert not shown.startswith(("-", "sha256:"))


@pytest.mark.parametrize(
    "text",
    [
        "\u1100\u1161\u11a8" * 200,
        "\u0958" + "\u1100\u1161" * 300,
        "e\u0323\u0301" * 200,
        "\u0958\u093e" * 300,
        "\u09c7\u09be" * 300,
        "\U0001109b\U000110ba" * 300,
    ],
)
def test_cost_of_hostile_text(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Whatever a producer sends, each character is compared with few others."""
    looked_at = 0

    def count(form: str, asked: str) -> bool:
        nonlocal looked_at
        looked_at += len(asked)
        return is_normalized(form, asked)

    is_normalized = unicodedata.is_normalized
    monkeypatch.setattr(unicodedata, "is_normalized", count)
    assert len(show(text)) > 490
    assert looked_at < 20 * MAX_SHOWN_CHARACTERS


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (r"\n", r"\n"),
        (r"\u12", r"\u12"),
        (r"\U00110000", r"\U00110000"),
        ("\\", "\\"),
        (r"\x41", r"\x41"),
        (r"\\\u0041", r"\A"),
        (r"\u00E9", "é"),
        (r"\U0001F600", "😀"),
    ],
)
def test_reading_other_backslashes(shown: str, text: str) -> None:
    """A backslash that begins no escape is a backslash; digits may be capital letters."""
    assert unescape_text(shown) == text


CHARACTERS = (
    st.characters(exclude_categories=["Cs"])
    | st.sampled_from(
        ' \\u0[]"1a\u0301\u0323\u00e9\u00e2\u1100\u1161\u11a8\u2026\ufeff\u0308\u0315'
    )
    | st.characters(categories=["Mn", "Mc", "Me", "Zs", "Cf", "Cc"])
)
TEXTS = st.text(CHARACTERS, min_size=1, max_size=40)
PARTS = TEXTS | st.integers() | st.booleans()
LONG_TEXTS = st.builds(lambda text, times: text * times, TEXTS, st.integers(1, 60))
KEYS = LONG_TEXTS | st.lists(PARTS, min_size=1, max_size=4)


@given(st.text(st.characters() | CHARACTERS))
def test_escaped_text_is_read_back(text: str) -> None:
    """Whatever the text, even with lone surrogates, what is shown reads back as the text."""
    assert unescape_text(escape_text(text)) == text


@given(TEXTS)
def test_escaped_text_shows_everything(text: str) -> None:
    """What is shown has no hidden character, and only one spelling."""
    shown = escape_text(text)
    assert unicodedata.is_normalized("NFC", shown)
    assert shown == shown.strip(" ")
    assert "  " not in shown
    for character in shown:
        assert character == " " or unicodedata.category(character)[0] not in "CZ"


@given(st.data())
def test_different_keys_look_different(data: st.DataObject) -> None:
    """Two keys are shown alike only if they are one, or a number and the text of its digits."""
    one, other = RULE.for_value(data.draw(KEYS)), RULE.for_value(data.draw(KEYS))
    alike = one.show(hashed=False) == other.show(hashed=False)
    assert alike == (one.record_id == other.record_id)


@given(KEYS)
@example("x" * 487)
@example("x" * 500)
@example("x" * 501)
@example("x" * 486 + "\u0301" * 14)
def test_limit(value: object) -> None:
    """A key takes at most 500 characters; the start of its hash follows one that is cut."""
    key: Key = RULE.for_value(value)
    shown = key.show(hashed=False)
    assert len(shown) <= MAX_SHOWN_CHARACTERS
    digest = read_digest(shown)
    if digest is None:
        assert unescape_text(shown) == key.text
    else:
        assert key.show(hashed=True).startswith(f"sha256:{digest}")
        assert key.text.startswith(unescape_text(shown[: -len(digest) - 1]))
        assert len(shown) > MAX_SHOWN_CHARACTERS - 10


def test_every_character() -> None:
    """Each character that Unicode names is read back, and so is one in a thousand others."""
    for number in range(sys.maxunicode + 1):
        if number % 1000 and unicodedata.category(chr(number)) in {"Cn", "Co"}:
            continue
        text = f"a{chr(number)}b"
        shown = escape_text(text)
        assert unescape_text(shown) == text
        assert unicodedata.is_normalized("NFC", shown)


def test_every_composition() -> None:
    """No two texts that are canonically equal are shown alike."""
    for number in range(sys.maxunicode + 1):
        if parts := unicodedata.decomposition(chr(number)):
            texts = {chr(number), *(unicodedata.normalize(form, chr(number)) for form in _FORMS)}
            if not parts.startswith("<"):
                texts.add("".join(chr(int(part, 16)) for part in parts.split()))
            texts = {f"a{text}" for text in texts}
            assert len({_compose(escape_text(text)) for text in texts}) == len(texts)


_FORMS = ("NFC", "NFD")


def _compose(shown: str) -> str:
    """What a reader sees: the same for all texts that are canonically equal."""
    return unicodedata.normalize("NFC", shown)
