"""What risk remembers stays small, can be written and read, and holds whatever is said in whatever order."""

from collections import Counter
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given as for_any
from hypothesis import settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from agora.decision import Append, Decision
from agora.event import Event
from market.buyers import BuyerRegistered, CheckOut, FundsRefused, Mandate, OrderRefused, RegisterBuyer
from market.ids import ProductId, SellerId, TransactionId
from market.lines import LINES_MAX, Payment
from market.money import AMOUNT_MINOR_MAX
from market.risks import FraudScored, TransactionFlagged
from market.transactions import (
    OrderReserved,
    PaymentSucceeded,
    PayoutCleared,
    PayoutRejected,
    Share,
    TransactionCancelled,
    TransactionRefunded,
)
from services.buyer.decide import decide as buyer_decides
from services.buyer.state import Unregistered as Nobody
from services.risk.decide import BEYOND_MEANS, DECLINED, REPEATED, decide
from services.risk.state import (
    PENDING_MAX,
    PRODUCTS_MAX,
    RECENT_MAX,
    SELLERS_MAX,
    SETBACKS_MAX,
    SUSPECTS_MAX,
    TOKENS_MAX,
    Buyer,
    Registered,
    Unregistered,
)
from tests.services.words import DECLINED as DECLINED_CARD
from tests.services.words import NOW, B, check_out, gbp, given, line

STATES = TypeAdapter[Buyer](Buyer)
STATE_BYTES_MAX = 40_000
AWARE = st.datetimes(timezones=st.sampled_from((UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12)))))
ids = st.sampled_from(tuple(TransactionId(f"T{number}") for number in range(6)))
amounts = st.sampled_from((0, 1, 250, 10_000, 95_000, 400_000, AMOUNT_MINOR_MAX))
tokens = st.sampled_from(("tok_1", "tok_2", "é", "tok_3"))
names = st.lists(st.sampled_from("STUVW"), min_size=1, max_size=3, unique=True)
payments = st.builds(
    lambda order, amount, sellers: PaymentSucceeded(
        transaction=order,
        buyer=B,
        total=gbp(amount),
        products=tuple(map(ProductId, sellers)),
        shares=tuple(Share(SellerId(seller), amount) for seller in sellers),
    ),
    ids,
    amounts,
    names,
)
events = st.one_of(
    payments,
    payments,
    st.builds(
        lambda order, token, at: CheckOut(
            buyer=B, order=order, currency="GBP", payment=Payment("credit", 1, token), ordered_at=at
        ),
        ids,
        tokens,
        st.none() | AWARE | st.just(datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))),
    ),
    st.builds(OrderRefused, buyer=st.just(B), order=ids, reason=st.sampled_from((*sorted(BEYOND_MEANS), REPEATED))),
    st.builds(
        TransactionCancelled,
        transaction=ids,
        buyer=st.just(B),
        reason=st.sampled_from((DECLINED, "timed out")),
        products=st.just(()),
    ),
    st.builds(PayoutCleared, transaction=ids, buyer=st.just(B), reviewer=st.just("R")),
    st.builds(PayoutRejected, transaction=ids, buyer=st.just(B), reviewer=st.just("R"), reason=st.just("stolen")),
    st.builds(
        lambda order, amount: TransactionRefunded(
            transaction=order, buyer=B, amount=gbp(amount), reason="lost", sellers=(), returned=()
        ),
        ids,
        amounts,
    ),
    st.just(RegisterBuyer(buyer=B, currency="GBP", budget_minor=5, mandate=Mandate(100_000, 10**9))),
    st.just(BuyerRegistered(buyer=B, budget=gbp(5))),
)


def when(state: Buyer, event: Event) -> Decision[Buyer]:
    return decide(state, event, NOW)  # pyright: ignore[reportArgumentType] - one that it hears


@settings(deadline=None)
@for_any(st.lists(events, max_size=60))
def test_whatever_is_said_in_whatever_order_every_payment_gets_one_score_and_the_state_can_be_written(
    said: list[Event],
) -> None:
    state: Buyer = Unregistered()
    for event in said:
        decision = when(state, event)
        told = Counter(type(one) for one in decision.publishes)
        payment = isinstance(event, PaymentSucceeded)
        assert told[FraudScored] == payment == len([row for row in decision.rows if isinstance(row, Append)])
        scores = [one for one in decision.publishes if isinstance(one, FraudScored)]
        assert told[TransactionFlagged] == sum(one.score >= 50 for one in scores)
        state = decision.state or state
        assert STATES.validate_json(STATES.dump_json(state)) == state


def test_a_busy_or_hostile_buyer_is_remembered_in_bounded_space() -> None:
    state: Buyer = Registered(None)
    for number in range(300):
        order = TransactionId(f"{number}".rjust(100, "x"))
        for event in (
            CheckOut(buyer=B, order=order, currency="GBP", payment=Payment("credit", 1, f"tok_{number}")),
            OrderRefused(buyer=B, order=TransactionId("other"), reason="insufficient funds"),
            TransactionCancelled(transaction=TransactionId("other"), buyer=B, reason=DECLINED, products=()),
        ):
            state = when(state, event).state or state
        if number % 3 == 0:
            state = when(state, _huge(order, number)).state or state
    assert isinstance(state, Registered)
    assert len(state.pending) == PENDING_MAX
    assert len(state.recent.times) == len(state.recent.amounts) == RECENT_MAX
    assert len(state.refused) == len(state.declined) == SETBACKS_MAX
    assert len(state.suspects) == SUSPECTS_MAX
    assert len(state.tokens) <= TOKENS_MAX
    assert len(STATES.dump_json(state)) < STATE_BYTES_MAX


def test_known_sellers_and_products_leave_when_they_were_seen_longest_ago() -> None:
    state = when(Registered(None), _huge(TransactionId("T"), 0)).state
    assert isinstance(state, Registered)
    assert len(state.habits.sellers) == SELLERS_MAX
    assert len(state.habits.products) == PRODUCTS_MAX
    assert state.habits.sellers[-1] == f"S0-{LINES_MAX - 1}".rjust(100, "x")


def test_the_buyers_own_words_for_a_refusal_and_a_declined_payment_are_understood() -> None:
    mandate = Mandate(order_limit_minor=200, total_limit_minor=280)
    buyer = given(buyer_decides, Nobody(), RegisterBuyer(buyer=B, currency="GBP", budget_minor=250, mandate=mandate))
    buyer = given(buyer_decides, buyer, check_out(line(price=100), order="first"))

    def reason(said: Event) -> str:
        (refused,) = buyer_decides(buyer, said, NOW).publishes  # pyright: ignore[reportArgumentType] - one it hears
        assert isinstance(refused, OrderRefused | FundsRefused)
        return refused.reason

    assert {reason(check_out(line(price=price))) for price in (201, 200, 151)} == BEYOND_MEANS
    assert reason(check_out(line(), order="first")) == REPEATED
    asked = OrderReserved(transaction=TransactionId("first"), buyer=B, total=gbp(100), payment=DECLINED_CARD)
    assert reason(asked) == DECLINED


def _huge(order: TransactionId, number: int) -> PaymentSucceeded:
    names = [f"S{number}-{place}".rjust(100, "x") for place in range(LINES_MAX)]
    return PaymentSucceeded(
        transaction=order,
        buyer=B,
        total=gbp(10_000),
        products=tuple(ProductId(name) for name in names),
        shares=tuple(Share(SellerId(name), 10) for name in names),
    )
