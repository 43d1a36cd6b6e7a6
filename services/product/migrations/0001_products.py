"""The product service's stock, which the database will not let go below zero or below what is promised."""

from alembic import op

from agora.migrations import runtime_role
from agora.schema import create_runtime_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STOCK_IS_KEPT = """
ALTER TABLE agents ADD CONSTRAINT stock_is_kept CHECK ((
    state->>'status' = 'unlisted' OR (
        state->>'status' = 'listed'
        AND (state->'reserved')::bigint >= 0
        AND (state->'stock')::bigint >= (state->'reserved')::bigint
    )
) IS TRUE)
"""

STOCK = """
CREATE VIEW stock AS
SELECT subject AS product,
    state->>'seller' AS seller,
    (state->>'currency')::char(3) AS currency,
    ARRAY(SELECT price::bigint FROM jsonb_array_elements_text(state->'prices_minor') AS price) AS prices_minor,
    (state->>'version')::bigint AS version,
    (state->>'update')::bigint AS seller_update,
    (state->>'stock')::bigint AS stock,
    (state->>'reserved')::bigint AS reserved,
    (state->>'sold')::bigint AS sold
FROM agents WHERE state->>'status' = 'listed'
"""

RESERVATIONS = """
CREATE VIEW reservations AS
SELECT subject AS product, key AS transaction, value::bigint AS quantity
FROM agents CROSS JOIN LATERAL jsonb_each_text(state->'reservations')
WHERE state->>'status' = 'listed'
"""


def upgrade() -> None:
    role = runtime_role()
    create_runtime_tables(role)
    for statement in (STOCK_IS_KEPT, STOCK, RESERVATIONS):
        op.execute(statement)
    op.execute(f'GRANT SELECT ON stock, reservations TO "{role}"')
