"""What buyers write is heard by the concierge, believed by nobody, and harms nothing on its way."""

import pytest

from agora.world import World
from market.ids import BuyerId, TransactionId
from market.messages import (
    WORDS_LENGTH_MAX,
    ConfirmationComposed,
    LeaveReview,
    MessageRefused,
    MessageSent,
    ReviewLeft,
    ReviewRefused,
    SendMessage,
)
from market.streams import BUYERS
from tests.stories.sums import add_up
from tests.stories.town import ended, heard, line, order, town

B = BuyerId("B")
HOSTILE = (
    "<script>alert(1)</script> {{ 7 * 7 }} {% raw %} ${jndi:ldap://x}",
    "\x1b[2J\x1b[31m red \x07 '; DROP TABLE agents; --",
    "\u202egnol si siht\u202c \ufeff\u200b zero width",
    "\x00 nothing \uffff",
    "😡" * WORDS_LENGTH_MAX,
    "a" * WORDS_LENGTH_MAX,
    "Das ist wirklich schön, vielen Dank für die schnelle Lieferung!",
)


async def answered(world: World, *said: LeaveReview | SendMessage) -> ConfirmationComposed:
    """One order, then what the buyer says, then the confirmation of the next order."""
    world.tell(order("T", line("P")))
    await world.run()
    world.tell(*said)
    await world.run()
    world.tell(order("U", line("P")))
    await ended(world)
    await add_up(world)
    return heard(world, BUYERS, ConfirmationComposed)[-1]


def review(rating: int, text: str, of: str = "T") -> LeaveReview:
    return LeaveReview(buyer=B, transaction=TransactionId(of), rating=rating, text=text)


@pytest.mark.parametrize(
    ("rating", "text", "tone"),
    [
        (5, "Wonderful, arrived early, thank you so much!", "warm"),
        (1, "Terrible. Broken on arrival and nobody answers, I am very angry.", "sorry"),
    ],
)
async def test_the_next_confirmation_is_in_the_tone_of_what_was_written(rating: int, text: str, tone: str) -> None:
    world = await town()
    confirmation = await answered(world, review(rating, text))
    assert confirmation.tone == tone
    assert confirmation.voucher is None, "complaining does not pay"
    assert [event.text for event in heard(world, BUYERS, ReviewLeft)] == [text]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_text_is_kept_as_it_is_and_never_comes_out_of_a_letter(text: str) -> None:
    world = await town()
    confirmation = await answered(world, review(3, text), SendMessage(buyer=B, text=text))
    said = [event.text for event in heard(world, BUYERS, ReviewLeft)] + [
        event.text for event in heard(world, BUYERS, MessageSent)
    ]
    assert set(said) <= {text}
    for shown in (confirmation.subject, confirmation.text):
        assert "<" not in shown
        assert all(sign.isprintable() or sign == "\n" for sign in shown)


async def test_what_cannot_be_taken_is_refused_with_a_reason() -> None:
    world = await town()
    world.tell(review(5, "great"))
    await world.run()
    world.tell(order("T", line("P")))
    await world.run()
    world.tell(review(6, "great"), review(5, " "), review(5, "x" * (WORDS_LENGTH_MAX + 1)))
    world.tell(SendMessage(buyer=BuyerId("nobody"), text="hello"), SendMessage(buyer=B, text=""))
    await ended(world)
    await add_up(world)
    assert heard(world, BUYERS, ReviewLeft) == []
    assert len({event.reason for event in heard(world, BUYERS, ReviewRefused)}) == 4
    assert len({event.reason for event in heard(world, BUYERS, MessageRefused)}) == 2
