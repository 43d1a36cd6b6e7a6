"""The gateway's requests: what was asked under each Idempotency-Key, and whether it was let in."""

from alembic import op

from agora.migrations import runtime_role
from agora.schema import create_runtime_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

REQUESTS = """
CREATE VIEW requests AS
SELECT subject AS key,
    state->>'kind' AS kind,
    (state->>'answered_at')::timestamptz AS answered_at,
    state->>'refusal' AS refusal
FROM agents WHERE state->>'status' = 'answered'
"""


def upgrade() -> None:
    role = runtime_role()
    create_runtime_tables(role)
    op.execute(REQUESTS)
    op.execute(f'GRANT SELECT ON requests TO "{role}"')
