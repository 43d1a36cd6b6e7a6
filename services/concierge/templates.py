"""What a confirmation says. Templates are these and no others, never data; what they are filled with is made safe.

A text is *words*, in the letter's tone, and *facts*: what was paid, and the voucher. A language model may say the words
anew, never the facts.
"""

import re
from collections.abc import Mapping
from html import unescape
from typing import Final, NamedTuple

from jinja2 import StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from market.messages import WRITTEN_LENGTH_MAX, Tone
from market.money import Money
from services.concierge.state import Letter

SUBJECT_LENGTH_MAX: Final = 100
NAME_LENGTH_MAX: Final = 60
"""Characters of an id as it is shown, escaped; the longest subject around it stays below its own limit."""
CUT: Final = "…"
_NUMBER: Final = re.compile(r"\d+")
PARAGRAPHS: Final = "\n\n"

_WARM: Final = """\
Thank you for your order {{ order }}, and for coming back to us.
It is paid, and all is well: the sellers are packing it now."""
_PLAIN: Final = """\
Thank you for your order {{ order }}.
It is paid, and the sellers are packing it now."""
_SORRY: Final = """\
Thank you for your order {{ order }}. It is paid, and the sellers are packing it now.
{% if kind == "late" %}
A parcel of your order {{ earlier }} did not come when it was promised. We are sorry.
{% elif kind == "lost" %}
A parcel of your order {{ earlier }} was lost on its way to you. We are sorry.
{% else %}
Not everything has gone as you could expect of us lately. We are sorry.
{% endif %}
We want this order to go better."""
_FACTS: Final = """\
Order {{ order }}: {{ total }} paid.
{% if code %}
With our apology: the voucher {{ code }} takes {{ amount }} off a later order until {{ until }}.
{% endif %}"""
_SUBJECTS: Final[Mapping[Tone, Markup]] = {
    "warm": Markup("Thank you! Your order {} is paid"),
    "plain": Markup("Your order {} is paid"),
    "sorry": Markup("Your order {} is paid, and an apology"),
}
_WHOLE: Final = (
    *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW"),
    *("PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"),
)
_THOUSANDTHS: Final = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
_DECIMALS: Final = {
    **dict.fromkeys(_WHOLE, 0),
    **dict.fromkeys(_THOUSANDTHS, 3),
}
"""Minor units are hundredths, but for these currencies (ISO 4217)."""

_ENVIRONMENT: Final = ImmutableSandboxedEnvironment(
    autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, cache_size=0
)


def _parsed(words: str) -> Template:
    return _ENVIRONMENT.from_string(f"{words}{PARAGRAPHS}{_FACTS}")


_TEMPLATES: Final[Mapping[Tone, Template]] = {
    "warm": _parsed(_WARM),
    "plain": _parsed(_PLAIN),
    "sorry": _parsed(_SORRY),
}


class Written(NamedTuple):
    """A letter in words, safe to show as HTML, within every limit."""

    subject: str
    words: str
    facts: str

    @property
    def text(self) -> str:
        """The whole of it."""
        return f"{self.words}{PARAGRAPHS}{self.facts}"

    def worded(self, words: str) -> "Written":
        """The same letter in other words, made safe; as it is if they say nothing, or a number or link of their own."""
        room = WRITTEN_LENGTH_MAX - len(self.facts) - len(PARAGRAPHS)
        safe_words = safe_lines(words, room)
        if not safe_words or "://" in safe_words or not _numbers(safe_words) <= _numbers(self.text):
            return self
        return self._replace(words=safe_words)


def write(letter: Letter) -> Written:
    """Say what a letter says."""
    order = safe(letter.transaction, NAME_LENGTH_MAX)
    values: dict[str, object] = {"order": order, "total": shown(letter.total), "kind": None, "code": None}
    if letter.about is not None:
        values.update(kind=letter.about.kind, earlier=safe(letter.about.transaction, NAME_LENGTH_MAX))
    if letter.voucher is not None:
        voucher = letter.voucher
        values.update(code=voucher.code, amount=shown(voucher.amount), until=f"{voucher.valid_until:%Y-%m-%d}")
    words, _, facts = _TEMPLATES[letter.tone].render(values).partition(PARAGRAPHS)
    return Written(str(_SUBJECTS[letter.tone].format(order)), words, facts.rstrip())


def safe(text: str, length_max: int) -> Markup:
    """One line of text as HTML can show it: escaped, without control, format and bidi characters, within the limit."""
    escaped = escape(_printable(text).strip() or "?")
    return escaped if len(escaped) <= length_max else _cut(escaped, length_max)


def safe_lines(text: str, length_max: int) -> str:
    """The same for several lines; lines that say nothing are left out."""
    lines = (_printable(line).strip() for line in text.splitlines())
    escaped = escape("\n".join(filter(None, lines)))
    return str(escaped if len(escaped) <= length_max else _cut(escaped, length_max))


def shown(money: Money) -> str:
    """An amount as people write it, such as ``12.50 GBP``."""
    decimals = _DECIMALS.get(money.currency, 2)
    if not decimals:
        return f"{money.minor} {money.currency}"
    whole, part = divmod(money.minor, 10**decimals)
    return f"{whole}.{part:0{decimals}} {money.currency}"


def _numbers(text: str) -> set[str]:
    return set(_NUMBER.findall(unescape(text)))


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "" for c in text)


def _cut(escaped: Markup, length_max: int) -> Markup:
    """Cut between characters, never within an entity such as ``&amp;``."""
    kept = str(escaped)[: length_max - len(CUT)]
    entity = kept.rfind("&")
    if entity >= 0 and ";" not in kept[entity:]:
        kept = kept[:entity]
    return Markup(kept + CUT)  # noqa: S704 - a part of what was escaped
