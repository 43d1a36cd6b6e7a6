"""The language of the market: facts hold only sound values, commands may hold any, and both have limits."""

import pytest
from pydantic import ValidationError

from agora.event import Event
from market.buyers import CheckOut, OrderRefused
from market.catalogue import COMMANDS, EVENTS
from market.ids import ProductId, SellerId
from market.language import TEXT_LENGTH_MAX
from market.lines import ASKED_LINES_MAX, LINES_MAX, PRICE_MINOR_MAX, Line, Payment, line_fault
from market.messages import ASKED_WORDS_LENGTH_MAX, WORDS_LENGTH_MAX, LeaveReview, ReviewLeft, SendMessage
from market.money import Money
from market.shipments import Parcel, ShipmentPlanned
from market.transactions import OrderPlaced, Returned, TransactionRefunded
from tests.services.words import NOW, B, T, check_out, gbp, line, placed, refunded

UNSOUND = (
    line(quantity=0),
    line(quantity=10_001),
    line(price=-1),
    line(price=PRICE_MINOR_MAX + 1),
    line(freight_minor=PRICE_MINOR_MAX + 1),
    line(voucher_minor=PRICE_MINOR_MAX + 1),
    line(version=0),
)


@pytest.mark.parametrize("unsound", UNSOUND)
def test_a_command_may_hold_an_unsound_line_but_a_fact_may_not(unsound: Line) -> None:
    assert line_fault(unsound) is not None
    asked = check_out(unsound)
    assert CheckOut.model_validate_json(asked.model_dump_json()) == asked
    with pytest.raises(ValidationError):
        placed(line(), unsound)


@pytest.mark.parametrize("payment", [Payment("cash", 1, "tok"), Payment("credit", 0, "tok")])
def test_a_command_may_hold_an_unsound_payment_but_a_fact_may_not(payment: Payment) -> None:
    assert CheckOut.model_validate_json(check_out(line(), payment=payment).model_dump_json()).payment == payment
    with pytest.raises(ValidationError):
        placed(line(), payment=payment)


def test_a_line_at_every_limit_is_sound() -> None:
    most = PRICE_MINOR_MAX
    order = placed(line(quantity=10_000, price=most, freight_minor=most, voucher_minor=most))
    assert OrderPlaced.model_validate_json(order.model_dump_json()) == order
    assert order.total.minor * LINES_MAX < 2**63


def test_text_and_lists_have_limits() -> None:
    longest = "x" * TEXT_LENGTH_MAX
    assert OrderRefused(buyer=B, order=T, reason=longest).reason == longest
    with pytest.raises(ValidationError):
        OrderRefused(buyer=B, order=T, reason=longest + "x")
    with pytest.raises(ValidationError):
        OrderRefused(buyer=B, order=T, reason="")
    with pytest.raises(ValidationError):
        check_out(*[line()] * (ASKED_LINES_MAX + 1))
    with pytest.raises(ValidationError):
        placed(*[line()] * (LINES_MAX + 1))


def test_text_inside_a_line_has_the_same_limits_on_the_wire() -> None:
    wire = check_out(line("P" * TEXT_LENGTH_MAX)).model_dump_json()
    assert CheckOut.model_validate_json(wire)
    with pytest.raises(ValidationError):
        CheckOut.model_validate_json(wire.replace("PP", "PPP", 1))


@pytest.mark.parametrize("wide", ["\u20ac", "\\u0001"])
def test_a_line_names_its_product_in_ascii(wide: str) -> None:
    with pytest.raises(ValidationError):
        CheckOut.model_validate_json(check_out(line("PP")).model_dump_json().replace("PP", wide))


def test_the_largest_order_fits_a_record() -> None:
    longest = '"' * TEXT_LENGTH_MAX
    big = line(longest, 10_000, 10**9, seller=longest, freight_minor=10**9, voucher_minor=10**9)
    order = placed(*[big] * LINES_MAX)
    assert len(order.model_dump_json()) < 900_000


def test_the_largest_shipment_and_the_largest_refund_fit_a_record() -> None:
    longest = '"' * TEXT_LENGTH_MAX
    parcels = (Parcel(SellerId(longest), longest, NOW),) * LINES_MAX
    planned = ShipmentPlanned(transaction=T, buyer=B, carrier=longest, parcels=parcels)
    assert len(planned.model_dump_json()) < 900_000
    returned = (Returned(ProductId(longest), 10_000 * LINES_MAX),) * LINES_MAX
    back = refunded(10**15, *returned).model_copy(update={"sellers": (SellerId(longest),) * LINES_MAX})
    assert TransactionRefunded.model_validate_json(back.model_dump_json()) == back
    assert len(back.model_dump_json()) < 900_000


@pytest.mark.parametrize(("rating", "text"), [(0, "Fine."), (6, "Fine."), (1, ""), (1, "x" * (WORDS_LENGTH_MAX + 1))])
def test_a_command_may_hold_an_unsound_review_but_a_fact_may_not(rating: int, text: str) -> None:
    asked = LeaveReview(buyer=B, transaction=T, rating=rating, text=text)
    assert LeaveReview.model_validate_json(asked.model_dump_json()) == asked
    with pytest.raises(ValidationError):
        ReviewLeft(buyer=B, transaction=T, rating=rating, text=text)


def test_even_a_command_holds_no_more_words_than_a_record_can() -> None:
    most = "🦉" * ASKED_WORDS_LENGTH_MAX
    assert len(SendMessage(buyer=B, text=most).model_dump_json()) < 900_000
    with pytest.raises(ValidationError):
        SendMessage(buyer=B, text=most + "x")


def test_every_event_has_a_wire_name_of_its_own_and_says_whom_it_concerns() -> None:
    assert len({event.wire_name for event in EVENTS}) == len(EVENTS)
    assert set(COMMANDS) < set(EVENTS)
    assert all(event.concerns is not Event.concerns for event in EVENTS)


def test_money_knows_its_currency() -> None:
    assert gbp(5) + gbp(3) == gbp(8)
    assert gbp(5) - gbp(3) == gbp(2)
    with pytest.raises(ValueError, match="EUR cannot be reckoned with GBP"):
        _ = gbp(5) + Money(3, "EUR")
    with pytest.raises(ValueError, match="EUR"):
        _ = gbp(5) - Money(3, "EUR")
