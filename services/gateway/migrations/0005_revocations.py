"""Under which request a key was revoked, so that the same Idempotency-Key revokes no other."""

from alembic import op

from agora.migrations import runtime_role

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE api_keys ADD COLUMN revoked_under text UNIQUE")
    op.execute(f'GRANT UPDATE (revoked_under) ON api_keys TO "{runtime_role()}"')
