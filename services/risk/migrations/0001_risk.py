"""The risk service's scores, and what it knows of buyers as people read it. Amounts are minor units."""

from alembic import op

from agora.migrations import runtime_role
from agora.schema import create_runtime_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCORES = """
CREATE TABLE scores (
    transaction text PRIMARY KEY,
    buyer text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    currency char(3) NOT NULL,
    score integer NOT NULL CHECK (score BETWEEN 0 AND 100),
    threshold integer NOT NULL CHECK (threshold BETWEEN 0 AND 100),
    flagged boolean NOT NULL CHECK (flagged = (score >= threshold)),
    reasons text NOT NULL,
    paid_at timestamptz NOT NULL,
    scored_at timestamptz NOT NULL
)
"""
SCORES_OF_A_BUYER = "CREATE INDEX scores_buyer ON scores (buyer, paid_at)"
FLAGGED_SCORES = "CREATE INDEX scores_flagged ON scores (scored_at) WHERE flagged"

FLAGGED_PAYMENTS = """
CREATE VIEW flagged_payments AS
SELECT transaction, buyer, amount_minor, currency, score, reasons, paid_at, scored_at FROM scores WHERE flagged
"""

BUYER_SCORES = """
CREATE VIEW buyer_scores AS
SELECT buyer, count(*) AS payments, count(*) FILTER (WHERE flagged) AS flagged, max(score) AS highest_score,
    max(paid_at) AS last_paid_at
FROM scores GROUP BY buyer
"""

WATCHED_BUYERS = """
CREATE VIEW watched_buyers AS
SELECT subject AS buyer,
    (state->'limits'->>'order_minor')::bigint AS order_limit_minor,
    (state->'limits'->>'total_minor')::bigint AS total_limit_minor,
    (state->>'spent_minor')::bigint AS spent_minor,
    (state->'habits'->>'payments')::bigint AS ordinary,
    (state->'habits'->>'sum_minor')::bigint / nullif((state->'habits'->>'payments')::bigint, 0) AS mean_minor,
    (state->'habits'->>'largest_minor')::bigint AS largest_minor,
    jsonb_array_length(state->'suspects') AS under_review,
    (state->>'rejected')::bigint AS rejected
FROM agents WHERE state->>'status' = 'registered'
"""


def upgrade() -> None:
    role = runtime_role()
    create_runtime_tables(role)
    for statement in (SCORES, SCORES_OF_A_BUYER, FLAGGED_SCORES, FLAGGED_PAYMENTS, BUYER_SCORES, WATCHED_BUYERS):
        op.execute(statement)
    op.execute(f'GRANT SELECT, INSERT ON scores TO "{role}"')
    op.execute(f'GRANT SELECT ON flagged_payments, buyer_scores, watched_buyers TO "{role}"')
