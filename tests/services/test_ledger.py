"""The ledger: money changes hands, and never its amount."""

from collections import Counter

import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st

from market.buyers import FundsHeld
from market.ids import SellerId
from market.lines import Line, total_minor
from market.products import StockReserved
from market.shipments import ShipmentDelivered, ShipmentLost, ShipmentPartlyDelivered
from services.transaction.decide import Consumes, Policy, decide
from services.transaction.rows import LedgerEntry
from services.transaction.state import Opened, Refunded, Settled, Transaction, Unopened
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


fees = st.integers(0, 10_000)


def accounts_of(lines: list[Line], end: Consumes, fee_basis_points: int) -> tuple[Transaction, Counter[str]]:
    """Take an order from its placing to its end, and add up what each account has got. Every posting sums to zero."""
    policy = Policy(fee_basis_points=fee_basis_points)
    order = placed(*lines)
    state: Transaction | None = decide(Unopened(), order, NOW).state
    assert isinstance(state, Opened)
    posted, balances = Counter[str](), Counter[str]()
    script: list[Consumes] = [StockReserved(transaction=T, product=product, quantity=1) for product in state.unanswered]
    for event in (*script, FundsHeld(transaction=T, buyer=B, amount=order.total), end):
        decision = decide(state, event, NOW, policy)
        state = decision.state or state
        for row in written(decision):
            if isinstance(row, LedgerEntry):
                posted[row.posting] += row.amount_minor
                balances[row.account] += row.amount_minor
    assert not any(posted.values())
    assert balances.pop("escrow") == 0
    return state, balances


@for_any(orders, fees)
def test_no_posting_makes_or_loses_a_penny(lines: list[Line], fee_basis_points: int) -> None:
    state, balances = accounts_of(lines, ShipmentDelivered(transaction=T), fee_basis_points)
    assert isinstance(state, Settled)
    assert balances.pop("buyer:B") == -total_minor(lines)
    assert min(balances.values()) >= 0
    assert balances.total() == total_minor(lines)


@for_any(orders, fees, st.sets(st.sampled_from("RSUV"), min_size=1))
def test_every_share_goes_to_its_seller_or_back_to_the_buyer(
    lines: list[Line], fee_basis_points: int, lost: set[str]
) -> None:
    end = ShipmentPartlyDelivered(transaction=T, lost=tuple(map(SellerId, sorted(lost))))
    state, balances = accounts_of(lines, end, fee_basis_points)
    paid_for = [line for line in lines if line.seller not in lost]
    assert isinstance(state, Settled) == bool(paid_for)
    assert balances.pop("buyer:B") == -total_minor(paid_for)
    assert {account for account in balances if account != "fees"} == {f"seller:{line.seller}" for line in paid_for}
    assert all(balance >= 0 for balance in balances.values())


@for_any(orders, fees)
def test_a_refund_gives_back_all_that_was_paid_and_nobody_else_gets_any(
    lines: list[Line], fee_basis_points: int
) -> None:
    state, balances = accounts_of(lines, ShipmentLost(transaction=T), fee_basis_points)
    assert isinstance(state, Refunded)
    assert balances == {"buyer:B": 0}


def test_a_fee_is_a_part_of_the_whole() -> None:
    with pytest.raises(ValueError, match="basis points"):
        Policy(fee_basis_points=10_001)
