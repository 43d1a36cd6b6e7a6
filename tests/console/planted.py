"""The faults that are planted in databases for the audit to find: by check, the service and the statements."""

from typing import Final


def state(subject: str, path: str, value: str) -> str:
    """The statement that sets one part of an agent's state."""
    return f"UPDATE agents SET state = jsonb_set(state, '{{{path}}}', '{value}') WHERE subject = '{subject}'"


def unchecked(table: str, fault: str) -> str:
    """The statements that plant a fault which the table's own checks would refuse."""
    return f"""
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid = '{table}'::regclass LOOP
        EXECUTE format('ALTER TABLE {table} DROP CONSTRAINT %I', name);
    END LOOP;
END $$;
{fault}
"""


OPEN: Final = "INSERT INTO open_orders VALUES ('S', 'T-9', 5, 'GBP', now())"
WRONG_SUM: Final = """
CREATE OR REPLACE VIEW dashboard AS
SELECT seller, currency, count(*) AS orders, 1::bigint AS amount_minor,
    jsonb_agg(jsonb_build_object('amount_minor', amount_minor)) AS entries
FROM open_orders GROUP BY seller, currency
"""
POST: Final = "INSERT INTO ledger VALUES ('T-1', 'captured', 8, 'escrow', 7, 'GBP', now())"
UNDO: Final = "INSERT INTO ledger VALUES ('T-1', 'captured', 9, 'buyer:B', -7, 'GBP', now())"
GIFT: Final = "INSERT INTO ledger VALUES ('T-1', 'refunded', 0, 'buyer:B', 1000000, 'GBP', now())"
TRUST: Final = "DROP TRIGGER ledger_balances ON ledger"
ACCEPTED: Final = (
    '{"status": "answered", "kind": "CheckOut.v1", "answered_at": "2026-01-01T00:00:00Z", "refusal": null}'
)

FAULTS: Final = {
    "buyer: orders still open": ("buyer", state("B", "placed", '{"T-9": 5}')),
    "buyer: buyers above their budget": ("buyer", state("B", "spent_minor", "2000000000")),
    "buyer: buyers with a paid order that is neither settled nor refunded": ("buyer", state("B", "paid", "99")),
    "product: products with stock still reserved": ("product", state("X", "reserved", "1")),
    "product: open reservations": ("product", state("X", "reservations", '{"T-9": 1}')),
    "product: products with stock below zero": (
        "product",
        "ALTER TABLE agents DROP CONSTRAINT stock_is_kept; " + state("X", "stock", "-1"),
    ),
    "product: products whose reserved stock is not the sum of its reservations": (
        "product",
        state("X", "reserved", "1"),
    ),
    "seller: dashboards not equal to their entries": (
        "seller",
        f"{OPEN}; {WRONG_SUM}",
    ),
    "seller: orders both open and settled": (
        "seller",
        "INSERT INTO open_orders SELECT seller, transaction, 5, currency, now() FROM sales",
    ),
    "transaction: transactions without a final outcome": ("transaction", state("T-1", "status", '"reserved"')),
    "transaction: postings that do not sum to zero": ("transaction", f"{TRUST}; {POST}"),
    "transaction: currencies in which the ledger does not sum to zero": ("transaction", f"{TRUST}; {POST}"),
    "transaction: transactions whose money is still in escrow": ("transaction", f"{TRUST}; {POST}; {UNDO}"),
    "transaction: transactions with more than one payment": ("transaction", f"{TRUST}; {POST}; {UNDO}"),
    "transaction: paid transactions without their payment, or payments without a paid transaction": (
        "transaction",
        "DELETE FROM ledger WHERE transaction = 'T-1'",
    ),
    "transaction: transactions refunded more than was paid": ("transaction", f"{TRUST}; {GIFT}"),
    "transaction: refunded transactions not refunded in full": (
        "transaction",
        state("H-2", "order,total,minor", "1"),
    ),
    "transaction: settled transactions refunded other than the shares of their lost parcels": (
        "transaction",
        state("L-1", "refunded_minor", "1"),
    ),
    "transaction: transactions whose total is not that of their lines": (
        "transaction",
        state("T-1", "order,total,minor", "1"),
    ),
    "risk: scores out of range": ("risk", unchecked("scores", "UPDATE scores SET score = 101")),
    "risk: payments flagged below their threshold, or not flagged from it on": (
        "risk",
        unchecked("scores", "UPDATE scores SET flagged = NOT flagged"),
    ),
    "risk: scores above nothing without a reason": (
        "risk",
        unchecked("scores", "UPDATE scores SET score = 50, reasons = ''"),
    ),
    "risk: buyers who know of more payments than were scored": ("risk", "DELETE FROM scores"),
    "concierge: confirmations that still wait for their words": ("concierge", state("B", "waiting", "[{}]")),
    "concierge: buyers without exactly one confirmation for each payment": (
        "concierge",
        "DELETE FROM confirmations WHERE transaction = 'T-1'",
    ),
    "concierge: vouchers above the mandate": (
        "concierge",
        unchecked("confirmations", "UPDATE confirmations SET voucher_minor = mandate_minor + 1"),
    ),
    "concierge: vouchers without an apology": ("concierge", "UPDATE confirmations SET tone = 'plain'"),
    "concierge: voucher codes given twice": (
        "concierge",
        "UPDATE confirmations SET voucher_code = 'X' WHERE voucher_code IS NOT NULL",
    ),
    "concierge: buyers whose vouchers are not what the concierge believes to have given": (
        "concierge",
        state("B", "vouchers", "99"),
    ),
    "fulfilment: shipments without an end": ("fulfilment", state("T-1", "status", '"shipping"')),
    "fulfilment: parcels without an end": ("fulfilment", "UPDATE parcels SET delivered_at = NULL"),
    "fulfilment: parcels with more than one end": (
        "fulfilment",
        unchecked("parcels", "UPDATE parcels SET lost_at = delivered_at"),
    ),
    "fulfilment: parcels delivered or lost before they were dispatched": (
        "fulfilment",
        unchecked("parcels", "UPDATE parcels SET dispatched_at = NULL"),
    ),
    "fulfilment: shipments that remember other parcels than their rows": (
        "fulfilment",
        "DELETE FROM parcels WHERE transaction = 'T-1'",
    ),
    "fulfilment: parcels of orders that could not be shipped": (
        "fulfilment",
        state("T-1", "status", '"failed"'),
    ),
    "activities not done": (
        "fulfilment",
        "INSERT INTO activities VALUES (0, 'T-9', 'booking', 'K', now(), now(), 0, 'BookParcels.v1', '', '', '', '')",
    ),
    "unsent outbox rows": ("seller", "INSERT INTO outbox VALUES (0, 1000000, 'buyers', 'B', '')"),
    "outbox rows whose arrival in the log is not written down": (
        "product",
        "UPDATE partitions SET sequence = sequence + 1",
    ),
    "parked events": ("buyer", "INSERT INTO parked VALUES ('B', 0, 0, 0, 0, '', '', '[]', 'why')"),
    "dead letters": ("gateway", "INSERT INTO dead_letters VALUES (0, 0, 0, NULL, NULL, '[]', 'why')"),
}
DISAGREEMENTS: Final = {
    "products whose units sold are not the units paid for": ("product", state("X", "sold", "1")),
    "buyers who spent other than what was captured from them": ("buyer", state("B", "spent_minor", "1")),
    "buyers who count other paid orders than there are transactions": ("buyer", state("B", "paid", "1")),
    "buyers who count other settled orders than there are transactions": ("buyer", state("B", "settled", "1")),
    "buyers who count other refunded orders than there are transactions": ("buyer", state("B", "refunded", "99")),
    "buyers who count other cancelled orders than there are transactions": ("buyer", state("B", "cancelled", "1")),
    "sellers who were paid other than what escrow paid out": ("seller", "UPDATE sales SET payout_minor = 1"),
    "fees not kept once": ("seller", "UPDATE sales SET fee_minor = fee_minor * 2"),
    "dashboards that do not show what is paid and not settled": ("seller", OPEN),
    "buyers whose payments were not each scored once": ("risk", "DELETE FROM scores WHERE transaction = 'T-1'"),
    "transactions flagged by their score and not in the log, or the other way round": (
        "risk",
        unchecked("scores", "UPDATE scores SET flagged = NOT flagged"),
    ),
    "buyers whose payments were not each confirmed once": (
        "concierge",
        "DELETE FROM confirmations WHERE transaction = 'T-1'",
    ),
    "transactions that ended with other parcels than were shipped": (
        "fulfilment",
        "DELETE FROM parcels WHERE transaction = 'T-1'",
    ),
    "products that missed their seller's last update": ("product", state("P", "update", "1")),
    "products not sold in their seller's last version": ("product", state("Q", "version", "1")),
    "carts that missed a seller's last update": ("buyer", state("C", "cart,P,update", "1")),
    "carts that heard of an update their seller did not make": ("buyer", state("C", "cart,P,update", "99")),
    "products in carts unwatched, or watched for no cart": ("seller", state("S", "watchers", "{}")),
    "accepted checkouts that are not in the log": (
        "gateway",
        f"INSERT INTO agents VALUES ('K-9', '{ACCEPTED}')",
    ),
    "buyers whose paid orders are not their events": ("buyer", state("B", "paid", "1")),
    "buyers whose settled orders are not their events": ("buyer", state("B", "settled", "1")),
    "buyers whose refunded orders are not their events": ("buyer", state("B", "refunded", "99")),
    "buyers whose cancelled orders are not their events": ("buyer", state("B", "cancelled", "1")),
    "buyers whose refused orders are not their events": ("buyer", "DELETE FROM refused_orders"),
    "buyers whose payments are not their events": ("buyer", state("B", "spent_minor", "1")),
    "dashboards whose entries are not the seller's paid and unsettled orders": ("seller", OPEN),
}
