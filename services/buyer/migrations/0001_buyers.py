"""The buyer service's refused orders, and its agents as people read them. Amounts are minor units."""

from alembic import op

from agora.migrations import runtime_role
from agora.schema import create_runtime_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

REFUSED_ORDERS = """
CREATE TABLE refused_orders (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    buyer text NOT NULL,
    transaction text NOT NULL,
    reason text NOT NULL,
    refused_at timestamptz NOT NULL
)
"""
REFUSED_ORDERS_OF_A_BUYER = "CREATE INDEX refused_orders_buyer ON refused_orders (buyer)"

BUYERS = """
CREATE VIEW buyers AS
SELECT subject AS buyer,
    (state->>'currency')::char(3) AS currency,
    (state->>'budget_minor')::bigint AS budget_minor,
    (SELECT coalesce(sum(value::bigint), 0)::bigint FROM jsonb_each_text(state->'placed')) AS placed_minor,
    (SELECT coalesce(sum(value::bigint), 0)::bigint FROM jsonb_each_text(state->'held')) AS held_minor,
    (state->>'spent_minor')::bigint AS spent_minor,
    (state->>'paid')::bigint AS paid,
    (state->>'cancelled')::bigint AS cancelled,
    (state->>'settled')::bigint AS settled
FROM agents WHERE state->>'status' = 'registered'
"""

OPEN_ORDERS = """
CREATE VIEW open_orders AS
SELECT subject AS buyer, key AS transaction, value::bigint AS amount_minor, held
FROM agents
CROSS JOIN LATERAL (
    SELECT key, value, false AS held FROM jsonb_each_text(state->'placed')
    UNION ALL SELECT key, value, true FROM jsonb_each_text(state->'held')
) AS orders
WHERE state->>'status' = 'registered'
"""

CARTS = """
CREATE VIEW carts AS
SELECT subject AS buyer, line.product, line.version, line.seller, line.quantity, line.price_minor,
    line.freight_minor, line.voucher_minor, (entry.value->>'update')::bigint AS seller_update
FROM agents
CROSS JOIN LATERAL jsonb_each(state->'cart') AS entry
CROSS JOIN LATERAL jsonb_to_record(entry.value->'line') AS line (
    product text, version bigint, seller text, quantity bigint, price_minor bigint,
    freight_minor bigint, voucher_minor bigint)
WHERE state->>'status' = 'registered'
"""


def upgrade() -> None:
    role = runtime_role()
    create_runtime_tables(role)
    for statement in (REFUSED_ORDERS, REFUSED_ORDERS_OF_A_BUYER, BUYERS, OPEN_ORDERS, CARTS):
        op.execute(statement)
    op.execute(f'GRANT SELECT, INSERT ON refused_orders TO "{role}"')
    op.execute(f'GRANT SELECT ON buyers, open_orders, carts TO "{role}"')
