"""The runtime's tables, the same in every service's database."""

from alembic import op

_TABLES = """
CREATE TABLE agents (
    subject text PRIMARY KEY,
    state jsonb NOT NULL,
    recent jsonb
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.1);
CREATE TABLE partitions (
    partition integer PRIMARY KEY,
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    sequence bigint NOT NULL CHECK (sequence >= published),
    published bigint NOT NULL CHECK (published >= 0),
    heard jsonb NOT NULL,
    counts jsonb NOT NULL
) WITH (fillfactor = 10);
CREATE TABLE log_identity (
    stream text PRIMARY KEY,
    identity text NOT NULL
);
CREATE TABLE outbox (
    partition integer NOT NULL,
    sequence bigint NOT NULL,
    stream text NOT NULL,
    subject text NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (partition, sequence)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50000);
ALTER TABLE outbox ALTER COLUMN value SET STORAGE EXTERNAL;
CREATE TABLE reminders (
    subject text NOT NULL,
    name text NOT NULL,
    partition integer NOT NULL,
    due timestamptz NOT NULL,
    type text NOT NULL,
    data bytea NOT NULL,
    correlation text NOT NULL,
    causation text NOT NULL,
    traceparent text NOT NULL,
    PRIMARY KEY (subject, name)
);
CREATE INDEX reminders_due ON reminders (partition, due);
CREATE TABLE parked (
    subject text NOT NULL,
    position bigint NOT NULL,
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    timestamp_ms bigint NOT NULL,
    key bytea NOT NULL,
    value bytea NOT NULL,
    headers jsonb NOT NULL,
    error text NOT NULL,
    PRIMARY KEY (subject, position)
);
CREATE INDEX parked_partition ON parked (partition, subject);
CREATE TABLE dead_letters (
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    timestamp_ms bigint NOT NULL,
    key bytea,
    value bytea,
    headers jsonb NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (partition, log_offset)
);
"""

_ACTIVITIES = """
CREATE TABLE IF NOT EXISTS activities (
    partition integer NOT NULL,
    subject text NOT NULL,
    name text NOT NULL,
    key text NOT NULL,
    due timestamptz NOT NULL,
    asked_at timestamptz NOT NULL,
    attempts integer NOT NULL CHECK (attempts >= 0),
    type text NOT NULL,
    data bytea NOT NULL,
    correlation text NOT NULL,
    causation text NOT NULL,
    traceparent text NOT NULL,
    PRIMARY KEY (subject, name)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
CREATE INDEX IF NOT EXISTS activities_due ON activities (partition, due);
"""

RUNTIME_TABLES = (
    "agents",
    "partitions",
    "outbox",
    "reminders",
    "activities",
    "parked",
    "dead_letters",
    "log_identity",
)


def create_runtime_tables(role: str) -> None:
    """Create the runtime's tables and let ``role`` use them. Call it first in a service's first migration."""
    _create(_TABLES)
    add_activities(role)
    for table in RUNTIME_TABLES:
        op.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO "{role}"')


def add_activities(role: str) -> None:
    """Create the table of activities where it is missing: databases made before there were any lack it."""
    _create(_ACTIVITIES)
    op.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON activities TO "{role}"')


def _create(tables: str) -> None:
    for statement in filter(str.strip, tables.split(";\n")):
        op.execute(statement)
