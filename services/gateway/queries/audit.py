"""What must hold of the views among themselves: every difference is nothing once all of the log is shown.

One statement looks at one moment. It reads every order, sale and posting there is, which takes about a second and a
half for 200,000 orders and grows with them: for now and then, with the time it takes (``unhurried``).
"""

from typing import Final, Literal, NamedTuple

from pydantic import Field

from services.gateway.queries.paging import Reader, Told


class Check(Told):
    """One thing that must hold."""

    name: str
    should_be: str = Field(description="What the difference is the difference from.")
    holds: Literal["always", "at rest"] = Field(
        description="`at rest`: two streams are compared, so it holds once all that was said has been shown."
    )
    difference: int = Field(description="0 where it holds; else minor units, or how many there are.")
    ok: bool


class _Question(NamedTuple):
    name: str
    should_be: str
    holds: Literal["always", "at rest"]
    sql: str


_OPEN: Final = "paid_at IS NOT NULL AND ended_at IS NULL"
_COMPARED: Final = "SELECT sum(abs(coalesce(kept.minor, 0) - coalesce(due.minor, 0))) FROM"
_HOLDS: Final = "(SELECT currency, balance_minor AS minor FROM accounts WHERE account = '{}') AS kept FULL JOIN"
_ESCROW: Final = f"{_COMPARED} {_HOLDS.format('escrow')}"
_FEES: Final = f"{_COMPARED} {_HOLDS.format('fees')}"
_QUESTIONS: Final = (
    _Question(
        "conservation",
        "all accounts together hold nothing: money is moved, never made or lost",
        "always",
        "SELECT sum(abs(minor)) FROM (SELECT sum(balance_minor) AS minor FROM accounts GROUP BY currency) AS kept",
    ),
    _Question(
        "postings",
        "the entries of every posting add up to nothing",
        "always",
        "SELECT count(*) FROM (SELECT FROM ledger GROUP BY transaction, posting, currency "
        "HAVING sum(amount_minor) <> 0) AS unbalanced",
    ),
    _Question(
        "balances",
        "every balance is the sum of its account's entries",
        "always",
        "SELECT sum(abs(coalesce(balance_minor, 0) - coalesce(minor, 0))) FROM accounts FULL JOIN "
        "(SELECT account, currency, sum(amount_minor) AS minor FROM ledger GROUP BY account, currency) AS entries "
        "USING (account, currency)",
    ),
    _Question(
        "escrow",
        "escrow holds what was paid for orders that have not ended",
        "at rest",
        f"{_ESCROW} (SELECT currency, sum(total_minor) AS minor FROM orders WHERE {_OPEN} "  # noqa: S608 - from code
        "GROUP BY currency) AS due USING (currency)",
    ),
    _Question(
        "open sales",
        "dashboards show as open what escrow holds",
        "at rest",
        f"{_ESCROW} (SELECT currency, sum(amount_minor) AS minor FROM dashboard WHERE {_OPEN} "  # noqa: S608 - from code
        "GROUP BY currency) AS due USING (currency)",
    ),
    _Question(
        "payouts",
        "every seller's account holds what its dashboard shows as paid out",
        "at rest",
        "SELECT sum(abs(coalesce(balance_minor, 0) - coalesce(minor, 0))) "
        "FROM (SELECT * FROM accounts WHERE account LIKE 'seller:%') AS kept FULL JOIN "
        "(SELECT 'seller:' || seller AS account, currency, sum(payout_minor) AS minor FROM dashboard "
        "GROUP BY seller, currency) AS due USING (account, currency)",
    ),
    _Question(
        "fees",
        "the account of fees holds what dashboards show as fees",
        "at rest",
        f"{_FEES} (SELECT currency, sum(fee_minor) AS minor FROM dashboard GROUP BY currency) AS due "  # noqa: S608 - from code
        "USING (currency)",
    ),
    _Question(
        "spending",
        "every buyer's account lacks what its paid orders cost, but for what was refunded",
        "at rest",
        "SELECT sum(abs(coalesce(balance_minor, 0) + coalesce(minor, 0))) "
        "FROM (SELECT * FROM accounts WHERE account LIKE 'buyer:%') AS kept FULL JOIN "
        "(SELECT 'buyer:' || buyer AS account, currency, sum(total_minor - refunded_minor) AS minor FROM orders "
        "WHERE paid_at IS NOT NULL GROUP BY buyer, currency) AS due USING (account, currency)",
    ),
    _Question(
        "one end",
        "no order ends in two ways, or in one it has not been paid for",
        "always",
        "SELECT count(*) FROM order_courses WHERE num_nonnulls(settled_at, refunded_at, cancelled_at) > 1 "
        "OR (cancelled_at IS NULL) <> (cancel_reason IS NULL) OR (cancelled_at IS NOT NULL AND paid_at IS NOT NULL) "
        "OR (coalesce(settled_at, refunded_at) IS NOT NULL AND paid_at IS NULL)",
    ),
    _Question(
        "refunds",
        "no order is refunded more than was paid, and a refunded one no less",
        "always",
        "SELECT count(*) FROM orders WHERE refunded_minor > CASE WHEN paid_at IS NULL THEN 0 ELSE total_minor END "
        "OR (status = 'refunded' AND refunded_minor <> total_minor)",
    ),
    _Question(
        "stock",
        "no product has promised or sold more than it had",
        "at rest",
        "SELECT count(*) FROM goods WHERE available < 0 OR reserved < 0 OR sold < 0",
    ),
    _Question(
        "promises",
        "no units stay promised to an order that has been paid or cancelled",
        "at rest",
        "SELECT count(*) FROM promises JOIN order_courses USING (transaction) WHERE quantity > 0 "
        "AND coalesce(paid_at, cancelled_at) IS NOT NULL AND sold_position IS NULL AND released_position IS NULL",
    ),
)
_AUDIT: Final = "SELECT " + ", ".join(f"coalesce(({question.sql}), 0)::bigint" for question in _QUESTIONS)


async def audit(reader: Reader) -> list[Check]:
    """Every check, as of one moment. How fresh the views are is for whoever asks to say."""
    row = await reader.fetchrow(_AUDIT)
    assert row is not None  # noqa: S101 - it has a row, whatever there is
    return [
        Check(
            name=question.name,
            should_be=question.should_be,
            holds=question.holds,
            difference=difference,
            ok=difference == 0,
        )
        for question, difference in zip(_QUESTIONS, row.values(), strict=True)
    ]
