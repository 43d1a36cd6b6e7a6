"""The gateway's audit is quiet about a sound market, and finds whatever does not add up."""

from typing import Final

import pytest

from services.gateway.queries import audit
from tests.views.database import Reader


async def test_everything_adds_up(reader: Reader) -> None:
    checks = await audit.audit(reader)
    assert [check.name for check in checks if not check.ok] == []
    assert len(checks) >= 10


WRONGS: Final = {
    "conservation": ("UPDATE accounts SET balance_minor = balance_minor + 3 WHERE account = 'buyer:B'", 3),
    "postings": ("UPDATE ledger SET amount_minor = amount_minor + 5 WHERE posting = 'refunded' AND entry = 0", 4),
    "balances": ("DELETE FROM ledger WHERE transaction = 'slow' AND entry = 0", 200),
    "escrow": ("UPDATE order_courses SET paid_at = NULL WHERE transaction = 'slow'", 200),
    "open sales": ("UPDATE sales SET amount_minor = amount_minor + 7 WHERE transaction = 'slow' AND seller = 'S'", 7),
    "payouts": ("UPDATE sales SET payout_minor = payout_minor + 9 WHERE transaction = 'partly lost'", 18),
    "fees": ("UPDATE sales SET fee_minor = fee_minor + 1 WHERE transaction = 'of a cart'", 2),
    "spending": ("UPDATE placings SET total_minor = 499 WHERE transaction = 'of a cart' AND total_minor = 500", 1),
    "one end": ("UPDATE order_courses SET settled_at = refunded_at WHERE transaction = 'rejected'", 1),
    "refunds": ("UPDATE order_courses SET refunded_minor = 1 WHERE transaction IN ('rejected', 'declined')", 2),
    "stock": ("UPDATE promises SET quantity = 100 WHERE transaction = 'of a cart'", 2),
    "promises": ("UPDATE promises SET sold_position = NULL WHERE transaction = 'of a cart'", 2),
}  # fmt: skip


async def test_every_check_of_the_audit_is_broken_below(reader: Reader) -> None:
    assert [check.name for check in await audit.audit(reader)] == list(WRONGS)


@pytest.mark.parametrize("name", WRONGS)
async def test_the_audit_finds(reader: Reader, name: str) -> None:
    wrong, difference = WRONGS[name]
    await reader.execute(wrong)
    found = {check.name: check.difference for check in await audit.audit(reader)}
    assert found[name] == difference
