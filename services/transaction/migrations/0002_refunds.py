"""Refunds in the ledger, held and refunded orders in the views. Parcels are fulfilment's now.

The table ``shipments`` goes: what it held follows from events that the log keeps, and this service's code no longer
writes it. The release before does, so stop its processes first. Its orders that were paid but not settled stay as they
are stored; they are shown as paid, and end as fulfilment says.
"""

from alembic import op

from agora.migrations import runtime_role
from agora.schema import add_activities

revision = "0002"
down_revision = "0001"
contracts = True
branch_labels = None
depends_on = None

POSTINGS = """
ALTER TABLE ledger DROP CONSTRAINT ledger_posting_check,
    ADD CONSTRAINT ledger_posting_check CHECK (posting IN ('captured', 'settled', 'refunded'))
"""

# Nobody hears this reminder any more, and it would only be said for nothing.
FORGET_DELIVERY = "DELETE FROM reminders WHERE name = 'delivery'"

ORDERS = """
CREATE VIEW orders AS
SELECT subject AS transaction,
    CASE state->>'status' WHEN 'dispatched' THEN 'paid' ELSE state->>'status' END AS status,
    state->'order'->>'buyer' AS buyer,
    (state->'order'->'total'->>'minor')::bigint AS total_minor,
    (state->'order'->'total'->>'currency')::char(3) AS currency,
    state->'order'->'payment'->>'method' AS method,
    (state->'order'->'payment'->>'instalments')::integer AS instalments,
    (state->'order'->>'ordered_at')::timestamptz AS ordered_at,
    (state->'order'->>'opened_at')::timestamptz AS opened_at,
    (state->>'paid_at')::timestamptz AS paid_at,
    state->>'status' = 'held' AS held,
    (state->>'held_at')::timestamptz AS held_at,
    (state->>'score')::integer AS score,
    CASE WHEN state->>'status' = 'settled' THEN 'carried' ELSE state->'ended'->>'outcome' END AS shipment,
    (state->>'settled_at')::timestamptz AS settled_at,
    (state->>'refunded_at')::timestamptz AS refunded_at,
    CASE state->>'status'
        WHEN 'refunded' THEN (state->'order'->'total'->>'minor')::bigint
        ELSE coalesce((state->>'refunded_minor')::bigint, 0)
    END AS refunded_minor,
    (state->>'cancelled_at')::timestamptz AS cancelled_at,
    state->>'reason' AS reason
FROM agents WHERE state->>'status' <> 'unopened'
"""

# A line is lost with its seller's parcel; of a refunded order, every other line's units are their product's again.
ORDER_LINES = """
CREATE VIEW order_lines AS
SELECT subject AS transaction,
    CASE state->>'status' WHEN 'dispatched' THEN 'paid' ELSE state->>'status' END AS status,
    (state->>'paid_at')::timestamptz AS paid_at,
    coalesce(state->'ended'->'lost' ? line.seller, false) AS lost,
    state->>'status' = 'refunded' AND NOT coalesce(state->'ended'->'lost' ? line.seller, false) AS returned,
    line.*,
    greatest(0, quantity * price_minor + freight_minor - voucher_minor) AS amount_minor
FROM agents
CROSS JOIN LATERAL jsonb_to_recordset(state->'order'->'lines') AS line (
    product text, version bigint, seller text, quantity bigint, price_minor bigint,
    freight_minor bigint, voucher_minor bigint)
WHERE state->>'status' <> 'unopened'
"""

PAYMENTS = """
CREATE VIEW payments AS
SELECT entry.transaction, orders.buyer, entry.amount_minor, entry.currency, orders.method, orders.instalments,
    entry.posted_at AS paid_at
FROM ledger AS entry JOIN orders USING (transaction)
WHERE entry.posting = 'captured' AND entry.account = 'escrow'
"""

REFUNDS = """
CREATE VIEW refunds AS
SELECT entry.transaction, orders.buyer, entry.amount_minor, entry.currency, entry.posted_at AS refunded_at
FROM ledger AS entry JOIN orders USING (transaction)
WHERE entry.posting = 'refunded' AND entry.account <> 'escrow'
"""


def upgrade() -> None:
    role = runtime_role()
    add_activities(role)
    op.execute("DROP VIEW payments, order_lines, orders")
    for statement in (POSTINGS, FORGET_DELIVERY, "DROP TABLE shipments", ORDERS, ORDER_LINES, PAYMENTS, REFUNDS):
        op.execute(statement)
    op.execute(f'GRANT SELECT ON orders, order_lines, payments, refunds TO "{role}"')
