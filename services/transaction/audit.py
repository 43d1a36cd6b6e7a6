"""What the transaction service's database can prove: some at any moment, the rest once every order has ended."""

from typing import Final

from agora.audit import Check, Figure

CHECKS: Final = (
    Check(
        "transactions without a final outcome",
        "SELECT count(*) FROM orders WHERE status NOT IN ('settled', 'refunded', 'cancelled')",
    ),
    Check(
        "postings that do not sum to zero",
        "SELECT count(*) FROM (SELECT FROM ledger GROUP BY transaction, posting, currency "
        "HAVING sum(amount_minor) <> 0) AS unbalanced",
    ),
    Check(
        "currencies in which the ledger does not sum to zero",
        "SELECT count(*) FROM (SELECT FROM ledger GROUP BY currency HAVING sum(amount_minor) <> 0) AS unbalanced",
    ),
    Check(
        "transactions whose money is still in escrow",
        "SELECT count(*) FROM (SELECT FROM ledger WHERE account = 'escrow' GROUP BY transaction "
        "HAVING sum(amount_minor) <> 0) AS kept",
    ),
    Check(
        "transactions with more than one payment",
        "SELECT count(*) FROM (SELECT FROM payments GROUP BY transaction HAVING count(*) > 1) AS doubled",
    ),
    Check(
        "paid transactions without their payment, or payments without a paid transaction",
        "SELECT count(*) FROM (SELECT * FROM orders WHERE paid_at IS NOT NULL) AS paid FULL JOIN "
        "(SELECT * FROM ledger WHERE posting = 'captured' AND account = 'escrow') AS captured USING (transaction) "
        "WHERE total_minor IS DISTINCT FROM amount_minor",
    ),
    Check(
        "transactions refunded more than was paid",
        "SELECT count(*) FROM (SELECT FROM ledger WHERE account LIKE 'buyer:%' GROUP BY transaction "
        "HAVING sum(amount_minor) > 0) AS overpaid",
    ),
    Check(
        "refunded transactions not refunded in full",
        "SELECT count(*) FROM orders LEFT JOIN refunds USING (transaction) "
        "WHERE status = 'refunded' AND amount_minor IS DISTINCT FROM total_minor",
    ),
    Check(
        "settled transactions refunded other than the shares of their lost parcels",
        "SELECT count(*) FROM orders LEFT JOIN refunds USING (transaction) WHERE status = 'settled' "
        "AND (coalesce(amount_minor, 0) <> refunded_minor OR refunded_minor <> (SELECT coalesce(sum(amount_minor), 0) "
        "FROM order_lines WHERE order_lines.transaction = orders.transaction AND lost))",
    ),
    Check(
        "transactions whose total is not that of their lines",
        "SELECT count(*) FROM orders WHERE total_minor <> (SELECT sum(amount_minor) FROM order_lines "
        "WHERE order_lines.transaction = orders.transaction)",
    ),
)
FIGURES: Final = (
    Figure(
        "units paid by product",
        "SELECT product, sum(quantity)::bigint FROM order_lines "
        "WHERE paid_at IS NOT NULL AND NOT returned GROUP BY product",
    ),
    Figure(
        "captured by buyer",
        "SELECT substr(account, 7), -sum(amount_minor)::bigint FROM ledger WHERE account LIKE 'buyer:%' "
        "GROUP BY account HAVING sum(amount_minor) <> 0",
    ),
    Figure(
        "payout by seller",
        "SELECT substr(account, 8), sum(amount_minor)::bigint FROM ledger WHERE account LIKE 'seller:%' "
        "GROUP BY account HAVING sum(amount_minor) <> 0",
    ),
    Figure("fees", "SELECT account, balance_minor FROM accounts WHERE account = 'fees' AND balance_minor <> 0"),
    Figure("paid orders by buyer", "SELECT buyer, count(*) FROM orders WHERE paid_at IS NOT NULL GROUP BY buyer"),
    Figure("settled orders by buyer", "SELECT buyer, count(*) FROM orders WHERE status = 'settled' GROUP BY buyer"),
    Figure("refunded orders by buyer", "SELECT buyer, count(*) FROM orders WHERE status = 'refunded' GROUP BY buyer"),
    Figure("cancelled orders by buyer", "SELECT buyer, count(*) FROM orders WHERE status = 'cancelled' GROUP BY buyer"),
    Figure(
        "unsettled amount by seller",
        "SELECT seller, sum(amount_minor)::bigint FROM order_lines WHERE status IN ('paid', 'held') "
        "GROUP BY seller HAVING sum(amount_minor) <> 0",
    ),
    Figure(
        "parcels by transaction",
        "SELECT transaction, count(DISTINCT seller) FROM orders JOIN order_lines USING (transaction) "
        "WHERE settled_at IS NOT NULL OR (refunded_at IS NOT NULL AND shipment = 'carried') GROUP BY transaction",
    ),
    Figure(
        "lost parcels by transaction",
        "SELECT transaction, count(DISTINCT seller) FROM order_lines WHERE lost GROUP BY transaction",
    ),
)
