"""What the fulfilment service's database can prove: some at any moment, the rest once every shipment has ended."""

from typing import Final

from agora.audit import Check, Figure

CHECKS: Final = (
    Check("shipments without an end", "SELECT count(*) FROM shipments WHERE status IN ('booking', 'shipping')"),
    Check("parcels without an end", "SELECT count(*) FROM undelivered"),
    Check(
        "parcels with more than one end",
        "SELECT count(*) FROM parcels WHERE num_nonnulls(delivered_at, lost_at, recalled_at) > 1",
    ),
    Check(
        "parcels delivered or lost before they were dispatched",
        "SELECT count(*) FROM parcels WHERE (delivered_at IS NOT NULL AND dispatched_at IS NULL) "
        "OR (lost_at IS NOT NULL AND dispatched_at IS NULL) "
        "OR delivered_at < dispatched_at OR lost_at < dispatched_at",
    ),
    Check(
        "shipments that remember other parcels than their rows",
        "SELECT count(*) FROM shipments JOIN agents ON subject = transaction WHERE status = 'ended' "
        "AND (delivered <> jsonb_array_length(state->'delivered') OR lost <> jsonb_array_length(state->'lost'))",
    ),
    Check(
        "parcels of orders that could not be shipped",
        "SELECT count(*) FROM shipments WHERE status IN ('booking', 'failed') AND parcels > 0",
    ),
)
FIGURES: Final = (
    Figure("parcels by transaction", "SELECT transaction, count(*) FROM parcels GROUP BY transaction"),
    Figure(
        "lost parcels by transaction",
        "SELECT transaction, count(*) FROM parcels WHERE lost_at IS NOT NULL GROUP BY transaction",
    ),
)
