"""Who may come in by HTTP: API keys, by their digests."""

from alembic import op

from agora.migrations import runtime_role

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

API_KEYS = """
CREATE TABLE api_keys (
    id text PRIMARY KEY,
    digest bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
    scope text NOT NULL CHECK (scope IN ('buyer', 'seller', 'operator')),
    agent text NOT NULL CHECK (length(agent) BETWEEN 1 AND 100),
    made_at timestamptz NOT NULL,
    revoked_at timestamptz
)
"""


def upgrade() -> None:
    op.execute(API_KEYS)
    op.execute(f'GRANT SELECT, INSERT, UPDATE (revoked_at) ON api_keys TO "{runtime_role()}"')
