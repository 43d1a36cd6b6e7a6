"""The runtime's table of activities, which databases made before lack."""

from agora.migrations import runtime_role
from agora.schema import add_activities

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_activities(runtime_role())
