"""What the seller service's database can prove, at any moment."""

from typing import Final

from agora.audit import Check, Figure

CHECKS: Final = (
    Check(
        "dashboards not equal to their entries",
        "SELECT count(*) FROM dashboard WHERE amount_minor <> "
        "(SELECT sum((entry->>'amount_minor')::bigint) FROM jsonb_array_elements(entries) AS entry)",
    ),
    Check(
        "orders both open and settled",
        "SELECT count(*) FROM open_orders JOIN sales USING (seller, transaction)",
    ),
)
FIGURES: Final = (
    Figure("open amount by seller", "SELECT seller, amount_minor FROM dashboard WHERE amount_minor <> 0"),
    Figure("open orders by seller", "SELECT seller, orders FROM dashboard"),
    Figure("payout by seller", "SELECT seller, payout_minor FROM revenue WHERE payout_minor <> 0"),
    Figure("fees", "SELECT 'fees', sum(fee_minor)::bigint FROM sales HAVING sum(fee_minor) <> 0"),
    Figure("update by product", "SELECT product, max(seller_update) FROM offers GROUP BY product", across="max"),
    Figure("version by product", "SELECT product, max(version) FROM offers GROUP BY product", across="max"),
    Figure(
        "watchers by product",
        "SELECT key, sum(jsonb_array_length(value))::bigint FROM agents, jsonb_each(state->'watchers') GROUP BY key",
    ),
)
