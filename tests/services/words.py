"""Short words for given / when / then: buyers ``B`` and ``C``, sellers ``S`` and ``R``, products ``P`` and ``Q``."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from agora.decision import Append, Decision, Put, Row
from agora.event import Event
from market.buyers import CheckOut, Mandate
from market.ids import BuyerId, ProductId, SellerId, TransactionId
from market.lines import Line, Payment, total_minor
from market.money import Money
from market.transactions import OrderPlaced, ParcelRefunded, Returned, TransactionRefunded

NOW: Final = datetime(2030, 1, 1, tzinfo=UTC)
B: Final = BuyerId("B")
C: Final = BuyerId("C")
S: Final = SellerId("S")
R: Final = SellerId("R")
P: Final = ProductId("P")
Q: Final = ProductId("Q")
T: Final = TransactionId("T")
GOOD: Final = Payment("credit", 1, "tok_1")
DECLINED: Final = Payment("credit", 1, "tok_declined_1")
ANYTHING: Final = Mandate(order_limit_minor=10**9, total_limit_minor=10**9)

State = TypeVar("State")


def line(product: str = P, quantity: int = 1, price: int = 100, **more: Any) -> Line:
    """A line of ``S``'s product in its first version."""
    given: dict[str, Any] = {"version": 1, "seller": S, "quantity": quantity, "price_minor": price}
    return Line(ProductId(product), **{**given, **more})


def gbp(minor: int) -> Money:
    """So many pence."""
    return Money(minor, "GBP")


def check_out(*lines: Line, order: str = T, payment: Payment = GOOD, currency: str = "GBP") -> CheckOut:
    """``B`` orders."""
    return CheckOut(buyer=B, order=TransactionId(order), lines=lines, currency=currency, payment=payment)


def placed(*lines: Line, order: str = T, buyer: BuyerId = B, payment: Payment = GOOD) -> OrderPlaced:
    """An order a buyer has committed itself to."""
    return OrderPlaced(
        order=TransactionId(order), buyer=buyer, lines=lines, total=gbp(total_minor(lines)), payment=payment
    )


def parcel_refunded(minor: int, *, seller: SellerId = S, currency: str = "GBP") -> ParcelRefunded:
    """``B`` gets back what a seller's lost parcel cost."""
    return ParcelRefunded(transaction=T, buyer=B, seller=seller, amount=Money(minor, currency))


def refunded(minor: int, *returned: Returned, order: str = T, currency: str = "GBP") -> TransactionRefunded:
    """``B`` gets everything back that an order of ``S`` and ``R`` cost."""
    return TransactionRefunded(
        transaction=TransactionId(order),
        buyer=B,
        amount=Money(minor, currency),
        reason="rejected",
        sellers=(S, R),
        returned=returned,
    )


def given(
    decide: Callable[[Any, Any, datetime], Decision[State]], state: State, *events: Event, now: datetime = NOW
) -> State:
    """The state after these events."""
    for event in events:
        state = _after(state, decide(state, event, now))
    return state


def written(decision: Decision[Any]) -> list[Row]:
    """The rows a decision adds or replaces."""
    return [change.row for change in decision.rows if isinstance(change, Append | Put)]


def _after(state: State, decision: Decision[State]) -> State:
    return state if decision.state is None else decision.state
