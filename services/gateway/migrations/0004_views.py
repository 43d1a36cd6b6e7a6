"""The gateway's views: what it can tell, built of the events of all streams. Amounts are minor units."""

from alembic import op

from agora.migrations import runtime_role
from agora.view_schema import create_view_tables

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE feed (
    seq bigint GENERATED ALWAYS AS IDENTITY, stream text NOT NULL, partition integer NOT NULL,
    log_offset bigint NOT NULL, subject text NOT NULL, source text NOT NULL, id text NOT NULL,
    type text NOT NULL, story text NOT NULL, causation text NOT NULL, at timestamptz NOT NULL,
    whole boolean NOT NULL, data text NOT NULL,
    PRIMARY KEY (stream, partition, log_offset)
);
CREATE UNIQUE INDEX feed_seq ON feed (seq);
CREATE INDEX feed_story ON feed (story, seq);
CREATE INDEX feed_agent ON feed (stream, subject, seq);
CREATE TABLE offers (
    product text NOT NULL, seller text NOT NULL, currency text NOT NULL, price_minor bigint NOT NULL,
    prices_minor text NOT NULL, version bigint NOT NULL, stock bigint NOT NULL,
    stock_position bigint NOT NULL, listed_position bigint, listed_at timestamptz,
    PRIMARY KEY (product, seller)
);
CREATE INDEX offers_seller ON offers (seller, product);
CREATE TABLE promises (
    product text NOT NULL, transaction text NOT NULL, quantity bigint NOT NULL, asked_position bigint,
    released_position bigint, sold_position bigint, returned bigint NOT NULL, returned_position bigint,
    PRIMARY KEY (product, transaction)
) WITH (fillfactor = 70);
CREATE TABLE replenishments (
    product text NOT NULL, request text NOT NULL, quantity bigint NOT NULL, position bigint,
    PRIMARY KEY (product, request)
);
CREATE TABLE shoppers (
    buyer text PRIMARY KEY, currency text NOT NULL
);
CREATE TABLE cart_lines (
    buyer text NOT NULL, product text NOT NULL, quantity bigint NOT NULL, price_minor bigint NOT NULL,
    version bigint NOT NULL, watches bigint NOT NULL,
    PRIMARY KEY (buyer, product)
) WITH (fillfactor = 70);
CREATE TABLE placings (
    transaction text NOT NULL, position bigint NOT NULL, buyer text NOT NULL, total_minor bigint NOT NULL,
    currency text NOT NULL, lines bigint NOT NULL, units bigint NOT NULL, placed_at timestamptz NOT NULL,
    PRIMARY KEY (transaction, position)
);
CREATE INDEX placings_buyer ON placings (buyer, placed_at, transaction);
CREATE TABLE order_courses (
    transaction text PRIMARY KEY, reserved_at timestamptz, paid_at timestamptz, held_at timestamptz,
    score bigint, cleared_at timestamptz, settled_at timestamptz, refunded_at timestamptz, refund_reason text,
    refunded_minor bigint NOT NULL, cancelled_at timestamptz, cancel_reason text
) WITH (fillfactor = 70);
CREATE INDEX order_courses_held ON order_courses (held_at, transaction)
    WHERE held_at IS NOT NULL AND cleared_at IS NULL AND settled_at IS NULL AND refunded_at IS NULL;
CREATE TABLE refused_orders (
    transaction text NOT NULL, buyer text NOT NULL, position bigint NOT NULL, reason text NOT NULL,
    refused_at timestamptz NOT NULL,
    PRIMARY KEY (transaction, buyer, position)
);
CREATE TABLE sales (
    seller text NOT NULL, transaction text NOT NULL, amount_minor bigint NOT NULL, currency text NOT NULL,
    paid_at timestamptz, planned_at timestamptz, dispatched_at timestamptz, late_at timestamptz,
    delivered_at timestamptz, lost_at timestamptz, settled_at timestamptz, payout_minor bigint NOT NULL,
    fee_minor bigint NOT NULL, refunded_at timestamptz,
    PRIMARY KEY (seller, transaction)
) WITH (fillfactor = 70);
CREATE TABLE ledger (
    transaction text NOT NULL, posting text NOT NULL, entry bigint NOT NULL, account text NOT NULL,
    amount_minor bigint NOT NULL, currency text NOT NULL, posted_at timestamptz,
    PRIMARY KEY (transaction, posting, entry)
);
CREATE INDEX ledger_account ON ledger (account, posted_at, transaction, posting, entry);
CREATE TABLE accounts (
    account text NOT NULL, currency text NOT NULL, balance_minor bigint NOT NULL,
    PRIMARY KEY (account, currency)
) WITH (fillfactor = 50);
CREATE TABLE agent_cards (
    stream text NOT NULL, subject text COLLATE "C" NOT NULL, records bigint NOT NULL, last_type text NOT NULL,
    last_at timestamptz, registered_at timestamptz, refused_at timestamptz,
    PRIMARY KEY (stream, subject)
) WITH (fillfactor = 60);
CREATE TABLE failures (
    partition integer NOT NULL, log_offset bigint NOT NULL, service text NOT NULL, agent text NOT NULL,
    cause_type text NOT NULL, cause text NOT NULL, error text NOT NULL, story text NOT NULL,
    failed_at timestamptz NOT NULL,
    PRIMARY KEY (partition, log_offset)
);
CREATE INDEX failures_at ON failures (failed_at, partition, log_offset);
CREATE TABLE operator_words (
    stream text NOT NULL, partition integer NOT NULL, log_offset bigint NOT NULL, service text NOT NULL,
    agent text NOT NULL, word text NOT NULL CHECK (word IN ('redrive', 'skip')), said_at timestamptz NOT NULL,
    PRIMARY KEY (stream, partition, log_offset)
);
CREATE INDEX operator_words_agent ON operator_words (service, agent, said_at);
"""
NAMES = (
    "feed, offers, promises, replenishments, shoppers, cart_lines, placings, order_courses, refused_orders, sales, "
    "ledger, accounts, agent_cards, failures, operator_words"
)

# Whose offer came first in the product's stream sells it. Only what the product heard after its stock last began anew
# moves what it can still promise; a position that is not known yet is still to come.
GOODS = """
CREATE VIEW goods AS
SELECT offer.product, offer.seller, offer.currency, offer.price_minor, offer.prices_minor, offer.version,
    offer.listed_at, (offer.stock + promised.moved + replenished.units)::bigint AS available,
    promised.reserved::bigint AS reserved, promised.sold::bigint AS sold
FROM offers AS offer
CROSS JOIN LATERAL (
    SELECT coalesce(sum(quantity) FILTER (WHERE released_position > offer.stock_position), 0)
            + coalesce(sum(returned) FILTER (WHERE returned_position > offer.stock_position), 0)
            - coalesce(sum(quantity) FILTER (WHERE (asked_position > offer.stock_position) IS NOT FALSE), 0) AS moved,
        coalesce(sum(quantity) FILTER (WHERE sold_position IS NULL AND released_position IS NULL), 0) AS reserved,
        coalesce(sum(quantity) FILTER (WHERE sold_position IS NOT NULL), 0) - coalesce(sum(returned), 0) AS sold
    FROM promises WHERE promises.product = offer.product
) AS promised
CROSS JOIN LATERAL (
    SELECT coalesce(sum(quantity) FILTER (WHERE (position > offer.stock_position) IS NOT FALSE), 0) AS units
    FROM replenishments WHERE replenishments.product = offer.product
) AS replenished
WHERE offer.listed_position IS NOT NULL AND NOT EXISTS (
    SELECT FROM offers AS earlier
    WHERE earlier.product = offer.product AND earlier.listed_position < offer.listed_position
)
"""

# Under one id the first that was placed counts.
ORDERS = """
CREATE VIEW orders AS
SELECT placed.transaction, placed.buyer, placed.total_minor, placed.currency, placed.lines, placed.units,
    placed.placed_at, CASE
        WHEN cancelled_at IS NOT NULL THEN 'cancelled'
        WHEN refunded_at IS NOT NULL THEN 'refunded'
        WHEN settled_at IS NOT NULL AND refunded_minor > 0 THEN 'partly refunded'
        WHEN settled_at IS NOT NULL THEN 'settled'
        WHEN held_at IS NOT NULL AND cleared_at IS NULL THEN 'held'
        WHEN paid_at IS NOT NULL THEN 'paid'
        WHEN reserved_at IS NOT NULL THEN 'reserved'
        ELSE 'placed'
    END AS status,
    coalesce(cancel_reason, refund_reason) AS reason, reserved_at, paid_at, held_at, score, cleared_at,
    coalesce(cancelled_at, refunded_at, settled_at) AS ended_at, coalesce(refunded_minor, 0) AS refunded_minor
FROM placings AS placed LEFT JOIN order_courses USING (transaction)
WHERE NOT EXISTS (
    SELECT FROM placings AS earlier
    WHERE earlier.transaction = placed.transaction AND earlier.position < placed.position
)
"""

DASHBOARD = """
CREATE VIEW dashboard AS
SELECT seller, transaction, amount_minor, currency, payout_minor, fee_minor, paid_at, CASE
        WHEN settled_at IS NOT NULL THEN 'settled'
        WHEN refunded_at IS NOT NULL THEN 'refunded'
        WHEN lost_at IS NOT NULL THEN 'lost'
        WHEN delivered_at IS NOT NULL THEN 'delivered'
        WHEN late_at IS NOT NULL THEN 'late'
        WHEN dispatched_at IS NOT NULL THEN 'dispatched'
        WHEN planned_at IS NOT NULL THEN 'planned'
        ELSE 'paid'
    END AS status,
    coalesce(settled_at, refunded_at) AS ended_at
FROM sales WHERE paid_at IS NOT NULL
"""


def upgrade() -> None:
    role = runtime_role()
    create_view_tables(role)
    for statement in filter(str.strip, TABLES.split(";\n")):
        op.execute(statement)
    for statement in (GOODS, ORDERS, DASHBOARD):
        op.execute(statement)
    op.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON {NAMES} TO "{role}"')
    op.execute(f'GRANT SELECT ON goods, orders, dashboard TO "{role}"')
