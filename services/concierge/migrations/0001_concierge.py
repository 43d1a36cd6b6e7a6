"""The concierge's confirmations, and how buyers feel, as people read them. Amounts are minor units."""

from alembic import op

from agora.migrations import runtime_role
from agora.schema import create_runtime_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

CONFIRMATIONS = """
CREATE TABLE confirmations (
    transaction text PRIMARY KEY,
    buyer text NOT NULL,
    tone text NOT NULL CHECK (tone IN ('warm', 'plain', 'sorry')),
    by_model boolean NOT NULL,
    voucher_code text,
    voucher_minor bigint CHECK (voucher_minor > 0 AND voucher_minor <= mandate_minor),
    mandate_minor bigint,
    currency char(3),
    valid_until timestamptz,
    composed_at timestamptz NOT NULL,
    CHECK (num_nonnulls(voucher_code, voucher_minor, mandate_minor, currency, valid_until) IN (0, 5))
)
"""

VOUCHERS = """
CREATE VIEW vouchers AS
SELECT voucher_code, buyer, transaction, tone, voucher_minor, mandate_minor, currency, valid_until, composed_at
FROM confirmations WHERE voucher_minor IS NOT NULL
"""

MOODS = """
CREATE VIEW moods AS
SELECT subject AS buyer,
    (state->>'mood_points')::integer AS mood_points,
    (state->>'moved_at')::timestamptz AS moved_at,
    (state->>'paid')::bigint AS paid,
    state->'counts' AS counts,
    jsonb_array_length(state->'grievances') AS grievances,
    (state->>'vouchers')::bigint AS vouchers,
    (state->>'goodwill_minor')::bigint AS goodwill_minor,
    jsonb_array_length(state->'waiting') AS waiting
FROM agents WHERE state->>'status' = 'known'
"""

MOMENTS = """
CREATE VIEW moments AS
SELECT subject AS buyer, moment.*
FROM agents
CROSS JOIN LATERAL jsonb_to_recordset(state->'moments') AS moment (
    kind text, at timestamptz, points integer, rating integer, reading text)
WHERE state->>'status' = 'known'
"""


def upgrade() -> None:
    role = runtime_role()
    create_runtime_tables(role)
    for statement in (CONFIRMATIONS, VOUCHERS, MOODS, MOMENTS):
        op.execute(statement)
    op.execute(f'GRANT SELECT, INSERT ON confirmations TO "{role}"')
    op.execute(f'GRANT SELECT ON vouchers, moods, moments TO "{role}"')
