r"""What may be shown of a dead letter: the shape of its value, never what is in it.

A search for addresses can't be complete: one may be escaped (`\u0031`), be a number, be spelt in
other digits or torn by broken JSON, and it isn't the only thing that is personal. So nothing of a
value is shown but ASCII punctuation and the words in VOCABULARY. Each of those has a letter that no
hexadecimal number has, so that no piece of an address is among them.
"""

import re

__all__ = ["excerpt", "shown_detail", "shown_reason"]

EXCERPT_CHARACTERS = 160
LONGEST_CHARACTER = 4  # bytes of UTF-8
NO_REASON = "(none)"
MOST_NUMBERS = 2  # in a sentence of the flow's own; an address with spaces in it has four
# Standards and years that the flow's rules name. They aren't counted: no address consists of them.
KNOWN_NUMBERS = frozenset({"IPv4", "IPv6", "UTF-8", "UTF-16", "8601", "1970", "2000", "9999"})
# What names of fields are made of, so that a field that is misnamed can be seen, and JSON's words.
VOCABULARY = (
    r"address|app|at|client|country|created|data|date|device|email|event|id|infinity|ip|json|key|"
    r"locale|login|message|mobile|model|name|nan|null|os|payload|platform|session|stamp|state|"
    r"success|timestamp|time|true|false|ts|type|uid|user|utc|uuid|value|version|v"
)
_words = re.compile(r"[^\W_]+(?:_[^\W_]+)*|_")
_known = re.compile(rf"(?:_|{VOCABULARY})+", re.IGNORECASE | re.ASCII)
_reason = re.compile(r"[a-z_]{1,40}")
# How the flow names an unreadable batch. Its readers may see offsets of any size anyway.
_offsets = re.compile(r"offsets \d{1,19} to \d{1,19}: ")
# What a sentence of the flow's own is made of: words; terms like IPv4 and UTF-8, which have a
# letter that no hexadecimal number has; and numbers shorter than the eight digits of an address.
_plain_word = re.compile(
    r"[(\"']?"
    r"([A-Za-z][A-Za-z_'-]*|(?=[A-Fa-f-]*[G-Zg-z])[A-Za-z][A-Za-z_'-]*\d{1,3}|\d[\d,]{0,5}\d?)"
    r"[)\"']?[,.;:]?"
)

LETTER, DIGIT, UNPRINTABLE, OTHER = "x", "#", r"\?", "*"


def excerpt(value: bytes) -> str:
    r"""Return how a value begins, in printable ASCII, with everything personal replaced.

    A letter becomes `x`, a digit `#`, a control character or a byte that is no UTF-8 `\?`, any
    other character beyond ASCII `*`; a run of colons one colon, since `::` is an address. Names of
    fields that are made of known words stay.

    Args:
        value: any bytes.
    """
    beginning = value[: (EXCERPT_CHARACTERS + 1) * LONGEST_CHARACTER]
    text = beginning.decode(errors="surrogateescape")
    shape = _shape(text[:EXCERPT_CHARACTERS])
    return shape + ("..." if len(text) > EXCERPT_CHARACTERS else "")


def shown_detail(detail: str) -> str:
    """Return a detail header's text, with what the flow would never write there as its shape."""
    named = _offsets.match(detail)
    beginning = named[0] if named else ""
    return beginning + _shown_sentence(detail[len(beginning) :][:EXCERPT_CHARACTERS])


def _shown_sentence(text: str) -> str:
    words = text.split(" ")
    if sum(map(_counts_as_number, words)) > MOST_NUMBERS:
        return _shape(text)
    return " ".join(word if _plain_word.fullmatch(word) else _shape(word) for word in words)


def _counts_as_number(word: str) -> bool:
    plain = _plain_word.fullmatch(word)
    return any(map(str.isnumeric, word)) and not (plain and plain[1] in KNOWN_NUMBERS)


def shown_reason(reason: str) -> str:
    """Return a reason if it is a word, as all of the flow's are."""
    return reason if _reason.fullmatch(reason) else NO_REASON


def _shape(text: str) -> str:
    masked = _words.sub(lambda word: _masked_word(word[0]), text)
    return re.sub("::+", ":", "".join(map(_masked_character, masked)))


def _masked_word(word: str) -> str:
    if _known.fullmatch(word):
        return word
    return "".join(DIGIT if c.isnumeric() else LETTER if c.isalpha() else c for c in word)


def _masked_character(character: str) -> str:
    """Mask what no word has; a surrogate stands for a byte that is no UTF-8."""
    if character.isascii():
        return character if character.isprintable() else UNPRINTABLE
    return OTHER if character.isprintable() else UNPRINTABLE
