import io
import json
from datetime import UTC, datetime

import pytest
from rich.console import Console

from agora.event import Event
from agora.memory import MemoryRecord
from agora.wire import Cause, data_of, seal
from console import errands
from console.figures import Comparison
from console.follow import Follower, Tally
from console.orders import Order, OrderBook, OrderLine, Skipped, SkipReason
from console.output import Out, Waiting
from console.progress import Display, percentile_ms
from console.report import Report
from console.shelf import Offer, Shelf, Versions
from console.site import Site
from console.trade import Standing, Traded
from market.buyers import CheckOut, OrderRefused
from market.ids import BuyerId, SellerId, TransactionId
from market.money import Money
from market.products import Replenish
from market.risks import TransactionFlagged
from market.sellers import ListProduct, ReplaceProduct
from market.transactions import (
    ClearPayout,
    ParcelRefunded,
    PaymentSucceeded,
    PayoutCleared,
    PayoutHeld,
    PayoutRejected,
    RejectPayout,
    TransactionRefunded,
    TransactionSettled,
)

AT = datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
MILK = OrderLine("22M", "22", 6, 255)
CHEAP_MILK = OrderLine("22M", "22", 4, 200)
BREAD = OrderLine("85B", "85", 3, 120)
BOOK = OrderBook((Order("1", "B", AT, (MILK, CHEAP_MILK)), Order("2", "B", AT, (BREAD,))))
NOWHERE = Site("up", 0, 0.0)


def stocking(
    book: OrderBook, shelf: Shelf, factor: float = 1.0, *, stocked: bool = False
) -> tuple[list[Event], Versions]:
    wanted = errands.listings(book, factor)
    known = [listing.key for listing in wanted.values()] if stocked else []
    requests, versions = errands.stocking(book, wanted, shelf, known, factor)
    kinds = {kind.wire_name: kind for kind in (ListProduct, ReplaceProduct, Replenish)}
    return [kinds[request.kind].model_validate_json(request.body) for request in requests], versions


def test_a_new_market_is_asked_to_list_what_is_ordered_at_every_price() -> None:
    asked, versions = stocking(BOOK, Shelf())
    assert [(one.product, one.prices_minor, one.stock) for one in asked if isinstance(one, ListProduct)] == [
        ("22M", (200, 255), 10),
        ("85B", (120,), 3),
    ]
    assert versions.of("1", "22M") == 1


def test_a_stock_factor_is_rounded_down() -> None:
    asked, _ = stocking(BOOK, Shelf(), factor=0.5)
    assert [one.stock for one in asked if isinstance(one, ListProduct)] == [5, 1]


def test_what_another_book_listed_is_replenished_and_gets_its_missing_prices_as_a_new_version() -> None:
    asked, versions = stocking(BOOK, Shelf({"22M": Offer((255,), 3), "85B": Offer((120, 90), 1)}))
    assert asked == [
        ReplaceProduct(seller="22", product="22M", prices_minor=(255, 200)),  # pyright: ignore[reportArgumentType]
        Replenish(product="22M", quantity=10),  # pyright: ignore[reportArgumentType]
        Replenish(product="85B", quantity=3),  # pyright: ignore[reportArgumentType]
    ]
    assert (versions.of("1", "22M"), versions.of("2", "85B")) == (4, 1)


def test_what_this_book_has_stocked_is_left_alone() -> None:
    asked, versions = stocking(BOOK, Shelf({"22M": Offer((200, 255), 1), "85B": Offer((120,), 2)}), stocked=True)
    assert asked == []
    assert versions.of("2", "85B") == 2


def test_an_order_asked_for_before_names_the_versions_it_named_then() -> None:
    versions = Versions({"22M": 4, "85B": 1}, {("1", "22M"): 2})
    asked = CheckOut.model_validate_json(errands.checkout(BOOK.orders[0], versions).body)
    assert [line.version for line in asked.lines] == [2, 2]


def test_the_same_book_has_the_same_keys() -> None:
    def keys() -> list[str]:
        return [one.key for one in (*errands.participants(BOOK), *errands.listings(BOOK, 1.0).values())]

    assert keys() == keys()
    assert len(set(keys())) == len(keys())
    assert errands.checkout(BOOK.orders[0], Versions({"22M": 1}, {})).key == "1"


PAID = PaymentSucceeded(
    transaction=TransactionId("1"), buyer=BuyerId("B"), total=Money(1, "GBP"), products=(), shares=()
)
SETTLED = TransactionSettled(transaction=TransactionId("1"), buyer=BuyerId("B"), currency="GBP", payouts=())
FLAGGED = TransactionFlagged(transaction=TransactionId("1"), buyer=BuyerId("B"), score=72, reasons=())
HELD = PayoutHeld(transaction=TransactionId("1"), buyer=BuyerId("B"), score=72)
CLEARED = PayoutCleared(transaction=TransactionId("1"), buyer=BuyerId("B"), reviewer="ada")
REJECTED = PayoutRejected(transaction=TransactionId("1"), buyer=BuyerId("B"), reviewer="ada", reason="stolen card")
LOST = ParcelRefunded(
    transaction=TransactionId("1"), buyer=BuyerId("B"), seller=SellerId("22"), amount=Money(800, "GBP")
)
REFUNDED = TransactionRefunded(
    transaction=TransactionId("1"),
    buyer=BuyerId("B"),
    amount=Money(1, "GBP"),
    reason="stolen card",
    sellers=(),
    returned=(),
)
REFUSED = OrderRefused(buyer=BuyerId("B"), order=TransactionId("1"), reason="insufficient funds")


def heard(*events: Event, follower: Follower | None = None) -> Follower:
    follower = follower or Follower(NOWHERE, ["1", "2"], lambda _: None, from_start=False)
    for event in events:
        value = seal(Cause("", "", "", ""), "test", 1, event.wire_name, "1", data_of(event))
        follower.hear(MemoryRecord(0, 0, 2_000, b"1", value))
    return follower


def test_an_event_heard_twice_counts_once() -> None:
    assert heard(PAID, PAID, SETTLED, SETTLED).tally == Tally(paid=1, settled=1)


def test_a_refusal_of_another_time_does_not_undo_a_settlement() -> None:
    assert heard(REFUSED, SETTLED).tally == Tally(settled=1)
    assert heard(SETTLED, REFUSED).tally == Tally(settled=1)
    assert heard(REFUSED).fates["1"].reason == "insufficient funds"


def test_a_held_payout_is_told_of_once_and_waits_for_its_verdict() -> None:
    follower = heard(PAID, FLAGGED, HELD, HELD)
    assert follower.tally == Tally(paid=1, flagged=1, held=1)
    assert follower.fates["1"].is_held
    assert (follower.held.get_nowait(), follower.held.empty()) == ("1", True)


@pytest.mark.parametrize(
    ("verdict", "end", "payout", "tally"),
    [
        (CLEARED, SETTLED, "cleared", Tally(flagged=1, settled=1)),
        (REJECTED, REFUNDED, "rejected", Tally(flagged=1, refunded=1)),
    ],
)
def test_a_verdict_ends_a_hold_and_hearing_of_the_hold_again_does_not_bring_it_back(
    verdict: Event, end: Event, payout: str, tally: Tally
) -> None:
    judged = heard(FLAGGED, HELD, verdict, HELD)
    assert (judged.tally.held, judged.fates["1"].payout) == (0, payout)
    assert heard(end, follower=judged).tally == tally
    assert heard(HELD, FLAGGED, follower=judged).tally == tally


def test_an_order_that_ended_before_its_hold_was_heard_of_waits_for_nobody() -> None:
    follower = heard(SETTLED, FLAGGED, HELD)
    assert (follower.tally, follower.held.empty()) == (Tally(flagged=1, settled=1), True)


def test_a_refunded_order_has_ended_whatever_was_refused_under_its_id() -> None:
    assert heard(PAID, REFUNDED, REFUNDED).tally == Tally(paid=1, refunded=1)
    assert heard(REFUSED, REFUNDED, REFUSED).tally == Tally(refunded=1)
    assert heard(REFUNDED).tally.ended == 1
    assert heard(REFUNDED).fates["1"].reason == "stolen card"


def test_a_parcel_refunded_twice_over_is_refunded_once() -> None:
    assert heard(LOST, SETTLED, LOST).fates["1"].parcels_refunded == {"22": 800}


def test_a_trade_says_the_same_word_on_an_order_under_the_same_key() -> None:
    cleared, rejected = (errands.verdict("1", clear=clear) for clear in (True, False))
    assert errands.verdict("1", clear=True) == cleared
    assert len({cleared.key, rejected.key, errands.verdict("2", clear=True).key}) == 3
    assert ClearPayout.model_validate_json(cleared.body).transaction == "1"
    assert RejectPayout.model_validate_json(rejected.body).transaction == "1"


def test_an_order_turned_away_has_no_part_in_what_its_id_did_before() -> None:
    follower = heard(PAID, FLAGGED, HELD, SETTLED)
    follower.turn_away("1", "the key was used for another request")
    assert heard(HELD, SETTLED, follower=follower).tally == Tally(refused=1)


def test_what_is_no_event_is_passed_over() -> None:
    follower = heard()
    follower.hear(MemoryRecord(0, 0, 0, b"1", b"no json"))
    assert follower.tally == Tally()


def report(audit: dict[str, int]) -> Report:
    book = OrderBook(BOOK.orders, {SkipReason.RETURN: Skipped(2, 5)})
    follower = heard(PAID, FLAGGED, HELD, CLEARED, LOST, SETTLED)
    follower.turn_away("2", "the key was used for another request")
    traded = Traded(follower.fates, 0, 12, 2.0, (0.1, 0.2))
    differences = {"units": 0, "value_minor": 0, "buyers": 0, "products": 0}
    return Report(book, traded, Comparison(10, 2_330, differences), 3.0, audit)


def test_programs_find_the_figures_under_stable_names() -> None:
    values = json.loads(json.dumps(report({"parked events": 0}).values()))
    assert values["orders"] == {
        "read": 2,
        "placed": 0,
        "settled": 1,
        "refunded": 0,
        "refused": 1,
        "skipped": 2,
        "repeated": 0,
        "held": 0,
        "unfinished": 0,
    }
    assert values["payouts"] == {"flagged": 1, "cleared": 1, "rejected": 0}
    assert values["parcels_refunded"] == 1
    assert (values["units_settled"], values["value_settled_minor"], values["seconds"]) == (10, 2_330, 3.0)
    assert values["audit"] == {"parked events": 0}


@pytest.mark.parametrize(("found", "sound"), [(0, True), (1, False)])
def test_a_finding_of_the_audit_makes_a_trade_unsound(found: int, sound: bool) -> None:  # noqa: FBT001
    one = report({"parked events": found})
    console = Console(file=io.StringIO(), width=200)
    one.show(console)
    assert one.sound is sound
    assert ("NOT SOUND" in console.file.getvalue()) is not sound  # pyright: ignore[reportAttributeAccessIssue]


def test_an_order_left_held_is_not_unfinished_but_said_to_wait_for_a_reviewer() -> None:
    follower = heard(PAID, FLAGGED, HELD)
    follower.turn_away("2", "the key was used for another request")
    traded = Traded(follower.fates, 0, 12, 2.0, ())
    assert (traded.held, traded.unfinished) == (1, 0)
    one = Report(BOOK, traded, Comparison(0, 0, {}), 3.0, {"transaction: transactions without a final outcome": 1})
    console = Console(file=io.StringIO(), width=200)
    one.show(console)
    assert not one.sound
    assert "held until a reviewer speaks: 1" in console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


def test_percentiles_are_milliseconds() -> None:
    assert percentile_ms([], 50) is None
    assert percentile_ms([0.3, 0.1, 0.2], 50) == 200.0
    assert percentile_ms([0.3, 0.1, 0.2], 99) == 300.0


def test_off_a_terminal_progress_is_a_line_at_a_time() -> None:
    console = Console(file=io.StringIO(), width=40)
    display = Display(Out(as_json=False, error=console))
    with display.shown():
        display.show(Standing(10, 5, Tally(placed=5), 0, 0.0))
        display.show(Standing(10, 6, Tally(placed=6), 100, 0.5))  # too soon to be told
        display.show(Standing(10, 10, Tally(placed=10, held=3, settled=8, refunded=2), 200, 1.0))
    lines = console.file.getvalue().splitlines()  # pyright: ignore[reportAttributeAccessIssue]
    assert len(lines) == 2
    assert "held 3  settled 8  refunded 2" in lines[-1]


def test_waiting_is_said_once_in_a_while(capsys: pytest.CaptureFixture[str]) -> None:
    waiting = Waiting(Out(as_json=False))
    for _ in range(3):
        waiting("Kafka")
    assert capsys.readouterr().err.count("waiting for Kafka") == 1
