"""The ledger: money changes hands, and never its amount."""

from collections import Counter

import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st

from market.buyers import FundsHeld
from market.lines import Line
from market.products import StockReserved
from market.transactions import DeliveryDue, OrderDispatched
from services.transaction.decide import Consumes, Policy, decide
from services.transaction.rows import LedgerEntry
from services.transaction.state import Opened, Settled, Transaction, Unopened
from tests.services.words import NOW, B, T, line, placed, written

orders = st.lists(
    st.builds(
        line,
        st.sampled_from("PQXYZ"),
        st.integers(1, 10_000),
        st.integers(0, 10**6),
        seller=st.sampled_from("RSUV"),
        freight_minor=st.integers(0, 10**4),
        voucher_minor=st.integers(0, 10**6),
    ),
    min_size=1,
    max_size=12,
)


@for_any(orders, st.integers(0, 10_000))
def test_no_posting_makes_or_loses_a_penny(lines: list[Line], fee_basis_points: int) -> None:
    policy = Policy(fee_basis_points=fee_basis_points)
    order = placed(*lines)
    state: Transaction | None = decide(Unopened(), order, NOW).state
    assert isinstance(state, Opened)
    posted = Counter[str]()
    balances = Counter[str]()
    script: list[Consumes] = [StockReserved(transaction=T, product=product, quantity=1) for product in state.unanswered]
    sellers = dict.fromkeys(entry.seller for entry in lines)
    script += [
        FundsHeld(transaction=T, buyer=B, amount=order.total),
        *(OrderDispatched(transaction=T, seller=seller) for seller in sellers),
        DeliveryDue(transaction=T),
    ]
    for event in script:
        decision = decide(state, event, NOW, policy)
        state = decision.state or state
        for row in written(decision):
            if isinstance(row, LedgerEntry):
                posted[row.posting] += row.amount_minor
                balances[row.account] += row.amount_minor
    assert isinstance(state, Settled)
    assert posted == {"captured": 0, "settled": 0}
    assert (balances["buyer:B"], balances["escrow"]) == (-order.total.minor, 0)
    assert all(balance >= 0 for account, balance in balances.items() if account != "buyer:B")


def test_a_fee_is_a_part_of_the_whole() -> None:
    with pytest.raises(ValueError, match="basis points"):
        Policy(fee_basis_points=10_001)
