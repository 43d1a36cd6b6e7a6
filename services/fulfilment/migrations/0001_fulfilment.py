"""The fulfilment service's parcels, and its shipments as people read them."""

from alembic import op

from agora.migrations import runtime_role
from agora.schema import create_runtime_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

PARCELS = """
CREATE TABLE parcels (
    transaction text NOT NULL,
    seller text NOT NULL,
    carrier text NOT NULL,
    tracking text NOT NULL,
    promised_at timestamptz NOT NULL,
    dispatched_at timestamptz,
    late boolean NOT NULL,
    delivered_at timestamptz,
    lost_at timestamptz,
    recalled_at timestamptz,
    PRIMARY KEY (transaction, seller),
    CONSTRAINT ends_at_most_once CHECK (num_nonnulls(delivered_at, lost_at, recalled_at) <= 1),
    CONSTRAINT travels_only_once_dispatched
        CHECK (dispatched_at IS NOT NULL OR NOT late AND delivered_at IS NULL AND lost_at IS NULL),
    CONSTRAINT ends_after_its_dispatch CHECK (coalesce(delivered_at, lost_at) >= dispatched_at)
) WITH (fillfactor = 70)
"""

UNDELIVERED_PARCELS = """
CREATE INDEX parcels_undelivered ON parcels (seller, promised_at)
WHERE delivered_at IS NULL AND lost_at IS NULL AND recalled_at IS NULL
"""
UNDELIVERED = """
CREATE VIEW undelivered AS
SELECT transaction, seller, carrier, tracking, promised_at, dispatched_at, late FROM parcels
WHERE delivered_at IS NULL AND lost_at IS NULL AND recalled_at IS NULL
"""

SHIPMENTS = """
CREATE VIEW shipments AS
SELECT agents.subject AS transaction, agents.state->>'status' AS status, agents.state->>'reason' AS reason, counted.*
FROM agents CROSS JOIN LATERAL (
    SELECT min(carrier) AS carrier, count(*) AS parcels, count(dispatched_at) AS dispatched,
        count(*) FILTER (WHERE late) AS late, count(delivered_at) AS delivered, count(lost_at) AS lost,
        max(promised_at) AS promised_at
    FROM parcels WHERE parcels.transaction = agents.subject
) AS counted
WHERE agents.state->>'status' <> 'unpaid'
"""


def upgrade() -> None:
    role = runtime_role()
    create_runtime_tables(role)
    for statement in (PARCELS, UNDELIVERED_PARCELS, UNDELIVERED, SHIPMENTS):
        op.execute(statement)
    op.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON parcels TO "{role}"')
    op.execute(f'GRANT SELECT ON undelivered, shipments TO "{role}"')
