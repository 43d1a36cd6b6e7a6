"""What the concierge's database can prove: some at any moment, the rest once every letter is written."""

from typing import Final

from agora.audit import Check, Figure

CHECKS: Final = (
    Check("confirmations that still wait for their words", "SELECT coalesce(sum(waiting), 0)::bigint FROM moods"),
    Check(
        "buyers without exactly one confirmation for each payment",
        "SELECT count(*) FROM (SELECT buyer, paid FROM moods WHERE paid > 0) AS told FULL JOIN "
        "(SELECT buyer, count(*) AS written FROM confirmations GROUP BY buyer) AS sent USING (buyer) "
        "WHERE paid IS DISTINCT FROM written",
    ),
    Check("vouchers above the mandate", "SELECT count(*) FROM vouchers WHERE voucher_minor > mandate_minor"),
    Check("vouchers without an apology", "SELECT count(*) FROM vouchers WHERE tone <> 'sorry'"),
    Check(
        "voucher codes given twice",
        "SELECT count(*) FROM (SELECT FROM vouchers GROUP BY voucher_code HAVING count(*) > 1) AS doubled",
    ),
    Check(
        "buyers whose vouchers are not what the concierge believes to have given",
        "SELECT count(*) FROM (SELECT buyer, vouchers, goodwill_minor FROM moods WHERE vouchers > 0) AS believed "
        "FULL JOIN (SELECT buyer, count(*) AS given, sum(voucher_minor) AS given_minor FROM vouchers GROUP BY buyer) "
        "AS sent USING (buyer) WHERE vouchers IS DISTINCT FROM given OR goodwill_minor IS DISTINCT FROM given_minor",
    ),
)
FIGURES: Final = (Figure("confirmations by buyer", "SELECT buyer, count(*) FROM confirmations GROUP BY buyer"),)
