"""Buyers as people read them, with their refunded orders and their reviews. A state stored before has had neither."""

from alembic import op

from agora.migrations import runtime_role
from agora.schema import add_activities

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# A view keeps its columns in their order, and its grants, as long as new ones come last.
BUYERS = """
CREATE OR REPLACE VIEW buyers AS
SELECT subject AS buyer,
    (state->>'currency')::char(3) AS currency,
    (state->>'budget_minor')::bigint AS budget_minor,
    (SELECT coalesce(sum(value::bigint), 0)::bigint FROM jsonb_each_text(state->'placed')) AS placed_minor,
    (SELECT coalesce(sum(value::bigint), 0)::bigint FROM jsonb_each_text(state->'held')) AS held_minor,
    (state->>'spent_minor')::bigint AS spent_minor,
    (state->>'paid')::bigint AS paid,
    (state->>'cancelled')::bigint AS cancelled,
    (state->>'settled')::bigint AS settled,
    coalesce((state->>'refunded')::bigint, 0) AS refunded,
    coalesce((state->>'reviews')::bigint, 0) AS reviews
FROM agents WHERE state->>'status' = 'registered'
"""


def upgrade() -> None:
    add_activities(runtime_role())
    op.execute(BUYERS)
