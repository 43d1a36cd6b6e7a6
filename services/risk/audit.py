"""What the risk service's database can prove, at any moment."""

from typing import Final

from agora.audit import Check, Figure

CHECKS: Final = (
    Check("scores out of range", "SELECT count(*) FROM scores WHERE score NOT BETWEEN 0 AND 100"),
    Check(
        "payments flagged below their threshold, or not flagged from it on",
        "SELECT count(*) FROM scores WHERE flagged <> (score >= threshold)",
    ),
    Check("scores above nothing without a reason", "SELECT count(*) FROM scores WHERE (score > 0) <> (reasons <> '')"),
    Check(
        "buyers who know of more payments than were scored",
        "SELECT count(*) FROM (SELECT buyer, count(*) AS scored FROM scores GROUP BY buyer) AS counted "
        "FULL JOIN watched_buyers USING (buyer) WHERE coalesce(scored, 0) < coalesce(ordinary + under_review, 0)",
    ),
)
FIGURES: Final = (
    Figure("scored payments by buyer", "SELECT buyer, count(*) FROM scores GROUP BY buyer"),
    Figure("flagged by transaction", "SELECT transaction, 1::bigint FROM scores WHERE flagged"),
    Figure("score by transaction", "SELECT transaction, score::bigint FROM scores"),
)
