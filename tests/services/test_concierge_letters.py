"""What a confirmation says is safe to show, whatever ids, words and amounts it is made of."""

import re
import unicodedata
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import example
from hypothesis import given as for_any
from hypothesis import strategies as st

from market.ids import BuyerId, TransactionId
from market.language import TEXT_LENGTH_MAX
from market.messages import WRITTEN_LENGTH_MAX, ConfirmationComposed, ConfirmationWorded, MessageSent
from market.money import Money
from market.shipments import ParcelLost
from market.transactions import PaymentSucceeded
from services.concierge.decide import decide
from services.concierge.goodwill import POLICY
from services.concierge.state import Stranger
from services.concierge.templates import SUBJECT_LENGTH_MAX
from tests.services.words import NOW, S, given

NASTY = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "&amp;&lt;&#x3c;" * 6,
    "<" * TEXT_LENGTH_MAX,
    "&" * TEXT_LENGTH_MAX,
    "{{ 7 * 7 }}{% include '/etc/passwd' %}{{ order.__class__.__mro__ }}",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07\x9b2J",
    "\u202egnp.tsriF\u2066\u2069\u200f",
    "\u2028\u2029\x85\x0b\x0c\r\n\t",
    "\u200b\u200d\ufeff\U000e0041",
    "\x00",
    "\ue000\U0010ffff",
    "😍👨\u200d👩\u200d👧" * 9,
    "مرحبا שלום",
    " ",
)
ids = st.one_of(st.sampled_from(NASTY), st.text(min_size=1, max_size=TEXT_LENGTH_MAX))
words = st.one_of(
    st.sampled_from(NASTY),
    st.text(min_size=1, max_size=WRITTEN_LENGTH_MAX),
    st.sampled_from(NASTY).map(lambda text: (text * WRITTEN_LENGTH_MAX)[:WRITTEN_LENGTH_MAX]),
)
amounts = st.builds(Money, st.integers(0, 10**15), st.sampled_from(("GBP", "JPY", "KWD", "XXX")))


class Tags(HTMLParser):
    """Every tag a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.append(f"{tag} {attrs}")

    def handle_endtag(self, tag: str) -> None:
        self.found.append(tag)

    def handle_comment(self, data: str) -> None:
        self.found.append(data)

    def handle_decl(self, decl: str) -> None:
        self.found.append(decl)


def sound(composed: ConfirmationComposed) -> None:
    """Safe as HTML, free of what a terminal or a bidi algorithm obeys, and within its limits."""
    assert 1 <= len(composed.subject) <= SUBJECT_LENGTH_MAX
    assert 1 <= len(composed.text) <= WRITTEN_LENGTH_MAX
    assert "\n" not in composed.subject
    for text in (composed.subject, composed.text):
        assert Tags(text).found == []
        assert not set(text) & set("<>\"'")
        assert re.sub(r"&(amp|lt|gt|#34|#39);", "", text).count("&") == 0
        assert {unicodedata.category(c) for c in text.replace("\n", "")}.isdisjoint(
            {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
        )


def paid(transaction: str, total: Money, buyer: str = "B") -> PaymentSucceeded:
    return PaymentSucceeded(
        transaction=TransactionId(transaction), buyer=BuyerId(buyer), total=total, products=(), shares=()
    )


def composed(decision: Any) -> ConfirmationComposed:
    (said,) = decision.publishes
    assert isinstance(said, ConfirmationComposed)
    return said


@for_any(buyer=ids, transaction=ids, earlier=ids, total=amounts, text=words)
@example(buyer="B", transaction="<" * 100, earlier="&" * 100, total=Money(10**15, "KWD"), text="x")
def test_a_confirmation_is_safe_whatever_it_is_made_of(
    buyer: str, transaction: str, earlier: str, total: Money, text: str
) -> None:
    lost = ParcelLost(transaction=TransactionId(earlier), buyer=BuyerId(buyer), seller=S, reason="lost")
    wrote = MessageSent(buyer=BuyerId(buyer), text=text[:2_000])
    known = given(decide, Stranger(), wrote, lost)
    for state in (Stranger(), given(decide, Stranger(), wrote), known):
        sound(composed(decide(state, paid(transaction, total, buyer), NOW)))


@for_any(transaction=ids, text=words)
@example(transaction="&" * 100, text="&<>" * 1_333)
@example(transaction="T", text="a" * (WRITTEN_LENGTH_MAX - 30) + "&" * 30)
def test_a_models_words_are_safe_and_take_no_room_from_the_facts(transaction: str, text: str) -> None:
    policy = replace(POLICY, by_model=True)
    waiting = given(
        decide, Stranger(), ParcelLost(transaction=TransactionId("L"), buyer=BuyerId("B"), seller=S, reason="x")
    )
    asked = decide(waiting, paid(transaction, Money(5_000, "GBP")), NOW, policy)
    assert asked.state is not None
    event = ConfirmationWorded(buyer=BuyerId("B"), transaction=TransactionId(transaction), text=text)
    said = composed(decide(asked.state, event, NOW, policy))
    sound(said)
    assert said.voucher is not None
    assert said.voucher.code in said.text
    assert said.text.partition("\n\n")[2].startswith("Order ")
    assert "50.00 GBP paid." in said.text


@pytest.mark.parametrize("transaction", ["T-536365", "a & b", "<b>", 'O\'Brien "x"'])
def test_an_id_is_shown_as_it_is_written(transaction: str) -> None:
    said = composed(decide(Stranger(), paid(transaction, Money(100, "GBP")), NOW))
    assert unescape(said.subject) == f"Your order {transaction} is paid"
    assert f"Order {transaction}: 1.00 GBP paid." in unescape(said.text)


def test_an_id_that_cannot_be_shown_is_shown_as_unknown() -> None:
    assert composed(decide(Stranger(), paid("\u202e\x00", Money(100, "GBP")), NOW)).subject == "Your order ? is paid"


def test_data_is_never_a_template() -> None:
    said = composed(decide(Stranger(), paid("{{ 7 * 7 }}", Money(100, "GBP")), NOW))
    assert "{{ 7 * 7 }}" in said.text
    assert "49" not in said.text
