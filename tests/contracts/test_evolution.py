"""The one event that has had two versions so far, heard by releases before and after."""

from datetime import UTC, datetime

from agora.contracts import frozen
from agora.ports import Record
from agora.turns import members
from agora.wire import Codec
from market.before import v1
from market.catalogue import EVENTS
from market.ids import BuyerId, ProductId, TransactionId
from market.lines import Payment
from market.money import Money
from market.products import StockRefused
from market.transactions import TransactionCancelled
from services.transaction.app import service
from services.transaction.state import Opened, Order

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def records(wire_name: str) -> list[Record]:
    """The golden records of a version, as they were written then."""
    return [sample.record for sample in frozen.load(frozen.folder())[wire_name].samples()]


def test_a_refusal_of_yesterday_still_cancels_its_order() -> None:
    codec = Codec(members(service.consumes), EVENTS)
    payment, total = Payment("credit", 1, "token"), Money(1, "GBP")
    order = Order(TransactionId("t"), BuyerId("B"), (), total, payment, None, NOW)
    for record in records("StockRefused.v1"):
        heard = codec.open(record)
        assert heard is not None
        event = heard.event
        assert isinstance(event, StockRefused)
        assert (event.asked, event.left) == (None, None)
        (cancelled,) = service.decide(Opened(order, (ProductId("p"),)), event, NOW).publishes
        assert isinstance(cancelled, TransactionCancelled)
        assert cancelled.reason == event.reason


def test_a_service_of_yesterday_reads_the_refusal_of_today_as_its_own() -> None:
    codec = Codec((v1.StockRefused,), ())
    for record in records("StockRefused.v2"):
        heard = codec.open(record)
        assert heard is not None
        assert type(heard.event) is v1.StockRefused
        assert heard.type == "StockRefused.v1"
