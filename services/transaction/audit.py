"""What the transaction service's database can prove: some at any moment, the rest once every order has ended."""

from typing import Final

from agora.audit import Check, Figure

CHECKS: Final = (
    Check(
        "transactions without a final outcome",
        "SELECT count(*) FROM orders WHERE status NOT IN ('settled', 'cancelled')",
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
        "lines of paid transactions without a shipment, or shipments without a line",
        "SELECT count(*) FROM (SELECT DISTINCT transaction, seller FROM order_lines "
        "WHERE status IN ('dispatched', 'settled')) AS sold "
        "FULL JOIN (SELECT * FROM shipments JOIN orders USING (transaction) WHERE status <> 'paid') AS sent "
        "USING (transaction, seller) WHERE sold.transaction IS NULL OR sent.transaction IS NULL",
    ),
    Check(
        "settled transactions with a parcel not delivered",
        "SELECT count(*) FROM shipments JOIN orders USING (transaction) "
        "WHERE status = 'settled' AND delivered_at IS NULL",
    ),
    Check(
        "transactions whose total is not that of their lines",
        "SELECT count(*) FROM orders WHERE total_minor <> (SELECT sum(greatest(0, "
        "quantity * price_minor + freight_minor - voucher_minor)) FROM order_lines "
        "WHERE order_lines.transaction = orders.transaction)",
    ),
)
FIGURES: Final = (
    Figure(
        "units paid by product",
        "SELECT product, sum(quantity)::bigint FROM order_lines WHERE paid_at IS NOT NULL GROUP BY product",
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
    Figure("cancelled orders by buyer", "SELECT buyer, count(*) FROM orders WHERE status = 'cancelled' GROUP BY buyer"),
    Figure(
        "unsettled amount by seller",
        "SELECT seller, sum(greatest(0, quantity * price_minor + freight_minor - voucher_minor))::bigint AS amount "
        "FROM order_lines WHERE status IN ('paid', 'dispatched') GROUP BY seller "
        "HAVING sum(greatest(0, quantity * price_minor + freight_minor - voucher_minor)) <> 0",
    ),
)
