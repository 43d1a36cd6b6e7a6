"""The transaction service's ledger and shipments, and its orders as people read them. Amounts are minor units."""

from alembic import op

from agora.migrations import runtime_role
from agora.schema import create_runtime_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

LEDGER = """
CREATE TABLE ledger (
    transaction text NOT NULL,
    posting text NOT NULL CHECK (posting IN ('captured', 'settled')),
    entry integer NOT NULL CHECK (entry >= 0),
    account text NOT NULL,
    amount_minor bigint NOT NULL,
    currency char(3) NOT NULL,
    posted_at timestamptz NOT NULL,
    PRIMARY KEY (transaction, posting, entry)
)
"""

# A posting is written by one statement, so the rows of that statement are all of it: no need to read the ledger.
REFUSE_UNBALANCED = """
CREATE FUNCTION refuse_unbalanced_posting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM posted GROUP BY transaction, posting, currency HAVING sum(amount_minor) <> 0
    ) THEN
        RAISE EXCEPTION 'the entries of a posting do not sum to zero' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""
LEDGER_BALANCES = """
CREATE TRIGGER ledger_balances AFTER INSERT ON ledger REFERENCING NEW TABLE AS posted
FOR EACH STATEMENT EXECUTE FUNCTION refuse_unbalanced_posting()
"""

SHIPMENTS = """
CREATE TABLE shipments (
    transaction text NOT NULL,
    seller text NOT NULL,
    dispatched_at timestamptz NOT NULL,
    delivered_at timestamptz CHECK (delivered_at >= dispatched_at),
    PRIMARY KEY (transaction, seller)
)
"""
UNDELIVERED = "CREATE INDEX shipments_undelivered ON shipments (seller, dispatched_at) WHERE delivered_at IS NULL"

ACCOUNTS = """
CREATE VIEW accounts AS
SELECT account, currency, sum(amount_minor)::bigint AS balance_minor FROM ledger GROUP BY account, currency
"""

ORDERS = """
CREATE VIEW orders AS
SELECT subject AS transaction,
    state->>'status' AS status,
    state->'order'->>'buyer' AS buyer,
    (state->'order'->'total'->>'minor')::bigint AS total_minor,
    (state->'order'->'total'->>'currency')::char(3) AS currency,
    state->'order'->'payment'->>'method' AS method,
    (state->'order'->'payment'->>'instalments')::integer AS instalments,
    (state->'order'->>'ordered_at')::timestamptz AS ordered_at,
    (state->'order'->>'opened_at')::timestamptz AS opened_at,
    (state->>'paid_at')::timestamptz AS paid_at,
    (state->>'settled_at')::timestamptz AS settled_at,
    (state->>'cancelled_at')::timestamptz AS cancelled_at,
    state->>'reason' AS reason
FROM agents WHERE state->>'status' <> 'unopened'
"""

ORDER_LINES = """
CREATE VIEW order_lines AS
SELECT subject AS transaction, state->>'status' AS status, (state->>'paid_at')::timestamptz AS paid_at, line.*
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


def upgrade() -> None:
    role = runtime_role()
    create_runtime_tables(role)
    for statement in (LEDGER, REFUSE_UNBALANCED, LEDGER_BALANCES, SHIPMENTS, UNDELIVERED):
        op.execute(statement)
    for statement in (ACCOUNTS, ORDERS, ORDER_LINES, PAYMENTS):
        op.execute(statement)
    op.execute(f'GRANT SELECT, INSERT ON ledger TO "{role}"')
    op.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON shipments TO "{role}"')
    op.execute(f'GRANT SELECT ON accounts, orders, order_lines, payments TO "{role}"')
