"""The tables that views need beside their own: how far each has come, and what it could not show."""

from alembic import op

_TABLES = (
    """CREATE TABLE view_positions (
        view text NOT NULL,
        stream text NOT NULL,
        partition integer NOT NULL,
        version integer NOT NULL,
        log text NOT NULL,
        next_offset bigint NOT NULL CHECK (next_offset >= 0),
        shown_at timestamptz,
        heard jsonb NOT NULL,
        faults bigint NOT NULL,
        PRIMARY KEY (view, stream, partition)
    ) WITH (fillfactor = 10)""",
    """CREATE TABLE view_faults (
        view text NOT NULL,
        stream text NOT NULL,
        partition integer NOT NULL,
        log_offset bigint NOT NULL,
        reason text NOT NULL,
        PRIMARY KEY (view, stream, partition, log_offset)
    )""",
)

VIEW_TABLES = ("view_positions", "view_faults")


def create_view_tables(role: str) -> None:
    """Create them and let ``role`` use them. Call it in a version file of whoever keeps views.

    The views' own tables are made there, too; ``role`` needs to select, insert, update and delete in each of them.
    """
    for table in _TABLES:
        op.execute(table)
    for name in VIEW_TABLES:
        op.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO "{role}"')
