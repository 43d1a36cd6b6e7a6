"""The seller service's open orders and sales, and its dashboard. Amounts are minor units."""

from alembic import op

from agora.migrations import runtime_role
from agora.schema import create_runtime_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

OPEN_ORDERS = """
CREATE TABLE open_orders (
    seller text NOT NULL,
    transaction text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    currency char(3) NOT NULL,
    opened_at timestamptz NOT NULL,
    PRIMARY KEY (seller, transaction)
)
"""

SALES = """
CREATE TABLE sales (
    seller text NOT NULL,
    transaction text NOT NULL,
    payout_minor bigint NOT NULL CHECK (payout_minor >= 0),
    fee_minor bigint NOT NULL CHECK (fee_minor >= 0),
    currency char(3) NOT NULL,
    settled_at timestamptz NOT NULL,
    PRIMARY KEY (seller, transaction)
)
"""

# The sum and the list come from one statement, so they can never show two different moments.
DASHBOARD = """
CREATE VIEW dashboard AS
SELECT seller, currency, count(*) AS orders, sum(amount_minor)::bigint AS amount_minor,
    jsonb_agg(
        jsonb_build_object('transaction', transaction, 'amount_minor', amount_minor, 'opened_at', opened_at)
        ORDER BY opened_at, transaction
    ) AS entries
FROM open_orders GROUP BY seller, currency
"""

SELLERS = """
CREATE VIEW sellers AS
SELECT subject AS seller,
    (state->>'currency')::char(3) AS currency,
    (state->>'updates')::bigint AS updates,
    (SELECT count(*) FROM jsonb_object_keys(state->'offers')) AS products,
    (SELECT coalesce(sum(jsonb_array_length(value)), 0)::bigint FROM jsonb_each(state->'watchers')) AS watchers
FROM agents WHERE state->>'status' = 'registered'
"""

REVENUE = """
CREATE VIEW revenue AS
SELECT seller, currency, count(*) AS sales, sum(payout_minor)::bigint AS payout_minor,
    sum(fee_minor)::bigint AS fee_minor
FROM sales GROUP BY seller, currency
"""

OFFERS = """
CREATE VIEW offers AS
SELECT subject AS seller, entry.key AS product, offer.prices_minor, offer.version, offer.update AS seller_update
FROM agents
CROSS JOIN LATERAL jsonb_each(state->'offers') AS entry
CROSS JOIN LATERAL jsonb_to_record(entry.value) AS offer (prices_minor bigint[], version bigint, update bigint)
WHERE state->>'status' = 'registered'
"""


def upgrade() -> None:
    role = runtime_role()
    create_runtime_tables(role)
    for statement in (OPEN_ORDERS, SALES, DASHBOARD, SELLERS, REVENUE, OFFERS):
        op.execute(statement)
    op.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON open_orders TO "{role}"')
    op.execute(f'GRANT SELECT, INSERT ON sales TO "{role}"')
    op.execute(f'GRANT SELECT ON dashboard, sellers, revenue, offers TO "{role}"')
